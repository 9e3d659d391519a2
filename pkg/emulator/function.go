package emulator

// A function that stays, and its sandboxes: as many as are asked for at once.

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/serverless/open-runtime/internal/frames"
)

// FunctionOptions say what a Function runs.
type FunctionOptions struct {
	Options // of each of its sandboxes
	Sandbox Sandbox

	Reserved  *int          // invocations at once, beyond which there is ErrThrottled, with 0 each one; nil for no such limit
	Sandboxes int           // at once, beyond which an invocation waits; 0 for DefaultSandboxes
	Idle      time.Duration // after which a sandbox is ended; 0 for never

	// Place gives each sandbox folders of its own, which Replace brings up to date; nil when the Spec of all is the same.
	Place func(context.Context) (Placement, error)
}

// A Placement is what one sandbox runs, when its folders can be brought up to date while it lives.
type Placement struct {
	Spec    Spec
	Update  func(context.Context) error // to what is new; nothing runs in the sandbox meanwhile
	Release func()                      // when the sandbox has ended
}

// DefaultSandboxes is how many sandboxes a function has at most, unless it is said otherwise.
const DefaultSandboxes = 32

// ErrThrottled says that a function has as many invocations under way as are reserved for it.
// https://docs.aws.amazon.com/lambda/latest/dg/configuration-concurrency.html
var ErrThrottled = errors.New("the function's reserved concurrency is used up")

// ErrSwitchedOff is ErrThrottled of a function whose reserved concurrency is 0.
var ErrSwitchedOff = fmt.Errorf("%w: it is 0", ErrThrottled)

// ErrClosed says that a function takes no more invocations.
var ErrClosed = errors.New("the function has been closed")

// A Function starts a sandbox when none is free, keeps it warm for the next invocation, and ends it when it is idle for
// long. It is safe for concurrent use.
type Function struct {
	sandbox Sandbox
	place   func(context.Context) (Placement, error)
	idle    time.Duration
	life    context.Context // of what it starts
	kill    context.CancelFunc
	work    sync.WaitGroup

	mu        sync.Mutex
	options   Options // of the next sandbox
	reserved  *int
	most      int
	version   int           // of options: a sandbox of another is brought up to date before it is used
	members   []*member     // the one used last is the last
	starting  int           // sandboxes on their way
	ending    int           // and on their way out: they still have their memory, and their ports
	started   int           // sandboxes ever
	replacing int           // idle sandboxes that are brought up to date just now
	under     int           // invocations
	changed   chan struct{} // closed when something of this has changed
	closed    bool
	cut       int // invocations that were under way when all was killed
}

// A member is one sandbox of a function.
type member struct {
	*Emulator
	placement Placement
	version   int
	free      int // invocations that may begin
	all       int // of which so many when none is under way
	used      int // how often; an expiry that was set before is none
	expiry    *time.Timer
	ended     chan struct{} // closed when nothing of it is left
}

// NewFunction makes a Function. It starts nothing until it is asked to.
func NewFunction(o FunctionOptions) *Function {
	f := &Function{
		sandbox: o.Sandbox, place: o.Place, idle: o.Idle, options: o.Options, reserved: o.Reserved, most: o.Sandboxes,
		changed: make(chan struct{}),
	}
	if f.most == 0 {
		f.most = DefaultSandboxes
	}
	f.life, f.kill = context.WithCancel(context.Background())
	return f
}

// Config is that of the function.
func (f *Function) Config() frames.Config {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.options.Config
}

// Begin hands an event to a sandbox, and starts one if it must. The invocation goes on when ctx ends later. It fails with
// ErrThrottled, ErrClosed, or because there is no sandbox to be had.
func (f *Function) Begin(ctx context.Context, told frames.SupervisorInvoke, event []byte) (*Invocation, error) {
	if err := f.enter(); err != nil {
		return nil, err
	}
	for tries := 1; ; tries++ {
		m, err := f.acquire(ctx)
		if err != nil {
			f.leave(nil)
			return nil, err
		}
		var once sync.Once
		left := func() { once.Do(func() { f.leave(m) }) }
		inv, err := m.begin(ctx, told, event, left)
		switch {
		case err == nil:
			return inv, nil
		case errors.Is(err, ErrSandboxEnded) && tries < mostTries: // it ended while it was idle: it never had the event
			has := false
			once.Do(func() { has = true })
			f.drop(m, has)
		default:
			left()
			return nil, err
		}
	}
}

// mostTries is in how many sandboxes an event is tried that end before they have it.
const mostTries = 10

// enter counts an invocation, unless there are too many.
func (f *Function) enter() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case f.closed:
		return ErrClosed
	case f.reserved != nil && *f.reserved == 0:
		return ErrSwitchedOff
	case f.reserved != nil && f.under >= *f.reserved:
		return ErrThrottled
	}
	f.under++
	return nil
}

// leave ends an invocation, in the member that it had if it had one.
func (f *Function) leave(m *member) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.under--
	if m != nil {
		m.free++
		f.rest(m)
	}
	f.tell()
}

