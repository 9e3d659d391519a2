//go:build linux

package peer

// How peers that speak through pipes are started.

import (
	"context"
	"os"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"

	"github.com/serverless/open-runtime/internal/frames"
	"github.com/serverless/open-runtime/internal/process"
)

// Log takes a warning: a message, and keys and values.
type Log = func(message string, pairs ...string)

// StartFrames starts a peer that speaks frames/1 on its descriptors 3 and 4. spec says the rest.
func StartFrames(what string, spec process.Spec, hello frames.Hello, fallback string, log Log) (*Peer, error) {
	return start(what, spec, log, func(spec *process.Spec, theirIn, theirOut *os.File) {
		spec.Extra = []*os.File{theirOut, theirIn}
	}, func(in, out *os.File) Dialect { return NewFrames(in, out, hello, fallback) })
}

// StartLines starts a peer that speaks the lines of 2018 on its stdin and stdout.
func StartLines(what string, spec process.Spec, log Log) (*Peer, error) {
	return start(what, spec, log, func(spec *process.Spec, theirIn, theirOut *os.File) {
		spec.Stdin, spec.Stdout = theirIn, theirOut
	}, func(in, out *os.File) Dialect { return NewLines(in, out) })
}

func start(what string, spec process.Spec, log Log, wire func(*process.Spec, *os.File, *os.File), speak func(in, out *os.File) Dialect) (*Peer, error) {
	theirIn, in, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer theirIn.Close()
	out, theirOut, err := os.Pipe()
	if err != nil {
		in.Close()
		return nil, err
	}
	defer theirOut.Close()
	wire(&spec, theirIn, theirOut)
	child, err := process.Start(spec)
	if err != nil {
		in.Close()
		out.Close()
		return nil, err
	}
	return Begin(what, child, speak(in, out), log), nil
}

func control(pipe *os.File, do func(fd uintptr)) {
	if conn, err := pipe.SyscallConn(); err == nil {
		_ = conn.Control(do) // it fails when the pipe is closed: then there is nothing to do
	}
}

// until ends the writing to a pipe when ctx ends. The function that it gives is for when the writing is over: no later one is
// ended by it.
func until(ctx context.Context, pipe *os.File) (over func()) {
	ended := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(ended)
		pipe.SetWriteDeadline(process.LongAgo)
	})
	return func() {
		if !stop() {
			<-ended
			pipe.SetWriteDeadline(time.Time{})
		}
	}
}

// A countingPipe is our end of a peer's input, and knows how much was written in all.
type countingPipe struct {
	*os.File
	written atomic.Int64
}

// Write writes, and counts what was taken.
func (p *countingPipe) Write(data []byte) (int, error) {
	n, err := p.File.Write(data)
	p.written.Add(int64(n))
	return n, err
}

// unread says whether the pipe still holds all that was written from at on.
func (p *countingPipe) unread(at int64) bool {
	held := int32(-1)
	control(p.File, func(fd uintptr) {
		_, _, _ = syscall.Syscall(syscall.SYS_IOCTL, fd, syscall.TIOCINQ, uintptr(unsafe.Pointer(&held)))
	})
	return held >= 0 && p.written.Load()-int64(held) <= at
}
