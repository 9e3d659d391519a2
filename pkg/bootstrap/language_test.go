//go:build linux

package bootstrap_test

// The language runtimes of this project through the whole bootstrap: events, state, logs, errors, ends.

import (
	"fmt"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/serverless/open-runtime/internal/runtimeapi"
)

func TestLanguagesEcho(t *testing.T) {
	t.Parallel()
	big := `"` + strings.Repeat("é🧀x\\n", (runtimeapi.MaxEvent-2)/9) + `"`
	everyLanguage(t, func(t *testing.T, l *layer, language string) {
		f := l.begin(options{})
		for _, event := range []string{
			`{"text":"naïve 🧀 \u2028 ` + "\u2028\u2029" + ` \ud83e\uddc0"}`, `"a\nb\r\n"`, "{\n\"a\":\r\n1,\t\"b\":[ ]}\n",
			`{"empty":{},"list":[1,2.5,true,false,null,"",-1e3]}`, `{"type":"result","id":"id-1","length":3}`, `"back\\slash \" \u0000"`, `0`, big,
		} {
			if diff := cmp.Diff(decoded(t, event), decoded(t, f.answers(event))); diff != "" {
				t.Errorf("%.100q: %.300s", event, diff)
			}
		}
	})
}

// state is what a function says of itself.
type state struct{ count, pid int }

func (f *function) state() (s state) {
	f.t.Helper()
	m, _ := decoded(f.t, f.answers(`{"do":"state"}`)).(map[string]any)
	fmt.Sscan(fmt.Sprint(m["count"], " ", m["pid"]), &s.count, &s.pid)
	return s
}

func TestLanguagesKeepState(t *testing.T) {
	t.Parallel()
	everyLanguage(t, func(t *testing.T, l *layer, language string) {
		f := l.begin(options{handler: "handler.work"})
		first := f.state()
		f.says(`{"do":"print"}`, `"printed"`)
		if second := f.state(); second != (state{2, first.pid}) {
			t.Errorf("got %+v after %+v", second, first)
		}
		f.log.wants(t, "{\"type\":\"result\",\"id\":\"1\",\"length\":0}\n", "printed line\n", "no newline")

		context, _ := decoded(t, f.answers(`{"do":"context"}`)).(map[string]any)
		if left, _ := context["left"].(float64); left < 10_000 || left > 21_000 { // bash counts seconds
			t.Errorf("the handler has %v ms, want nearly 20 s", left)
		}
		if trace := fmt.Sprint(context["traceID"]); !strings.HasPrefix(trace, "Root=1-") || context["arn"] != account {
			t.Errorf("got %v", context)
		}

		errorType := "Function.Unknown" // to the platform, which keeps no other of theirs
		if language == "bash" {
			errorType = "Function.ExitStatus"
		}
		e := f.fails(`{"do":"throw"}`, errorType, `out of "cheese" 🧀`)
		if language != "bash" && (len(e.StackTrace) == 0 || !strings.Contains(e.Type, "TypeError")) {
			t.Errorf("got type %q and stack %q", e.Type, e.StackTrace)
		}
		if third := f.state(); third != (state{3, first.pid}) {
			t.Errorf("got %+v, want the same process", third)
		}

		f.fails(`{"do":"big","bytes":6291557}`, "Function.ResponseSizeTooLarge",
			"Response payload size (6291557 bytes) exceeded maximum allowed payload size (6291556 bytes).")
		if got := len(f.answers(`{"do":"big","bytes":6291556}`)); got != 6291556 {
			t.Errorf("got %d bytes", got)
		}
		if fourth := f.state(); fourth != (state{4, first.pid}) {
			t.Errorf("got %+v, want the same process", fourth)
		}
		if reported := f.platform.String(); strings.Contains(reported, "timeout") {
			t.Error(reported)
		}
	})
}

func TestLanguagesHang(t *testing.T) {
	t.Parallel()
	everyLanguage(t, func(t *testing.T, l *layer, language string) {
		f := l.begin(options{handler: "handler.work", timeout: 5 * time.Second})
		for _, how := range []string{"hang", "busy"} {
			before := f.state()
			file := filepath.Join(t.TempDir(), "pids")
			f.fails(fmt.Sprintf(`{"do":%q,"pids":%q}`, how, file), "Function.Timeout", "handler handler.work did not answer within ", "its deadline is 20")
			f.gonePIDs(file, 3)
			if after := f.state(); after.count != 1 || after.pid == before.pid {
				t.Errorf("%s: got %+v after %+v, want a new process", how, after, before)
			}
		}
		if reported := f.platform.String(); strings.Contains(reported, "Status: timeout") || strings.Contains(reported, "INIT_REPORT") {
			t.Errorf("the platform had to do it:\n%s", reported)
		}
	})
}

// gonePIDs wants those that a handler wrote into a file, count of them, to end.
func (f *function) gonePIDs(file string, count int) {
	f.t.Helper()
	list, err := pids(file)
	if err != nil || len(list) != count {
		f.t.Fatalf("got the process IDs %v, %v; want %d", list, err, count)
	}
	for _, pid := range list {
		f.gone(pid)
	}
}

func TestLanguagesEnd(t *testing.T) {
	t.Parallel()
	everyLanguage(t, func(t *testing.T, l *layer, language string) {
		f := l.begin(options{handler: "handler.work"})
		last := f.state()
		for event, message := range map[string]string{
			`{"do":"exit","status":3}`: "Error: Runtime exited with error: exit status 3",
			`{"do":"exit","status":0}`: "Error: Runtime exited without providing a reason",
			`{"do":"kill"}`:            "Error: Runtime exited with error: signal: killed",
		} {
			f.fails(event, "Runtime.ExitError", "RequestId: id-", message)
			now := f.state()
			if now.count != 1 || now.pid == last.pid {
				t.Errorf("%s: got %+v after %+v, want a new process", event, now, last)
			}
			last = now
		}
		if err := syscall.Kill(last.pid, syscall.SIGKILL); err != nil { // between two invocations
			t.Fatal(err)
		}
		f.gone(last.pid)
		if now := f.state(); now.count != 1 || now.pid == last.pid {
			t.Errorf("got %+v after %+v, want a new process", now, last)
		}
		if reported := f.platform.String(); strings.Contains(reported, "INIT_REPORT") {
			t.Errorf("the environment was reset:\n%s", reported)
		}
	})
}

// TestOrphansAreReaped: what a healthy handler leaves behind has the bootstrap for a parent, which must not collect the dead.
func TestOrphansAreReaped(t *testing.T) {
	t.Parallel()
	f := newFake(t, newLayer(t).speaks(`( /bin/true & ); say result 1`)).start()
	for i := range 12 {
		f.invoke(fmt.Sprint("id-", i), `{}`)
	}
	f.next()
	if left := f.children(); len(left) > 4 { // the last ones may be at it
		t.Errorf("after 12 invocations %d processes are there: %v", len(left), left)
	}
	f.stop()
}
