//go:build linux

package supervisor_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// once makes what an init does happen the first time only.
func once(t *testing.T) func(*setup) { return variable(envOnce, filepath.Join(t.TempDir(), "mark")) }

func initLimit(d time.Duration) func(*setup) {
	return func(s *setup) { s.inside.options.InitLimit = d }
}

const failedInit = "INIT_REPORT Init Duration: N.NN ms\tPhase: init\tStatus: error\tError Type: "

// A failed INIT is repeated on the time of the first invocation, and nobody hears of the first failure.
func TestSuppressedInit(t *testing.T) {
	for what, want := range map[string]string{"error": "Runtime.ImportModuleError", "exit 3": "Runtime.ExitError", "exit 0": "Runtime.ExitError"} {
		f := program(t, variable(envInit, what), once(t))
		f.log.await(t, "INIT_REPORT")
		got := f.invoke(`"works"`)
		if string(got.Payload) != `"works"` || got.ErrorType != "" || got.Report.Status != "success" || got.Report.InitDurationMs != 0 {
			t.Errorf("%s: %s %s, %+v", what, got.ErrorType, got.Payload, got.Report)
		}
		equal(t, what, f.log.platform(), []string{failedInit + want, startLine, endLine, reportLine})
	}
}

// I1: an INIT that fails again is told to the caller, in the runtime's own words, each time.
func TestInitError(t *testing.T) {
	f := program(t, variable(envInit, "error"))
	f.log.await(t, "INIT_REPORT")
	for range 2 {
		got := f.invoke("1")
		equal(t, "error", [3]string{got.ErrorType, string(got.Payload), got.Report.Status}, [3]string{"Runtime.ImportModuleError", initErrorDocument, "error"})
	}
	again := strings.Replace(failedInit, "Phase: init", "Phase: invoke", 1) + "Runtime.ImportModuleError"
	failed := reportLine + "Status: error\tError Type: Runtime.ImportModuleError"
	equal(t, "lines", f.log.platform(), []string{
		failedInit + "Runtime.ImportModuleError", startLine, again, endLine, failed, startLine, again, endLine, failed})
	equal(t, "what the runtime is told", f.log.function()[0], `init/error: 202 {"status":"OK"}`)
}

// A runtime that posts /init/error and stays is ended.
func TestInitErrorWithoutExit(t *testing.T) {
	f := program(t, variable(envInit, "error and hang"))
	f.log.await(t, "INIT_REPORT")
	got := f.invoke("1")
	equal(t, "error", [2]string{got.ErrorType, string(got.Payload)}, [2]string{"Runtime.Unknown", initErrorDocument})
}

// I3: an init that exits says so, with the request on whose time it was.
func TestInitExit(t *testing.T) {
	for what, want := range map[string]string{"exit 3": "Runtime exited with error: exit status 3", "exit 0": "Runtime exited without providing a reason"} {
		program(t, variable(envInit, what)).fails("1", "Runtime.ExitError", want)
	}
}

// I4: an INIT that takes too long is reported, and repeated within the first invocation.
func TestInitLimit(t *testing.T) {
	f := program(t, variable(envInit, "hang"), once(t), initLimit(time.Second))
	f.log.await(t, "INIT_REPORT")
	got := f.invoke(`"works"`)
	equal(t, "answer", string(got.Payload), `"works"`)
	equal(t, "init duration", got.Report.InitDurationMs, 0.0)
	equal(t, "lines", f.log.platform(), []string{
		"INIT_REPORT Init Duration: N.NN ms\tPhase: init\tStatus: timeout\tError Type: Sandbox.Timedout", startLine, endLine, reportLine})
}

// An event that comes while INIT is under way waits for it, on nobody's time.
func TestInvokeDuringInit(t *testing.T) {
	f := program(t, variable(envInit, "hang"), once(t), initLimit(300*time.Millisecond), timeout(10*time.Second))
	got := f.invoke("1")
	equal(t, "answer", string(got.Payload), "1")
}

// The repeated INIT is on the function's time.
func TestInitTimeout(t *testing.T) {
	f := program(t, variable(envInit, "hang"), initLimit(50*time.Millisecond), timeout(300*time.Millisecond))
	got := f.fails("1", "Sandbox.Timedout", "Task timed out after 0.30 seconds")
	equal(t, "status", got.Report.Status, "timeout")
	if got.Report.DurationMs < 300 || got.Report.DurationMs > 3000 {
		t.Errorf("it took %v ms", got.Report.DurationMs)
	}
}

// What can't be started at all is an error of the invocation that says why.
func TestNoEntrypoint(t *testing.T) {
	const invalid = "Runtime.InvalidEntrypoint"
	task, opt, runtime := t.TempDir(), t.TempDir(), t.TempDir()
	folders := func(s *setup) { s.host.Spec.Opt, s.inside.options.Runtime = opt, runtime }
	f := start(t, task, folders)
	f.fails("1", invalid, "Couldn't find valid bootstrap(s): ["+task+"/bootstrap "+opt+"/bootstrap "+runtime+"/bootstrap]")
	equal(t, "INIT_REPORT", f.log.platform()[0], failedInit+invalid)
	for text, want := range map[string]string{
		"":                        "exec format error",
		"#!/no/such/sh\n":         "no such file or directory",
		"#!/bin/sh\r\necho\r\n":   "no such file or directory",
		"\x7fELF, so to say, not": "exec format error",
	} {
		task := t.TempDir()
		path := filepath.Join(task, "bootstrap")
		if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
		got := start(t, task).invoke("1")
		message := "RequestId: " + requestID + " Error: fork/exec " + path + ": " + want
		if got.ErrorType != invalid || !strings.Contains(string(got.Payload), message) {
			t.Errorf("%q: %s %s; want %s", text, got.ErrorType, got.Payload, message)
		}
	}
	if err := os.WriteFile(filepath.Join(task, "bootstrap"), []byte("#!/bin/sh\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	got := start(t, task, folders).invoke("1")
	if text := string(got.Payload); got.ErrorType != invalid || !strings.Contains(text, "permission denied") || !strings.Contains(text, "chmod +x") {
		t.Errorf("not executable: %s %s", got.ErrorType, text)
	}
}
