//go:build linux

package supervisor

// The shutdown phase: at a spindown, and when an environment is reset after a failure.
// https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html#runtimes-lifecycle-shutdown

import (
	"context"
	"sync"
	"syscall"
	"time"

	"github.com/serverless/open-runtime/internal/process"
	"github.com/serverless/open-runtime/internal/runtimeapi"
)

// reason is why an environment ends, as extensions are told.
type reason string

const (
	reasonSpindown reason = "SPINDOWN"
	reasonTimeout  reason = "TIMEOUT"
	reasonFailure  reason = "FAILURE"
	reasonKill     reason = "" // at once, and nobody is told: the host is gone
)

func reasonOf(failed *answer) reason {
	if failed.errorType == runtimeapi.ErrorTimedOut {
		return reasonTimeout
	}
	return reasonFailure
}

// retire ends an environment and everything that it started; /tmp stays. The next invocation begins with INIT. Of several
// who retire one, all return when it has ended.
func (s *supervisor) retire(e *environment, why reason) {
	e.retired.Do(func() {
		s.thaw()
		if why != reasonKill {
			e.shutdown(why)
		}
		e.end()
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.environment == e {
			s.environment = nil
		}
	})
}

// shutdown gives the runtime, and then the extensions, the time to end by themselves that Lambda gives them. With no
// extension there is none.
func (e *environment) shutdown(why reason) {
	e.mu.Lock()
	e.ending = true
	child := e.child
	internal, external := e.census()
	e.mu.Unlock()
	if !internal && !external {
		return
	}
	e.flushTelemetry()
	total, share := internalGrace, internalGrace
	if external {
		total = shutdownGrace
		if !internal {
			share = runtimeGrace
		}
	}
	deadline := time.Now().Add(total)
	if child != nil {
		terminate(child, share)
	}
	e.shutExtensionsDown(why, deadline)
}

// hasExtensions says whether somebody is given time to end.
func (e *environment) hasExtensions() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	internal, external := e.census()
	return internal || external
}

// census says which kinds of extensions there are. The caller holds mu.
func (e *environment) census() (internal, external bool) {
	for _, x := range e.extensions {
		internal = internal || !x.external && x.id != ""
		external = external || x.external
	}
	return internal, external
}

// terminate sends SIGTERM, and SIGKILL when share is over.
func terminate(child *process.Child, share time.Duration) {
	_ = child.Signal(syscall.SIGTERM) // one that can't be signalled is killed next
	grace := time.NewTimer(share)
	defer grace.Stop()
	select {
	case <-child.Exited():
	case <-grace.C:
	}
	child.Kill()
}

// shutExtensionsDown sends SHUTDOWN to those that asked for it and waits for their exits; the others are killed at once.
func (e *environment) shutExtensionsDown(why reason, deadline time.Time) {
	event := struct {
		EventType  string `json:"eventType"`
		DeadlineMs int64  `json:"deadlineMs"`
		Reason     reason `json:"shutdownReason"`
	}{eventShutdown, deadline.UnixMilli(), why}
	var ends sync.WaitGroup
	for _, x := range e.all() {
		if x.child == nil {
			continue
		}
		e.mu.Lock()
		told := x.shutdown && x.state != extensionInitError && x.state != extensionExitError
		if told {
			x.send(event)
		}
		e.mu.Unlock()
		if !told {
			x.child.Kill()
			continue
		}
		ends.Go(func() {
			grace := time.NewTimer(time.Until(deadline))
			defer grace.Stop()
			select {
			case <-x.child.Exited():
			case <-grace.C:
			}
			x.child.Kill()
		})
	}
	ends.Wait()
}

// flushTelemetry waits for the delivery of what there is, for a moment.
func (e *environment) flushTelemetry() {
	ctx, cancel := context.WithTimeout(context.Background(), telemetryGrace)
	defer cancel()
	e.telemetry.flush(ctx)
}

// freeze stops every process of the sandbox, as Lambda does between two invocations.
func (s *supervisor) freeze() {
	s.frozen.Lock()
	defer s.frozen.Unlock()
	s.isFrozen = true
	signalAll(syscall.SIGSTOP)
	signalAll(syscall.SIGSTOP) // what was born in between
}

// thaw lets them run again.
func (s *supervisor) thaw() {
	s.frozen.Lock()
	defer s.frozen.Unlock()
	if s.isFrozen {
		s.isFrozen = false
		signalAll(syscall.SIGCONT)
	}
}
