//go:build linux

package supervisor

// Several invocations at once in one environment: the runtime asks for as many as it takes, and each is answered by its
// request ID. https://docs.aws.amazon.com/lambda/latest/dg/lambda-managed-instances.html

import (
	"context"
	"slices"
)

// crowd is the invocations of an environment that takes several at once.
type crowd struct {
	waiting []*invocation // for the runtime to ask
	changed chan struct{} // closed when another waits
	running map[string]*invocation
	late    map[string]bool // those that timed out and were not answered since
}

func newCrowd() *crowd {
	return &crowd{changed: make(chan struct{}), running: map[string]*invocation{}, late: map[string]bool{}}
}

func (c *crowd) offer(inv *invocation) {
	inv.state = stateReady
	c.running[inv.id] = inv
	c.waiting = append(c.waiting, inv)
	close(c.changed)
	c.changed = make(chan struct{})
}

// alone gives the request ID of the one invocation under way, "" when there are others. The environment's mu is held.
func (c *crowd) alone() string {
	if len(c.running) != 1 {
		return ""
	}
	for id := range c.running {
		return id
	}
	return ""
}

// take gives the one that waits longest, and else what is closed when there is one.
func (c *crowd) take() (*invocation, <-chan struct{}) {
	if len(c.waiting) == 0 {
		return nil, c.changed
	}
	inv := c.waiting[0]
	c.waiting = c.waiting[1:]
	inv.state = stateRunning
	return inv, nil
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
		e.mu.Lock()
		inv, changed := e.crowd.take()
		e.mu.Unlock()
		if inv != nil {
			return inv, nil
		}
		select {
		case <-changed:
		case <-e.gone:
			return nil, nil
		case <-ctx.Done():
			return nil, nil
		}
	}
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
		if len(e.crowd.late) == mostLate { // who never answered until now never will
			clear(e.crowd.late)
		}
		e.crowd.late[inv.id] = true
	}
	delete(e.crowd.running, inv.id)
	e.crowd.waiting = slices.DeleteFunc(e.crowd.waiting, func(other *invocation) bool { return other == inv })
}
