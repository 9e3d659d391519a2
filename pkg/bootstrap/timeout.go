//go:build linux

package bootstrap

// What is done when the time of an invocation is over and the handler did not answer: it is asked to stop, it is shown where
// it hangs, and the caller is answered while it still listens.

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/serverless/open-runtime/internal/peer"
	"github.com/serverless/open-runtime/internal/runtimeapi"
	"github.com/serverless/open-runtime/pkg/middleware"
)

// Of the margin a part each is for the handler that was asked to stop, and for its stacks to be written; error hooks have
// what is left but the last part, in which the answer is posted.
const (
	parts    = 5
	mostPart = 50 * time.Millisecond
)

// part is a fifth of the margin, 50 ms at most.
func part(inv *invocation, told *middleware.Invocation) time.Duration {
	return min(max(inv.deadline.Sub(told.Limit), 0)/parts, mostPart)
}

// tooLate says why ctx ended while something was waited for.
func (r *languageRuntime) tooLate(ctx context.Context, inv *invocation, told *middleware.Invocation, doing string) *runtimeapi.Error {
	if !errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return &runtimeapi.Error{Type: runtimeapi.ErrorExit, Message: "the runtime was asked to stop before the invocation was answered"}
	}
	return inv.timedOut(doing, told.Deadline)
}

// giveUp is for when ctx ended and at works on inv, because its time is over, or because nobody wants the answer any more. A
// handler that heeds a cancel and answers is heard, and its language runtime lives on; one that does not is dumped, and is of
// no use any more.
func (r *languageRuntime) giveUp(ctx context.Context, at *peer.Peer, inv *invocation, told *middleware.Invocation) (a peer.Answer, failed *runtimeapi.Error) {
	failed = r.tooLate(ctx, inv, told, fmt.Sprintf("handler %s did not answer", r.handler))
	if !errors.Is(ctx.Err(), context.DeadlineExceeded) {
		inv.turn.Abandon()
		return a, failed
	}
	share := part(inv, told)
	if inv.turn.Cancel() {
		grace, done := context.WithTimeout(context.Background(), share)
		defer done()
		a, err := inv.turn.Next(grace)
		for err == nil && a.Kind == peer.Chunk { // what it said before it heard
			a, err = inv.turn.Next(grace)
		}
		switch {
		case err != nil:
		case a.Kind == peer.Result:
			return a, nil
		case a.Kind == peer.Failure: // what it says of being stopped is worth having, and is not what happened
			failed.StackTrace = append([]string{"when asked to stop it said " + a.Failed.Error()}, a.Failed.StackTrace...)
			return a, failed
		default:
			return a, failed
		}
	}
	failed.StackTrace = r.dump(at, inv.context.RequestID, share)
	inv.turn.Forget()
	at.Discard()
	return a, failed
}
