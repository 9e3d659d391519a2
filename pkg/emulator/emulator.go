package emulator

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/serverless/open-runtime/internal/frames"
)

// Options say what an Emulator runs and where its logs go.
type Options struct {
	Config frames.Config // Facts are the sandbox's to fill
	Spec   Spec

	Log    func(frames.Log, []byte)    // each log line, in order; nil drops them
	Trace  func(frames.Trace, []byte)  // each stage's record and what it made
	Record func(frames.Record, []byte) // what is said over the sandbox's APIs, with Config.Record
	Logger *slog.Logger                // the protocol, at debug

	number int // of this sandbox among those of its Function
}

// ErrSandboxEnded says that the sandbox ended before it answered.
var ErrSandboxEnded = errors.New("the sandbox ended before the invocation was answered")

// lastWords is how long a sandbox whose supervisor says no more has to end by itself.
const lastWords = time.Second

// An Emulator is one running sandbox and its supervisor. It takes one invocation at a time, or as many as its
// Config.Concurrency says.
type Emulator struct {
	instance Instance
	out      *frames.Writer
	options  Options
	kill     context.CancelFunc

	turns chan struct{} // holds a token for each invocation that may begin
	ready chan struct{} // the supervisor has begun INIT again, after a reset
	done  chan struct{} // closed when the supervisor says no more
	api   string

	mu          sync.Mutex
	pending     map[string]*Invocation
	environment []string
	cause       error // why done is closed
}

// Start starts a sandbox and waits until its supervisor is ready. INIT has begun when it returns.
func Start(ctx context.Context, s Sandbox, o Options) (*Emulator, error) {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	life, kill := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, kill)
	instance, err := s.Start(life, o.Spec)
	if err != nil {
		stop()
		kill()
		return nil, err
	}
	e := &Emulator{
		instance: instance, out: frames.NewWriter(instance), options: o, kill: kill,
		turns: make(chan struct{}, max(o.Config.Concurrency, 1)), ready: make(chan struct{}, 1), done: make(chan struct{}),
		pending: map[string]*Invocation{},
	}
	for range cap(e.turns) {
		e.turns <- struct{}{}
	}
	in := frames.NewReader(instance, frames.MaxSupervisorPayload)
	if err := e.handshake(in); err != nil {
		stop()
		kill()
		if waitErr := instance.Wait(); waitErr != nil {
			err = waitErr
		}
		if ctx.Err() != nil {
			err = ctx.Err()
		}
		return nil, err
	}
	stop()
	go e.read(in)
	return e, nil
}

func (e *Emulator) handshake(in *frames.Reader) error {
	data, err := e.configuration()
	if err != nil {
		return err
	}
	hello := frames.Hello{Type: frames.TypeHello, Versions: []int{frames.Version}, Role: "supervisor", MaxPayload: frames.MaxSupervisorPayload}
	if err := e.out.Write(hello, data); err != nil {
		return fmt.Errorf("greeting the supervisor: %w", err)
	}
	f, err := in.Read()
	if err != nil {
		return fmt.Errorf("waiting for the supervisor: %w", err)
	}
	if f.Type == frames.TypeFault {
		return fault(f)
	}
	ready, err := e.takeReady(f)
	if err != nil {
		return err
	}
	if f.Type != frames.TypeReady || ready.Version != frames.Version {
		return fmt.Errorf("the supervisor says %s, version %d, in place of ready, version %d", f.Type, ready.Version, frames.Version)
	}
	e.options.Logger.Debug("supervisor is ready", "runtime_api", ready.API)
	e.api = ready.API
	return nil
}

