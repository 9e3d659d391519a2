//go:build linux

package runtimes_test

// What ends an invocation or a process other than its answer: cancel, the dump of one that hangs, shutdown and its hooks.

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/serverless/open-runtime/internal/frames"
)

// Who wants cancel must act on it; the others are ended by their parent.
func TestCapabilities(t *testing.T) {
	want := map[string]string{"node": "cancel stream multiplex", "python": "stream", "ruby": "stream", "bash": ""}
	everyLanguage(t, func(t *testing.T, language string) {
		all := []string{"multiplex", "stream", "cancel", "a new one"}
		r := startWith(t, all, language, "handler.same").ready()
		if got := strings.Join(r.answer.Capabilities, " "); got != want[language] {
			t.Errorf("of %v it wants %q, want %q", all, got, want[language])
		}
		r.shutdown()
		r = startWith(t, nil, language, "handler.same").ready()
		if len(r.answer.Capabilities) != 0 {
			t.Errorf("of nothing it wants %q", r.answer.Capabilities)
		}
		if got := r.result("1", `1`); got != `1` {
			t.Errorf("got %s", got)
		}
		r.shutdown()
	})
}

func TestNodeCancel(t *testing.T) {
	r := start(t, "node", "life.cancellable").ready()
	for i, id := range []string{"1", "2"} {
		r.send(invocation(id), []byte(`{}`))
		r.said("begun", i+1)
		r.send(frames.Cancel{Type: frames.TypeCancel, ID: id}, nil)
		if f := r.read(); f.ID != id || string(f.Payload) != `"TimeoutError false"` {
			t.Errorf("got %s %s", f.Header, f.Payload)
		}
	}
	r.shutdown()
}

// A signal that is first looked at after the cancel is aborted as well.
func TestNodeCancelBeforeSignal(t *testing.T) {
	r := start(t, "node", "life.lateSignal").ready()
	event, file := waitsForFile(t)
	r.send(invocation("1"), event)
	r.said("begun", 1)
	r.send(frames.Cancel{Type: frames.TypeCancel, ID: "1"}, nil)
	r.said("was cancelled", 1)
	touch(t, file)
	if f := r.read(); string(f.Payload) != `true` {
		t.Errorf("got %s %s", f.Header, f.Payload)
	}
	r.shutdown()
}

// Who does not listen is told about in the log, with what it waits for.
func TestNodeCancelUnheard(t *testing.T) {
	r := start(t, "node", "life.deaf", "SECRET=canary").ready()
	r.send(invocation("1"), []byte(`{}`))
	r.said("begun", 1)
	r.send(frames.Cancel{Type: frames.TypeCancel, ID: "1"}, nil)
	r.said("request-1 was cancelled", 1)
	if log := r.logs.String(); !strings.Contains(log, "the connection to 127.0.0.1:") || !strings.Contains(log, "1 Timeout") || strings.Contains(log, "canary") {
		t.Errorf("got %q", log)
	}
}

// A process that hangs, busy or not, says where, and nothing of its environment.
func TestDump(t *testing.T) {
	names := map[string]string{
		"busy node": "at exports.busy (", "busy python": "in busy", "waits python": "in waits", "busy ruby": "busy'", "waits ruby": "waits'",
	}
	everyLanguage(t, func(t *testing.T, language string) {
		for _, how := range []string{"busy", "waits"} {
			want, ok := names[how+" "+language]
			if !ok {
				continue
			}
			r := start(t, language, "life."+how, "SECRET=canary", "NODE_OPTIONS=--trace-sigint").ready()
			r.send(invocation("1"), []byte(`{}`))
			r.said("begun", 1)
			begun := time.Now()
			r.dump()
			r.said(want, 1)
			t.Logf("%s: %v", how, time.Since(begun))
			if log := r.logs.String(); strings.Contains(log, "canary") {
				t.Errorf("the dump has the environment: %q", log)
			}
		}
	})
}

