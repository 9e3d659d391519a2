//go:build linux

package middleware

// Where a middleware hangs whose time is over: what the kernel says, and its own stacks where there is a signal for them.

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/serverless/open-runtime/internal/peer"
	"github.com/serverless/open-runtime/internal/process"
)

// look tells the log what the kernel knows of a process, if it is its time that is over and not the environment.
func (p *program) look(ctx context.Context, pid int, t task, inv *Invocation) {
	if !errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return
	}
	for _, line := range process.Describe(pid) {
		p.options.Log(SourceOwn, fmt.Appendf(nil, "timeout request_id=%q middleware=%s hook=%s %s", inv.RequestID, p.name, t.hook, line))
	}
}

// heedTime is how long a middleware has to stop after a cancel, and to write its stacks. One that stops lives on; any other
// is ended.
const heedTime = 20 * time.Millisecond

// giveUp asks to stop working on a turn. Who does not is looked at, and discarded.
func (p *program) giveUp(ctx context.Context, at *peer.Peer, turn *peer.Turn, t task, inv *Invocation) {
	if turn.Cancel() {
		grace, done := context.WithTimeout(context.Background(), heedTime)
		defer done()
		if _, err := turn.Next(grace); err == nil {
			return
		}
	}
	defer at.Discard()
	p.look(ctx, at.PID(), t, inv)
	at.WriteStacks(heedTime)
}
