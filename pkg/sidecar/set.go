//go:build linux

package sidecar

// The sidecars of a function, and what the bootstrap does with all of them.

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"

	"github.com/serverless/open-runtime/internal/logline"
	"github.com/serverless/open-runtime/internal/manifest"
	"github.com/serverless/open-runtime/internal/privilege"
	"github.com/serverless/open-runtime/internal/process"
	"github.com/serverless/open-runtime/internal/runtimeapi"
)

// A Set is the sidecars of a function. It is safe for concurrent use.
type Set struct {
	sidecars []*sidecar
	killing  chan struct{} // closed when nobody may take any longer
	kill     func()        // closes it

	mu      sync.Mutex
	stopped bool
	end     context.CancelFunc // of the owners; nil before Start
	owners  sync.WaitGroup
}

var errStopped = errors.New("it was stopped")

// Load finds and checks the sidecars that refs name. All that is wrong with all of them is told in one *runtimeapi.Error;
// one that the function can do without is left out with a warning in the log. Nothing is started.
func Load(refs []manifest.Ref, o Options) (*Set, error) {
	o = withDefaults(o)
	set := &Set{killing: make(chan struct{})}
	set.kill = sync.OnceFunc(func() { close(set.killing) })
	var wrong []error
	for _, ref := range refs {
		c, optional, causes := inspect(ref, o)
		switch {
		case len(causes) == 0:
			set.sidecars = append(set.sidecars, c)
		case optional:
			o.Log(logline.Own, logline.Warning("optional sidecar is left out", "sidecar", ref.Name, "cause", errors.Join(causes...).Error()))
		default:
			for _, cause := range causes {
				wrong = append(wrong, fmt.Errorf("sidecar %s: %w", ref.Name, cause))
			}
		}
	}
	if len(wrong) > 0 {
		return nil, &runtimeapi.Error{Type: runtimeapi.ErrorSidecar, Message: errors.Join(wrong...).Error()}
	}
	return set, nil
}

// withDefaults fills in what was left out, and lets one line through at a time.
func withDefaults(o Options) Options {
	if o.Root == "" {
		o.Root = "/opt"
	}
	if o.Arch == "" {
		o.Arch = runtime.GOARCH
	}
	logger := o.Log
	var mu sync.Mutex
	o.Log = func(source string, line []byte) {
		mu.Lock()
		defer mu.Unlock()
		if logger != nil {
			logger(source, line)
		}
	}
	return o
}

// Start starts the sidecars in the order of the list; each is ready before the next is started. The error is that of one
// that the function needs: what was started before it runs on until Shutdown. It is called once.
func (s *Set) Start(ctx context.Context) error {
	owning, end := context.WithCancel(context.WithoutCancel(ctx)) // owners end with Shutdown, not with INIT
	s.mu.Lock()
	s.end = end
	s.mu.Unlock()
	for _, c := range s.sidecars {
		if !s.launch(owning, c) {
			end()
			return c.document(errStopped)
		}
		var cause error
		select {
		case cause = <-c.first:
		case <-ctx.Done():
			cause = fmt.Errorf("it was not ready when the time to start was over: %w", context.Cause(ctx))
			if !c.critical {
				c.warn("sidecar is not waited for", "cause", cause.Error())
			}
		}
		if cause != nil && c.critical {
			return c.document(cause)
		}
	}
	return nil
}

// launch gives a sidecar its owner, unless Shutdown came first.
func (s *Set) launch(ctx context.Context, c *sidecar) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped {
		return false
	}
	s.owners.Go(func() { c.own(ctx, s.killing) })
	return true
}

// Await returns at once when all that the function needs are ready, else waits until they are. The error is of one that
// was not when ctx ended.
func (s *Set) Await(ctx context.Context) error {
	for _, c := range s.sidecars {
		if !c.critical {
			continue
		}
		if err := c.await(ctx); err != nil {
			return err
		}
	}
	return nil
}

// Flush asks all that have something to flush to do so, at once, each within its time limit and ctx.
func (s *Set) Flush(ctx context.Context) {
	var flushing sync.WaitGroup
	defer flushing.Wait()
	for _, c := range s.sidecars {
		if !c.manifest.Flush.Empty() {
			flushing.Go(func() { c.flush(ctx) })
		}
	}
}

// Shutdown stops all at once: SIGTERM, and after each one's time limit, or when ctx ends, SIGKILL. When it returns nothing
// of them is left.
func (s *Set) Shutdown(ctx context.Context) {
	s.mu.Lock()
	s.stopped = true
	end := s.end
	s.mu.Unlock()
	stop := context.AfterFunc(ctx, s.kill)
	defer stop()
	if end != nil {
		end()
	}
	s.owners.Wait()
}

// Owns says whether pid is a process that came from a sidecar: it lives as long as that does, whatever becomes of the
// language runtime.
func (s *Set) Owns(pid int) bool {
	return slices.Contains(s.Names(), process.Variable(pid, privilege.SidecarMark))
}

// Names lists the sidecars that are in use, in order.
func (s *Set) Names() []string {
	names := make([]string, len(s.sidecars))
	for i, c := range s.sidecars {
		names[i] = c.name
	}
	return names
}
