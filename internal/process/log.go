//go:build linux

package process

// A child's stderr as a log.

import (
	"bytes"
	"strings"
)

const (
	longestLine = 64 * 1024 // of a log; a longer one comes in pieces
	lastLines   = 10        // of stderr in an error
	lastColumns = 300
)

// A Log cuts what a child prints into whole lines, and remembers the last of them. It has one writer.
type Log struct {
	emit    func(line []byte)
	partial []byte
	last    []string
}

// NewLog makes a Log. The slice that emit gets is valid only during the call.
func NewLog(emit func(line []byte)) *Log { return &Log{emit: emit} }

// Add takes what was read.
func (l *Log) Add(p []byte) {
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

// End emits a last line without a newline.
func (l *Log) End() {
	if len(l.partial) > 0 {
		l.put(l.partial)
		l.partial = nil
	}
}

func (l *Log) put(line []byte) {
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

// Forget makes Last give only lines that come from now on.
func (l *Log) Forget() { l.last = nil }

// Last gives the last lines, empty ones left out.
func (l *Log) Last() string { return strings.Join(l.last, "\n") }
