//go:build linux

package middleware

// What a run printed: payloads, bounded.

import (
	"slices"

	"github.com/serverless/open-runtime/internal/process"
)

// counted is how far an output that is too large is still read, so that its size can be told. Beyond it the run is ended.
const counted = 4 * maxOutput

// A capture keeps an output up to the limit and counts the rest. Its one writer is done before it is read.
type capture struct {
	data   []byte
	expect int // a guess of its size, for an output that turns out to be large
	size   int
	last   byte
	flood  func() // called when it gives up
}

func (c *capture) write(p []byte) {
	c.size += len(p)
	c.last = p[len(p)-1]
	if room := maxOutput + 1 - len(c.data); room > 0 {
		c.keep(p[:min(len(p), room)])
	}
	if c.flooded() {
		c.flood()
	}
}

// keep takes room for all that is expected once an output is larger than a pipe: growing bit by bit copies it several times.
func (c *capture) keep(p []byte) {
	if need := len(c.data) + len(p); need > cap(c.data) && need > process.PipeSize {
		c.data = slices.Grow(c.data, max(need, c.expect, 2*cap(c.data))-len(c.data))
	}
	c.data = append(c.data, p...)
}

func (c *capture) flooded() bool { return c.size > counted }

// length is the size of the payload: one newline at the end is not part of it.
func (c *capture) length() int {
	if c.size > 0 && c.last == '\n' {
		return c.size - 1
	}
	return c.size
}

func (c *capture) payload() []byte { return c.data[:min(c.length(), len(c.data))] }
