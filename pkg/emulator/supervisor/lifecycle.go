//go:build linux

package supervisor

// The life of an execution environment: the INIT phase, an invocation, and the reset after a failure.
// https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html

import (
	"context"
	"fmt"
	"math"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/serverless/open-runtime/internal/frames"
	"github.com/serverless/open-runtime/internal/process"
	"github.com/serverless/open-runtime/internal/runtimeapi"
)

// initPhase is INIT before the first invocation. When it fails, the environment is reset, and INIT runs again within the
// first invocation, whose caller is told only if it fails again.
func (s *supervisor) initPhase(ctx context.Context) {
	limit, stop := s.expiry(ctx, s.options.InitLimit)
	defer stop()
	e := s.newEnvironment("")
	failed := e.awaitInit(ctx, limit)
	s.memory.pause()
	if failed == nil || ctx.Err() != nil {
		return
	}
	s.logInitReport(e, failed)
	s.retire(e, reasonOf(failed))
}

func (s *supervisor) logInitReport(e *environment, failed *answer) {
	status := "error"
	if failed.errorType == runtimeapi.ErrorTimedOut {
		status = "timeout"
	}
	e.flush()
	if !e.runtimeIsUp() {
		done := initRuntimeDone{s.initializationType(), e.phase, status, failed.errorType}
		s.platform(e, platformInitRuntimeDone, e.requestID(), done, "")
	}
	e.reportInit(status, failed.errorType, initReportLine(time.Since(e.started), e.phase, status, failed.errorType))
}

// reportInit tells how INIT went, after which nobody may subscribe.
func (e *environment) reportInit(status, errorType, line string) {
	s := e.supervisor
	report := initReport{s.initializationType(), e.phase, status, errorType, initMetrics{milliseconds(time.Since(e.started))}}
	s.platform(e, platformInitReport, e.requestID(), report, line)
	e.telemetry.close()
}

// runtimeIsUp says whether the runtime has asked for its first event.
func (e *environment) runtimeIsUp() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.state != stateStarted && e.state != stateInitError
}

// expiry gives a channel that is closed when a time limit is over: never in attach mode, and not while a debugger holds it.
func (s *supervisor) expiry(ctx context.Context, after time.Duration) (<-chan struct{}, context.CancelFunc) {
	ctx, stop := context.WithCancel(ctx)
	over := make(chan struct{})
	if s.config.Attach {
		return over, stop
	}
	go func() {
		if s.awaitExpiry(ctx, after) {
			close(over)
		}
	}()
	return over, stop
}

// acquire gives the environment that an invocation runs in. When there is none, INIT runs again, on the invocation's own time.
func (s *supervisor) acquire(ctx context.Context, inv *invocation, limit <-chan struct{}, report *frames.Report) (*environment, *answer) {
	s.acquiring.Lock()
	defer s.acquiring.Unlock()
	e, _ := s.at()
	if e != nil && e.isDead() { // a part exited while nobody had asked for anything
		s.retire(e, reasonFailure)
		e = nil
	}
	if e != nil {
		if e.initTook > 0 {
			report.InitDurationMs = milliseconds(e.initTook)
			e.initTook = 0
		}
		return e, nil
	}
	e = s.newEnvironment(inv.id)
	failed := e.awaitInit(ctx, limit)
	s.memory.pause()
	e.initTook = 0
	if failed != nil && ctx.Err() == nil {
		s.logInitReport(e, failed)
	}
	return e, failed
}

// run takes an invocation through the environment. What it gives besides the report is to be done after it: ending the
// environment may take its extensions two seconds.
func (s *supervisor) run(ctx context.Context, inv *invocation) (e *environment, report frames.Report, after func()) {
	after = func() {}
	limit, stop := s.expiry(ctx, time.Until(inv.expires))
	defer stop()
	s.memory.begin()
	report = frames.Report{Type: frames.TypeReport, ID: inv.id, Status: "success", MemorySizeMB: s.config.MemoryMB}
	e, failed := s.acquire(ctx, inv, limit, &report)
	e.telemetry.platform(inv.start, platformStart, inv.startRecord(s.config.FunctionVersion))
	answered := false
	if failed == nil {
		failed, answered = s.await(ctx, e, inv, limit, &report)
	}
	took := time.Since(inv.start)
	if failed != nil {
		after = s.fail(e, inv, *failed, answered, &report)
	}
	report.DurationMs, report.BilledDurationMs = milliseconds(took), int64(math.Ceil(milliseconds(took)))
	report.MaxMemoryUsedMB = s.memory.end(failed == nil)
	return e, report, after
}

