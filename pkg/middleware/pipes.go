//go:build linux

package middleware

// Pipes that never make a run wait for longer than its process lives: a daemon may hold the other ends for ever.

import (
	"errors"
	"io"
	"os"
	"sync"
	"syscall"
	"time"
	"unsafe"
)

type direction int

const (
	toChild direction = iota
	fromChild
)

const (
	pipeSize    = 64 * 1024   // what a pipe holds by default
	maxPipeSize = 1024 * 1024 // what anyone may ask for: /proc/sys/fs/pipe-max-size
	fSetPipeSz  = 1031        // F_SETPIPE_SZ
)

// pipe makes a pipe of which our end doesn't block and the child's does, as children expect. For a payload of more than a
// pipe holds it asks for a larger one, which saves the two sides most of their turns.
func pipe(way direction, size int) (ours, theirs *os.File, err error) {
	var fds [2]int
	if err := syscall.Pipe2(fds[:], syscall.O_CLOEXEC); err != nil {
		return nil, nil, os.NewSyscallError("pipe2", err)
	}
	own, other := fds[0], fds[1]
	if way == toChild {
		own, other = other, own
	}
	if size >= pipeSize {
		// A user's pipes have a limit together; a small pipe works as well, only slower.
		_, _, _ = syscall.Syscall(syscall.SYS_FCNTL, uintptr(own), fSetPipeSz, maxPipeSize)
	}
	if err := syscall.SetNonblock(own, true); err != nil {
		_ = syscall.Close(own)
		_ = syscall.Close(other)
		return nil, nil, os.NewSyscallError("fcntl", err)
	}
	return os.NewFile(uintptr(own), "|own"), os.NewFile(uintptr(other), "|child"), nil
}

// long ago is a deadline that makes a pending read or write return.
var longAgo = time.Unix(1, 0)

// A feeder writes a child's stdin. The child may leave it unread, so no error of writing matters.
type feeder struct {
	file *os.File
	done chan struct{} // nil when there is nothing more to write
}

// feed writes input and, as echo does, a newline: what fits at once before the child even runs, the rest beside it.
func (f *feeder) feed(input []byte) {
	rest := [][]byte{input, []byte("\n")}
	for len(rest) > 0 {
		n := writeNow(f.file, rest[0])
		if n < len(rest[0]) {
			rest[0] = rest[0][n:]
			break
		}
		rest = rest[1:]
	}
	if len(rest) == 0 {
		_ = f.file.Close() // the child sees the end
		return
	}
	f.done = make(chan struct{})
	go func() {
		defer close(f.done)
		defer f.file.Close()
		for _, part := range rest {
			if _, err := f.file.Write(part); err != nil {
				return
			}
		}
	}()
}

// writeNow writes what the pipe takes without waiting.
func writeNow(file *os.File, p []byte) (n int) {
	conn, err := file.SyscallConn()
	if err != nil || len(p) == 0 {
		return 0
	}
	_ = conn.Write(func(fd uintptr) bool {
		n, _ = syscall.Write(int(fd), p)
		return true
	})
	return max(n, 0)
}

// stop ends the feeding, or closes what was never fed.
func (f *feeder) stop() {
	if f.done == nil {
		_ = f.file.Close() // closed already when all was written
		return
	}
	_ = f.file.SetWriteDeadline(longAgo)
	<-f.done
}

// A drain reads one of a child's outputs into a sink.
type drain struct {
	file  *os.File
	sink  func([]byte)
	ended bool // all that ever was in the pipe was read
	done  chan struct{}
}

var buffers = sync.Pool{New: func() any { return new([pipeSize]byte) }}

func (d *drain) start(sink func([]byte)) {
	d.sink, d.done = sink, make(chan struct{})
	go d.read()
}

func (d *drain) read() {
	defer close(d.done)
	buffer := buffers.Get().(*[pipeSize]byte)
	defer buffers.Put(buffer)
	for {
		n, err := d.file.Read(buffer[:])
		if n > 0 {
			d.sink(buffer[:n])
		}
		if err != nil {
			d.ended = errors.Is(err, io.EOF)
			return
		}
	}
}

// finish is for after the child's exit: it takes what the pipe holds at this moment and closes it.
func (d *drain) finish() {
	_ = d.file.SetReadDeadline(longAgo)
	<-d.done
	if !d.ended {
		d.takeHeld()
	}
	_ = d.file.Close() // nothing was written through it
}

// takeHeld reads as much as the pipe held when it was asked, so that one who goes on writing holds nobody up.
func (d *drain) takeHeld() {
	conn, err := d.file.SyscallConn()
	if err != nil {
		return
	}
	_ = conn.Control(func(fd uintptr) {
		var held int32
		if _, _, errno := syscall.Syscall(syscall.SYS_IOCTL, fd, syscall.TIOCINQ, uintptr(unsafe.Pointer(&held))); errno != 0 {
			return
		}
		buffer := make([]byte, held)
		for len(buffer) > 0 {
			n, err := syscall.Read(int(fd), buffer)
			if n <= 0 || err != nil {
				return
			}
			d.sink(buffer[:n])
			buffer = buffer[n:]
		}
	})
}
