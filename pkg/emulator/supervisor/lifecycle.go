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
	limit := time.NewTimer(s.options.InitLimit)
	defer limit.Stop()
	e := s.newEnvironment("")
	failed := e.awaitInit(ctx, limit.C)
	if failed == nil || ctx.Err() != nil {
		return
	}
	s.logInitReport("init", e, failed)
	s.reset()
}

func (s *supervisor) logInitReport(phase string, e *environment, failed *answer) {
	status := "error"
	if failed.errorType == runtimeapi.ErrorTimedOut {
		status = "timeout"
	}
	e.flush()
	s.log(frames.SourcePlatform, e.requestID(), initReportLine(time.Since(e.started), phase, status, failed.errorType))
}

// run takes an invocation through the environment; a failed INIT is repeated first, on the invocation's own time.
func (s *supervisor) run(ctx context.Context, inv *invocation) frames.Report {
	limit := time.NewTimer(time.Until(inv.deadline))
	defer limit.Stop()
	s.memory.begin()
	s.mu.Lock()
	e := s.environment
	s.mu.Unlock()
	report := frames.Report{Type: frames.TypeReport, ID: inv.id, Status: "success", MemorySizeMB: s.config.MemoryMB}
	if e != nil && e.initTook > 0 {
		report.InitDurationMs = milliseconds(e.initTook)
		e.initTook = 0
	}
	var failed *answer
	answered := false
	if e != nil && e.hasEnded() { // it exited while nobody had asked for anything
		s.reset()
		e = nil
	}
	if e == nil {
		e = s.newEnvironment(inv.id)
		if failed = e.awaitInit(ctx, limit.C); failed != nil && ctx.Err() == nil {
			s.logInitReport("invoke", e, failed)
		}
		e.initTook = 0
	}
	if failed == nil {
		failed, answered = s.await(ctx, e, inv, limit.C, &report)
	}
	if failed != nil {
		s.fail(e, inv, *failed, answered, &report)
	}
	took := time.Since(inv.start)
	report.DurationMs, report.BilledDurationMs = milliseconds(took), int64(math.Ceil(milliseconds(took)))
	report.MaxMemoryUsedMB = s.memory.end(failed == nil)
	return report
}

// await gives the event to the runtime and waits for its answer and its next /next. It returns what the platform makes of
// a runtime that ends or takes too long, and whether the caller was answered before that.
func (s *supervisor) await(ctx context.Context, e *environment, inv *invocation, limit <-chan time.Time, report *frames.Report) (failed *answer, answered bool) {
	deliver := func(a answer) {
		answered = true
		if a.errorType != "" {
			report.Status, report.ErrorType = "error", a.errorType
		}
		e.flush()
		s.answer(inv, a)
	}
	e.offer(inv)
	for {
		select {
		case a := <-inv.answered:
			deliver(a)
		case <-inv.released:
			if !answered { // it is released after it was answered
				deliver(<-inv.answered)
			}
			e.flush()
			return nil, true
		case <-e.ended():
			select {
			case a := <-inv.answered: // it answered and then died: what it posted wins
				deliver(a)
			default:
			}
			a := e.exitAnswer(inv.id)
			return &a, answered
		case <-limit:
			a := timedOut(inv.id, s.config.TimeoutMs)
			return &a, answered
		case <-ctx.Done():
			return nil, answered
		}
	}
}

// fail ends the environment and tells the caller, if it was not answered.
func (s *supervisor) fail(e *environment, inv *invocation, failed answer, answered bool, report *frames.Report) {
	timeout := failed.errorType == runtimeapi.ErrorTimedOut
	s.reset()
	if timeout {
		text := fmt.Sprintf("%s %s Task timed out after %.2f seconds", time.Now().UTC().Format("2006-01-02T15:04:05.000Z"), inv.id, float64(s.config.TimeoutMs)/1000)
		s.log(frames.SourcePlatform, inv.id, text)
		s.log(frames.SourcePlatform, inv.id, "")
	}
	if !answered {
		s.answer(inv, failed)
	}
	if report.Status == "success" || timeout {
		report.Status, report.ErrorType = "error", failed.errorType
		if timeout {
			report.Status = "timeout"
		}
	}
}

func timedOut(id string, timeoutMs int64) answer {
	message := fmt.Sprintf("RequestId: %s Error: Task timed out after %.2f seconds", id, float64(timeoutMs)/1000)
	return answer{payload: errorBody(runtimeapi.ErrorTimedOut, message), errorType: runtimeapi.ErrorTimedOut}
}

// terminate gives the environment at work the time to end by itself.
func (s *supervisor) terminate() {
	s.mu.Lock()
	e := s.environment
	s.mu.Unlock()
	if e != nil {
		e.terminate()
	}
}

// reset ends the environment and everything that it started; /tmp stays. The next invocation begins with INIT.
func (s *supervisor) reset() {
	s.mu.Lock()
	e := s.environment
	s.environment = nil
	s.mu.Unlock()
	if e != nil {
		e.end()
	}
}

// killAll ends every process of the sandbox but this one. Process 1 sees them all; in a test the supervisor is not it, and
// ends what it inherited.
func killAll() {
	if os.Getpid() == 1 {
		_ = syscall.Kill(-1, syscall.SIGKILL) // ESRCH: there is none
	}
	for _, pid := range process.Descendants(os.Getpid()) {
		_ = syscall.Kill(pid, syscall.SIGKILL) // it may have ended since
	}
	process.KillOrphans(nil)
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
