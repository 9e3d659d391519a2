//go:build linux

package templates_test

// The kits: the same file, the same results, whichever way it is started.

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/serverless/open-runtime/internal/frames"
	"github.com/serverless/open-runtime/templates"
)

// everyKit calls test with the witness in each language.
func everyKit(t *testing.T, test func(t *testing.T, language, program string)) {
	for _, language := range templates.Languages() {
		t.Run(language, func(t *testing.T) {
			t.Parallel()
			test(t, language, installed(t, language, "witness"))
		})
	}
}

func TestSameResults(t *testing.T) {
	big := `{"do":"nothing","x":"` + strings.Repeat(`{ \n"`[:4], 1_500_000) + `"}`
	cases := []struct {
		hooks, document string
		want            outcome // of a failure a part of its message
		only, not       string  // languages
	}{
		{hooks: "before after", document: `{"do":"nothing"}`, want: outcome{kind: "unchanged"}},
		{hooks: "before after", document: `{"do":"same"}`, want: outcome{kind: "unchanged"}},
		{hooks: "before after", document: `{"do":"change","x":[1,"é \u2028 🧀"]}`, want: outcome{kind: "replaced", document: `{"was":{"do":"change","x":[1,"é \u2028 🧀"]}}`}},
		{hooks: "before after", document: "{\"do\":\"change\",\n\"x\":{}}", want: outcome{kind: "replaced", document: `{"was":{"do":"change","x":{}}}`}},
		{hooks: "before", document: `{"do":"respond"}`, want: outcome{kind: "responds", document: `{"early":true}`}},
		{hooks: "before", document: `{"do":"respond3"}`, want: outcome{kind: "responds", document: `{"early":true}`}, only: "bash"},
		{hooks: "after", document: `{"do":"respond"}`, want: outcome{"failed", "after can't respond", "Runtime.MiddlewareError"}, not: "bash"},
		{hooks: "after", document: `{"do":"respond"}`, want: outcome{"failed", "", "Runtime.MiddlewareError"}, only: "bash"},
		{hooks: "before after", document: `{"do":"fail"}`, want: outcome{"failed", `too "old" é`, "Auth.Expired"}},
		{hooks: "before after", document: `{"do":"throw"}`, want: outcome{"failed", "boom", "Runtime.MiddlewareError"}, not: "bash"},
		{hooks: "before after", document: `{"do":"cancelled"}`, want: outcome{"failed", "CancelledError", "Runtime.MiddlewareError"}, only: "python"},
		{hooks: "before after", document: `{"do":"late"}`, want: outcome{"failed", "RangeError: boom", "Runtime.MiddlewareError"}, only: "node"},
		{hooks: "before after", document: `{"do":"print"}`, want: outcome{kind: "replaced", document: `"printed"`}},
		{hooks: "before after", document: `{"do":"fork"}`, want: outcome{kind: "replaced", document: `"forked"`}},
		{hooks: "after", document: `{"do":"raw"}`, want: outcome{kind: "replaced", document: "no \xff\xfe JSON\n\n"}},
		{hooks: "before after", document: `{"do":"exit 0"}`, want: outcome{kind: "unchanged"}, only: "python ruby bash"},
		{hooks: "before after", document: `{"do":"exit 3"}`, want: outcome{"failed", "", "Runtime.MiddlewareError"}, only: "python ruby bash"},
		{hooks: "before", document: `{"do":"exit 1st"}`, want: outcome{kind: "responds", document: `"first"`}, only: "bash"},
		{hooks: "before", document: `{"do":"throw"}`, want: outcome{"failed", "", "Runtime.MiddlewareError"}, only: "bash"},
		{hooks: "before", document: `{"do":"unset"}`, want: outcome{"failed", "", "Runtime.MiddlewareError"}, only: "bash"},
		{hooks: "before", document: `{"do":"where"}`, want: outcome{kind: "replaced", document: where("before", "")}},
		{hooks: "after", document: `{"do":"where"}`, want: outcome{kind: "replaced", document: where("after", "buffer")}},
		{hooks: "after", document: big, want: outcome{kind: "unchanged"}},
		{hooks: "before", document: strings.Replace(big, "nothing", "change", 1), want: outcome{kind: "replaced", document: `{"was":` + strings.Replace(big, "nothing", "change", 1) + `}`}},
		{hooks: "after", document: ``, want: outcome{kind: "unchanged"}},
		{hooks: "after", document: "\xff\xfe", want: outcome{kind: "unchanged"}},
		{hooks: "after", document: "\n", want: outcome{kind: "unchanged"}},
		{hooks: "before", document: `null`, want: outcome{kind: "unchanged"}},
		{hooks: "error", document: `{"errorType":"Leave","errorMessage":"m","stackTrace":[]}`, want: outcome{kind: "unchanged"}},
		{hooks: "error", document: `{"errorType":"Replace","errorMessage":"m"}`, want: outcome{kind: "replaced", document: `{"errorType":"Replaced","errorMessage":"m"}`}},
		{hooks: "error", document: `{"errorType":"Handle","errorMessage":"m"}`, want: outcome{kind: "responds", document: `{"handled":true}`}},
	}
	everyKit(t, func(t *testing.T, language, program string) {
		c := converse(t, program)
		for _, test := range cases {
			if test.only != "" && !slices.Contains(strings.Fields(test.only), language) || test.not == language {
				continue
			}
			for _, hook := range strings.Fields(test.hooks) {
				if c == nil {
					c = converse(t, program)
				}
				exec, log := once(t, program, hook, test.document)
				stays := c.ask(hook, test.document)
				same(t, hook+" exec", test.document, test.want, exec)
				same(t, hook+" frames/1", test.document, test.want, stays)
				if stays.errType != test.want.errType {
					t.Errorf("%s %.60s: the type of the error is %q, want %q", hook, test.document, stays.errType, test.want.errType)
				}
				if exec.kind != "failed" && exec.document != stays.document {
					t.Errorf("%s %.60s: exec gives %.200q, frames/1 %.200q", hook, test.document, exec.document, stays.document)
				}
				if strings.Contains(test.document, `"print"`) && !strings.Contains(log, "noise") {
					t.Errorf("what a hook prints is not in the log of exec: %s", log)
				}
				if language == "node" && strings.Contains(test.document, "late") || language == "bash" && (stays.kind == "failed" && !strings.Contains(test.document, "fail")) || language == "bash" && strings.Contains(test.document, "exit") {
					c = nil // such an end is one of the process, after the answer
				}
			}
		}
		if c == nil {
			c = converse(t, program)
		}
		c.ask("before", `{"do":"print"}`)
		c.log.wait(t, "noise") // what a hook prints is in the log of frames/1, which may come after its answer
	})
}

