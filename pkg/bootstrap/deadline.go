//go:build linux

package bootstrap

// Time: the platform's deadline, and the earlier one that everyone inside is given.

import (
	"fmt"
	"time"

	"github.com/serverless/open-runtime/internal/runtimeapi"
	"github.com/serverless/open-runtime/pkg/middleware"
)

const (
	mostMargin     = 250 * time.Millisecond
	longestTimeout = 15 * time.Minute // a function's, by Lambda's quotas

	// Lambda's INIT phase lasts 10 s, and more with provisioned concurrency; what is not ready by then is started anew, on
	// the first invocation's time. Asking for that invocation a little earlier keeps what was loaded so far.
	// https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html#runtimes-lifecycle-ib
	initLimit     = 9500 * time.Millisecond
	longInitLimit = 125 * time.Second
)

// innerDeadline is the deadline less the margin that the runtime keeps to answer for those who don't: a tenth of the time
// left, at most 250 ms, or what SOR_MARGIN_MS says, but never more than half of what is left.
func innerDeadline(received, deadline time.Time, configured *time.Duration) time.Time {
	left := max(deadline.Sub(received), 0)
	margin := min(left/10, mostMargin)
	if configured != nil {
		margin = min(*configured, left/2)
	}
	return deadline.Add(-margin)
}

// tell gives what everyone inside may know of an invocation, and when they are stopped. Without a margin the platform's own
// deadline is the only one, and the platform enforces it: the two would only race.
func (s settings) tell(inv *invocation) *middleware.Invocation {
	inner := innerDeadline(inv.received, inv.deadline, s.margin)
	told := &middleware.Invocation{Context: inv.context, Deadline: inner}
	if s.margin != nil && *s.margin == 0 {
		return told
	}
	told.Limit = inner
	told.Last = inv.deadline.Add(-part(inv, told))
	return told
}

// timedOut is what the caller gets when the inner deadline passed. doing says who did what: "handler x did not answer".
func (inv *invocation) timedOut(doing string, inner time.Time) *runtimeapi.Error {
	seconds := func(d time.Duration) string { return fmt.Sprintf("%.2f", d.Seconds()) }
	message := fmt.Sprintf("%s within %s seconds; the invocation had %s and its deadline is %s",
		doing, seconds(inner.Sub(inv.received)), seconds(inv.deadline.Sub(inv.received)), inv.deadline.UTC().Format("2006-01-02T15:04:05.000Z"))
	return &runtimeapi.Error{Type: runtimeapi.ErrorTimeout, Message: message}
}
