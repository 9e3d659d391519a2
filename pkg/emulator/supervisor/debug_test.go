//go:build linux

package supervisor_test

import (
	"net"
	"net/http"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/serverless/open-runtime/internal/frames"
	"github.com/serverless/open-runtime/internal/runtimeapi"
	"github.com/serverless/open-runtime/pkg/emulator"
)

// debuggee listens as a debugger would.
func debuggee(t *testing.T) (net.Listener, *frames.Debug) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	return listener, &frames.Debug{What: "language-runtime", Port: listener.Addr().(*net.TCPAddr).Port}
}

// Time is held while somebody is connected to the debugger, and no longer: afterwards there is as much left as before.
func TestTimeIsHeld(t *testing.T) {
	listener, debug := debuggee(t)
	p := newPuppet(t, timeout(300*time.Millisecond), func(s *setup) { s.host.Config.Debug = debug })
	conn, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	p.waiting = p.next()
	start := time.Now()
	end := p.begin("{}")
	next := p.waiting()
	deadline, err := strconv.ParseInt(next.Header.Get(runtimeapi.HeaderDeadlineMs), 10, 64)
	if left := time.UnixMilli(deadline).Sub(start); err != nil || left < time.Hour {
		t.Errorf("the function has %v left", left)
	}
	time.AfterFunc(900*time.Millisecond, func() { conn.Close() })
	result := end()
	if took := time.Since(start); result.ErrorType != "Sandbox.Timedout" || took < 1100*time.Millisecond {
		t.Errorf("%s after %v", result.ErrorType, took)
	}
}

// Who waits for a debugger is waited for, INIT too.
func TestTimeUntilSomebodyDebugs(t *testing.T) {
	listener, debug := debuggee(t)
	debug.Wait = true
	p := newPuppet(t, initLimit(100*time.Millisecond), func(s *setup) { s.host.Config.Debug = debug })
	time.AfterFunc(600*time.Millisecond, func() {
		if conn, err := net.Dial("tcp", listener.Addr().String()); err == nil {
			time.AfterFunc(300*time.Millisecond, func() { conn.Close() })
		}
	})
	start := time.Now()
	p.log.await(t, "INIT_REPORT")
	if took := time.Since(start); took < 600*time.Millisecond {
		t.Errorf("INIT had %v", took)
	}
}

// The host is told when a debugger listens: in each life of the runtime.
func TestDebuggerIsTold(t *testing.T) {
	listener, debug := debuggee(t)
	listener.Close()
	p := newPuppet(t, func(s *setup) { s.host.Config.Debug = debug })
	p.turn("{}", func(said) { p.respond("1") })
	if got := told(p.log); got != 0 {
		t.Errorf("told %d times that a debugger listens, before one does", got)
	}
	again, err := net.Listen("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	port := strconv.Itoa(debug.Port)
	p.log.await(t, port)
	equal(t, "told", told(p.log), 1)
	p.log.forget()
	if err := p.Reset(t.Context(), p.Config()); err != nil {
		t.Fatal(err)
	}
	p.log.await(t, port)
}

// told is how often the host was told.
func told(log *logbook) (n int) {
	for _, line := range log.all() {
		if line.Source == frames.SourceDebugger {
			n++
		}
	}
	return n
}

// The host has the environment of the runtime that comes, in attach mode alone.
func TestAttachEnvironment(t *testing.T) {
	own := variable("OWN", "a value")
	if got := start(t, t.TempDir(), own, func(s *setup) { s.host.Config.Attach = true }).Environment(); !slices.Contains(got, "OWN=a value") || !slices.Contains(got, "AWS_LAMBDA_FUNCTION_VERSION=$LATEST") {
		t.Errorf("got %q", got)
	}
	if got := newPuppet(t, own).Environment(); got != nil {
		t.Errorf("got %q without attaching", got)
	}
}

// In attach mode nothing is started: a runtime comes when its developer starts it, and has the event again when he starts
// it again.
func TestAttach(t *testing.T) {
	f := start(t, t.TempDir(), timeout(100*time.Millisecond), initLimit(100*time.Millisecond), func(s *setup) { s.host.Config.Attach = true })
	p := &puppet{function: f, client: &client{"http://" + f.API(), http.DefaultClient}}
	t.Cleanup(http.DefaultClient.CloseIdleConnections)
	end := p.begin(`{"a":1}`)
	p.next()().wants(t, "the first runtime", 200, `{"a":1}`)
	p.next()().wants(t, "the second", 200, `{"a":1}`)
	time.AfterFunc(300*time.Millisecond, func() {
		p.respond(`"late, and in time"`)
		p.next()
	})
	equal(t, "payload", string(end().Payload), `"late, and in time"`)
}

// An attached runtime that fails at INIT may be started again.
func TestAttachAgain(t *testing.T) {
	for _, when := range []string{"before the event", "with the event"} {
		f := start(t, t.TempDir(), func(s *setup) { s.host.Config.Attach = true })
		p := &puppet{function: f, client: &client{"http://" + f.API(), http.DefaultClient}}
		t.Cleanup(http.DefaultClient.CloseIdleConnections)
		var end func() *emulator.Result
		if when == "with the event" {
			end = p.begin("1")
		}
		p.call("POST", runtimeapi.PathInitError, []byte(`{"errorType":"E"}`)).wants(t, "init/error", 202, `{"status":"OK"}`+"\n")
		f.log.await(t, "INIT_REPORT")
		p.waiting = p.next()
		if end == nil {
			end = p.begin("1")
		}
		p.waiting().wants(t, when, 200, "1")
		p.respond("2")
		p.next()
		equal(t, "payload", string(end().Payload), "2")
	}
}
