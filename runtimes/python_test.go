//go:build linux

package runtimes_test

// What only the Python runtime does: logging, decimals, bytes, sys.path.

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/serverless/open-runtime/internal/frames"
)

func TestPythonAnswers(t *testing.T) {
	cases := map[string]string{
		"own.decimals":       `{"price": 19.990, "many": 12345678901234567890.5, "list": [3]}`,
		"own.inner":          `{"text": "bytes"}`,
		"own.surrogate":      `"\ud800"`,
		"own.lazy":           `false`,
		"pkg/orders.handler": `"in a package"`,
		"pkg.orders.handler": `"in a package"`,
		"own.unicode":        `"héllo 🧀"`,
		"own.extend":         `"mine"`,
	}
	for handler, want := range cases {
		t.Run(handler, func(t *testing.T) {
			t.Parallel()
			r := start(t, "python", handler).ready()
			if got := r.result("1", `{}`); got != want {
				t.Errorf("got %s, want %s", got, want)
			}
			r.shutdown()
		})
	}
}

func TestPythonErrors(t *testing.T) {
	cases := map[string]struct{ kind, message string }{
		"own.coroutine":     {"Runtime.MarshalError", "Unable to marshal response: Object of type coroutine is not JSON serializable"},
		"own.unmarshalable": {"Runtime.MarshalError", "Unable to marshal response: Object of type set is not JSON serializable"},
		"own.cancelled":     {"CancelledError", "stop"},
		"own.greedy":        {"OSError", "[Errno 24] Too many open files: '/dev/null'"}, // there is none left to import anything with
	}
	for handler, want := range cases {
		t.Run(handler, func(t *testing.T) {
			t.Parallel()
			r := start(t, "python", handler).ready()
			for _, id := range []string{"1", "2"} {
				if e := r.failure(id, `{}`); e.Type != want.kind || e.Message != want.message {
					t.Errorf("got %q %q, want %q %q", e.Type, e.Message, want.kind, want.message)
				}
			}
			r.shutdown()
		})
	}
}

func TestPythonHandlersThatCannotBe(t *testing.T) {
	cases := map[string]struct{ kind, message string }{
		"own.not_callable": {"Runtime.HandlerNotFound", "Handler 'not_callable' is not callable in module 'own'"},
		"sys.handler":      {"Runtime.BuiltInModuleConflict", "Cannot use built-in module sys as a handler module"},
	}
	for handler, want := range cases {
		r := start(t, "python", handler)
		if e := r.document(r.read()); e.Type != want.kind || !strings.HasPrefix(e.Message, want.message) {
			t.Errorf("%s: got %q %q, want %q %q", handler, e.Type, e.Message, want.kind, want.message)
		}
		r.end("exit status 1")
	}
}

func TestPythonBytes(t *testing.T) {
	r := start(t, "python", "own.raw").ready()
	f := r.invoke("1", []byte(`{}`))
	var answer frames.Answer
	if err := f.Decode(&answer); err != nil || answer.ContentType != "application/unknown" || string(f.Payload) != "\x00\xffraw" {
		t.Errorf("got %s %q", f.Header, f.Payload)
	}
	r.shutdown()
}

func TestPythonLogging(t *testing.T) {
	r := start(t, "python", "own.log").ready()
	if got := r.result("1", `{}`); got != "1" {
		t.Errorf("the root logger has %s handlers, want one", got)
	}
	log := r.shutdown()
	for _, want := range []string{`\[INFO\]\t%s\trequest-1\tan info line\n`, `\[WARNING\]\t%s\trequest-1\ta warning line\n`} {
		if !regexp.MustCompile(strings.ReplaceAll(want, "%s", `\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z`)).MatchString(log) {
			t.Errorf("the log has no %s: %q", want, log)
		}
	}

	r = start(t, "python", "own.log", "AWS_LAMBDA_LOG_FORMAT=JSON").ready()
	r.result("1", `{}`)
	if log := r.shutdown(); !strings.Contains(log, `"level": "INFO", "message": "an info line", "logger": "root", "requestId": "request-1"`) {
		t.Errorf("got %q", log)
	}
}

// A program that exits within a handler exits: AWS answers Runtime.ExitError, and so does the bootstrap.
func TestPythonExitIsNoAnswer(t *testing.T) {
	r := start(t, "python", "own.leave").ready()
	r.send(invocation("1"), []byte(`{}`))
	r.end("exit status 0")
}

// Without client context and identity the attributes are there and None, as with AWS's client.
func TestPythonBareContext(t *testing.T) {
	r := start(t, "python", "own.ids").ready()
	header := frames.Invoke{Type: frames.TypeInvoke, ID: "1", Context: frames.Context{RequestID: "request-1"}}
	r.send(header, []byte(`{}`))
	if f := r.read(); string(f.Payload) != `[null, null, true]` {
		t.Errorf("got %s %s", f.Header, f.Payload)
	}
	r.shutdown()
}

// The function's own modules come before all others, and nothing is looked for beside the runtime's own file.
func TestPythonPath(t *testing.T) {
	program, task := install(t, "python"), t.TempDir()
	writeFiles(t, task, map[string]string{
		"handler.py":  "import sys, calendar\ndef path(event, context): return [sys.path, calendar.mine]\n",
		"calendar.py": "mine = 1\n",
	})
	writeFiles(t, filepath.Dir(program), map[string]string{"handler.py": "raise Exception('the wrong one')\n"})
	r := startIn(t, program, task, "handler.path").ready()
	if got := r.result("1", `{}`); !strings.HasPrefix(got, `[["`+task+`", `) || strings.Contains(got, filepath.Dir(program)) {
		t.Errorf("got %s", got)
	}
	r.shutdown()
}

func writeFiles(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, content := range files {
		name = filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
