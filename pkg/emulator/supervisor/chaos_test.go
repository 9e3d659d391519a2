//go:build linux

package supervisor_test

import (
	"testing"
	"time"

	"github.com/serverless/open-runtime/internal/frames"
	"github.com/serverless/open-runtime/internal/runtimeapi"
)

// The host may have the runtime killed in the middle of an invocation, which is an exit like another; one that ends before
// keeps its runtime.
func TestKillAfter(t *testing.T) {
	kill := func(after time.Duration) func(*frames.SupervisorInvoke) {
		return func(told *frames.SupervisorInvoke) { told.KillAfterMs = after.Milliseconds() }
	}
	for name, change := range map[string]func(*setup){
		"one at a time":   func(*setup) {},
		"several at once": func(s *setup) { s.host.Config.Concurrency = 2 },
	} {
		t.Run(name, func(t *testing.T) {
			f := program(t, change)
			first := string(f.begin(`{"Do":"pid"}`, kill(time.Hour))().Payload)
			if again := string(f.invoke(`{"Do":"pid"}`).Payload); again != first {
				t.Errorf("process %s, then %s: nothing was to be killed", first, again)
			}
			killed := f.begin(`{"Do":"hang"}`, kill(10*time.Millisecond))()
			equal(t, "error type", killed.ErrorType, runtimeapi.ErrorExit)
			equal(t, "error document", string(killed.Payload),
				`{"errorType":"Runtime.ExitError","errorMessage":"RequestId: `+requestID+` Error: Runtime exited with error: signal: killed"}`)
			next := f.invoke(`{"Do":"pid"}`)
			if string(next.Payload) == first || next.ErrorType != "" {
				t.Errorf("%s %s in place of another runtime", next.ErrorType, next.Payload)
			}
		})
	}
}