// where is what the witness is told.
func where(hook, response string) string {
	data, _ := json.Marshal([]any{hook, "witness", about.RequestID, about.FunctionARN, about.TraceID, about.TenantID, about.ClientContext, response, deadlineMs})
	return string(data)
}

func same(t *testing.T, how, document string, want, got outcome) {
	t.Helper()
	ok := got.kind == want.kind
	if want.kind == "failed" {
		ok = ok && strings.Contains(got.document, want.document)
	} else if json.Valid([]byte(want.document)) {
		var one, two any
		_ = json.Unmarshal([]byte(want.document), &one)
		ok = ok && json.Unmarshal([]byte(got.document), &two) == nil && cmp.Equal(one, two)
	} else {
		ok = ok && got.document == want.document
	}
	if !ok {
		t.Errorf("%s %.60q: got %s %.300q, want %s %.300q", how, document, got.kind, got.document, want.kind, want.document)
	}
}

// A middleware that leaves an invocation unanswered for good is the parent's to kill; the others end on their own.
func TestEnds(t *testing.T) {
	ends := map[string]func(c *conversation){
		"shutdown":    func(c *conversation) { c.send(frames.Cancel{Type: frames.TypeShutdown}, nil) },
		"end of fd 4": func(c *conversation) { c.in.Close() },
		"SIGTERM":     func(c *conversation) { _ = c.cmd.Process.Signal(syscall.SIGTERM) },
		"in a payload": func(c *conversation) {
			_, _ = c.in.WriteString(`{"type":"invoke","id":"2","hook":"before","length":100}` + "\nabc")
			c.in.Close()
		},
	}
	everyKit(t, func(t *testing.T, language, program string) {
		for title, end := range ends {
			c := converse(t, program)
			if got := c.ask("before", `{"do":"nothing"}`); got.kind != "unchanged" {
				t.Errorf("%s: got %+v", title, got)
			}
			end(c)
			c.ended()
			if !strings.Contains(c.log.String(), "bye\n") {
				t.Errorf("%s: shutdown was not called:\n%s", title, &c.log)
			}
		}
	})
}

