//go:build linux

package sidecar

// What a sidecar says on its descriptor 3: lines, of which only the number counts.

import (
	"bytes"
	"context"
	"errors"
	"sync"
)

// answers counts lines. The first is that it is ready, where it says so there; each other one answers a request.
type answers struct {
	mu       sync.Mutex
	count    int
	expected int           // the count at which all requests so far are answered
	changed  chan struct{} // closed when count grew
}

func newAnswers() *answers { return &answers{changed: make(chan struct{})} }

func (a *answers) add(p []byte) {
	n := bytes.Count(p, []byte("\n"))
	if n == 0 {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.count += n
	close(a.changed)
	a.changed = make(chan struct{})
}

// ask sends a request and says at which count it will have been answered. A line that came too late for its own request is
// not taken for the answer to the next, and one that nobody asked for answers nothing.
func (a *answers) ask(send func() error) (count int, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if err := send(); err != nil {
		return 0, err
	}
	a.expected = max(a.expected, a.count) + 1
	return a.expected, nil
}

var errClosed = errors.New("it closed its descriptor 3")

// await waits until count lines came. Where the descriptor was closed no more will.
func (a *answers) await(ctx context.Context, count int, ended <-chan struct{}) error {
	for {
		closed := false
		select {
		case <-ended:
			closed = true
		default:
		}
		a.mu.Lock()
		there, changed := a.count >= count, a.changed
		a.mu.Unlock()
		switch {
		case there:
			return nil
		case closed:
			return errClosed
		}
		select {
		case <-changed:
		case <-ended:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}
