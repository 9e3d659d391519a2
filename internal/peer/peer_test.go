//go:build linux

package peer_test

// Peers are scripts here: a shell reads no byte more than it needs, so what was read of a pipe is known to the byte.

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/serverless/open-runtime/internal/frames"
	"github.com/serverless/open-runtime/internal/peer"
	"github.com/serverless/open-runtime/internal/process"
	"github.com/serverless/open-runtime/internal/runtimeapi"
)

const (
	several = `'{"type":"ready","version":1,"capabilities":["cancel","multiplex"]}'`
	single  = `'{"type":"ready","version":1}'`
)

// script is a program that says ready and then does what is given: $head, $id and $payload are of a call that take took.
func script(ready, does string) []string {
	return []string{"bash", "-c", `LC_ALL=C
say() { printf '{"type":"%s","id":"%s","length":%d}\n%s' "$1" "$id" "${#2}" "$2" >&3; }
head() { IFS= read -r -u 4 head && id=${head#*\"id\":\"} id=${id%%\"*}; }
take() {
	head || exit 0
	length=${head##*\"length\":} length=${length%%[!0-9]*} payload=''
	((${length:-0} == 0)) || IFS= read -r -N "$length" -u 4 payload
}
until_there() { while [[ ! -e $1 ]]; do read -t 0.01 <> <(:); done; }
read -r -u 4 hello
printf '%s\n' ` + ready + ` >&3
` + does}
}

func bounded(t *testing.T) context.Context {
	ctx, done := context.WithTimeout(t.Context(), 40*time.Second)
	t.Cleanup(done)
	return ctx
}

// begin starts a peer.
func begin(t *testing.T, ready, does string) *peer.Peer {
	t.Helper()
	spec := process.Spec{Path: "/bin/bash", Args: script(ready, does), Env: os.Environ(), Stderr: os.Stderr}
	hello := frames.Hello{Role: frames.RoleRuntime, Capabilities: []string{frames.CapabilityCancel, frames.CapabilityStream, frames.CapabilityMultiplex}}
	p, err := peer.StartFrames("peer", spec, hello, runtimeapi.ErrorFunctionUnknown, func(string, ...string) {})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.End)
	<-p.Opened()
	if refused := p.Refused(); refused != nil {
		t.Fatal(refused)
	}
	return p
}

// file is a path at which there is nothing yet.
func file(t *testing.T) string { return filepath.Join(t.TempDir(), "file") }

func touch(t *testing.T, path string) {
	t.Helper()
	if err := os.WriteFile(path, nil, 0o644); err != nil {
		t.Fatal(err)
	}
}

func call(id, payload string) peer.Call {
	return peer.Call{ID: id, Deadline: time.Now().Add(time.Minute), Payload: []byte(payload)}
}

func says(t *testing.T, ctx context.Context, turn *peer.Turn, want string) {
	t.Helper()
	if a, err := turn.Next(ctx); err != nil || string(a.Payload) != want {
		t.Errorf("got %.100q, %v, want %.100q", a.Payload, err, want)
	}
}

// Of those that were in flight when a peer ended, who was not read can go to another one.
func TestUnread(t *testing.T) {
	for name, ready := range map[string]string{"several": several, "single": single} {
		t.Run(name, func(t *testing.T) {
			ctx, go2 := bounded(t), file(t)
			p := begin(t, ready, `take; until_there `+go2+`; exit 3`)
			read := p.Call(ctx, call("1", "one"))
			read.Settle(ctx)
			var unread []*peer.Turn
			if name == "several" {
				unread = append(unread, p.Call(ctx, call("2", "two")), p.Call(ctx, call("3", strings.Repeat("x", 1_000_000))))
			}
			touch(t, go2)
			for _, turn := range append(unread, read) {
				if _, err := turn.Next(ctx); !errors.Is(err, peer.ErrEnded) {
					t.Fatalf("got %v, want %v", err, peer.ErrEnded)
				}
				if got := p.Death(ctx, "1", "it answered"); got.Type != runtimeapi.ErrorExit || !strings.Contains(got.Message, "exit status 3") {
					t.Errorf("got %v", got)
				}
				if got := turn.Unread(); got != (turn != read) {
					t.Errorf("unread is %v", got)
				}
			}
		})
	}
}

// One whose answers ended is killed before what it did not read goes to another, and the cause stays true for the others.
func TestUnreadOfOneWhoLives(t *testing.T) {
	ctx := bounded(t)
	p := begin(t, several, `take; exec 3>&-; sleep 300`)
	one, two := p.Call(ctx, call("1", "one")), (*peer.Turn)(nil)
	if _, err := one.Next(ctx); !errors.Is(err, peer.ErrEnded) {
		t.Fatal(err)
	}
	two = p.Call(ctx, call("2", "two"))
	if _, err := two.Next(ctx); !errors.Is(err, peer.ErrEnded) || !two.Unread() {
		t.Errorf("got %v, want an unread call", err)
	}
	if _, exited := p.Exit(); !exited {
		t.Error("it lives, and may still read the call")
	}
	if got := p.Death(ctx, "1", "it answered"); got.Type != runtimeapi.ErrorProtocol || !strings.Contains(got.Message, "and did not exit") {
		t.Errorf("got %v", got)
	}
}

