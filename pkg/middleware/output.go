//go:build linux

package middleware

// What a run printed: payloads, bounded, and the lines of its stderr.

import (
	"bytes"
	"slices"
	"strings"
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
	if need := len(c.data) + len(p); need > cap(c.data) && need > pipeSize {
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

const (
	longestLine = 64 * 1024 // of a log; a longer one comes in pieces
	lastLines   = 10        // of stderr in an error
	lastColumns = 300
)

// lines cuts a stderr into whole lines for the log, and remembers the last of them.
type lines struct {
	emit    func(line []byte)
	partial []byte
	last    []string
}

func (l *lines) write(p []byte) {
	for {
		line, rest, whole := bytes.Cut(p, []byte("\n"))
		l.partial = append(l.partial, line...)
		for len(l.partial) > longestLine {
			l.put(l.partial[:longestLine])
			l.partial = append(l.partial[:0], l.partial[longestLine:]...)
		}
		if !whole {
			return
		}
		l.put(bytes.TrimSuffix(l.partial, []byte("\r")))
		l.partial = l.partial[:0]
		p = rest
	}
}

// close emits a last line without a newline.
func (l *lines) close() {
	if len(l.partial) > 0 {
		l.put(l.partial)
		l.partial = nil
	}
}

func (l *lines) put(line []byte) {
	l.emit(line)
	if len(bytes.TrimSpace(line)) == 0 {
		return
	}
	if len(l.last) == lastLines {
		copy(l.last, l.last[1:])
		l.last = l.last[:lastLines-1]
	}
	l.last = append(l.last, strings.ToValidUTF8(string(line[:min(len(line), lastColumns)]), "\ufffd"))
}

// tail gives the last lines, empty ones left out.
func (l *lines) tail() string { return strings.Join(l.last, "\n") }
