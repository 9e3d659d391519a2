//go:build linux

package bootstrap

// What the sidecars of a function mean for its invocations.

import (
	"context"
	"sync"
	"time"

	"github.com/serverless/open-runtime/pkg/middleware"
	"github.com/serverless/open-runtime/pkg/sidecar"
)

// sidecars are those of the function; there may be none.
type sidecars struct {
	set *sidecar.Set // nil when none was started
}

// owns says whether pid is a process of theirs.
func (s *sidecars) owns(pid int) bool { return s.set != nil && s.set.Owns(pid) }

// await waits, within an invocation's time, until all that the function needs are up.
func (s *sidecars) await(ctx context.Context, told *middleware.Invocation) error {
	if s.set == nil {
		return nil
	}
	limited, done := withLimit(ctx, told.Limit)
	defer done()
	return s.set.Await(limited)
}

// flush has them send what they hold: the environment may be frozen as soon as the next invocation is asked for.
func (s *sidecars) flush(ctx context.Context) {
	if s.set != nil {
		s.set.Flush(ctx)
	}
}

// shutdown stops them when the others have ended, or have taken too long for it.
func (s *sidecars) shutdown(ctx context.Context, others *sync.WaitGroup) {
	ended := make(chan struct{})
	go func() {
		others.Wait()
		close(ended)
	}()
	wait := time.NewTimer(sidecarsWait)
	defer wait.Stop()
	select {
	case <-ended:
	case <-wait.C:
	}
	s.set.Shutdown(ctx)
	<-ended
}
