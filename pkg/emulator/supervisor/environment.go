//go:build linux

package supervisor

// An execution environment: the runtime, the extensions, and where they are in the APIs.

import (
	"cmp"
	"fmt"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/serverless/open-runtime/internal/frames"
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

// environment is one life of the runtime and its extensions, from their start to their end.
type environment struct {
	supervisor *supervisor
	phase      string // init, or invoke for a repeated INIT
	started    time.Time
	initTook   time.Duration // INIT before the first invocation; reported once

	telemetry  *telemetry
	logs       *logPipe
	traces     *tracePipe
	registered chan struct{} // closed when every external extension has registered: the runtime may start
	ready      chan struct{} // closed when INIT is over: at the first /next of the runtime, and of each extension
	dead       chan struct{} // closed at the first failure of a part
	gone       chan struct{} // closed when end begins: who waits in /next gives up
	watchers   sync.WaitGroup
	retired    sync.Once

	mu         sync.Mutex
	child      *process.Child // the runtime; set once
	state      state
	request    string      // the invocation under way or the last one, with a repeated INIT too; "" for INIT
	current    *invocation // nil while the runtime waits for the next one
	last       *invocation // which the extensions may still be at
	offered    *offer
	crowd      *crowd // in place of the three before, when invocations come several at once
	initError  *answer
	initPost   chan struct{} // closed at /init/error
	oom        bool
	extensions []*extension
	settled    bool // ready is closed
	ending     bool // what exits from now on is no failure
	failure    func(id string) answer
}

// An offer is what /next waits for.
type offer struct {
	made chan struct{} // closed when inv is there
	inv  *invocation
}

func newOffer() *offer { return &offer{made: make(chan struct{})} }

// newEnvironment starts the extensions, and then the runtime. request is the invocation on whose time that is done, "" for INIT.
func (s *supervisor) newEnvironment(request string) *environment {
	e := &environment{
		supervisor: s, request: request, phase: "init", started: time.Now(), state: stateStarted,
		registered: make(chan struct{}), ready: make(chan struct{}), dead: make(chan struct{}), gone: make(chan struct{}),
		offered: newOffer(), initPost: make(chan struct{}), telemetry: newTelemetry(s.jsonLogs()),
	}
	if request != "" {
		e.phase = "invoke"
	}
	if s.config.Concurrency > 0 {
		e.crowd = newCrowd()
	}
	s.set(e)
	s.memory.begin()
	start := initStart{s.initializationType(), e.phase, s.config.FunctionName, s.config.FunctionVersion}
	s.platform(e, platformInitStart, request, start, "")
	if a := e.startExtensions(); a != nil {
		e.fail(func(string) answer { return *a })
		return e
	}
	if e.hasExtensions() {
		s.spare()
	}
	e.mu.Lock()
	e.settleRegistration()
	e.mu.Unlock()
	return e
}

// startRuntime starts what Lambda would. In attach mode somebody else does.
func (e *environment) startRuntime() *answer {
	s, request := e.supervisor, e.requestID()
	if s.config.Attach {
		return nil
	}
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
		a := startFailure(request, path, runtimeapi.ErrorInvalidEntry, err)
		return &a
	}
	s.limitProcesses(child)
	e.mu.Lock()
	e.child = child
	e.mu.Unlock()
	e.watch(child, e.runtimeExit)
	if d := s.config.Debug; d != nil {
		e.watchers.Go(func() { e.tellDebugger(d.Port) })
	}
	return nil
}

// limitProcesses gives a child Lambda's quota of processes, where its user is one of its own. Elsewhere user 993 of all
// sandboxes counts as one, and a cgroup limits each.
func (s *supervisor) limitProcesses(child *process.Child) {
	if s.config.Loose || s.config.Facts.Identity != frames.IdentityNamespace {
		return
	}
	_ = unix.Prlimit(child.PID(), unix.RLIMIT_NPROC, &unix.Rlimit{Cur: mostProcesses, Max: mostProcesses}, nil) // it may have ended already
}

// watch makes the exit of a part the failure of the environment.
func (e *environment) watch(child *process.Child, told func(id string) answer) {
	e.watchers.Go(func() {
		<-child.Exited()
		e.supervisor.memory.note(child.Exit().MaxRSS)
		e.fail(told)
	})
}

