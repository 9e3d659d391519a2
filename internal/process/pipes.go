//go:build linux

package process

// Pipes to and from children that never make anyone wait for longer than the child lives: a daemon may hold the other ends
// for ever.

import (
	"errors"
	"io"
	"os"
	"sync"
	"syscall"
	"time"
	"unsafe"
)

// Direction is the way of a pipe.
type Direction int

const (
	ToChild Direction = iota
	FromChild
)

// PipeSize is what a pipe holds by default.
const PipeSize = 64 * 1024

const (
	maxPipeSize = 1024 * 1024 // what anyone may ask for: /proc/sys/fs/pipe-max-size
	fSetPipeSz  = 1031        // F_SETPIPE_SZ
)

// Pipe makes a pipe of which our end doesn't block and the child's does, as children expect. For a payload of more than a
// pipe holds it asks for a larger one, which saves the two sides most of their turns.
func Pipe(way Direction, size int) (ours, theirs *os.File, err error) {
	var fds [2]int
	if err := syscall.Pipe2(fds[:], syscall.O_CLOEXEC); err != nil {
		return nil, nil, os.NewSyscallError("pipe2", err)
	}
	own, other := fds[0], fds[1]
	if way == ToChild {
		own, other = other, own
	}
	if size >= PipeSize {
		EnlargePipe(uintptr(own))
	}
	if err := syscall.SetNonblock(own, true); err != nil {
		_ = syscall.Close(own)
		_ = syscall.Close(other)
		return nil, nil, os.NewSyscallError("fcntl", err)
	}
	return os.NewFile(uintptr(own), "|own"), os.NewFile(uintptr(other), "|child"), nil
}

// Polled gives a pipe or a socket that this program was started with as one of Go's poller: who waits for it holds no thread,
// and with one processor nobody else up, which until Go notices takes longer than what is waited for. Anything else stays
// as it is.
func Polled(inherited *os.File) *os.File {
	info, err := inherited.Stat()
	if err != nil || info.Mode()&(os.ModeNamedPipe|os.ModeSocket) == 0 {
		return inherited
	}
	fd, _, errno := syscall.Syscall(syscall.SYS_FCNTL, inherited.Fd(), syscall.F_DUPFD_CLOEXEC, 0)
	if errno != 0 {
		return inherited
	}
	if err := syscall.SetNonblock(int(fd), true); err != nil {
		_ = syscall.Close(int(fd))
		return inherited
	}
	return os.NewFile(fd, inherited.Name())
}

// EnlargePipe asks for a larger pipe. A user's pipes have a limit together; a small pipe works as well, only slower.
func EnlargePipe(fd uintptr) {
	_, _, _ = syscall.Syscall(syscall.SYS_FCNTL, fd, fSetPipeSz, maxPipeSize)
}

// LongAgo is a deadline that makes a pending read or write return.
var LongAgo = time.Unix(1, 0)

// A Drain reads one of a child's outputs into a sink.
type Drain struct {
	file  *os.File
	sink  func([]byte)
	ended bool // all that ever was in the pipe was read
	done  chan struct{}
}

// NewDrain makes a drain of our end of a pipe.
func NewDrain(ours *os.File) *Drain { return &Drain{file: ours} }

var buffers = sync.Pool{New: func() any { return new([PipeSize]byte) }}

// Start begins to read. A slice that sink gets is valid only during the call.
func (d *Drain) Start(sink func([]byte)) {
	d.sink, d.done = sink, make(chan struct{})
	go d.read()
}

func (d *Drain) read() {
	defer close(d.done)
	buffer := buffers.Get().(*[PipeSize]byte)
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

// Ended is closed when nothing more will be read: the child, and whoever else had the other end, closed it. It is valid
// after Start.
func (d *Drain) Ended() <-chan struct{} { return d.done }

// Finish is for after the child's exit: it takes what the pipe holds at this moment and closes it.
func (d *Drain) Finish() {
	_ = d.file.SetReadDeadline(LongAgo)
	<-d.done
	if !d.ended {
		d.takeHeld()
	}
	_ = d.file.Close() // nothing was written through it
}

// takeHeld reads as much as the pipe held when it was asked, so that one who goes on writing holds nobody up.
func (d *Drain) takeHeld() {
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

// Close lets go of a pipe that nothing was read from.
func (d *Drain) Close() { d.file.Close() }
