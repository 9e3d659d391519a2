//go:build linux

package peer_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/serverless/open-runtime/internal/frames"
	"github.com/serverless/open-runtime/internal/peer"
	"github.com/serverless/open-runtime/internal/process"
	"github.com/serverless/open-runtime/internal/runtimeapi"
)

// A pool that was shut down starts nothing, and nobody waits for it.
func TestShutdownWhileSomeoneWaits(t *testing.T) {
	ctx := bounded(t)
	var started atomic.Int64
	pool := peer.NewPool(1, func() *peer.Peer {
		started.Add(1)
		return begin(t, single, `take; sleep 300`)
	}, nil)
	if _, err := pool.Acquire(ctx); err != nil {
		t.Fatal(err)
	}
	waits := make(chan error)
	go func() {
		_, err := pool.Acquire(ctx)
		waits <- err
	}()
	over, done := context.WithCancel(ctx)
	done()
	pool.Shutdown(over)
	if err := <-waits; !errors.Is(err, peer.ErrClosed) {
		t.Errorf("got %v, want %v", err, peer.ErrClosed)
	}
	pool.Renew()
	if refused := pool.First().Refused(); refused == nil {
		t.Error("it gives a peer")
	}
	if got := started.Load(); got != 1 {
		t.Errorf("%d were started", got)
	}
}

// A pool whose every start fails says so to each who asks, and keeps none of them.
func TestEveryStartFails(t *testing.T) {
	ctx := bounded(t)
	why := &runtimeapi.Error{Type: runtimeapi.ErrorRuntimeStart, Message: "no"}
	var started atomic.Int64
	pool := peer.NewPool(2, func() *peer.Peer { started.Add(1); return peer.Stillborn(why) }, nil)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 50 {
				p, err := pool.Acquire(ctx)
				if err != nil || p.Refused() != why {
					t.Errorf("got %v, %v", p, err)
					return
				}
				p.Discard()
				pool.Release(p)
			}
		})
	}
	all.Wait()
	pool.Shutdown(ctx)
	if got := started.Load(); got > 8*50*3 {
		t.Errorf("%d were started", got)
	}
}

// Many use a pool whose peers die, are given up and are asked several things at once: each gets an answer to its own call,
// or the end of its peer.
func TestPoolUnderConcurrency(t *testing.T) {
	for name, ready := range map[string]string{"several": several, "single": single} {
		t.Run(name, func(t *testing.T) {
			ctx := bounded(t)
			var live atomic.Int64
			const most = 3
			pool := peer.NewPool(most, func() *peer.Peer {
				live.Add(1)
				return unopened(t, ready, `while take; do [[ $payload == die ]] && exit 3; say result "$id $payload"; done`)
			}, func(*peer.Peer) { live.Add(-1) })
			var all sync.WaitGroup
			for n := range 6 {
				all.Go(func() {
					for turn := range 20 {
						if err := useOnce(ctx, pool, fmt.Sprintf("%d-%d", n, turn), (n+turn)%7); err != nil {
							t.Error(err)
						}
						pool.Renew()
					}
				})
			}
			all.Wait()
			pool.Shutdown(ctx)
			if got := live.Load(); got != 0 {
				t.Errorf("%d are left", got)
			}
		})
	}
}

// While the successor of one that took several turns is starting, those that need it wait for it, and start none beside it.
func TestSeveralWaitForTheNext(t *testing.T) {
	ctx := bounded(t)
	t.Setenv("DIR", t.TempDir())
	var started atomic.Int64
	pool := peer.NewPool(8, func() *peer.Peer {
		started.Add(1)
		return unopened(t, `"$([[ ! -e $DIR/second ]] || read -t 0.5 <> <(:); : >"$DIR/second"; echo `+several+`)"`, `take; sleep 300`)
	}, nil)
	first, err := pool.Acquire(ctx)
	if err != nil {
		t.Fatal(err)
	}
	<-first.Opened()
	first.Discard()
	pool.Release(first)
	var all sync.WaitGroup
	for range 5 {
		all.Go(func() {
			if _, err := pool.Acquire(ctx); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	over, done := context.WithCancel(ctx)
	done()
	pool.Shutdown(over)
	if got := started.Load(); got != 2 {
		t.Errorf("%d were started, want 2", got)
	}
}

// useOnce asks one of the pool; how says whether it is to die or to be given up.
func useOnce(ctx context.Context, pool *peer.Pool, id string, how int) error {
	p, err := pool.Acquire(ctx)
	if err != nil {
		return err
	}
	defer pool.Release(p)
	<-p.Opened()
	if p.Refused() != nil {
		return p.Refused()
	}
	payload := "lives"
	if how == 0 {
		payload = "die"
	}
	turn := p.Call(ctx, call(id, payload))
	defer turn.Abandon()
	if how == 1 {
		return nil
	}
	a, err := turn.Next(ctx)
	switch {
	case errors.Is(err, peer.ErrEnded):
		p.Discard()
		if death := p.Death(ctx, id, "it answered"); death.Type != runtimeapi.ErrorExit {
			return death
		}
		turn.Unread()
		return nil
	case err != nil:
		return err
	case string(a.Payload) != id+" "+payload:
		return fmt.Errorf("%s got %q", id, a.Payload)
	}
	turn.Settle(ctx)
	return nil
}

// unopened starts a peer that the pool ends.
func unopened(t *testing.T, ready, does string) *peer.Peer {
	spec := process.Spec{Path: "/bin/bash", Args: script(ready, does), Env: os.Environ(), Stderr: os.Stderr}
	hello := frames.Hello{Role: frames.RoleRuntime, Capabilities: []string{frames.CapabilityCancel, frames.CapabilityMultiplex}}
	p, err := peer.StartFrames("peer", spec, hello, runtimeapi.ErrorFunctionUnknown, func(string, ...string) {})
	if err != nil {
		return peer.Stillborn(&runtimeapi.Error{Type: runtimeapi.ErrorRuntimeStart, Message: err.Error()})
	}
	return p
}
