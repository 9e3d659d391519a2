//go:build linux

package supervisor

// The runtime at work: its process, its state in the Runtime API, and its logs.

import (
	"context"
	"fmt"
	"os"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/serverless/open-runtime/internal/process"
	"github.com/serverless/open-runtime/internal/runtimeapi"
)

// state is where a runtime is in the Runtime API. The names are those of AWS's error messages.
type state string

const (
	stateStarted       state = "Started"
	stateInitError     state = "InitError"
	stateReady         state = "Ready"
	stateRunning       state = "Running"
	stateResponse      state = "InvocationResponse"
	stateErrorResponse state = "InvocationErrorResponse"
	stateResponseSent  state = "ResponseSent"
)

// environment is one life of the runtime, from its start to its end.
type environment struct {
	supervisor *supervisor
	started    time.Time
	initTook   time.Duration // INIT before the first invocation; reported once

	child  *process.Child // set once, under mu
	logs   *logPipe
	traces *tracePipe
	broken *answer // why there is no child

	ready chan struct{} // closed when INIT is over: at the first /next of the runtime, and of each extension
	gone  chan struct{} // closed when end begins: who waits in /next gives up

	mu        sync.Mutex
	state     state
	request   string      // the invocation under way or the last one, with a repeated INIT too; "" for INIT
	current   *invocation // nil while the runtime waits for the next one
	offered   *offer
	initError *answer
	initPost  chan struct{} // closed at /init/error
	oom       bool

	extensions []*extension
	settled    bool // ready is closed
}

// An offer is what /next waits for.
type offer struct {
	made chan struct{} // closed when inv is there
	inv  *invocation
}

func newOffer() *offer { return &offer{made: make(chan struct{})} }

// newEnvironment starts the runtime. request is the invocation on whose time it is started, "" for INIT.
func (s *supervisor) newEnvironment(request string) *environment {
	e := &environment{
		supervisor: s, request: request, started: time.Now(), state: stateStarted,
		ready: make(chan struct{}), gone: make(chan struct{}), offered: newOffer(), initPost: make(chan struct{}),
	}
	s.mu.Lock()
	s.environment = e
	s.mu.Unlock()
	s.memory.begin()
	if err := e.startRuntime(); err != nil {
		e.broken = err
	}
	return e
}

func (e *environment) startRuntime() *answer {
	s, request := e.supervisor, e.request
	path, tried := s.entrypoint()
	if path == "" {
		a := noEntrypoint(request, tried)
		return &a
	}
	var err error
	if e.logs, err = newLogPipe(func(line []byte) { s.functionLog(e, line) }); err != nil {
		return internalFailure(request, err)
	}
	spec := process.Spec{
		Path: path, Args: []string{path}, Env: s.runtimeEnvironment(), Dir: s.options.Task,
		Stdout: e.logs.write, Stderr: e.logs.write, Sys: s.identity(),
	}
	if s.config.Trace {
		if e.traces, err = newTracePipe(s.passTrace); err != nil {
			return internalFailure(request, err)
		}
		spec.Extra = []*os.File{e.traces.write}
	}
	child, err := process.Start(spec)
	if err != nil {
		a := startFailure(request, path, err)
		return &a
	}
	e.mu.Lock()
	e.child = child
	e.mu.Unlock()
	limit := unix.Rlimit{Cur: openFiles, Max: openFiles}
	_ = unix.Prlimit(child.PID(), unix.RLIMIT_NOFILE, &limit, nil) // it may have ended already
	return nil
}

func internalFailure(request string, err error) *answer {
	return &answer{payload: errorBody(runtimeapi.ErrorUnknown, "RequestId: "+request+" Error: "+err.Error()), errorType: runtimeapi.ErrorUnknown}
}

// awaitInit waits for the first /next. It returns what a caller is told when there is none.
func (e *environment) awaitInit(ctx context.Context, limit <-chan time.Time) *answer {
	if e.broken != nil {
		return e.broken
	}
	select {
	case <-e.ready:
		e.initTook = time.Since(e.started)
		e.flush() // what was printed so far belongs to INIT
		return nil
	case <-e.initPost:
		return e.afterInitError(ctx)
	case <-e.child.Exited():
		a := e.exitAnswer(e.request)
		return &a
	case <-limit:
		a := timedOut(e.request, e.supervisor.options.InitLimit.Milliseconds())
		if e.request != "" {
			a = timedOut(e.request, e.supervisor.config.TimeoutMs)
		}
		return &a
	case <-ctx.Done():
		return &answer{}
	}
}

// afterInitError gives a runtime that posted /init/error the time to exit, as Lambda expects it to.
func (e *environment) afterInitError(ctx context.Context) *answer {
	grace := time.NewTimer(initErrorGrace)
	defer grace.Stop()
	select {
	case <-e.child.Exited():
	case <-grace.C:
	case <-ctx.Done():
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.initError
}

// offer makes inv what /next hands out.
func (e *environment) offer(inv *invocation) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.request, e.current, e.offered.inv = inv.id, inv, inv
	close(e.offered.made)
}

// ended is closed when the runtime exited.
func (e *environment) ended() <-chan struct{} {
	if e.child == nil {
		closed := make(chan struct{})
		close(closed)
		return closed
	}
	return e.child.Exited()
}

func (e *environment) hasEnded() bool {
	select {
	case <-e.ended():
		return true
	default:
		return false
	}
}

// exitAnswer says how the runtime ended, in Lambda's words. What it posted to /init/error wins.
func (e *environment) exitAnswer(id string) answer {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.initError != nil {
		return *e.initError
	}
	if e.child == nil {
		return *e.broken
	}
	exit := e.child.Exit()
	text := exit.Reason()
	if e.oom || exit.Signal == syscall.SIGKILL && e.supervisor.memory.nearLimit() {
		message := fmt.Sprintf("RequestId: %s Error: %s (it used more than its %d MB of memory)", id, text, e.supervisor.config.MemoryMB)
		return answer{payload: errorBody(runtimeapi.ErrorOutOfMemory, message), errorType: runtimeapi.ErrorOutOfMemory}
	}
	return answer{payload: exitDocument(id, text), errorType: runtimeapi.ErrorExit}
}

func (e *environment) outOfMemory() {
	e.mu.Lock()
	e.oom = true
	child := e.child
	e.mu.Unlock()
	if child != nil {
		child.Kill()
	}
}

// flush waits until what the runtime has written so far is on its way to the host.
func (e *environment) flush() {
	if e.logs != nil {
		e.logs.flush()
	}
	if e.traces != nil {
		e.traces.flush()
	}
}

// terminate gives a runtime that registered an extension the time to end by itself, as Lambda does. It is for the end of a
// sandbox: a reset kills at once.
// https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html#runtimes-lifecycle-shutdown
func (e *environment) terminate() {
	if e.child == nil || !e.hasExtensions() {
		return
	}
	_ = e.child.Signal(syscall.SIGTERM) // one that can't be signalled is killed next
	grace := time.NewTimer(shutdownGrace)
	defer grace.Stop()
	select {
	case <-e.child.Exited():
	case <-grace.C:
	}
}

// end kills the runtime and what it started, and waits for its last words.
func (e *environment) end() {
	close(e.gone)
	if e.child != nil {
		e.child.Kill()
		<-e.child.Exited()
	}
	killAll()
	if e.logs != nil {
		e.logs.close()
	}
	if e.traces != nil {
		e.traces.close()
	}
}

// requestID is that of a line of the log: what is read when the invocation has just ended is still its own.
func (e *environment) requestID() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.request
}
