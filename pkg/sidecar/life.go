//go:build linux

package sidecar

// One life of a sidecar: a process and its descriptors.

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/serverless/open-runtime/internal/http1"
	"github.com/serverless/open-runtime/internal/process"
)

type life struct {
	sidecar        *sidecar
	child          *process.Child
	stdout, stderr *process.Log
	drains         []*process.Drain
	answers        *answers      // lines on its descriptor 3; nil without one
	requests       *os.File      // its descriptor 4; nil without one
	client         *http1.Client // of HTTP flushes; nil without
	flushes        sync.WaitGroup
}

var errExited = errors.New("it has exited")

// begin starts the process.
func (c *sidecar) begin() (*life, error) {
	l := &life{sidecar: c}
	line := func(line []byte) { c.options.Log(c.name, line) }
	l.stdout, l.stderr = process.NewLog(line), process.NewLog(line)
	theirs, sinks, err := l.wire()
	defer func() {
		for _, file := range theirs {
			if file != nil {
				file.Close()
			}
		}
	}()
	if err == nil {
		l.child, err = process.Start(process.Spec{
			Path: c.exe, Args: slices.Concat([]string{c.exe}, c.manifest.Args), Env: c.environ, Dir: c.options.Dir,
			Stdout: theirs[0], Stderr: theirs[1], Extra: theirs[2:],
		})
	}
	if err != nil {
		l.abandon()
		return nil, fmt.Errorf("starting it: %w", err)
	}
	for i, sink := range sinks {
		l.drains[i].Start(sink)
	}
	if !c.manifest.Flush.Empty() && c.manifest.Flush.HTTP != "" {
		addr, _, err := c.manifest.Flush.URL()
		if err == nil { // the manifest was checked
			l.client = http1.New(addr)
		}
	}
	return l, nil
}

// wire makes the pipes: stdout, stderr, where it is spoken to by descriptors 3, and where it is asked to flush 4.
func (l *life) wire() (theirs []*os.File, sinks []func([]byte), err error) {
	sinks = []func([]byte){l.stdout.Add, l.stderr.Add}
	m := l.sidecar.manifest
	if m.Ready.FD || m.Flush.FD {
		l.answers = newAnswers()
		sinks = append(sinks, l.answers.add)
	}
	for range sinks {
		ours, other, err := process.Pipe(process.FromChild, 0)
		if err != nil {
			return theirs, nil, err
		}
		l.drains, theirs = append(l.drains, process.NewDrain(ours)), append(theirs, other)
	}
	if m.Flush.FD {
		ours, other, err := process.Pipe(process.ToChild, 0)
		if err != nil {
			return theirs, nil, err
		}
		l.requests, theirs = ours, append(theirs, other)
	}
	return theirs, sinks, nil
}

// abandon lets go of a life that never began.
func (l *life) abandon() {
	for _, d := range l.drains {
		d.Close()
	}
	if l.requests != nil {
		l.requests.Close()
	}
}

// finish is for after the exit: what the pipes hold is read, and no more.
func (l *life) finish() {
	for _, d := range l.drains {
		d.Finish()
	}
	l.stdout.End()
	l.stderr.End()
	if l.requests != nil {
		l.requests.Close()
	}
	if l.client != nil {
		l.client.Close()
	}
}

// whileAlive gives a context that ends with ctx, after limit, or when the process exits. end is to be called.
func (l *life) whileAlive(ctx context.Context, limit time.Duration) (alive context.Context, end func()) {
	alive, cancelCause := context.WithCancelCause(ctx)
	alive, cancel := context.WithTimeoutCause(alive, limit, errLimit)
	watching := make(chan struct{})
	go func() {
		defer close(watching)
		select {
		case <-l.child.Exited():
			cancelCause(errExited)
		case <-alive.Done():
		}
	}()
	return alive, func() { cancel(); cancelCause(nil); <-watching }
}

var errLimit = errors.New("its time limit passed")
