package conform

// What a program says on a pipe, kept while it grows.

import (
	"bytes"
	"os"
	"sync"
	"time"
)

// mostKept bounds what is kept of one stream, in bytes: four responses of the largest size, and some.
const mostKept = 32 * 1024 * 1024

// A capture reads a pipe to its end.
type capture struct {
	file *os.File
	done chan struct{} // closed at the end of the stream

	mu    sync.Mutex
	data  []byte
	grown chan struct{} // closed and replaced when there is more
}

func newCapture(file *os.File) *capture {
	c := &capture{file: file, done: make(chan struct{}), grown: make(chan struct{})}
	go c.read()
	return c
}

func (c *capture) read() {
	defer close(c.done)
	buffer := make([]byte, 64*1024)
	for {
		n, err := c.file.Read(buffer)
		c.mu.Lock()
		if len(c.data) < mostKept {
			c.data = append(c.data, buffer[:n]...)
		}
		close(c.grown)
		c.grown = make(chan struct{})
		c.mu.Unlock()
		if err != nil {
			return
		}
	}
}

// finish is for after the exit of the program: what the pipe holds is read, and who still holds it gets no longer than wait.
func (c *capture) finish(wait time.Duration) {
	c.file.SetReadDeadline(time.Now().Add(wait))
	<-c.done
	c.file.Close()
}

// settle is for after the exit of the program too, and leaves the pipe open: what it holds is soon read.
func (c *capture) settle(wait time.Duration) {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-c.done:
	case <-timer.C:
	}
}

func (c *capture) bytes() []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	return bytes.Clone(c.data)
}

func (c *capture) String() string { return string(c.bytes()) }

// await waits until enough says that what came is enough, and says whether it did.
func (c *capture) await(wait time.Duration, enough func([]byte) bool) bool {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	for {
		c.mu.Lock()
		ok, grown := enough(c.data), c.grown
		c.mu.Unlock()
		if ok {
			return true
		}
		select {
		case <-grown:
		case <-c.done:
			return enough(c.bytes())
		case <-timer.C:
			return enough(c.bytes())
		}
	}
}
