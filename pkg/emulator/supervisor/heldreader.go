//go:build linux

package supervisor

import (
	"io"
	"os"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// heldReader reads a pipe and holds mu from the moment that it takes bytes until it is asked for more: who has mu knows
// that everything that left the pipe was dealt with.
type heldReader struct {
	file *os.File
	raw  syscall.RawConn

	mu     sync.Mutex
	held   bool // by the reader; its own
	inside bool // what was read last did not end a line
}

func newHeldReader(file *os.File) (*heldReader, error) {
	raw, err := file.SyscallConn()
	return &heldReader{file: file, raw: raw}, err
}

// Read is that of the one goroutine that reads.
func (r *heldReader) Read(p []byte) (n int, err error) {
	r.release()
	waiting := r.raw.Read(func(fd uintptr) bool {
		r.mu.Lock()
		for {
			n, err = syscall.Read(int(fd), p)
			if err != syscall.EINTR {
				break
			}
		}
		if err == syscall.EAGAIN {
			r.mu.Unlock()
			return false
		}
		r.held = true
		return true
	})
	switch {
	case waiting != nil:
		return 0, waiting
	case err != nil:
		return 0, os.NewSyscallError("read", err)
	case n == 0:
		return 0, io.EOF
	}
	r.inside = p[n-1] != '\n'
	return n, nil
}

// release lets others look.
func (r *heldReader) release() {
	if r.held {
		r.held = false
		r.mu.Unlock()
	}
}

// isEmpty says whether nothing is left in the pipe.
func (r *heldReader) isEmpty() bool {
	left := 1
	err := r.raw.Control(func(fd uintptr) { left, _ = unix.IoctlGetInt(int(fd), unix.TIOCINQ) })
	return err == nil && left == 0
}
