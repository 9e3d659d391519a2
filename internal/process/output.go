//go:build linux

package process

// What children print: whole lines for a log, and the last of them for an error.

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"os"
	"strconv"
	"sync"
	"syscall"
)

// Lines reads r to its end and emits each line without its newline, and without a CR before it. It never stops draining: a
// line over max bytes is emitted in pieces, and a last line without a newline is emitted too. The slice is valid only
// during the call.
func Lines(r io.Reader, max int, emit func(line []byte)) error {
	reader := bufio.NewReaderSize(r, max)
	inside := false // a line of which pieces were emitted: an end that comes alone is no line of its own
	for {
		line, err := reader.ReadSlice('\n')
		ends := inside && string(line) == "\n"
		inside = errors.Is(err, bufio.ErrBufferFull)
		if text := bytes.TrimSuffix(line, []byte("\n")); len(line) > 0 && !ends {
			if len(text) < len(line) {
				text = bytes.TrimSuffix(text, []byte("\r"))
			}
			emit(text)
		}
		switch {
		case err == nil, inside:
		case errors.Is(err, io.EOF):
			return nil
		default:
			return err
		}
	}
}

// Tail keeps the last bytes that were written to it. It is safe for concurrent use.
type Tail struct {
	mu   sync.Mutex
	max  int
	data []byte
}

// NewTail makes a Tail of at most max bytes.
func NewTail(max int) *Tail { return &Tail{max: max} }

// Write never fails.
func (t *Tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.data = append(t.data, p...)
	if over := len(t.data) - t.max; over > 0 {
		t.data = append(t.data[:0], t.data[over:]...)
	}
	return len(p), nil
}

// String gives what is kept.
func (t *Tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(t.data)
}

// NoInherit marks every inherited descriptor from 3 on close-on-exec.
func NoInherit() error {
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if fd, err := strconv.Atoi(entry.Name()); err == nil && fd >= 3 {
			syscall.CloseOnExec(fd)
		}
	}
	return nil
}
