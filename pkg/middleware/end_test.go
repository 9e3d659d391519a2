//go:build linux

package middleware_test

// The end of a run: what is left unread, left behind, closed, killed.

import (
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/serverless/open-runtime/internal/process"
	"github.com/serverless/open-runtime/internal/runtimeapi"
)

// soon is far less than the daemons of these tests live.
const soon = 20 * time.Second

func TestStdinLeftUnread(t *testing.T) {
	l := newLayer(t)
	event := `"` + strings.Repeat("x", 6*1024*1024-2) + `"`
	for script, want := range map[string]string{
		`exit 0`:                                  event,
		`echo '{"a":1}'`:                          `{"a":1}`,
		`exec <&-; echo '{"a":1}'`:                `{"a":1}`,
		`read -r -N 1 _; echo '{"a":1}'`:          `{"a":1}`,
		`head -c 100000 >/dev/null; echo '[1]'`:   `[1]`,
		`{ sleep 1000 & } >/dev/null; echo '[2]'`: `[2]`,
		`setsid sleep 1000 & echo $! >"$DIR/pid"; while [ "$(cut -d' ' -f5 /proc/$!/stat)" != $! ]; do :; done; echo '[3]'`: `[3]`,
	} {
		l.script("a", `[ $1 = after ] || { `+script+`; }`)
		done := within(t, soon)
		if got := l.mustInvoke("a", echo, event); got != want {
			t.Errorf("%s: got %.40q", script, got)
		}
		done()
	}
	l.pid("pid")
}

func TestLargePayloadBothWays(t *testing.T) {
	event := `"` + strings.Repeat("x", 6*1024*1024-2) + `"`
	l := newLayer(t)
	l.script("cat", "cat")
	l.script("tr", "tr x $1")
	if got := l.mustInvoke("cat", echo, event); got != event {
		t.Error("cat changed 6 MB")
	}
	if got := l.mustInvoke("tr", echo, event); got != strings.ReplaceAll(event, "x", "b") { // before: x to b; after: b is no x
		t.Errorf("got %.20q, %d bytes", got, len(got))
	}
}

// detached is bash that starts a daemon in a session of its own and waits until it is there.
func detached(redirections string) string {
	return `setsid bash -c 'echo $$ >"$DIR/pid.new"; mv "$DIR/pid.new" "$DIR/pid"; exec sleep 1000' ` + redirections + ` &
while [ ! -e "$DIR/pid" ]; do :; done; echo '{"a":1}'`
}

// A daemon that left the group lives on, and holds nobody up, also when it holds the pipes.
func TestDaemonLives(t *testing.T) {
	for _, redirections := range []string{`</dev/null >/dev/null 2>&1 3>&-`, ``} {
		l := newLayer(t)
		l.manifest("a", `{"hooks":["before"]}`)
		l.script("a", detached(redirections))
		set := l.load("a")
		done := within(t, soon)
		response, err := set.Chain(echo)(t.Context(), invocation(), []byte(`{}`))
		done()
		if err != nil || string(response.Payload) != `{"a":1}` {
			t.Errorf("got %q, %v", response.Payload, err)
		}
		pid := l.pid("pid")
		if !alive(pid) || !set.Daemon(pid) {
			t.Errorf("alive %t, a daemon %t; want both", alive(pid), set.Daemon(pid))
		}
		process.KillOrphans(set.Daemon) // as the bootstrap does when a language runtime ends
		if !alive(pid) {
			t.Error("it was killed with the orphans of a language runtime")
		}
	}
}

// A daemon is known though it hides its environment, and though it became an orphan only after its run.
func TestDaemonIsKnown(t *testing.T) {
	for name, script := range map[string]string{
		"no environment": `setsid env -i /bin/bash -c 'echo $$ >"$0"; exec sleep 1000' "$DIR/pid" & `,
		"later":          `setsid bash -c 'bash -c "echo \$\$ >\"\$DIR/pid\"; exec sleep 1000" & sleep 0.2; :' & `,
	} {
		l := newLayer(t)
		l.manifest("a", `{"hooks":["before"]}`)
		l.script("a", script+`while [ ! -s "$DIR/pid" ]; do :; done`)
		set := l.load("a")
		if _, err := set.Chain(echo)(t.Context(), invocation(), []byte(`{}`)); err != nil {
			t.Fatal(err)
		}
		if pid := l.pid("pid"); !set.Daemon(pid) {
			t.Errorf("%s: not known as a daemon", name)
		}
	}
}

