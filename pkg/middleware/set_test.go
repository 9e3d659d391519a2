//go:build linux

package middleware_test

// A Set as its callers use it: records of stages, one hook alone, many invocations at once, nothing left behind.

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"go.uber.org/goleak"

	"github.com/serverless/open-runtime/internal/frames"
	"github.com/serverless/open-runtime/internal/process"
	"github.com/serverless/open-runtime/internal/runtimeapi"
	"github.com/serverless/open-runtime/pkg/middleware"
)

// traced runs one invocation and gives its records.
func (l *layer) traced(list string, h middleware.Handler, event string) []middleware.Stage {
	l.t.Helper()
	var stages []middleware.Stage
	l.Trace = func(_ *middleware.Invocation, stage middleware.Stage) {
		if stage.Start.IsZero() || stage.Duration <= 0 {
			l.t.Errorf("%s %s: start %v, duration %v", stage.Name, stage.Hook, stage.Start, stage.Duration)
		}
		stages = append(stages, stage)
	}
	_, _ = l.invoke(list, h, event) // the records are what counts
	return stages
}

func TestTrace(t *testing.T) {
	stage := func(name, hook string, in int) middleware.Stage {
		return middleware.Stage{Stage: "middleware", Kind: "exec", Name: name, Hook: hook, BytesIn: in}
	}
	unchanged, made, respond, failed := stage("a", "before", 7), stage("a", "before", 7), stage("a", "before", 7), stage("a", "before", 7)
	unchanged.Unchanged = true
	made.Payload = []byte(`{"b":22}`)
	respond.Payload, respond.Respond = []byte(`x`), true
	failed.ErrorType = runtimeapi.ErrorMiddleware
	after, handled := stage("a", "after", 7), stage("a", "error", len(broken.JSON()))
	after.Payload = []byte("after")
	handled.Payload, handled.Respond = []byte("handled"), true
	for _, test := range []struct {
		list, script, manifest string
		err                    error
		want                   []middleware.Stage
	}{
		{list: "a", manifest: `{"hooks":["before"]}`, script: `exit 0`, want: []middleware.Stage{unchanged}},
		{list: "a", manifest: `{"hooks":["before"]}`, script: `cat`, want: []middleware.Stage{unchanged}},
		{list: "a", manifest: `{"hooks":["before"]}`, script: `echo '{"b":22}'`, want: []middleware.Stage{made}},
		{list: "a", manifest: `{"hooks":["before"]}`, script: `echo x >&3`, want: []middleware.Stage{respond}},
		{list: "a", manifest: `{"hooks":["before"]}`, script: `echo x >&3; exit 1`, want: []middleware.Stage{failed}},
		{list: "a", manifest: `{"hooks":["before"]}`, script: `echo no JSON`, want: []middleware.Stage{failed}},
		{list: "a?", manifest: `{}`, script: `exit 1`, want: []middleware.Stage{failed}},
		{list: "a", manifest: `{}`, script: `[ $1 = before ] || echo after`, want: []middleware.Stage{unchanged, after}},
		{list: "a", manifest: `{"hooks":["error"]}`, script: `echo handled >&3`, err: broken, want: []middleware.Stage{handled}},
		{list: "a", manifest: `{"hooks":[]}`, script: `exit 1`},
	} {
		l := newLayer(t)
		l.script("a", test.script)
		l.manifest("a", test.manifest)
		handler := echo
		if test.err != nil {
			handler = fails(test.err)
		}
		got := l.traced(test.list, handler, `{"a":1}`)
		if diff := cmp.Diff(test.want, got, cmpopts.IgnoreFields(middleware.Stage{}, "Start", "Duration")); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.script, diff)
		}
	}
}

func TestRunHook(t *testing.T) {
	l := newLayer(t)
	l.manifest("b", all)
	l.script("a", trace)
	l.script("b", trace+`
case $1 in
before) echo '{"b":1}' ;;
after) exit 0 ;;
error) echo handled >&3 ;;
esac`)
	set := l.load("a,b?")
	for _, test := range []struct {
		hook, input string
		want        middleware.Outcome
	}{
		{"before", `{}`, middleware.Outcome{Payload: []byte(`{"b":1}`)}},
		{"after", `{}`, middleware.Outcome{Unchanged: true}},
		{"error", `{"errorType":"X"}`, middleware.Outcome{Payload: []byte("handled"), Respond: true}},
	} {
		got, err := set.RunHook(t.Context(), invocation(), "b", test.hook, []byte(test.input))
		if err != nil || !cmp.Equal(got, test.want) {
			t.Errorf("%s: got %+v, %v; want %+v", test.hook, got, err, test.want)
		}
	}
	l.wantOrder("b.before b.after b.error") // and nobody else's
}