// await gives the event to the runtime and waits for its answer, its next /next and that of each extension. It returns
// what the platform makes of one that ends or takes too long, and whether the caller was answered before that.
func (s *supervisor) await(ctx context.Context, e *environment, inv *invocation, limit <-chan struct{}, report *frames.Report) (failed *answer, answered bool) {
	deliver := func(a answer) {
		answered = true
		if a.errorType != "" {
			report.Status, report.ErrorType = "error", a.errorType
		}
		e.flush()
		s.answer(inv, a)
	}
	kill, spare := inv.killAfter()
	defer spare()
	e.offer(inv)
	for {
		select {
		case a := <-inv.answered:
			deliver(a)
		case <-kill:
			e.killRuntime()
		case <-inv.released:
			if !answered { // it is released after it was answered
				deliver(<-inv.answered)
			}
			e.flush()
			return nil, true
		case <-e.dead:
			select {
			case a := <-inv.answered: // it answered and then died: what it posted wins
				deliver(a)
			default:
			}
			a := e.failureOf(inv.id)
			return &a, answered
		case <-limit:
			a := timedOut(inv.id, s.config.TimeoutMs)
			return &a, answered
		case <-ctx.Done():
			return nil, answered
		}
	}
}

// fail tells the caller, if it was not answered, and gives what ends the environment. One that takes several invocations
// at once outlives the time limit of one of them.
func (s *supervisor) fail(e *environment, inv *invocation, failed answer, answered bool, report *frames.Report) (after func()) {
	timeout := failed.errorType == runtimeapi.ErrorTimedOut
	after = func() { s.retire(e, reasonOf(&failed)) }
	switch {
	case timeout && e.crowd != nil && e.isReady():
		e.timedOut(inv)
		after = func() {}
	case !e.hasExtensions():
		after()
	}
	e.flush()
	if !answered {
		s.answer(inv, failed)
	}
	e.tellFailure(inv, failed)
	if timeout && !s.jsonLogs() {
		text := fmt.Sprintf("%s %s Task timed out after %.2f seconds", time.Now().UTC().Format("2006-01-02T15:04:05.000Z"), inv.id, float64(s.config.TimeoutMs)/1000)
		s.log(frames.SourcePlatform, inv.id, text)
		s.log(frames.SourcePlatform, inv.id, "")
	}
	if report.Status == "success" || timeout {
		report.Status, report.ErrorType = "error", failed.errorType
		if timeout {
			report.Status = "timeout"
		}
	}
	return after
}

// tellFailure tells who subscribed how the runtime ended an invocation that it did not.
func (e *environment) tellFailure(inv *invocation, failed answer) {
	status := statusFailure
	if failed.errorType == runtimeapi.ErrorTimedOut {
		status = statusTimeout
	}
	e.mu.Lock()
	done := inv.runtimeDone
	inv.runtimeDone = true
	e.mu.Unlock()
	if done {
		return
	}
	e.supervisor.platform(e, platformRuntimeDone, inv.id, inv.doneRecord(status, failed.errorType), "")
	if status == statusFailure {
		e.telemetry.platform(time.Now(), platformFault, "RequestId: "+inv.id+" Process exited before completing request")
	}
}

// timedOut is Lambda's answer to what took too long. The reasons, if there are any, are ours.
func timedOut(id string, timeoutMs int64, reasons ...string) answer {
	message := fmt.Sprintf("RequestId: %s Error: Task timed out after %.2f seconds", id, float64(timeoutMs)/1000)
	if len(reasons) > 0 {
		message += " (" + strings.Join(reasons, ", ") + ")"
	}
	return answer{payload: errorBody(runtimeapi.ErrorTimedOut, message), errorType: runtimeapi.ErrorTimedOut}
}

// killAll ends every process of the sandbox but this one.
func killAll() {
	signalAll(syscall.SIGKILL)
	process.KillOrphans(nil)
}

// signalAll signals every process of the sandbox but this one. Process 1 sees them all; in a test the supervisor is not it,
// and signals what it inherited.
func signalAll(signal syscall.Signal) {
	if os.Getpid() == 1 {
		_ = syscall.Kill(-1, signal) // ESRCH: there is none
	}
	for _, pid := range process.Descendants(os.Getpid()) {
		_ = syscall.Kill(pid, signal) // it may have ended since
	}
}

// entrypoint finds what Lambda would start.
// https://docs.aws.amazon.com/lambda/latest/dg/runtimes-custom.html
func (s *supervisor) entrypoint() (path string, tried []string) {
	candidates := []string{s.options.Task + "/bootstrap", s.options.Opt + "/bootstrap", s.options.Runtime + "/bootstrap"}
	if s.config.Managed {
		candidates = []string{s.options.Runtime + "/bootstrap", s.options.Opt + "/bootstrap"}
	}
	for _, path := range candidates {
		if info, err := os.Stat(path); err == nil && !info.IsDir() {
			return path, nil
		}
	}
	return "", candidates
}

func noEntrypoint(id string, tried []string) answer {
	message := fmt.Sprintf("RequestId: %s Error: Couldn't find valid bootstrap(s): [%s]", id, strings.Join(tried, " "))
	return answer{payload: errorBody(runtimeapi.ErrorInvalidEntry, message), errorType: runtimeapi.ErrorInvalidEntry}
}
