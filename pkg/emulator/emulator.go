package emulator

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"

	"github.com/serverless/open-runtime/internal/frames"
)

// Options say what an Emulator runs and where its logs go.
type Options struct {
	Config frames.Config // Facts are the sandbox's to fill
	Spec   Spec

	Log    func(frames.Log, []byte)   // each log line, in order; nil drops them
	Trace  func(frames.Trace, []byte) // each stage's record and what it made
	Logger *slog.Logger               // the protocol, at debug
}

// Result is what the caller of an invocation gets, and the report of it.
type Result struct {
	RequestID   string
	Payload     []byte // the response, or the error document when ErrorType is not empty
	ContentType string
	ErrorType   string // "" when the function answered
	Report      frames.Report
}

// ErrSandboxEnded says that the sandbox ended before it answered.
var ErrSandboxEnded = errors.New("the sandbox ended before the invocation was answered")

// An Emulator is one running sandbox and its supervisor. It takes one invocation at a time.
type Emulator struct {
	instance Instance
	out      *frames.Writer
	options  Options
	kill     context.CancelFunc

	turn chan struct{} // holds one token: who has it may invoke
	done chan struct{} // closed when the supervisor says no more

	mu      sync.Mutex
	pending *pending
	cause   error // why done is closed
}

// pending is the invocation under way.
type pending struct {
	id       string
	result   Result
	answered bool
	done     chan struct{}
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
		turn: make(chan struct{}, 1), done: make(chan struct{}),
	}
	e.turn <- struct{}{}
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
	config := e.options.Config
	config.Facts = e.instance.Facts()
	data, err := json.Marshal(config)
	if err != nil {
		return fmt.Errorf("encoding the function's configuration: %w", err)
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
	var ready frames.SupervisorReady
	if err := f.Decode(&ready); err != nil {
		return err
	}
	if f.Type != frames.TypeReady || ready.Version != frames.Version {
		return fmt.Errorf("the supervisor says %s, version %d, in place of ready, version %d", f.Type, ready.Version, frames.Version)
	}
	e.options.Logger.Debug("supervisor is ready", "runtime_api", ready.API)
	return nil
}

func fault(f frames.Frame) error {
	var told frames.Fault
	if err := f.Decode(&told); err != nil {
		return err
	}
	return errors.New(told.Message)
}

// read takes what the supervisor says, until it says no more.
func (e *Emulator) read(in *frames.Reader) {
	var cause error
	for {
		f, err := in.Read()
		if err == nil {
			err = e.take(f)
		}
		if err != nil {
			if !errors.Is(err, io.EOF) {
				cause = err
			}
			break
		}
	}
	e.mu.Lock()
	e.cause = cause
	e.mu.Unlock()
	close(e.done)
}

func (e *Emulator) take(f frames.Frame) error {
	switch f.Type {
	case frames.TypeLog:
		return e.takeLog(f)
	case frames.TypeTrace:
		return e.takeTrace(f)
	case frames.TypeResult, frames.TypeError:
		return e.takeAnswer(f)
	case frames.TypeReport:
		return e.takeReport(f)
	case frames.TypeFault:
		return fault(f)
	}
	return fmt.Errorf("the supervisor sent a frame of unknown type %q", f.Type)
}

func (e *Emulator) takeLog(f frames.Frame) error {
	var log frames.Log
	if err := f.Decode(&log); err != nil || e.options.Log == nil {
		return err
	}
	e.options.Log(log, f.Payload)
	return nil
}

func (e *Emulator) takeTrace(f frames.Frame) error {
	var trace frames.Trace
	if err := f.Decode(&trace); err != nil || e.options.Trace == nil {
		return err
	}
	e.options.Trace(trace, f.Payload)
	return nil
}

func (e *Emulator) takeAnswer(f frames.Frame) error {
	var answer frames.SupervisorAnswer
	if err := f.Decode(&answer); err != nil {
		return err
	}
	e.options.Logger.Debug("answer", "request_id", answer.ID, "error_type", answer.ErrorType, "bytes", len(f.Payload))
	e.mu.Lock()
	defer e.mu.Unlock()
	if p := e.pending; p != nil && p.id == answer.ID && !p.answered {
		p.answered = true
		p.result.Payload, p.result.ContentType, p.result.ErrorType = f.Payload, answer.ContentType, answer.ErrorType
	}
	return nil
}

func (e *Emulator) takeReport(f frames.Frame) error {
	var report frames.Report
	if err := f.Decode(&report); err != nil {
		return err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if p := e.pending; p != nil && p.id == report.ID {
		p.result.Report = report
		e.pending = nil
		close(p.done)
	}
	return nil
}

// Invoke hands over an event and waits for the answer and the report. A function that fails is a Result; an error means
// that the sandbox could not be asked, or ended.
func (e *Emulator) Invoke(ctx context.Context, inv frames.SupervisorInvoke, event []byte) (*Result, error) {
	select {
	case <-e.turn:
	case <-e.done:
		return nil, e.ended()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	defer func() { e.turn <- struct{}{} }()
	p := &pending{id: inv.ID, result: Result{RequestID: inv.ID}, done: make(chan struct{})}
	e.mu.Lock()
	e.pending = p
	e.mu.Unlock()
	inv.Type = frames.TypeInvoke
	if event == nil {
		event = []byte{}
	}
	if err := e.out.Write(inv, event); err != nil {
		return nil, fmt.Errorf("handing over the event: %w", e.ended())
	}
	select {
	case <-p.done:
		return &p.result, nil
	case <-e.done:
		select {
		case <-p.done: // it ended just after
			return &p.result, nil
		default:
			return nil, e.ended()
		}
	case <-ctx.Done():
		e.kill()
		return nil, ctx.Err()
	}
}

// ended says why the sandbox is gone: what the supervisor said, else how its instance died.
func (e *Emulator) ended() error {
	e.mu.Lock()
	cause := e.cause
	e.mu.Unlock()
	e.kill()
	if err := e.instance.Wait(); cause == nil {
		cause = err
	}
	if cause == nil || errors.Is(cause, context.Canceled) {
		return ErrSandboxEnded
	}
	return fmt.Errorf("%w: %w", ErrSandboxEnded, cause)
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