// dump sends the signal that the runtime has named.
func (r *rt) dump() {
	r.t.Helper()
	signals := map[string]syscall.Signal{"SIGUSR2": syscall.SIGUSR2, "SIGINT": syscall.SIGINT}
	number, ok := signals[r.answer.DumpSignal]
	if !ok {
		r.t.Fatalf("the dump signal is %q", r.answer.DumpSignal)
	}
	if err := r.cmd.Process.Signal(number); err != nil {
		r.t.Fatal(err)
	}
}

// From Node 22.19 on nobody needs an option for it, once a cold start is over. An older one promises nothing.
func TestNodeDumpByItself(t *testing.T) {
	can, err := exec.Command("node", "-p", "typeof require('util').setTraceSigInt").Output()
	if err != nil {
		t.Skip("needs node: ", err)
	}
	r := start(t, "node", "life.busyLater").ready()
	if strings.TrimSpace(string(can)) != "function" {
		if r.answer.DumpSignal != "" {
			t.Errorf("it names the dump signal %s, which would only end it", r.answer.DumpSignal)
		}
		return
	}
	r.send(invocation("1"), []byte(`{}`))
	r.said("begun", 1)
	r.dump()
	r.said("at exports.busyLater (", 1)
}

// waitsForFile gives an event that names a file that is not there yet.
func waitsForFile(t *testing.T) (event []byte, file string) {
	t.Helper()
	file = filepath.Join(t.TempDir(), "go-on")
	event, err := json.Marshal(map[string]string{"file": file})
	if err != nil {
		t.Fatal(err)
	}
	return event, file
}

func touch(t *testing.T, file string) {
	t.Helper()
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
}

// The invocation that is running is answered first.
func TestShutdownFinishes(t *testing.T) {
	everyLanguage(t, func(t *testing.T, language string) {
		r := start(t, language, "life.running").ready()
		event, file := waitsForFile(t)
		r.send(invocation("1"), event)
		r.said("begun", 1)
		r.send(frames.Cancel{Type: frames.TypeShutdown}, nil)
		touch(t, file)
		if f := r.read(); f.Type != frames.TypeResult || string(f.Payload) != `"finished"` {
			t.Errorf("got %s %s", f.Header, f.Payload)
		}
		r.end("exit status 0")
	})
}

// What a handler has set up for SIGTERM runs at shutdown, once, whether or not a SIGTERM comes as well.
func TestShutdownHooks(t *testing.T) {
	everyLanguage(t, func(t *testing.T, language string) {
		for _, twice := range []bool{false, true} {
			r := start(t, language, "life.hooks").ready()
			r.result("1", `{}`)
			r.send(frames.Cancel{Type: frames.TypeShutdown}, nil)
			r.said("hook of SIGTERM", 1)
			if twice {
				if err := r.cmd.Process.Signal(syscall.SIGTERM); err != nil {
					t.Fatal(err)
				}
			}
			log := r.end("exit status 0")
			if strings.Count(log, "hook of SIGTERM") != 1 || strings.Count(log, "hook is done") != 1 || language != "bash" && !strings.Contains(log, "hook of exit") {
				t.Errorf("got %q", log)
			}
		}
		r := start(t, language, "life.leaves").ready()
		r.result("1", `{}`)
		if log := r.shutdown(); strings.Count(log, "hook of SIGTERM") != 1 {
			t.Errorf("got %q", log)
		}
	})
}

func TestNodeBeforeExit(t *testing.T) {
	r := start(t, "node", "life.beforeExit").ready()
	r.result("1", `{}`)
	if log := r.shutdown(); !strings.Contains(log, "hook of beforeExit") {
		t.Errorf("got %q", log)
	}
}

// With frames/1 of one process and one invocation after another, SIGTERM alone is the handler's, as on AWS.
func TestSIGTERMAlone(t *testing.T) {
	everyLanguage(t, func(t *testing.T, language string) {
		r := start(t, language, "life.leaves").ready()
		r.result("1", `{}`)
		if err := r.cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		if log := r.end("exit status 0"); strings.Count(log, "hook of SIGTERM") != 1 {
			t.Errorf("got %q", log)
		}
	})
}
