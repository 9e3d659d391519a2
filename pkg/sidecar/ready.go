//go:build linux

package sidecar

// Readiness: the ways in which a sidecar shows that it can be used.

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/serverless/open-runtime/internal/http1"
)

const (
	firstProbe = 2 * time.Millisecond // between two tries
	mostProbe  = 50 * time.Millisecond
	oneProbe   = time.Second // of a connection: what was asked too early may never be answered
)

// awaitReady waits until the sidecar is ready, and says why it is not.
func (l *life) awaitReady(ctx context.Context) error {
	m := l.sidecar.manifest
	if m.Ready.Empty() {
		return nil
	}
	alive, end := l.whileAlive(ctx, time.Duration(m.ReadyTimeoutMs)*time.Millisecond)
	defer end()
	var last error
	if m.Ready.FD {
		last = l.awaitLine(alive)
	} else {
		last = l.poll(alive)
	}
	switch {
	case l.child.HasExited(): // whoever it was that answered
		return errExited
	case last == nil:
		return nil
	case ctx.Err() != nil:
		return errStopped
	}
	return l.late(last)
}

// awaitLine waits for a line on descriptor 3. One who closed it may be about to exit, and that says more.
func (l *life) awaitLine(alive context.Context) error {
	err := l.answers.await(alive, 1, l.drains[2].Ended())
	if errors.Is(err, errClosed) {
		<-alive.Done()
	}
	return err
}

// poll asks again and again, and returns nil or what came of the last time. That the time was over in the midst of a try
// says less than the one before it.
func (l *life) poll(alive context.Context) error {
	pause, last := firstProbe, error(nil)
	end, _ := alive.Deadline()
	for {
		began := time.Now()
		err := l.probe(alive)
		if !time.Now().Before(end) && last != nil && time.Since(began) < mostProbe {
			return last
		}
		if last = err; err == nil || !sleep(alive, pause) {
			return err
		}
		pause = min(2*pause, mostProbe)
	}
}

// probe asks once.
func (l *life) probe(alive context.Context) error {
	ready := l.sidecar.manifest.Ready
	if len(ready.Command) > 0 {
		return l.sidecar.run(alive, ready.Command)
	}
	once, cancel := context.WithTimeout(alive, oneProbe)
	defer cancel()
	if ready.TCP != "" {
		addr, err := ready.Address()
		if err != nil {
			return err
		}
		return http1.Reach(once, addr)
	}
	return get(once, ready)
}

// late says what did not happen in time.
func (l *life) late(last error) error {
	ready, within := l.sidecar.manifest.Ready, fmt.Sprintf("within %d ms", l.sidecar.manifest.ReadyTimeoutMs)
	switch {
	case ready.FD && errors.Is(last, errClosed):
		return fmt.Errorf("did not write a line on its descriptor 3 %s: it closed it", within)
	case ready.FD:
		return fmt.Errorf("did not write a line on its descriptor 3 %s", within)
	case ready.TCP != "":
		return fmt.Errorf("did not accept connections on %s %s: %w", ready.TCP, within, last)
	case ready.HTTP != "":
		return fmt.Errorf("did not answer %s with a status from 200 to 299 %s: %w", ready.HTTP, within, last)
	}
	return fmt.Errorf("its command %s did not exit with 0 %s: %w", strings.Join(ready.Command, " "), within, last)
}
