//go:build linux

package supervisor_test

// External extensions: those that this program plays itself, and those for which a test speaks.

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/serverless/open-runtime/internal/frames"
	"github.com/serverless/open-runtime/internal/runtimeapi"
)

// extensionEvent is what an extension is told.
type extensionEvent struct {
	EventType  string `json:"eventType"`
	DeadlineMs int64  `json:"deadlineMs"`
	RequestID  string `json:"requestId"`
	ARN        string `json:"invokedFunctionArn"`
	Tracing    struct{ Type, Value string }
	Reason     string `json:"shutdownReason"`
}

// beExtension is an extension that prints what it is told. Its name says what else it does: at-invoke-exit, say.
func beExtension(name string) {
	rt := &client{"http://" + os.Getenv("AWS_LAMBDA_RUNTIME_API"), http.DefaultClient}
	if name == "at-start-exit" {
		os.Exit(4)
	}
	events := `{"events":["INVOKE","SHUTDOWN"]}`
	if name == "quiet" {
		events = `{"events":["INVOKE"]}`
	}
	registered := rt.call("POST", runtimeapi.PathRegister, []byte(events), runtimeapi.HeaderExtensionName, name)
	id := registered.Header.Get(runtimeapi.HeaderExtensionID)
	fmt.Println(name, "registered", registered.Status, "_HANDLER="+os.Getenv("_HANDLER"), "MODE="+os.Getenv("MODE"))
	report := func(path string) {
		got := rt.call("POST", path, []byte(`{"errorMessage":"no key","errorType":"x"}`), runtimeapi.HeaderExtensionID, id, runtimeapi.HeaderExtensionErrorType, "Extension.NoKey")
		fmt.Println(name, "reported", got.Status, got.Body)
		os.Exit(1)
	}
	if name == "at-start-report" {
		report(runtimeapi.PathExtensionInitError)
	}
	for {
		got := rt.call("GET", runtimeapi.PathExtensionNext, nil, runtimeapi.HeaderExtensionID, id)
		var event extensionEvent
		if err := json.Unmarshal([]byte(got.Body), &event); err != nil {
			fmt.Println(name, "next:", got.Status, got.Body, got.Err)
			os.Exit(1)
		}
		fmt.Println(name, "told", event.EventType+event.Reason)
		switch {
		case name == "at-invoke-exit":
			os.Exit(7)
		case name == "at-invoke-report":
			report(runtimeapi.PathExtensionExitError)
		case name == "deaf", name == "at-invoke-hang":
			select {}
		case event.EventType == "SHUTDOWN":
			return
		}
	}
}

// extensions puts extensions into the layer that this program plays.
func extensions(t *testing.T, names ...string) func(*setup) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return func(s *setup) {
		for _, name := range names {
			placeExtension(t, s, func(dir string) error { return os.Symlink(self, filepath.Join(dir, name)) })
		}
	}
}

// mute puts an extension into the layer that does nothing: the test speaks for it.
func mute(t *testing.T, name, script string, mode os.FileMode) func(*setup) {
	return func(s *setup) {
		placeExtension(t, s, func(dir string) error {
			return os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\n"+script+"\n"), mode)
		})
	}
}

