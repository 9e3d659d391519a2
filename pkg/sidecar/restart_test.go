//go:build linux

package sidecar_test

import (
	"context"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/serverless/open-runtime/internal/process"
)

// untilGo waits in a sidecar for touch("go"): one that ends as soon as it said that it is ready may not be found ready.
const untilGo = "while [ ! -e $DIR/go ]; do read -t 0.01 <> <(:); done; "

// counts makes a sidecar that ends with the commands of its n-th life, and then stays.
func counts(lives ...string) string {
	text := "echo x >>$DIR/lives; case $(wc -l <$DIR/lives) in\n"
	for i, life := range lives {
		text += strconv.Itoa(i+1) + ") " + life + ";;\n"
	}
	return text + "*) echo >&3; exec sleep 1000;; esac"
}

// A crash is told once, with its cause, and the pauses grow. One who waits meanwhile gets on when it is back.
func TestRestart(t *testing.T) {
	l := newLayer(t)
	l.script("a", counts("echo >&3; "+untilGo+"echo last words >&2; exit 3", "kill -9 $$", "exit 0")).manifest("a", `{"ready":{"fd":true}}`)
	set := l.start("a")
	l.touch("go")
	l.awaitLog("sidecar is started again", 1)
	ctx, cancel := context.WithTimeout(t.Context(), tooLong)
	defer cancel()
	if err := set.Await(ctx); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`sor: warning sidecar is started again sidecar=a cause="exit status 3\nlast lines of its stderr:\nlast words" pause_ms=100`,
		`sor: warning sidecar is started again sidecar=a cause="signal: killed before it was ready" pause_ms=200`,
		`sor: warning sidecar is started again sidecar=a cause="exit status 0 before it was ready" pause_ms=400`,
	} {
		if strings.Count(l.logs(), want) != 1 {
			t.Errorf("the log does not say %q once:\n%s", want, l.logs())
		}
	}
	l.awaitEvent("a:restart", 1)
	if got, want := l.events(), "a:start a:ready a:restart! a:restart! a:restart"; got != want {
		t.Errorf("got the trace %s, want %s", got, want)
	}
}

func TestAwaitEndsWithItsTime(t *testing.T) {
	l := newLayer(t)
	l.script("a", counts("echo >&3; "+untilGo+"exit 3", "exec sleep 1000")).manifest("a", `{"ready":{"fd":true}}`)
	l.script("b", "exit 3").manifest("b", `{"critical":false}`)
	set := l.start("a,b")
	l.touch("go")
	l.awaitLog("started again sidecar=a", 1)
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	var waiting sync.WaitGroup
	for range 8 {
		waiting.Go(func() { wants(t, set.Await(ctx), "sidecar a: it is not ready: exit status 3") })
	}
	waiting.Wait()
	set.Shutdown(context.Background())
	wants(t, set.Await(t.Context()), "sidecar a: it was stopped")
}

// One that is not ready in time the second time is killed, and tried again.
func TestRestartIsNotReady(t *testing.T) {
	l := newLayer(t)
	l.script("a", counts("echo >&3; "+untilGo+"exit 1", "exec sleep 1000")).manifest("a", `{"ready":{"fd":true},"readyTimeoutMs":500}`)
	set := l.start("a")
	l.touch("go")
	l.awaitLog("did not write a line on its descriptor 3 within 500 ms", 1)
	ctx, cancel := context.WithTimeout(t.Context(), tooLong)
	defer cancel()
	if err := set.Await(ctx); err != nil {
		t.Error(err)
	}
}

// A flood on stdout and stderr arrives, in whole lines, and nobody waits for its reader.
func TestFlood(t *testing.T) {
	l := newLayer(t)
	l.script("a", `for i in {1..2000}; do echo "line $i of stdout"; echo "line $i of stderr" >&2; done; head -c 200000 /dev/zero | tr '\0' x; echo >&3; exec sleep 1000`)
	l.manifest("a", `{"ready":{"fd":true}}`)
	set := l.start("a")
	set.Shutdown(context.Background())
	lines := map[string]int{}
	longest := 0
	for _, line := range l.log {
		lines[line]++
		longest = max(longest, len(line))
	}
	for i := range 2000 {
		for _, stream := range []string{"stdout", "stderr"} {
			if line := "a: line " + strconv.Itoa(i+1) + " of " + stream; lines[line] != 1 {
				t.Fatalf("%q is %d times in the log", line, lines[line])
			}
		}
	}
	if want := len("a: ") + 64*1024; longest != want {
		t.Errorf("the longest piece has %d bytes, want %d", longest, want)
	}
}

func TestShutdown(t *testing.T) {
	l := newLayer(t)
	l.script("polite", `trap 'echo bye; exit' TERM; echo >&3; while :; do read -t 10 <> <(:); done`).manifest("polite", `{"ready":{"fd":true},"shutdownTimeoutMs":60000}`)
	l.script("deaf", `trap '' TERM; echo >&3; while :; do read -t 10 <> <(:); done`).manifest("deaf", `{"ready":{"fd":true},"shutdownTimeoutMs":200}`)
	set := l.start("polite,deaf")
	var both sync.WaitGroup // two at once do no harm
	both.Go(func() { set.Shutdown(context.Background()) })
	both.Go(func() { set.Shutdown(context.Background()) })
	both.Wait()
	if !strings.Contains(l.logs(), "polite: bye") || strings.Contains(l.logs(), "warning") {
		t.Errorf("the log:\n%s", l.logs())
	}
	events := l.events()
	if !strings.Contains(events, "polite:stop") || strings.Contains(events, "polite:stop!") || !strings.Contains(events, "deaf:stop!") {
		t.Errorf("the trace: %s", events)
	}
}