// fail ends the environment for whoever waits on it. The first failure is the one that is told.
func (e *environment) fail(told func(id string) answer) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.ending || e.failure != nil {
		return
	}
	e.failure = told
	for _, x := range e.extensions {
		if x.child != nil && x.child.HasExited() {
			e.supervisor.logExtension(e, x, "Failed", cmp.Or(x.errorType, errorExtensionCrash))
		}
	}
	close(e.dead)
}

// isDead says whether a part has failed.
func (e *environment) isDead() bool {
	select {
	case <-e.dead:
		return true
	default:
		return false
	}
}

// isOver says whether it has failed, or is being ended.
func (e *environment) isOver() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.ending || e.failure != nil || e.initError != nil
}

// isReady says whether INIT is over.
func (e *environment) isReady() bool {
	select {
	case <-e.ready:
		return true
	default:
		return false
	}
}

// failureOf is what the caller of an invocation is told of the failure.
func (e *environment) failureOf(id string) answer {
	e.mu.Lock()
	told := e.failure
	e.mu.Unlock()
	return told(id)
}

func internalFailure(request string, err error) *answer {
	return &answer{payload: errorBody(runtimeapi.ErrorUnknown, "RequestId: "+request+" Error: "+err.Error()), errorType: runtimeapi.ErrorUnknown}
}

// offer makes inv what /next hands out, and tells the extensions.
func (e *environment) offer(inv *invocation) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.request = inv.id
	if e.crowd != nil {
		e.crowd.offer(inv)
		return
	}
	e.current, e.offered.inv = inv, inv
	for _, x := range e.extensions {
		if x.invoke {
			x.send(invokeEvent(inv))
		}
	}
	close(e.offered.made)
}

// settle releases the invocation when the runtime has asked for the next event, and so has each extension. The caller
// holds mu.
func (e *environment) settle(inv *invocation) {
	if inv == nil || !inv.runtimeDone || inv.isReleased() {
		return
	}
	for _, x := range e.extensions {
		if x.state == extensionRunning {
			return
		}
	}
	close(inv.released)
}

// runtimeExit says how the runtime ended, in Lambda's words. What it posted to /init/error wins.
func (e *environment) runtimeExit(id string) answer {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.initError != nil {
		return *e.initError
	}
	exit := e.child.Exit()
	text := exit.Reason()
	if e.oom || exit.Signal == unix.SIGKILL && e.supervisor.memory.nearLimit() {
		message := fmt.Sprintf("RequestId: %s Error: %s (it used more than its %d MB of memory)", id, text, e.supervisor.config.MemoryMB)
		return answer{payload: errorBody(runtimeapi.ErrorOutOfMemory, message), errorType: runtimeapi.ErrorOutOfMemory}
	}
	return answer{payload: exitDocument(id, text), errorType: runtimeapi.ErrorExit}
}

func (e *environment) outOfMemory() {
	e.mu.Lock()
	e.oom = true
	e.mu.Unlock()
	e.killRuntime()
}

// killRuntime kills the runtime, if this environment started one: its exit is a failure like another.
func (e *environment) killRuntime() {
	e.mu.Lock()
	child := e.child
	e.mu.Unlock()
	if child != nil {
		child.Kill()
	}
}

// flush waits until what has been written so far is on its way to the host.
func (e *environment) flush() {
	if e.logs != nil {
		e.logs.flush()
	}
	if e.traces != nil {
		e.traces.flush()
	}
	for _, x := range e.all() {
		x.flush()
	}
}

// end kills what is left, and waits for the last words.
func (e *environment) end() {
	e.mu.Lock()
	e.ending = true
	child := e.child
	e.mu.Unlock()
	close(e.gone)
	if child != nil {
		child.Kill()
		<-child.Exited()
	}
	for _, x := range e.all() {
		x.kill()
	}
	killAll()
	e.watchers.Wait()
	if e.logs != nil {
		e.logs.close()
	}
	if e.traces != nil {
		e.traces.close()
	}
	for _, x := range e.all() {
		x.close()
	}
	e.telemetry.end()
}

// requestID is that of a line of the log: what is read when the invocation has just ended is still its own.
func (e *environment) requestID() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.request
}
