//go:build linux

package supervisor_test

import (
	"testing"
	"time"

	"github.com/serverless/open-runtime/internal/process"
)

// T1: what takes too long is killed, what it started in a session of its own too; the caller is told, the log says so, and
// the next invocation begins with INIT, on its own time.
func TestTimeout(t *testing.T) {
	f := program(t, timeout(700*time.Millisecond))
	f.answers(`1`, `1`)
	first := string(f.invoke(`{"Do":"pid"}`).Payload)
	got := f.fails(`{"Do":"spawn and hang"}`, "Sandbox.Timedout", "Task timed out after 0.70 seconds")
	if r := got.Report; r.Status != "timeout" || r.DurationMs < 700 || r.DurationMs > 5000 || r.MaxMemoryUsedMB == 0 {
		t.Errorf("%+v", r)
	}
	for _, pid := range runtimes(t) {
		t.Errorf("process %d is left: %s", pid, process.Describe(pid))
	}
	if again := string(f.invoke(`{"Do":"pid"}`).Payload); again == first {
		t.Errorf("process %s goes on", first)
	}
	ok := []string{startLine, endLine, reportLine}
	equal(t, "lines", f.log.platform(), append(append([]string{startLine, endLine, coldLine}, ok...),
		startLine, "TIME ID Task timed out after 0.70 seconds", "", endLine, reportLine+"Status: timeout", startLine, endLine, reportLine))
}

// A runtime that ends is too short for the meter, and the kernel counts it.
func TestMemoryOfAShortLife(t *testing.T) {
	f := program(t)
	got := f.fails(`{"Do":"exit","Status":3}`, "Runtime.ExitError", "Runtime exited with error: exit status 3")
	if got.Report.MaxMemoryUsedMB == 0 {
		t.Errorf("%+v", got.Report)
	}
}