// The time of the whole shutdown beats that of each.
func TestShutdownIsCutShort(t *testing.T) {
	l := newLayer(t)
	l.script("deaf", `trap '' TERM; echo >&3; while :; do read -t 10 <> <(:); done`).manifest("deaf", `{"ready":{"fd":true},"shutdownTimeoutMs":600000}`)
	set := l.start("deaf")
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	set.Shutdown(ctx)
	if got := l.events(); !strings.HasSuffix(got, "deaf:stop!") {
		t.Errorf("the trace: %s", got)
	}
}

// Shutdown comes while one is started, or between two lives.
func TestShutdownAtAnyTime(t *testing.T) {
	l := newLayer(t)
	l.script("a", `echo begun; exec sleep 1000`).manifest("a", `{"ready":{"fd":true},"readyTimeoutMs":600000}`)
	set := l.load("a")
	failed := make(chan error, 1)
	go func() { failed <- set.Start(t.Context()) }()
	l.awaitLog("a: begun", 1)
	set.Shutdown(context.Background())
	wants(t, <-failed, "sidecar a: it was stopped")

	l = newLayer(t)
	l.script("a", "echo >&3; "+untilGo+"exit 1").manifest("a", `{"ready":{"fd":true}}`)
	set = l.start("a")
	l.touch("go")
	l.awaitLog("pause_ms=400", 1)
	set.Shutdown(context.Background())

	l = newLayer(t)
	l.script("a", `exit`)
	set = l.load("a")
	set.Shutdown(context.Background())
	wants(t, set.Start(t.Context()), "it was stopped")
}

// What a sidecar left behind in a group of its own is its own, and ends with it.
func TestDaemons(t *testing.T) {
	l := newLayer(t)
	l.script("a", counts(`setsid bash -c 'echo $$ >$DIR/daemon.new; mv $DIR/daemon.new $DIR/daemon; exec sleep 1000' & while [ ! -e $DIR/daemon ]; do read -t 0.01 <> <(:); done
		echo >&3; `+untilGo+`exit 3`, `setsid bash -c 'echo $$ >$DIR/second.new; mv $DIR/second.new $DIR/second; exec sleep 1000' & while [ ! -e $DIR/second ]; do read -t 0.01 <> <(:); done
		echo >&3; wait`)).manifest("a", `{"ready":{"fd":true}}`)
	set := l.start("a")
	first := l.told("daemon")
	pid, err := strconv.Atoi(strings.TrimSpace(first))
	if err != nil {
		t.Fatal(err)
	}
	if !set.Owns(pid) || set.Owns(os.Getpid()) || set.Owns(1<<30) {
		t.Errorf("it owns its daemon: %t, this process: %t", set.Owns(pid), set.Owns(os.Getpid()))
	}
	l.touch("go")
	l.awaitEvent("a:restart", 1)
	if alive(first) {
		t.Error("the first life's daemon is alive")
	}
	second := l.told("second")
	if !alive(second) {
		t.Error("the second life's daemon is not alive")
	}
	set.Shutdown(context.Background())
	if alive(second) || len(process.Orphans()) > 0 {
		t.Errorf("alive: %t, orphans: %v", alive(second), process.Orphans())
	}
}

// A sidecar that closes all that it was given is one all the same.
func TestClosesItsDescriptors(t *testing.T) {
	l := newLayer(t)
	l.script("a", `echo >&3; echo said; exec <&- >&- 2>&- 3>&- 4<&-; exec sleep 1000`).manifest("a", `{"ready":{"fd":true},"flush":{"fd":true}}`)
	set := l.start("a")
	set.Flush(t.Context())
	l.awaitLog("flush of a sidecar failed sidecar=a", 1)
	if err := set.Await(t.Context()); err != nil {
		t.Error(err)
	}
}

// Everything at once, with sidecars that crash all the time.
func TestConcurrentUse(t *testing.T) {
	l := newLayer(t)
	l.script("a", "echo >&3; "+untilGo+`while read -t 0.05 -u 4 line; do echo >&3; done; exit 3`).manifest("a", `{"ready":{"fd":true},"flush":{"fd":true},"critical":true}`)
	l.script("b", `sleep 0.1; kill -9 $$`).manifest("b", `{"critical":false,"flush":{"command":["true"]}}`)
	l.script("c", `exec sleep 1000`).manifest("c", `{"flush":{"command":["sleep","1000"]},"flushTimeoutMs":5}`)
	set := l.start("a,b,c")
	l.touch("go")
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for ctx.Err() == nil {
				if err := set.Await(ctx); err != nil && ctx.Err() == nil {
					t.Error(err)
				}
				set.Flush(ctx)
				set.Owns(os.Getpid())
			}
		})
	}
	all.Wait()
	set.Shutdown(context.Background())
}