// What someone else left behind is nobody's daemon.
func TestNoDaemon(t *testing.T) {
	l := newLayer(t)
	l.script("a", "exit 0")
	stranger, err := os.StartProcess("/bin/sleep", []string{"sleep", "1000"}, &os.ProcAttr{Env: []string{"NOT_SOR_MIDDLEWARE=a"}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { stranger.Kill(); stranger.Wait() }()
	set := l.load("a")
	if _, err := set.Chain(echo)(t.Context(), invocation(), []byte(`{}`)); err != nil {
		t.Fatal(err)
	}
	if set.Daemon(stranger.Pid) || set.Daemon(os.Getpid()) || set.Daemon(1<<22+1) {
		t.Error("a stranger is taken for a daemon")
	}
}

// A daemon that ended is forgotten: its number may become another's.
func TestDaemonForgotten(t *testing.T) {
	l := newLayer(t)
	l.manifest("a", `{"hooks":["before"]}`)
	l.script("a", `[ -e "$DIR/pid" ] || { `+detached(`>/dev/null 2>&1`)+`; }`)
	set := l.load("a")
	if _, err := set.Chain(echo)(t.Context(), invocation(), []byte(`{}`)); err != nil {
		t.Fatal(err)
	}
	pid := l.pid("pid")
	syscall.Kill(pid, syscall.SIGKILL)
	poll(t, "it does not end", func() bool { return !alive(pid) })
	if _, err := set.Chain(echo)(t.Context(), invocation(), []byte(`{}`)); err != nil {
		t.Fatal(err)
	}
	if set.Daemon(pid) {
		t.Error("it is remembered")
	}
	if _, err := os.Stat("/proc/" + strings.TrimSpace(l.told("pid"))); err == nil {
		t.Error("it was not reaped")
	}
}

// What is left of the process group is killed, whatever it ignores and holds, after success and failure.
func TestGroupIsKilled(t *testing.T) {
	for _, script := range []string{
		`sleep 1000 & echo $! >"$DIR/pid"`,
		`sleep 1000 >/dev/null 2>&1 </dev/null 3>&- & echo $! >"$DIR/pid"`,
		`(trap '' TERM HUP INT; sleep 1000; sleep 1000) & echo $! >"$DIR/pid"`,
		`nohup sleep 1000 >/dev/null 2>&1 & echo $! >"$DIR/pid"`,
		`yes >&2 & echo $! >"$DIR/pid"`,
		`sleep 1000 & echo $! >"$DIR/pid"; exit 3`,
		`sleep 1000 & echo $! >"$DIR/pid"; kill -9 $$`,
		`sleep 1000 & echo $! >"$DIR/pid"; wait`, // until its time is over
	} {
		l := newLayer(t)
		l.manifest("a", `{"hooks":["before"]}`)
		if strings.HasSuffix(script, "wait") {
			l.manifest("a", `{"hooks":["before"],"timeoutMs":1000}`)
		}
		l.script("a", script)
		done := within(t, soon)
		_, err := l.invoke("a", echo, `{}`)
		done()
		if plain := !strings.ContainsAny(script, ";"); plain && err != nil {
			t.Errorf("%s: %v", script, err)
		}
		gone(t, l.pid("pid"))
	}
}

// What the pipes hold at the exit is read, whoever holds them, and one who goes on writing holds nobody up.
func TestPipesAreReadToTheEnd(t *testing.T) {
	l := newLayer(t)
	l.manifest("a", `{"hooks":["before"]}`)
	l.script("a", `setsid sleep 1000 & echo $! >"$DIR/one"; while [ "$(cut -d' ' -f5 /proc/$!/stat)" != $! ]; do :; done
echo last words >&2; head -c 60000 /dev/zero | tr '\0' 1`)
	if got := l.mustInvoke("a", echo, `{}`); got != strings.Repeat("1", 60000) {
		t.Errorf("%d bytes", len(got))
	}
	if got := l.logs(); got != "a: last words" {
		t.Errorf("logged %q", got)
	}
	l.pid("one")

	l.script("b", `setsid yes & echo $! >"$DIR/two"; while [ "$(cut -d' ' -f5 /proc/$!/stat)" != $! ]; do :; done; exit 5`)
	done := within(t, soon)
	_, err := l.invoke("b", echo, `{}`)
	done()
	wantError(t, err, runtimeapi.ErrorMiddleware)
	gone(t, l.pid("two")) // of the broken pipe
}

// What a middleware does to itself is its own failure, or none.
func TestSelfHarm(t *testing.T) {
	for _, test := range []struct{ script, cause string }{
		{`kill -9 0`, "signal: killed"},
		{`kill -TERM -$$; wait`, "signal: terminated"},
		{`exec <&- >&- 2>&- 3>&-; exit 0`, ""},
		{`exec <&- >&- 2>&- 3>&-; sleep 1000`, "timed out after 500 ms"},
		{`exec <&- >&- 2>&- 3>&-; exit 4`, "exit status 4"},
		{`kill -STOP $$`, "timed out after 500 ms"},
		{`ulimit -c 0; kill -ABRT $$`, "signal: aborted"},
		{`rm -- "$0"`, ""},
		{`trap '' TERM INT HUP; while :; do :; done`, "timed out after 500 ms"},
		{`cd /; exec -a other cat`, ""},
	} {
		l := newLayer(t)
		l.manifest("a", `{"hooks":["before"]}`)
		if strings.HasPrefix(test.cause, "timed out") {
			l.manifest("a", `{"hooks":["before"],"timeoutMs":500}`)
		}
		l.script("a", test.script)
		done := within(t, soon)
		got, err := l.invoke("a", echo, `{"e":1}`)
		done()
		if test.cause != "" {
			wantError(t, err, runtimeapi.ErrorMiddleware, test.cause)
		} else if err != nil || got != `{"e":1}` {
			t.Errorf("%s: got %q, %v", test.script, got, err)
		}
	}
}

// One that is taken away between init and an invocation is told as any failure.
func TestGoneAfterInit(t *testing.T) {
	l := newLayer(t)
	l.script("a", "exit 0")
	set := l.load("a")
	if err := os.RemoveAll(l.root); err != nil {
		t.Fatal(err)
	}
	_, err := set.Chain(echo)(t.Context(), invocation(), []byte(strings.Repeat(" ", 1<<20)))
	wantError(t, err, runtimeapi.ErrorMiddleware, "middleware a, before: starting it: ", "no such file")
}
