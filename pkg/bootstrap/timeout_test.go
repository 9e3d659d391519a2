//go:build linux

package bootstrap_test

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// slow answers at once, or when it is cancelled, or never.
const slow = `
case $payload in
'"now"') say result "$$" ;;
'"heeds"') IFS= read -r -u 4 word; say error '{"errorType":"Aborted","errorMessage":"'"${word:9:6}"'","stackTrace":["at wait"]}' ;;
'"finishes"') IFS= read -r -u 4 word; say result '"in the last moment"' ;;
'"hangs"') IFS= read -r -u 4 word; sleep 300 ;;
esac
[[ $payload != *stack* ]] || { trap 'echo "  at hang (handler.sh:7)" >&2' USR2; while :; do sleep 0.02; done; }
`

func slowly(t *testing.T, ready string, env ...string) *crowd {
	l := newLayer(t).opens(`printf '`+ready+`\n' >&3`, slow)
	l.file("middlewares/hook", "#!/bin/bash\nread -r p\n[[ $FAILS ]] || exit 0\necho \"${p:0:40} $SOR_DEADLINE_MS\" >&2\necho '{\"handled\":true}' >&3\n").
		file("middlewares/hook.json", `{"hooks":["error"]}`)
	return newCrowd(t, l, append([]string{"SOR_MARGIN_MS=1500", "SLSMIDDLEWARES=hook"}, env...)...)
}

const withCancel = `{"type":"ready","version":1,"capabilities":["cancel"]}`

// A handler that heeds a cancel and answers keeps its language runtime.
func TestCancelIsHeeded(t *testing.T) {
	t.Parallel()
	c := slowly(t, withCancel)
	pid := c.invoke("id-1", `"now"`).wait().body
	c.begin("id-2", `"heeds"`, 3*time.Second).fails("Function.Timeout", "did not answer within 1.", `when asked to stop it said Aborted: cancel`, "at wait")
	c.begin("id-3", `"finishes"`, 3*time.Second).says(`"in the last moment"`)
	c.invoke("id-4", `"now"`).says(pid)
}

// One that does not is looked at, and replaced; the caller is answered before Lambda's deadline.
func TestHangIsDumped(t *testing.T) {
	t.Parallel()
	c := slowly(t, `{"type":"ready","version":1,"capabilities":["cancel"],"dumpSignal":"SIGUSR2"}`)
	pid := c.invoke("id-1", `"now"`).wait().body
	begun := time.Now()
	c.begin("id-2", `"hangs stack"`, 3*time.Second).fails("Function.Timeout", "did not answer within 1.", "process "+pid+": language-runtim: ")
	if took := time.Since(begun); took > 3*time.Second {
		t.Errorf("it was answered after %v, and had 3 s", took)
	}
	if got := c.invoke("id-3", `"now"`).wait().body; got == pid {
		t.Errorf("the language runtime that hung lives on")
	}
	c.fake.stop()
	c.fake.log.wants(t, "at hang (handler.sh:7)")
	c.fake.log.wants(t, `[sor] timeout request_id="id-2" process `+pid)
}

// Error hooks run on what is left of the margin, and may answer in the place of the handler.
func TestErrorHookAtTheTimeout(t *testing.T) {
	t.Parallel()
	c := slowly(t, withCancel, "FAILS=1")
	one := c.begin("id-1", `"hangs"`, 3*time.Second).says(`{"handled":true}`)
	answered := time.Now()
	c.fake.stop() // with what hangs, and the log is whole
	log := c.fake.log.String()
	_, told, ok := strings.Cut(log, `[hook] {"errorType":"Function.Timeout","errorMe `)
	told, _, _ = strings.Cut(told, "\n")
	ms, err := strconv.ParseInt(told, 10, 64)
	if !ok || err != nil {
		t.Fatalf("the hook did not say its deadline: %s", log)
	}
	if time.UnixMilli(ms).Before(answered.Add(-3 * time.Second)) {
		t.Errorf("%s: the hook was given the deadline %d", one.id, ms)
	}
}

// Without a margin there is one deadline only, and it is the platform's.
func TestNoMargin(t *testing.T) {
	t.Parallel()
	c := slowly(t, withCancel, "SOR_MARGIN_MS=0")
	c.begin("id-1", `"hangs"`, 100*time.Millisecond)
	// The platform would end all of this now; the bootstrap itself does nothing about it.
	c.fake.stop()
	if c.known["id-1"].answers != 0 {
		t.Errorf("it was answered: %s", c.known["id-1"].body)
	}
}

// A handler that takes longer to load again than an invocation has is loaded all the same, for one of the next.
func TestLoadsLongerThanAnInvocation(t *testing.T) {
	t.Parallel()
	l := newLayer(t).opens(`echo >>"$DIR/started"
		[[ $(wc -l <"$DIR/started") == 1 ]] || while [[ ! -e $DIR/go ]]; do read -t 0.01 <> <(:); done
		printf '{"type":"ready","version":1}\n' >&3`, `[[ $payload != '"die"' ]] || exit 1; say result '"loaded"'`)
	c := newCrowd(t, l, "DIR="+l.opt, "SOR_MARGIN_MS=500")
	c.invoke("id-1", `"die"`).fails("Runtime.ExitError")
	c.begin("id-2", `1`, time.Second).fails("Function.Timeout", "did not load its handler")
	if err := os.WriteFile(filepath.Join(l.opt, "go"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	c.invoke("id-3", `1`).says(`"loaded"`)
	if started, err := os.ReadFile(filepath.Join(l.opt, "started")); err != nil || len(started) != 2 {
		t.Errorf("it was started %d times, %v; 2 are right", len(started), err)
	}
}
