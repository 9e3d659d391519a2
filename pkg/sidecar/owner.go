//go:build linux

package sidecar

// The owner of a sidecar: it starts it, sees it end, starts it again, and stops it.

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"syscall"
	"time"

	"github.com/serverless/open-runtime/internal/privilege"
	"github.com/serverless/open-runtime/internal/process"
)

const (
	firstPause = 100 * time.Millisecond // before it is started again
	mostPause  = 10 * time.Second
	healthy    = 10 * time.Second // how long it must have been ready for the pause to be the first again
)

// own leads a sidecar through its lives until ctx ends. killing cuts short the time it has to end in.
func (c *sidecar) own(ctx context.Context, killing <-chan struct{}) {
	defer close(c.done)
	pause := firstPause
	var ended time.Time // when the last life did; zero in the first one
	for {
		wasReady, cause := c.live(ctx, killing, ended)
		if ctx.Err() != nil {
			c.fallen(errStopped)
			return
		}
		if !wasReady.IsZero() && time.Since(wasReady) >= healthy {
			pause = firstPause
		}
		if ended.IsZero() && wasReady.IsZero() && c.critical {
			return // INIT has failed with it
		}
		ended = time.Now()
		c.warn("sidecar is started again", "cause", cause.Error(), "pause_ms", strconv.FormatInt(pause.Milliseconds(), 10))
		if !sleep(ctx, pause) {
			c.fallen(errStopped)
			return
		}
		pause = min(2*pause, mostPause)
	}
}

func sleep(ctx context.Context, pause time.Duration) bool {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// live is one life, to its end: that of its process, or ctx's. wasReady is when it was, if it was; cause is why it ended.
func (c *sidecar) live(ctx context.Context, killing <-chan struct{}, ended time.Time) (wasReady time.Time, cause error) {
	start := time.Now()
	l, err := c.begin()
	if ended.IsZero() {
		c.trace("start", start, err != nil)
	}
	if err != nil {
		c.judge(start, ended, err)
		return wasReady, err
	}
	if err = l.awaitReady(ctx); err == nil {
		wasReady = time.Now()
		c.risen(l)
		c.judge(start, ended, nil)
		select {
		case <-l.child.Exited():
		case <-ctx.Done():
		}
	}
	cause = l.leave(ctx, killing, err)
	if wasReady.IsZero() {
		c.judge(start, ended, cause)
	}
	return wasReady, cause
}

// judge tells what became of a start: those who wait for the first one, and the trace.
func (c *sidecar) judge(start, ended time.Time, err error) {
	if err != nil {
		c.fallen(err)
	}
	if ended.IsZero() {
		c.trace("ready", start, err != nil)
		c.first <- err
		return
	}
	c.trace("restart", ended, err != nil)
}

// leave ends a life whose process ended, that failed to be ready, or whose time is over with ctx. It says why it ended.
func (l *life) leave(ctx context.Context, killing <-chan struct{}, failed error) error {
	c := l.sidecar
	switch {
	case l.child.HasExited():
	case ctx.Err() != nil:
		l.stop(killing)
		failed = errStopped
	default: // not ready in time
		l.child.Kill()
	}
	<-l.child.Exited()
	if failed == nil {
		failed = errors.New(l.child.Exit().String())
	} else if errors.Is(failed, errExited) {
		failed = fmt.Errorf("%v before it was ready", l.child.Exit())
	}
	c.fallen(failed) // no flush begins any more
	l.flushes.Wait()
	l.finish()
	killLeft(c.name, l.child.PID())
	if last := l.stderr.Last(); last != "" && !errors.Is(failed, errStopped) {
		failed = fmt.Errorf("%w\nlast lines of its stderr:\n%s", failed, last)
		c.fallen(failed)
	}
	return failed
}

// stop asks the process to end, and makes it.
func (l *life) stop(killing <-chan struct{}) {
	start := time.Now()
	_ = l.child.Signal(syscall.SIGTERM) // one that can't be signalled is killed next
	limit := time.NewTimer(time.Duration(l.sidecar.manifest.ShutdownTimeoutMs) * time.Millisecond)
	defer limit.Stop()
	killed := true
	select {
	case <-l.child.Exited():
		killed = false
	case <-limit.C:
	case <-killing:
	}
	l.child.Kill()
	<-l.child.Exited()
	l.sidecar.trace("stop", start, killed)
}

// killLeft kills what a life left behind in groups of its own, so that the next one finds its ports free, and Shutdown
// leaves nothing. It is known by its variable; one that is dying has none any more, but still its group, which is that of the
// life or of somebody who was known.
func killLeft(name string, group int) {
	if !process.Adopted() {
		return
	}
	groups := map[int]bool{group: true}
	process.KillOrphans(func(pid int) (spared bool) {
		of, err := syscall.Getpgid(pid)
		if err == nil && groups[of] {
			return false
		}
		if process.Variable(pid, privilege.SidecarMark) != name {
			return true
		}
		groups[of] = true
		return false
	})
	process.ReapOrphans() // who died meanwhile and is of no known group
}

// notUp is what one who waited in vain is told.
func notUp(cause error) error {
	if cause == nil {
		return errors.New("it is not ready yet")
	}
	return fmt.Errorf("it is not ready: %w", cause)
}
