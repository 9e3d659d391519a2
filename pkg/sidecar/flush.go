//go:build linux

package sidecar

// Flushing: what a sidecar has collected is to be on its way before the sandbox may be frozen.

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"syscall"
	"time"
)

// flush asks a sidecar that is up; one that is not has lost what it had.
func (c *sidecar) flush(ctx context.Context) {
	c.mu.Lock()
	l := c.up
	if l != nil {
		l.flushes.Add(1) // under mu: its owner takes it down first, and waits then
	}
	c.mu.Unlock()
	if l == nil {
		return
	}
	defer l.flushes.Done()
	start := time.Now()
	limit := time.Duration(c.manifest.FlushTimeoutMs) * time.Millisecond
	alive, end := l.whileAlive(ctx, limit)
	defer end()
	err := l.flush(alive)
	c.trace("flush", start, err != nil)
	if err == nil {
		return
	}
	if errors.Is(context.Cause(alive), errLimit) {
		err = fmt.Errorf("timed out after %d ms", c.manifest.FlushTimeoutMs)
	} else if alive.Err() != nil {
		err = context.Cause(alive)
	}
	if others, now := c.mute.allow(time.Now()); now {
		pairs := []string{"cause", err.Error()}
		if others > 0 {
			pairs = append(pairs, "and_before", strconv.Itoa(others))
		}
		c.warn("flush of a sidecar failed", pairs...)
	}
}

func (l *life) flush(alive context.Context) error {
	flush := l.sidecar.manifest.Flush
	switch {
	case len(flush.Command) > 0:
		return l.sidecar.run(alive, flush.Command)
	case flush.HTTP != "":
		_, path, err := flush.URL()
		if err != nil {
			return err
		}
		return ask(alive, l.client, "POST", path)
	}
	return l.request(alive)
}

// request writes a line on descriptor 4 and waits for its answer on 3.
func (l *life) request(alive context.Context) error {
	count, err := l.answers.ask(func() error { return l.writeNow([]byte("flush\n")) })
	if err != nil {
		return err
	}
	return l.answers.await(alive, count, l.drains[2].Ended())
}

// writeNow writes a line, whole or not at all: one who reads none of them has a full pipe at last.
func (l *life) writeNow(line []byte) error {
	conn, err := l.requests.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	err = conn.Write(func(fd uintptr) bool {
		_, failed = syscall.Write(int(fd), line)
		return true
	})
	switch {
	case errors.Is(failed, syscall.EAGAIN):
		return errors.New("it does not read its descriptor 4")
	case errors.Is(failed, syscall.EPIPE):
		return errors.New("it closed its descriptor 4")
	}
	return errors.Join(err, failed)
}

// quiet is how long a warning holds back those like it.
const quiet = 10 * time.Second

// A limiter lets one warning through in a while.
type limiter struct {
	mu     sync.Mutex
	last   time.Time
	others int
}

// allow says whether to warn now, and how many were held back before.
func (l *limiter) allow(now time.Time) (others int, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.last.IsZero() && now.Sub(l.last) < quiet {
		l.others++
		return 0, false
	}
	others, l.last, l.others = l.others, now, 0
	return others, true
}