// A descriptor of the protocol in a child would outlive the middleware: the bootstrap would wait for an end that never comes.
func TestChildrenHoldNothing(t *testing.T) {
	everyKit(t, func(t *testing.T, language, program string) {
		c := converse(t, program)
		if got := c.ask("before", `{"do":"fork"}`); got.document != `"forked"` {
			t.Fatalf("got %+v", got)
		}
		children := childrenOf(t, c.cmd.Process.Pid)
		if len(children) == 0 {
			t.Fatal("there is no child")
		}
		_ = c.cmd.Process.Kill()
		if f, err := c.r.Read(); err == nil {
			t.Errorf("%s came", f.Header)
		} else if err.Error() != "EOF" {
			t.Errorf("fd 3 has no end: %v", err)
		}
		for _, pid := range children {
			if _, err := os.Stat(filepath.Join("/proc", pid)); err != nil {
				t.Errorf("the child %s is gone: this proves nothing", pid)
			}
		}
	})
}

func childrenOf(t *testing.T, pid int) []string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "ps", "-o", "pid=", "--ppid", strconv.Itoa(pid)).Output()
	if err != nil {
		t.Skipf("ps: %v", err)
	}
	return strings.Fields(string(out))
}

// One conversation goes on after whatever happens in it.
func TestKitsSurvive(t *testing.T) {
	everyKit(t, func(t *testing.T, language, program string) {
		c := converse(t, program)
		asks := []struct{ hook, document, want, message string }{
			{"before", `{"do":"fail"}`, "failed", "old"},
			{"soon", `{}`, "failed", `there is no hook "soon"; there are before, after and error`},
			{"after", `{"do":"many"}`, "failed", "the output is 7000000 bytes; 6291556 are allowed"},
		}
		if language != "bash" {
			asks = append(asks, struct{ hook, document, want, message string }{"before", `{"do":"throw"}`, "failed", "boom"})
		}
		for _, ask := range asks {
			if got := c.ask(ask.hook, ask.document); got.kind != ask.want || !strings.Contains(got.document, ask.message) {
				t.Errorf("%s %s: got %+v", ask.hook, ask.document, got)
			}
			if got := c.ask("before", `{"do":"change"}`); got.kind != "replaced" {
				t.Errorf("after %s %s: got %+v", ask.hook, ask.document, got)
			}
		}
		if language == "bash" {
			if got := c.ask("before", `{"do":"count"}`); got.document != "6" {
				t.Errorf("variables do not last: got %+v", got)
			}
		}
	})
}

// To say nothing takes frames/1.
func TestEmptyResult(t *testing.T) {
	everyKit(t, func(t *testing.T, language, program string) {
		if language == "bash" { // where printing nothing is no change
			return
		}
		if got, _ := once(t, program, "after", `{"do":"empty"}`); got.kind != "failed" || !strings.Contains(got.document, `"protocol": "frames/1"`) {
			t.Errorf("exec: got %+v", got)
		}
		if got := converse(t, program).ask("after", `{"do":"empty"}`); got.kind != "replaced" || got.document != "" {
			t.Errorf("frames/1: got %+v", got)
		}
	})
}

