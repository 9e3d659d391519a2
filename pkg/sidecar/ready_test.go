//go:build linux

package sidecar_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"
)

// serve is a sidecar that is this binary in a role.
func (l *layer) serve(name, role, addr string) *layer {
	return l.script(name, fmt.Sprintf("exec env TEST_ROLE=%s TEST_ADDR=%s \"$SELF\"", role, addr))
}

// Each is ready before the next is started, in whatever way.
func TestOrder(t *testing.T) {
	l := newLayer(t)
	tcp, web := freeAddress(t), freeAddress(t)
	const said = "echo $SOR_SIDECAR >>$DIR/order; "
	l.script("fd", said+`read -t 0.1 <> <(:); echo "$SOR_SIDECAR ready" >>$DIR/order; echo up >&3; exec sleep 1000`).manifest("fd", `{"ready":{"fd":true}}`)
	l.script("tcp", said+"exec env TEST_ROLE=tcp TEST_ADDR="+tcp+` "$SELF"`).manifest("tcp", `{"ready":{"tcp":"`+tcp+`"}}`)
	l.script("http", said+"exec env TEST_ROLE=http TEST_ADDR="+web+` "$SELF"`).manifest("http", `{"ready":{"http":"http://`+web+`/healthy"}}`)
	l.script("command", said+`read -t 0.1 <> <(:); touch $DIR/done; exec sleep 1000`).manifest("command", `{"ready":{"command":["test","-e","`+l.dir+`/done"]}}`)
	l.script("last", said+"echo >&3; exec sleep 1000").manifest("last", `{"ready":{"fd":true}}`)
	set := l.start("fd,tcp,http,command,last")
	if got, want := l.told("order"), "fd\nfd ready\ntcp\nhttp\ncommand\nlast\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if err := set.Await(t.Context()); err != nil {
		t.Error(err)
	}
	const want = "fd:start fd:ready tcp:start tcp:ready http:start http:ready command:start command:ready last:start last:ready"
	if got := l.events(); got != want {
		t.Errorf("got the trace %s, want %s", got, want)
	}
}

func TestNotReadyInTime(t *testing.T) {
	free, mute := freeAddress(t), freeAddress(t)
	for _, test := range []struct {
		ready, script string
		want          []string
	}{
		{`{"fd":true}`, "echo no >&2; exec sleep 1000", []string{"did not write a line on its descriptor 3 within 300 ms", "last lines of its stderr:\nno"}},
		{`{"fd":true}`, "exec 3>&-; exec sleep 1000", []string{"descriptor 3 within 300 ms: it closed it"}},
		{`{"fd":true}`, "printf 'no line' >&3; exec sleep 1000", []string{"did not write a line"}},
		{`{"tcp":"` + free + `"}`, "exec sleep 1000", []string{"did not accept connections on " + free + " within 300 ms: ", "connection refused"}},
		{`{"http":"http://` + free + `/x"}`, "exec sleep 1000", []string{"did not answer http://" + free + "/x with a status from 200 to 299 within 300 ms", "refused"}},
		{`{"http":"http://` + mute + `/x"}`, "exec env TEST_ROLE=mute TEST_ADDR=" + mute + ` "$SELF"`, []string{"did not answer http://" + mute + "/x"}},
		{`{"command":["sh","-c","echo because; exit 3"]}`, "exec sleep 1000", []string{"did not exit with 0 within 300 ms: exit status 3: because"}},
		{`{"command":["sleep","1000"]}`, "exec sleep 1000", []string{"its command", "sleep 1000 did not exit with 0 within 300 ms: it was killed at its time limit"}},
	} {
		l := newLayer(t)
		l.script("a", test.script).manifest("a", `{"readyTimeoutMs":300,"ready":`+test.ready+`}`)
		set := l.load("a")
		err := set.Start(t.Context())
		wants(t, err, append(test.want, "sidecar a: ")...)
		if got, want := l.events(), "a:start a:ready!"; got != want {
			t.Errorf("got the trace %s, want %s", got, want)
		}
		wants(t, set.Await(t.Context()), test.want...) // nobody starts it again
		set.Shutdown(context.Background())
	}
}

func TestDiesBeforeReady(t *testing.T) {
	addr := freeAddress(t)
	listener, err := net.Listen("tcp", addr) // a stranger has the port
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	for _, test := range []struct{ ready, script, want string }{
		{`{"fd":true}`, "echo one; echo two >&2; exit 3", "exit status 3 before it was ready\nlast lines of its stderr:\ntwo"},
		{`{"fd":true}`, "exit 0", "exit status 0 before it was ready"},
		{`{"fd":true}`, "kill -9 $$", "signal: killed before it was ready"},
		{`{"tcp":"` + freeAddress(t) + `"}`, "exit 4", "exit status 4 before it was ready"},
		{`{"command":["false"]}`, "exit 5", "exit status 5 before it was ready"},
	} {
		l := newLayer(t)
		l.script("a", test.script).manifest("a", `{"ready":`+test.ready+`}`)
		wants(t, l.load("a").Start(t.Context()), test.want)
	}
	l := newLayer(t)
	l.serve("a", "http", addr).manifest("a", `{"ready":{"tcp":"`+addr+`"}}`)
	set := l.load("a")
	if err := set.Start(t.Context()); err == nil { // the stranger may answer before it has ended
		l.awaitLog("sidecar is started again", 1)
	}
}

// One that the function can do without is warned of, and goes on being tried.
func TestNotCritical(t *testing.T) {
	l := newLayer(t)
	l.script("a", `[ -e $DIR/second ] && { echo >&3; exec sleep 1000; }; touch $DIR/second; exit 3`).manifest("a", `{"critical":false,"ready":{"fd":true}}`)
	l.script("b", "exec sleep 1000")
	set := l.start("a,b")
	if err := set.Await(t.Context()); err != nil {
		t.Error(err)
	}
	l.awaitLog(`sor: warning sidecar is started again sidecar=a cause="exit status 3 before it was ready" pause_ms=100`, 1)
	l.awaitEvent("a:restart", 1)
}

// The time of INIT is shorter than that of a sidecar.
func TestStartIsLate(t *testing.T) {
	for _, name := range []string{"a", "a?"} {
		l := newLayer(t)
		l.script("a", "exec sleep 1000").manifest("a", `{"ready":{"fd":true},"readyTimeoutMs":60000}`)
		ctx, cancel := context.WithTimeoutCause(t.Context(), 100*time.Millisecond, errors.New("INIT is over"))
		defer cancel()
		err := l.load(name).Start(ctx)
		if name == "a" {
			wants(t, err, "it was not ready when the time to start was over: INIT is over")
		} else if err != nil || !strings.Contains(l.logs(), "sidecar is not waited for sidecar=a") {
			t.Errorf("%v\n%s", err, l.logs())
		}
	}
}

func TestCannotBeStarted(t *testing.T) {
	l := newLayer(t)
	l.script("a", "exit")
	l.Dir = l.dir + "/not-there"
	wants(t, l.load("a").Start(t.Context()), "sidecar a: starting it: fork/exec "+l.Root+"/sidecars/a: no such file or directory")
}