func placeExtension(t *testing.T, s *setup, place func(dir string) error) {
	t.Helper()
	dir := filepath.Join(s.host.Spec.Opt, "extensions")
	err := os.MkdirAll(filepath.Join(dir, "a-folder-is-none"), 0o755)
	if err == nil {
		err = place(dir)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// of gives what the log has of a source, in order.
func (l *logbook) of(source string) []string {
	var lines []string
	for _, one := range l.all() {
		if one.Source == source {
			lines = append(lines, one.Text)
		}
	}
	return lines
}

// Extensions are started and register before the runtime is started, hear of each invocation, and of the end.
func TestExternalExtension(t *testing.T) {
	f := program(t, extensions(t, "one"), variable("MODE", "blue"))
	f.answers("1", "1")
	f.answers("2", "2")
	if err := f.Close(); err != nil {
		t.Error(err)
	}
	equal(t, "the extension's log", f.log.of(frames.SourceExtension), []string{
		"one registered 200 _HANDLER= MODE=blue", "one told INVOKE", "one told INVOKE", "one told SHUTDOWNSPINDOWN",
	})
	equal(t, "Lambda's lines", f.log.platform(), []string{
		"EXTENSION\tName: one\tState: Ready\tEvents: [INVOKE, SHUTDOWN]", startLine, endLine, reportLine + "Init Duration: N.NN ms\t", startLine, endLine, reportLine,
	})
}

// The file that Lambda heeds keeps them from being started.
func TestDisabledExtensions(t *testing.T) {
	f := program(t, extensions(t, "at-start-exit"), func(s *setup) {
		if err := os.WriteFile(filepath.Join(s.host.Spec.Opt, "disable-extensions-jwigqn8j"), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	})
	f.answers("1", "1")
}

// An extension that ends ends the environment; who invokes is told what it reported, or how it exited. The next
// invocation begins with INIT.
func TestExtensionsThatEnd(t *testing.T) {
	for name, want := range map[string][2]string{
		"at-start-exit":    {"Extension.Crash", "extension at-start-exit exited with error: exit status 4"},
		"at-start-report":  {"Extension.NoKey", "extension at-start-report reported Extension.NoKey"},
		"at-invoke-exit":   {"Extension.Crash", "extension at-invoke-exit exited with error: exit status 7"},
		"at-invoke-report": {"Extension.NoKey", "extension at-invoke-report reported Extension.NoKey"},
	} {
		f := program(t, extensions(t, name))
		for range 2 {
			f.fails(`{"Do":"hang"}`, want[0], want[1])
		}
	}
	f := program(t, mute(t, "plain", "", 0o644))
	got := f.invoke("1")
	if want := "fork/exec"; got.ErrorType != "Extension.LaunchError" || !strings.Contains(string(got.Payload), want) {
		t.Errorf("one that is not executable: %s %s", got.ErrorType, got.Payload)
	}
}

// T2: an extension counts in the duration, and in the time limit. The caller has the answer long before.
func TestExtensionAtTimeout(t *testing.T) {
	f := program(t, extensions(t, "at-invoke-hang"), timeout(600*time.Millisecond))
	inv, err := f.Begin(t.Context(), frames.SupervisorInvoke{ID: requestID}, []byte(`"fast"`))
	if err != nil {
		t.Fatal(err)
	}
	answer, err := inv.Answer(t.Context())
	if err != nil || answer.ErrorType != "" {
		t.Fatalf("%+v, %v", answer, err)
	}
	result, err := inv.Result(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if string(result.Payload) != `"fast"` || result.Report.Status != "timeout" || result.Report.DurationMs < 600 {
		t.Errorf("%s, %+v", result.Payload, result.Report)
	}
}

// X14: the runtime ends before SHUTDOWN is sent, with AWS's reasons; who did not ask for it is killed; who does not heed it is, at the deadline.
func TestShutdownOrder(t *testing.T) {
	f := program(t, extensions(t, "deaf", "quiet", "polite"), timeout(300*time.Millisecond))
	got := f.invoke(`{"Do":"hang"}`)
	equal(t, "error type", got.ErrorType, "Sandbox.Timedout")
	f.log.await(t, "polite told SHUTDOWNTIMEOUT")
	f.answers(`1`, `1`) // after all of that
	if lines := strings.Join(f.log.of(frames.SourceExtension), "\n"); strings.Contains(lines, "quiet told SHUTDOWN") {
		t.Error(lines)
	}
	f = program(t, extensions(t, "polite"))
	f.fails(`{"Do":"exit","Status":3}`, "Runtime.ExitError", "Runtime exited with error: exit status 3")
	f.log.await(t, "polite told SHUTDOWNFAILURE")
}

// An extension that INIT waits for in vain is named.
func TestLateExtension(t *testing.T) {
	f := script(t, "exec sleep 1000", mute(t, "slow", "exec sleep 1000", 0o755), initLimit(100*time.Millisecond), timeout(300*time.Millisecond))
	f.log.await(t, "INIT_REPORT")
	got := f.invoke("1")
	want := `{"errorType":"Sandbox.Timedout","errorMessage":"RequestId: ` + requestID + ` Error: Task timed out after 0.30 seconds (extension slow has not registered)"}`
	equal(t, "answer", string(got.Payload), want)
	equal(t, "Lambda's first line", f.log.platform()[0], "EXTENSION\tName: slow\tState: Started\tEvents: []")
}

// What goes over the wire: the runtime is started when the extension has registered, and each event has what AWS's page says.
func TestExtensionOnTheWire(t *testing.T) {
	f := script(t, "echo up\nexec sleep 1000", mute(t, "probe", "echo api $AWS_LAMBDA_RUNTIME_API\nexec sleep 1000", 0o755))
	p := &puppet{function: f, client: &client{"http://" + f.log.await(t, "api "), http.DefaultClient}}
	t.Cleanup(http.DefaultClient.CloseIdleConnections)
	if lines := p.log.function(); len(lines) > 0 {
		t.Errorf("the runtime has started: %q", lines)
	}
	p.register("probe", `{"events":["SLEEP"]}`).wants(t, "an unknown event", 403, refused("Extension.InvalidEventType", "SLEEP: ErrorInvalidEventType"))
	id := p.register("probe", `{"events":["INVOKE","SHUTDOWN"]}`).Header.Get(runtimeapi.HeaderExtensionID)
	p.register("probe", `{}`).wants(t, "again", 403, refused("Extension.InvalidExtensionState", "Extension with this name already registered"))
	p.log.await(t, "up")
	event := p.nextEvent(id)
	p.waiting = p.next()
	end := p.begin("{}", func(inv *frames.SupervisorInvoke) { inv.TraceID = "Root=1-0-0;Sampled=1" })
	next := p.waiting()
	got := event()
	deadline := next.Header.Get(runtimeapi.HeaderDeadlineMs)
	got.wants(t, "INVOKE", 200, `{"eventType":"INVOKE","deadlineMs":`+deadline+`,"requestId":"`+requestID+`","invokedFunctionArn":"`+arn+
		`","tracing":{"type":"X-Amzn-Trace-Id","value":"Root=1-0-0;Sampled=1"}}`+"\n")
	if got.Header.Get(runtimeapi.HeaderExtensionID) != id || len(got.Header.Get(runtimeapi.HeaderExtensionEventID)) != 36 {
		t.Errorf("headers %v", got.Header)
	}
	p.respond("1")
	p.waiting = p.next()
	p.nextEvent(id) // only now is the invocation over
	end()

	report := func(path, id string, headers ...string) said {
		return p.call("POST", path, []byte("{}"), append(headers, runtimeapi.HeaderExtensionID, id)...)
	}
	report(runtimeapi.PathExtensionExitError, id).wants(t, "no type", 403, refused("Extension.MissingHeader", "Lambda-Extension-Function-Error-Type not found"))
	typed := []string{runtimeapi.HeaderExtensionErrorType, "Extension.Tired"}
	report(runtimeapi.PathExtensionInitError, id, typed...).wants(t, "too late", 403, refused("Extension.InvalidExtensionState",
		"State transition from Ready to InitError failed for extension probe. Error: State transition is not allowed"))
	report(runtimeapi.PathExtensionExitError, "", typed...).wants(t, "no identifier", 403, refused("Extension.MissingExtensionIdentifier", "Missing Lambda-Extension-Identifier header"))
	report(runtimeapi.PathExtensionExitError, id, typed...).wants(t, "exit/error", 202, `{"status":"OK"}`+"\n")
	report(runtimeapi.PathExtensionExitError, id, typed...).wants(t, "twice", 403, refused("Extension.InvalidExtensionState",
		"State transition from ExitError to ExitError failed for extension probe. Error: State transition is not allowed"))
}
