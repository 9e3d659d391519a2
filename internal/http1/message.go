// Package http1 is the small strict part of HTTP/1.1 that the Lambda Runtime API needs: a client with keep-alive, content
// lengths, chunks and trailers, and bounds on everything it reads.
//
// The bootstrap uses it in place of net/http, which would cost a third of the time from exec to the first /next and half
// of the program's size at every cold start. It knows no TLS, no proxies, no redirects, no compression, no cookies.
// net/http is its oracle in tests.
package http1

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// Bounds of what is read.
const (
	maxLine    = 128 * 1024 // of a status, header or chunk line: a client context alone may have 3.5 KB, an error cause 64 KB
	maxHeaders = 256

	maxInformational = 16 // responses before one that is an answer
)

// Header is a list of fields in order. Names are compared without case.
type Header []Field

// Field is one name and value.
type Field struct{ Name, Value string }

// Get gives the first value of name, or "".
func (h Header) Get(name string) string {
	for _, f := range h {
		if strings.EqualFold(f.Name, name) {
			return f.Value
		}
	}
	return ""
}

// Add appends a field.
func (h *Header) Add(name, value string) { *h = append(*h, Field{name, value}) }

// A ProtocolError says that the other side does not speak HTTP/1.1 as it must.
type ProtocolError struct{ Cause string }

func (e *ProtocolError) Error() string { return "http: " + e.Cause }

func broken(format string, args ...any) error { return &ProtocolError{fmt.Sprintf(format, args...)} }

// readLine reads a line without its end. A bare LF ends one too, as RFC 9112 allows a recipient.
func readLine(r *bufio.Reader) (string, error) {
	var line []byte
	for {
		part, err := r.ReadSlice('\n')
		line = append(line, part...)
		if len(line) > maxLine {
			return "", broken("a line is over %d bytes", maxLine)
		}
		if err == nil {
			break
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			if errors.Is(err, io.EOF) && len(line) > 0 {
				err = io.ErrUnexpectedEOF
			}
			return "", err
		}
	}
	return strings.TrimSuffix(strings.TrimSuffix(string(line), "\n"), "\r"), nil
}

// readHeader reads fields up to the empty line. Folded lines are refused, and so is what no field may hold.
func readHeader(r *bufio.Reader) (Header, error) {
	var h Header
	for {
		line, err := readLine(r)
		if err != nil {
			return nil, midway(err)
		}
		if line == "" {
			return h, nil
		}
		name, value, ok := strings.Cut(line, ":")
		if !ok || !isToken(name) {
			return nil, broken("a header line has no name: %q", cut(line))
		}
		value = strings.Trim(value, " \t")
		if strings.ContainsAny(value, "\r\x00") {
			return nil, broken("the value of %s holds a CR or NUL", name)
		}
		if len(h) == maxHeaders {
			return nil, broken("over %d header lines", maxHeaders)
		}
		h.Add(name, value)
	}
}

// midway makes an end within a message an unexpected one.
func midway(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

func isToken(name string) bool {
	for i := range len(name) {
		c := name[i]
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		if !letter && !strings.ContainsRune("!#$%&'*+-.^_`|~", rune(c)) {
			return false
		}
	}
	return name != ""
}

func cut(text string) string { return text[:min(len(text), 80)] }

// readBody reads the body of a response by the header's framing; without any it goes up to the end.
func readBody(r *bufio.Reader, h Header, maxBody int64) (body []byte, trailer Header, err error) {
	if coding := h.Get("Transfer-Encoding"); coding != "" {
		if !strings.EqualFold(coding, "chunked") {
			return nil, nil, broken("unknown transfer coding %q", cut(coding))
		}
		return readChunks(r, maxBody)
	}
	length, framed, err := contentLength(h)
	switch {
	case err != nil:
		return nil, nil, err
	case framed && length > maxBody:
		return nil, nil, broken("a body of %d bytes; %d are allowed", length, maxBody)
	case framed:
		body = make([]byte, length)
		_, err = io.ReadFull(r, body)
		return body, nil, midway(err)
	}
	body, err = io.ReadAll(io.LimitReader(r, maxBody+1))
	if err == nil && int64(len(body)) > maxBody {
		err = broken("a body over %d bytes", maxBody)
	}
	return body, nil, err
}

// contentLength refuses two lengths that differ: two readers would see two messages.
func contentLength(h Header) (length int64, framed bool, err error) {
	value := ""
	for _, f := range h {
		if !strings.EqualFold(f.Name, "Content-Length") {
			continue
		}
		if framed && f.Value != value {
			return 0, false, broken("two content lengths: %q and %q", cut(value), cut(f.Value))
		}
		value, framed = f.Value, true
	}
	if !framed {
		return 0, false, nil
	}
	n, err := strconv.ParseUint(value, 10, 63)
	if err != nil || value[0] == '+' {
		return 0, false, broken("a content length of %q", cut(value))
	}
	return int64(n), true, nil
}

func readChunks(r *bufio.Reader, maxBody int64) (body []byte, trailer Header, err error) {
	body = []byte{}
	for {
		line, err := readLine(r)
		if err != nil {
			return nil, nil, midway(err)
		}
		text, _, _ := strings.Cut(line, ";")
		text = strings.Trim(text, " \t")
		size, err := strconv.ParseUint(text, 16, 62)
		if err != nil || text == "" || text[0] == '+' {
			return nil, nil, broken("a chunk size of %q", cut(line))
		}
		if size == 0 {
			trailer, err = readHeader(r)
			return body, trailer, err
		}
		if int64(size) > maxBody-int64(len(body)) {
			return nil, nil, broken("a body over %d bytes", maxBody)
		}
		from := len(body)
		body = append(body, make([]byte, size)...)
		if _, err := io.ReadFull(r, body[from:]); err != nil {
			return nil, nil, midway(err)
		}
		if line, err := readLine(r); err != nil || line != "" {
			if err == nil {
				err = broken("a chunk is longer than its size")
			}
			return nil, nil, midway(err)
		}
	}
}