// One that hears nothing any more, and lives on, is not waited for.
func TestDeaf(t *testing.T) {
	for name, ready := range map[string]string{"several": several, "single": single} {
		t.Run(name, func(t *testing.T) {
			ctx := bounded(t)
			p := begin(t, ready, `take; exec 4<&-; say result deaf; until_there `+file(t))
			says(t, ctx, p.Call(ctx, call("1", "one")), "deaf")
			turn := p.Call(ctx, call("2", "two"))
			if _, err := turn.Next(ctx); !errors.Is(err, peer.ErrEnded) {
				t.Fatalf("got %v, want %v", err, peer.ErrEnded)
			}
			const want = "peer, before it answered: it closed its end of the pipe that calls come on, and did not exit"
			if got := p.Death(ctx, "2", "it answered"); got.Type != runtimeapi.ErrorProtocol || got.Message != want {
				t.Errorf("got %v", got)
			}
			if !turn.Unread() || !p.IsOver() {
				t.Errorf("unread is %v, over is %v", turn.Unread(), p.IsOver())
			}
		})
	}
}

// A cancel waits for the call that is being sent to the same peer, and breaks none.
func TestCancelBesideALargeCall(t *testing.T) {
	ctx, go1 := bounded(t), file(t)
	p := begin(t, several, `take; one=$id; until_there `+go1+`
		for _ in 1 2; do take; case $head in *cancel*) id=$one; say result cancel ;; *) say result "${#payload}" ;; esac; done`)
	one := p.Call(ctx, call("1", "one"))
	one.Settle(ctx)
	large := p.Call(ctx, call("2", strings.Repeat("x", 1_000_000)))
	if !one.Cancel() {
		t.Fatal("there was no word for it")
	}
	briefly, done := context.WithTimeout(ctx, 50*time.Millisecond) // ten times as long as a word is tried among others
	defer done()
	if _, err := large.Next(briefly); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
	touch(t, go1)
	says(t, ctx, large, "1000000")
	says(t, ctx, one, "cancel")
}

// Who works, beside others, on what nobody wants any more hears of it.
func TestAbandon(t *testing.T) {
	ctx := bounded(t)
	p := begin(t, several, `take; take; head; id=2; say result "$head"; take`)
	one, two := p.Call(ctx, call("1", "one")), p.Call(ctx, call("2", "two"))
	one.Settle(ctx)
	two.Settle(ctx)
	one.Abandon()
	says(t, ctx, two, `{"type":"cancel","id":"1"}`)
	if p.IsOver() {
		t.Error("others wait for it, and it is given up")
	}
}

// A call that is no frame fails alone and at once.
func TestCallTooLarge(t *testing.T) {
	ctx := bounded(t)
	p := begin(t, single, `while take; do say result "$payload"; done`)
	large := call("1", "one")
	large.ContentType = strings.Repeat("x", frames.MaxHeader)
	turn := p.Call(ctx, large)
	_, err := turn.Next(ctx)
	if refused, ok := errors.AsType[*runtimeapi.Error](err); !ok || !strings.Contains(refused.Message, "65536 are allowed") {
		t.Errorf("got %v", err)
	}
	turn.Forget()
	says(t, ctx, p.Call(ctx, call("2", "two")), "two")
}

// The end of the time of one call breaks no later one.
func TestTimeOfSending(t *testing.T) {
	ctx := bounded(t)
	p := begin(t, `'{"type":"ready","version":1,"capabilities":["cancel"]}'`, `while take; do [[ $head == *cancel* ]] || say result "$payload"; done`)
	for n := range 200 {
		short, done := context.WithCancel(ctx)
		turn := p.Call(short, call(fmt.Sprint(n), "x"))
		go done()
		says(t, ctx, turn, "x")
		done()
		turn.Settle(ctx)
	}
	if p.IsOver() {
		t.Error("it was given up")
	}
}

// A stream that nobody takes, beside others, holds none of them up; what it said is there in order once it is taken.
func TestStreamThatNobodyTakes(t *testing.T) {
	ctx := bounded(t)
	p := begin(t, `'{"type":"ready","version":1,"capabilities":["stream","multiplex"]}'`, `take
		printf -v much '%50000s' ''
		for n in {1..40}; do say chunk "$n$much"; done
		printf '{"type":"end","id":"%s"}\n' "$id" >&3
		while take; do say result "$payload"; done`)
	stream := p.Call(ctx, call("1", "stream"))
	stream.Settle(ctx)
	says(t, ctx, p.Call(ctx, call("2", "two")), "two")
	for n := 1; n <= 40; n++ {
		if a, err := stream.Next(ctx); err != nil || a.Kind != peer.Chunk || strings.TrimSpace(string(a.Payload)) != fmt.Sprint(n) {
			t.Fatalf("piece %d: got %.40q, %v", n, a.Payload, err)
		}
	}
	if a, err := stream.Next(ctx); err != nil || a.Kind != peer.End {
		t.Errorf("got %+v, %v", a, err)
	}
}