// A hello that does not offer version 1 is refused, and one that offers another besides is not.
func TestVersions(t *testing.T) {
	everyKit(t, func(t *testing.T, language, program string) {
		for versions, want := range map[string]string{"[99]": "", "[2,1]": "ready", "[1,2]": "ready"} {
			c := start(t, program)
			_, _ = c.in.WriteString(`{"type":"hello","role":"middleware","versions":` + versions + `,"capabilities":["cancel","later"],"maxPayload":1000}` + "\n")
			c.in.Close()
			f, err := c.r.Read()
			if f.Type != want || (want == "") != (err != nil) {
				t.Errorf("%s: %q came, and %v\n%s", versions, f.Header, err, &c.log)
			}
			if err := c.cmd.Wait(); (want == "") != (err != nil) {
				t.Errorf("%s: it ended with %v", versions, err)
			}
		}
	})
}

// Those that can do several at once do, and stop what is cancelled.
func TestMultiplexAndCancel(t *testing.T) {
	everyKit(t, func(t *testing.T, language, program string) {
		c := converse(t, program, "multiplex", "cancel", "later")
		if language != "go" && language != "node" {
			if len(c.wants.Capabilities) > 0 {
				t.Errorf("it wants %s", c.wants.Capabilities)
			}
			return
		}
		if diff := cmp.Diff([]string{"multiplex", "cancel"}, c.wants.Capabilities); diff != "" {
			t.Errorf("what it wants (-want +got):\n%s", diff)
		}
		c.begin("slow", "before", `{"do":"wait"}`)
		c.log.wait(t, "waiting")
		c.begin("fast", "before", `{"do":"change"}`)
		if got, id := c.answered(""); id != "fast" || got.kind != "replaced" {
			t.Errorf("%s: got %+v", id, got)
		}
		c.send(frames.Cancel{Type: frames.TypeCancel, ID: "none"}, nil)
		c.send(frames.Cancel{Type: frames.TypeCancel, ID: "slow"}, nil)
		if got, id := c.answered(""); id != "slow" || got.document != "gave up" {
			t.Errorf("%s: got %+v", id, got)
		}
		c.send(frames.Invoke{Type: frames.TypeInvoke, ID: "late", Hook: "before", DeadlineMs: 1}, []byte(`{"do":"wait"}`))
		if got, id := c.answered(""); id != "late" || got.document != "gave up" {
			t.Errorf("%s: got %+v", id, got)
		}
	})
}

// Shutdown waits for those who run, and a signal that asks for stacks gets them.
func TestShutdownWaits(t *testing.T) {
	everyKit(t, func(t *testing.T, language, program string) {
		c := converse(t, program, "multiplex", "cancel")
		if c.wants.DumpSignal != "" {
			_ = c.cmd.Process.Signal(syscall.SIGUSR2)
			c.log.wait(t, map[string]string{"go": "goroutine ", "python": "converse", "ruby": "converse"}[language])
		}
		if language != "go" && language != "node" {
			return
		}
		c.begin("slow", "before", `{"do":"wait"}`)
		c.log.wait(t, "waiting")
		c.send(frames.Cancel{Type: frames.TypeShutdown}, nil)
		c.send(frames.Cancel{Type: frames.TypeCancel, ID: "slow"}, nil)
		if got, id := c.answered(""); id != "slow" || got.document != "gave up" {
			t.Errorf("%s: got %+v", id, got)
		}
		c.ended()
	})
}

// Started by hand: a friendly sentence, and a slip of the pen is told.
func TestByHand(t *testing.T) {
	everyKit(t, func(t *testing.T, language, program string) {
		for want, args := range map[string][]string{
			"sor middleware run NAME before":                              nil,
			`there is no hook "befor"; there are before, after and error`: {"befor"},
		} {
			cmd := command(t, program, args...)
			out, err := cmd.CombinedOutput()
			if cmd.ProcessState.ExitCode() != 2 || !strings.Contains(string(out), want) || strings.Count(string(out), "\n") != 1 {
				t.Errorf("%q: %v: %s", args, err, out)
			}
		}
	})
}
