//go:build linux

package middleware

// The pipe to a run's stdin, which a run may leave unread.

import (
	"os"
	"syscall"

	"github.com/serverless/open-runtime/internal/process"
)

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
	_ = f.file.SetWriteDeadline(process.LongAgo)
	<-f.done
}
