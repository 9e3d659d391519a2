//go:build linux

package supervisor

// The INIT phase of an environment: who is waited for, and what a caller is told when somebody does not come.
// https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html#runtimes-lifecycle-ib

import (
	"context"
	"time"
)

// awaitInit starts the runtime when the extensions have registered, and waits for the first /next of all. It returns what
// a caller is told when there is none.
func (e *environment) awaitInit(ctx context.Context, limit <-chan struct{}) *answer {
	select {
	case <-e.registered:
		if a := e.startRuntime(); a != nil {
			e.fail(func(string) answer { return *a })
		}
		e.supervisor.spare()
	case <-e.dead:
	case <-limit:
		return e.initTimedOut()
	case <-ctx.Done():
		return &answer{}
	}
	select {
	case <-e.ready:
		e.initTook = time.Since(e.started)
		e.supervisor.memory.peek()
		e.flush() // what was printed so far belongs to INIT
		e.reportInit("", "", "")
		return nil
	case <-e.initPost:
		return e.afterInitError(ctx)
	case <-e.dead:
		a := e.failureOf(e.requestID())
		return &a
	case <-limit:
		return e.initTimedOut()
	case <-ctx.Done():
		return &answer{}
	}
}

func (e *environment) initTimedOut() *answer {
	limit := e.supervisor.options.InitLimit.Milliseconds()
	if e.phase == "invoke" {
		limit = e.supervisor.config.TimeoutMs
	}
	a := timedOut(e.requestID(), limit, e.tellLate()...)
	return &a
}

// tellLate logs, as Lambda does, the extensions that INIT waited for, and says what each of them has not done.
func (e *environment) tellLate() (late []string) {
	for _, x := range e.all() {
		e.mu.Lock()
		at := x.state
		e.mu.Unlock()
		switch at {
		case extensionStarted:
			late = append(late, "extension "+x.name+" has not registered")
		case extensionRegistered:
			late = append(late, "extension "+x.name+" has not asked for its first event")
		default:
			continue
		}
		e.supervisor.logExtension(e, x, string(at), "")
	}
	return late
}

// afterInitError gives a runtime that posted /init/error the time to exit, as Lambda expects it to.
func (e *environment) afterInitError(ctx context.Context) *answer {
	grace := time.NewTimer(initErrorGrace)
	defer grace.Stop()
	select {
	case <-e.dead:
	case <-grace.C:
	case <-ctx.Done():
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.initError
}