func TestRunHookErrors(t *testing.T) {
	l := newLayer(t)
	l.script("a", `echo why >&2; exit 4`)
	set := l.load("a?")
	for _, test := range []struct{ name, hook, want string }{
		{"a", "before", "middleware a, before: exit status 4\nlast lines of its stderr:\nwhy"}, // though it is optional
		{"a", "error", "middleware a, error: it has no such hook; its manifest or the default lists [before after]"},
		{"a", "befor", "middleware a, befor: it has no such hook"},
		{"b", "before", "middleware b is not loaded"},
	} {
		_, err := set.RunHook(t.Context(), invocation(), test.name, test.hook, []byte(`{}`))
		wantError(t, err, runtimeapi.ErrorMiddleware, test.want)
	}
}

// Invocations at once see nothing of each other.
func TestConcurrency(t *testing.T) {
	l := newLayer(t)
	l.script("id", `[ $1 = after ] || echo "\"$SOR_REQUEST_ID\""; echo "$SOR_REQUEST_ID" >&2`)
	l.script("cat", `cat`)
	l.script("sign", `[ $1 = before ] || echo "$(cat) signed for $SOR_REQUEST_ID"`)
	l.script("fail", `exit 1`)
	run := l.load("sign,id,fail?,cat").Chain(echo)
	var group sync.WaitGroup
	for i := range 16 {
		group.Go(func() {
			id := fmt.Sprintf("request-%d", i)
			inv := &middleware.Invocation{Context: frames.Context{RequestID: id}}
			for range 3 {
				response, err := run(t.Context(), inv, []byte(`{}`))
				if want := fmt.Sprintf("%q signed for %s", id, id); err != nil || string(response.Payload) != want {
					t.Errorf("got %q, %v; want %q", response.Payload, err, want)
				}
			}
		})
	}
	group.Wait()
	for i := range 16 {
		line := fmt.Sprintf("id: request-%d\n", i)
		if got, want := strings.Count(l.logs()+"\n", line), 6; got != want {
			t.Errorf("%d times %q in the log, want %d", got, line, want)
		}
	}
}

func descriptors(t *testing.T) int {
	t.Helper()
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(list)
}

// However runs end, no goroutine, descriptor or process stays.
func TestNothingIsLeft(t *testing.T) {
	l := newLayer(t)
	large := `"` + strings.Repeat("x", 1<<20) + `"`
	scripts := map[string]string{
		"cat": "cat", "unread": "exit 0", "respond": "echo 1 >&3", "status": "exit 3", "slow": "sleep 1000", "flood": "yes",
		"text": "echo no JSON", "group": "sleep 1000 &", "closes": "exec <&- >&- 2>&- 3>&-", "nested": "(sleep 1000 & sleep 1000) & exit 0",
		"holds": `setsid sleep 1000 & while [ "$(cut -d' ' -f5 /proc/$!/stat)" != $! ]; do :; done`,
	}
	var names []string
	for name, script := range scripts {
		l.script(name, script)
		l.manifest(name, all)
		names = append(names, name)
	}
	l.manifest("slow", `{"timeoutMs":100}`)
	l.script("vanishes", "exit 0")
	vanishing := l.load("vanishes")
	if err := os.Remove(filepath.Join(l.root, "middlewares", "vanishes")); err != nil {
		t.Fatal(err)
	}
	round := func() {
		for _, name := range names {
			_, _ = l.invoke(name, echo, large) // how it ends is others' matter
		}
		_, err := vanishing.Chain(echo)(t.Context(), invocation(), []byte(large))
		wantError(t, err, runtimeapi.ErrorMiddleware, "starting it")
		process.KillOrphans(nil) // the daemons
	}
	round() // what is made once is there now
	ignore := goleak.IgnoreCurrent()
	before := descriptors(t)
	round()
	if after := descriptors(t); after != before {
		t.Errorf("%d descriptors before, %d after", before, after)
	}
	goleak.VerifyNone(t, ignore)
	process.KillOrphans(nil)
	if left := process.Descendants(os.Getpid()); len(left) > 0 {
		t.Errorf("processes are left: %v", left)
	}
}

// One who has no descriptors left is told so, and loses none.
func TestNoDescriptorsLeft(t *testing.T) {
	l := newLayer(t)
	l.script("a", "exit 0")
	run := l.load("a").Chain(echo)
	if _, err := run(t.Context(), invocation(), []byte(`{}`)); err != nil {
		t.Fatal(err)
	}
	before := descriptors(t)
	for spare := range 9 {
		restore := fewDescriptors(t, before+spare)
		_, err := run(context.Background(), invocation(), []byte(`{}`))
		restore()
		if spare < 7 {
			wantError(t, err, runtimeapi.ErrorMiddleware, "too many open files")
		}
	}
	if after := descriptors(t); after != before {
		t.Errorf("%d descriptors before, %d after", before, after)
	}
}

// fewDescriptors bounds the descriptors of this process until restore is called.
func fewDescriptors(t *testing.T, limit int) (restore func()) {
	t.Helper()
	var old syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &old); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &syscall.Rlimit{Cur: uint64(limit), Max: old.Max}); err != nil {
		t.Fatal(err)
	}
	return func() {
		if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &old); err != nil {
			t.Fatal(err)
		}
	}
}
