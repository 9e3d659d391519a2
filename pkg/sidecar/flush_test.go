//go:build linux

package sidecar_test

import (
	"context"
	"strings"
	"testing"
	"time"
)

// Each way of flushing, several times; one who has none is left alone.
func TestFlush(t *testing.T) {
	l := newLayer(t)
	addr := freeAddress(t)
	l.script("fd", `echo >&3; while read -u 4 line; do echo "asked: $line"; echo done >&3; done`).manifest("fd", `{"ready":{"fd":true},"flush":{"fd":true},"flushTimeoutMs":60000}`)
	l.serve("http", "http", addr).manifest("http", `{"ready":{"tcp":"`+addr+`"},"flush":{"http":"http://`+addr+`/flush"},"flushTimeoutMs":60000}`)
	l.script("command", `exec sleep 1000`).manifest("command", `{"flush":{"command":["bash","-c","echo flushed >>$DIR/$SOR_SIDECAR; echo noise"]},"flushTimeoutMs":60000}`)
	l.script("none", `exec sleep 1000`)
	set := l.start("fd,http,command,none")
	for range 3 {
		set.Flush(t.Context())
	}
	if got := l.told("command"); got != strings.Repeat("flushed\n", 3) {
		t.Errorf("the command wrote %q", got)
	}
	l.awaitLog("fd: asked: flush", 3)
	l.awaitLog("http: flushed", 3)
	if strings.Contains(l.logs(), "warning") || strings.Contains(l.logs(), "noise") {
		t.Errorf("the log:\n%s", l.logs())
	}
	if events := l.events(); strings.Count(events, ":flush") != 9 || strings.Contains(events, "!") {
		t.Errorf("the trace: %s", events)
	}
}

// A failure is a warning, with its cause, and costs no more than the sidecar's time; the others flush meanwhile.
func TestFlushFails(t *testing.T) {
	addr := freeAddress(t)
	for _, test := range []struct{ script, flush, want string }{
		{`exec sleep 1000`, `{"fd":true}`, `cause="timed out after 100 ms"`},
		{`exec 3>&-; read -u 4 line; exec sleep 1000`, `{"fd":true}`, `cause="it closed its descriptor 3"`},
		{`exec 4<&-; echo closed; exec sleep 1000`, `{"fd":true}`, `cause="it closed its descriptor 4"`},
		{`read -u 4 line; exit 3`, `{"fd":true}`, `cause="it `},
		{`exec env TEST_ROLE=http TEST_ADDR=` + addr + ` "$SELF"`, `{"http":"http://` + addr + `/hang"}`, `cause="timed out after 100 ms"`},
		{`exec env TEST_ROLE=http TEST_ADDR=` + addr + ` "$SELF"`, `{"http":"http://` + addr + `/bad"}`, `cause="it answered with status 418"`},
		{`exec sleep 1000`, `{"http":"http://` + freeAddress(t) + `/"}`, `connection refused`},
		{`exec sleep 1000`, `{"command":["bash","-c","echo why >&2; exit 7"]}`, `cause="exit status 7: why"`},
		{`exec sleep 1000`, `{"command":["sleep","1000"]}`, `cause="timed out after 100 ms"`},
	} {
		t.Run(test.flush, func(t *testing.T) {
			l := newLayer(t)
			limit := "60000"
			if strings.Contains(test.want, "100 ms") {
				limit = "100"
			}
			ready := ""
			if strings.Contains(test.script, "TEST_ADDR") {
				ready = `"ready":{"tcp":"` + addr + `"},`
			}
			l.script("a", test.script).manifest("a", `{`+ready+`"flushTimeoutMs":`+limit+`,"flush":`+test.flush+`}`)
			set := l.start("a")
			if strings.Contains(test.script, "echo closed") {
				l.awaitLog("a: closed", 1)
			}
			set.Flush(t.Context())
			if got := l.logs(); !strings.Contains(got, "sor: warning flush of a sidecar failed sidecar=a ") || !strings.Contains(got, test.want) {
				t.Errorf("the log does not say %s:\n%s", test.want, l.logs())
			}
			if !strings.Contains(l.events(), "a:flush!") {
				t.Errorf("the trace: %s", l.events())
			}
		})
	}
}

// The caller's time beats the sidecar's.
func TestFlushEndsWithItsCaller(t *testing.T) {
	l := newLayer(t)
	l.script("a", `exec sleep 1000`).manifest("a", `{"flushTimeoutMs":600000,"flush":{"fd":true}}`)
	set := l.start("a")
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	set.Flush(ctx)
	l.awaitLog(`flush of a sidecar failed sidecar=a cause="context deadline exceeded"`, 1)
}

// A warning about every invocation would be a flood.
func TestFlushWarningsAreFew(t *testing.T) {
	l := newLayer(t)
	l.script("a", `exec sleep 1000`).manifest("a", `{"flush":{"command":["false"]},"flushTimeoutMs":60000}`)
	set := l.start("a")
	start := time.Now()
	for range 20 {
		set.Flush(t.Context())
	}
	if n := strings.Count(l.logs(), "flush of a sidecar failed"); n != 1 && time.Since(start) < 10*time.Second {
		t.Errorf("%d warnings", n)
	}
}

// An answer that comes too late is not taken for the next one's.
func TestLateAnswer(t *testing.T) {
	l := newLayer(t)
	l.script("a", `echo >&3
		read -u 4 line; while [ ! -e $DIR/go ]; do read -t 0.01 <> <(:); done; echo >&3
		read -u 4 line; echo second; while [ ! -e $DIR/again ]; do read -t 0.01 <> <(:); done; echo >&3; touch $DIR/answered
		exec sleep 1000`)
	l.manifest("a", `{"ready":{"fd":true},"flush":{"fd":true},"flushTimeoutMs":60000}`)
	set := l.start("a")
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	set.Flush(ctx) // in vain
	l.touch("go")
	flushed := make(chan struct{})
	go func() { defer close(flushed); set.Flush(t.Context()) }()
	l.awaitLog("a: second", 1)
	select {
	case <-flushed:
		t.Error("the answer to the first request is taken for that to the second")
	default:
	}
	l.touch("again")
	<-flushed
}