func (e *Emulator) takeReady(f frames.Frame) (ready frames.SupervisorReady, err error) {
	if err := f.Decode(&ready); err != nil {
		return ready, err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.environment = ready.Environment
	return ready, nil
}

func (e *Emulator) configuration() ([]byte, error) {
	config := e.Config()
	config.Facts = e.instance.Facts()
	data, err := json.Marshal(config)
	if err != nil {
		return nil, fmt.Errorf("encoding the function's configuration: %w", err)
	}
	return data, nil
}

func fault(f frames.Frame) error {
	var told frames.Fault
	if err := f.Decode(&told); err != nil {
		return err
	}
	return errors.New(told.Message)
}

// finish ends an invocation, with its report or with the error that there will be none, and lets another begin.
func (e *Emulator) finish(inv *Invocation, report frames.Report, err error) {
	e.mu.Lock()
	under := e.pending[inv.id] == inv
	delete(e.pending, inv.id)
	e.mu.Unlock()
	if under {
		e.turns <- struct{}{}
		inv.finish(report, err)
	}
}

// Config is that of the function, as the supervisor was told.
func (e *Emulator) Config() frames.Config {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.options.Config
}

// Begin hands over an event, when it is its turn. The invocation goes on when ctx ends later. An error means that the
// sandbox could not be asked, or ended.
func (e *Emulator) Begin(ctx context.Context, told frames.SupervisorInvoke, event []byte) (*Invocation, error) {
	return e.begin(ctx, told, event, func() {})
}

// begin calls after when the invocation has ended, before anyone hears of that.
func (e *Emulator) begin(ctx context.Context, told frames.SupervisorInvoke, event []byte, after func()) (*Invocation, error) {
	if err := e.awaitTurn(ctx); err != nil {
		return nil, err
	}
	inv := newInvocation(told, after)
	e.mu.Lock()
	_, twice := e.pending[inv.id]
	if !twice {
		e.pending[inv.id] = inv
	}
	e.mu.Unlock()
	if twice {
		e.turns <- struct{}{}
		return nil, fmt.Errorf("the request ID %s is that of an invocation under way", inv.id)
	}
	told.Type = frames.TypeInvoke
	if event == nil {
		event = []byte{}
	}
	if err := e.out.Write(told, event); err != nil {
		if _, ours := errors.AsType[*frames.ProtocolError](err); ours { // nothing of it was sent: the sandbox is as it was
			err = fmt.Errorf("handing over the event: %w", err)
			e.finish(inv, frames.Report{}, err)
			return nil, err
		}
		e.kill()
		<-e.done // what it still said is heard first
		e.abandon()
		return nil, fmt.Errorf("handing over the event: %w", e.ended())
	}
	select {
	case <-e.done: // it may have come too late for those who abandon
		e.abandon()
	default:
	}
	return inv, nil
}

func (e *Emulator) awaitTurn(ctx context.Context) error {
	select {
	case <-e.turns:
		return nil
	case <-e.done:
		return e.ended()
	case <-ctx.Done():
		return ctx.Err()
	}
}

// abandon ends the invocations that will have no report.
func (e *Emulator) abandon() {
	e.mu.Lock()
	left := slices.Collect(maps.Values(e.pending))
	e.mu.Unlock()
	if len(left) == 0 {
		return
	}
	err := e.ended()
	for _, inv := range left {
		e.finish(inv, frames.Report{}, err)
	}
}

// Invoke hands over an event and waits for the answer and the report. A function that fails is a Result; an error means
// that the sandbox could not be asked, or ended. When ctx ends, so does the sandbox.
func (e *Emulator) Invoke(ctx context.Context, told frames.SupervisorInvoke, event []byte) (*Result, error) {
	inv, err := e.Begin(ctx, told, event)
	if err != nil {
		return nil, err
	}
	result, err := inv.Result(ctx)
	if ctx.Err() != nil {
		e.kill()
	}
	return result, err
}

// Reset waits for the invocations under way, ends the environment as at a spindown and begins INIT with another
// configuration, in the same sandbox: /tmp stays. INIT has begun when it returns.
func (e *Emulator) Reset(ctx context.Context, config frames.Config) error {
	for range cap(e.turns) {
		if err := e.awaitTurn(ctx); err != nil {
			return err
		}
		defer func() { e.turns <- struct{}{} }()
	}
	e.mu.Lock()
	e.options.Config = config
	e.mu.Unlock()
	data, err := e.configuration()
	if err != nil {
		return err
	}
	if err := e.out.Write(frames.Cancel{Type: frames.TypeReset}, data); err != nil {
		return fmt.Errorf("resetting the environment: %w", e.ended())
	}
	select {
	case <-e.ready:
		return nil
	case <-e.done:
		return e.ended()
	case <-ctx.Done():
		return ctx.Err()
	}
}

// ended says why the sandbox is gone: what the supervisor said, else how its instance died.
func (e *Emulator) ended() error {
	e.mu.Lock()
	cause := e.cause
	e.mu.Unlock()
	patience := time.AfterFunc(lastWords, e.kill) // one that only fell silent; the others tell how they died
	err := e.instance.Wait()
	patience.Stop()
	e.kill()
	if cause == nil {
		cause = err
	}
	if cause == nil || errors.Is(cause, context.Canceled) {
		return ErrSandboxEnded
	}
	return fmt.Errorf("%w: %w", ErrSandboxEnded, cause)
}

// isFinishing says whether an invocation has been answered, and the environment is about to be free.
func (e *Emulator) isFinishing() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, inv := range e.pending {
		select {
		case <-inv.answered:
			if !inv.head.Streaming {
				return true
			}
		default:
		}
	}
	return false
}

// hasEnded says whether the sandbox is gone.
func (e *Emulator) hasEnded() bool {
	select {
	case <-e.done:
		return true
	default:
		return false
	}
}

// API is where the Runtime API listens in the sandbox, as host:port.
func (e *Emulator) API() string { return e.api }

// Environment is that of the runtime, as NAME=VALUE, with the sandbox's paths. It is known with Config.Attach alone.
func (e *Emulator) Environment() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.environment
}

// Facts are what is known of the sandbox.
func (e *Emulator) Facts() frames.Facts { return e.instance.Facts() }

// Close ends the sandbox and waits until nothing of it is left. It may be called once.
func (e *Emulator) Close() error {
	// A supervisor that is gone already can't be told; its end is what Wait is for.
	_ = e.out.Write(frames.Cancel{Type: frames.TypeShutdown}, nil)
	_ = e.instance.CloseWrite()
	<-e.done
	err := e.instance.Wait()
	e.kill()
	return err
}
