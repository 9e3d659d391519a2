//go:build linux

package supervisor

// Several invocations at once in one environment: the runtime asks for as many as it takes, and each is answered by its
// request ID. https://docs.aws.amazon.com/lambda/latest/dg/lambda-managed-instances.html

import "context"

// crowd is the invocations of an environment that takes several at once.
type crowd struct {
	waiting chan *invocation
	running map[string]*invocation
	late    map[string]bool // those that timed out and were not answered since
}

// newCrowd makes room for most at once; the host sends no more.
func newCrowd(most int) *crowd {
	return &crowd{waiting: make(chan *invocation, 2*most), running: map[string]*invocation{}, late: map[string]bool{}}
}

func (c *crowd) offer(inv *invocation) {
	inv.state = stateReady
	c.running[inv.id] = inv
	c.waiting <- inv
}

func (e *environment) awaitOneOfMany(ctx context.Context) (*invocation, *apiError) {
	e.mu.Lock()
	switch e.state {
	case stateStarted:
		e.begun()
	case stateReady:
	default:
		err := transition(e.state, stateReady)
		e.mu.Unlock()
		return nil, &err
	}
	e.mu.Unlock()
	for {
		select {
		case inv := <-e.crowd.waiting:
			if e.handOneOfMany(inv) {
				return inv, nil
			}
		case <-e.gone:
			return nil, nil
		case <-ctx.Done():
			return nil, nil
		}
	}
}

// handOneOfMany is false for one that timed out while it waited.
func (e *environment) handOneOfMany(inv *invocation) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.crowd.running[inv.id] != inv {
		return false
	}
	inv.state = stateRunning
	return true
}

// begin and the following are called with the environment's mu held.
func (c *crowd) begin(id string, to state) (*invocation, *apiError) {
	inv := c.running[id]
	switch {
	case inv == nil && c.late[id]:
		delete(c.late, id)
		return nil, &errLate
	case inv == nil || inv.state == stateReady:
		return nil, &errInvalidRequestID
	case inv.state != stateRunning:
		err := transition(inv.state, to)
		return nil, &err
	}
	inv.state = to
	return inv, nil
}

func (c *crowd) finish(inv *invocation) {
	inv.state = stateResponseSent
	delete(c.running, inv.id)
	if !inv.isReleased() {
		close(inv.released)
	}
}

// timedOut takes an invocation back: what is posted for it from now on is late.
func (e *environment) timedOut(inv *invocation) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if inv.state == stateRunning {
		e.crowd.late[inv.id] = true
	}
	delete(e.crowd.running, inv.id)
}
