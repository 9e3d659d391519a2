package http1

// What comes in lines: the start of a message, its header, the sizes of chunks, trailers.

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"strings"
)

// Bounds of what is read.
const (
	maxLine    = 128 * 1024 // of a start, header or chunk line: a client context alone may have 3.5 KB, an error cause 64 KB
	maxHeaders = 256
	maxHeader  = 512 * 1024 // of all header lines
)

// lines reads lines. An interrupted read loses nothing: who reads again gets the whole line.
type lines struct {
	*bufio.Reader
	part []byte // of a line whose end has not come yet
	room int    // for header lines
}

func newLines(r io.Reader) *lines { return &lines{Reader: bufio.NewReaderSize(r, 4096)} }

// whole reads a line with its end.
func (l *lines) whole() (string, error) {
	for {
		part, err := l.ReadSlice('\n')
		if err == nil && len(l.part) == 0 {
			return string(part), nil
		}
		l.part = append(l.part, part...)
		switch {
		case len(l.part) > maxLine:
			return "", tooLong("a line is over %d bytes", maxLine)
		case err == nil:
			line := string(l.part)
			l.part = nil
			return line, nil
		case !errors.Is(err, bufio.ErrBufferFull):
			if len(l.part) > 0 {
				err = midway(err)
			}
			return "", err
		}
	}
}

// line reads a line without its end. A bare LF ends one too, as RFC 9112 allows a recipient.
func (l *lines) line() (string, error) {
	line, err := l.whole()
	return strings.TrimSuffix(strings.TrimSuffix(line, "\n"), "\r"), err
}

// strictLine is line for what lies between chunks: where others disagree on a bare LF, requests are smuggled.
func (l *lines) strictLine() (string, error) {
	line, err := l.whole()
	if err != nil {
		return "", midway(err)
	}
	if !strings.HasSuffix(line, "\r\n") {
		return "", broken("a line between chunks ends without CR")
	}
	return line[:len(line)-2], nil
}

// header reads fields up to the empty line.
func (l *lines) header() (h Header, err error) {
	l.room = maxHeader
	for done := false; !done && err == nil; {
		done, err = l.field(&h)
	}
	return h, err
}

// field reads one more field, or the empty line at the end. Folded lines are refused, and so is what no field may hold;
// AWS's clients send the rest: Node raw UTF-8, Java control characters.
func (l *lines) field(h *Header) (done bool, err error) {
	line, err := l.line()
	if err != nil {
		return false, midway(err)
	}
	if line == "" {
		return true, nil
	}
	name, value, ok := strings.Cut(line, ":")
	if !ok || !isToken(name) {
		return false, broken("a header line has no name: %q", cut(line))
	}
	value = strings.Trim(value, " \t")
	if strings.ContainsAny(value, "\r\x00") {
		return false, broken("the value of %s holds a CR or NUL", cut(name))
	}
	if l.room -= len(line); l.room < 0 {
		return false, tooLong("the header is over %d bytes", maxHeader)
	}
	if len(*h) == maxHeaders {
		return false, tooLong("over %d header lines", maxHeaders)
	}
	h.Add(name, value)
	return false, nil
}

// awaitMessage waits for the first byte of a message; empty lines before it are nothing.
func (l *lines) awaitMessage() error {
	for range 4 {
		next, err := l.Peek(1)
		if err != nil || !bytes.ContainsAny(next, "\r\n") {
			return err
		}
		if line, err := l.line(); err != nil || line != "" {
			return broken("a message begins with CR")
		}
	}
	return broken("empty lines in place of a message")
}

func tooLong(format string, args ...any) error { return refused(431, format, args...) }

// midway makes an end within a message an unexpected one.
func midway(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