// rest has a member that nobody uses brought up to date, or wait for its end. mu is held.
func (f *Function) rest(m *member) {
	switch {
	case m.free < m.all || f.closed || !slices.Contains(f.members, m): // the last is one that is being ended
	case m.hasEnded():
		f.remove(m)
	case m.version != f.version:
		f.refresh(m)
	case f.idle > 0:
		used := m.used
		m.expiry = time.AfterFunc(f.idle, func() { f.expire(m, used) })
	}
}

// tell wakes those who wait for a change. mu is held.
func (f *Function) tell() {
	close(f.changed)
	f.changed = make(chan struct{})
}

// finishing is how long a sandbox is waited for that has answered, and not yet asked for the next event, before another is
// started: whoever asks again at once gets the warm one.
const finishing = 20 * time.Millisecond

// isFinishing says whether some sandbox will be free in a moment. mu is held.
func (f *Function) isFinishing() bool {
	for _, m := range f.members {
		if m.version == f.version && m.isFinishing() {
			return true
		}
	}
	return false
}

// acquire gives a member in which an invocation may begin.
func (f *Function) acquire(ctx context.Context) (*member, error) {
	patience, give := context.WithCancel(ctx) // to wait for one that finishes
	defer give()
	var begun *time.Timer
	for {
		f.mu.Lock()
		if f.closed {
			f.mu.Unlock()
			return nil, ErrClosed
		}
		m := f.take()
		wait := m == nil && patience.Err() == nil && f.isFinishing()
		grow := m == nil && !wait && f.replacing == 0 && len(f.members)+f.starting+f.ending < f.most
		if grow {
			f.starting++
		}
		changed := f.changed
		f.mu.Unlock()
		switch {
		case m != nil:
			return m, nil
		case grow:
			return f.grow(ctx)
		case wait && begun == nil:
			begun = time.AfterFunc(finishing, give)
			defer begun.Stop()
		}
		var impatient <-chan struct{}
		if wait {
			impatient = patience.Done()
		}
		select {
		case <-changed:
		case <-impatient:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// take takes a place in the member used last that has one: the others may then end. One that died is forgotten. mu is held.
func (f *Function) take() *member {
	for i := len(f.members) - 1; i >= 0; i-- {
		m := f.members[i]
		if m.hasEnded() && m.free == m.all {
			f.remove(m)
			continue
		}
		if m.free == 0 || m.version != f.version || m.hasEnded() {
			continue
		}
		m.free--
		m.used++
		if m.expiry != nil {
			m.expiry.Stop()
		}
		f.members = append(append(f.members[:i:i], f.members[i+1:]...), m)
		return m
	}
	return nil
}

// grow starts a sandbox and gives a place in it.
func (f *Function) grow(ctx context.Context) (*member, error) {
	m, err := f.start(ctx)
	f.mu.Lock()
	f.starting--
	closed := f.closed
	if err == nil && !closed {
		m.free--
		f.members = append(f.members, m)
	}
	f.tell()
	f.mu.Unlock()
	if err == nil && closed {
		f.end(m)
		return nil, ErrClosed
	}
	return m, err
}

func (f *Function) start(ctx context.Context) (*member, error) {
	f.mu.Lock()
	m := &member{version: f.version, placement: Placement{Spec: f.options.Spec, Release: func() {}}, ended: make(chan struct{})}
	options := f.options
	f.started++
	options.number = f.started
	f.mu.Unlock()
	m.all = max(options.Config.Concurrency, 1)
	m.free = m.all
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	defer context.AfterFunc(f.life, stop)()
	if f.place != nil {
		var err error
		if m.placement, err = f.place(ctx); err != nil {
			return nil, err
		}
		options.Spec = m.placement.Spec
	}
	var err error
	if m.Emulator, err = Start(ctx, f.sandbox, options); err != nil {
		m.placement.Release()
		return nil, fmt.Errorf("starting the %s sandbox: %w", f.sandbox.Name(), err)
	}
	return m, nil
}

// Warm starts sandboxes until there are n.
func (f *Function) Warm(ctx context.Context, n int) error {
	for {
		f.mu.Lock()
		enough := f.closed || len(f.members)+f.starting >= min(n, f.most)
		if !enough {
			f.starting++
		}
		f.mu.Unlock()
		if enough {
			return nil
		}
		m, err := f.grow(ctx)
		if err != nil {
			return err
		}
		f.mu.Lock()
		m.free++
		f.rest(m)
		f.tell()
		f.mu.Unlock()
	}
}

// Environment is that of a runtime for the sandbox that was used last (Emulator.Environment); nil when there is none.
func (f *Function) Environment() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.members) == 0 {
		return nil
	}
	return f.members[len(f.members)-1].Environment()
}

// Sandboxes is how many there are.
func (f *Function) Sandboxes() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.members)
}

// Under is how many invocations are under way.
func (f *Function) Under() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.under
}
