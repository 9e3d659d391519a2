package http1

// Fields of a header, and the errors of who breaks the protocol.

import (
	"errors"
	"fmt"
	"strings"
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

// count says how often name is there.
func (h Header) count(name string) (n int) {
	for _, f := range h {
		if strings.EqualFold(f.Name, name) {
			n++
		}
	}
	return n
}

// ofOneHop are the fields that say how a message travels from one end of a connection to the other. What is sent gets those
// of its own connection, whatever its Header says: so the header that came from one side can be handed to the other.
var ofOneHop = []string{
	"Connection", "Content-Length", "Expect", "Host", "Keep-Alive", "Proxy-Connection", "TE", "Trailer", "Transfer-Encoding", "Upgrade",
}

// appendTo spells the fields for the wire, as they are: a value may hold any byte but CR, LF and NUL.
func (h Header) appendTo(head []byte) ([]byte, error) {
next:
	for _, f := range h {
		for _, name := range ofOneHop {
			if strings.EqualFold(f.Name, name) {
				continue next
			}
		}
		switch {
		case !isToken(f.Name):
			return nil, fmt.Errorf("header %q can't be sent: that is no name of a field", cut(f.Name))
		case strings.ContainsAny(f.Value, "\r\n\x00"):
			return nil, fmt.Errorf("header %q can't be sent: its value holds a line end or NUL", f.Name)
		}
		head = append(append(append(append(head, f.Name...), ": "...), f.Value...), "\r\n"...)
	}
	return head, nil
}

// A ProtocolError says that the other side does not speak HTTP/1.1 as it must, or goes beyond a bound.
type ProtocolError struct {
	Cause  error
	status int // what a server answers
}

func (e *ProtocolError) Error() string { return "http: " + e.Cause.Error() }
func (e *ProtocolError) Unwrap() error { return e.Cause }

func broken(format string, args ...any) error { return refused(400, format, args...) }

func refused(status int, format string, args ...any) error {
	return &ProtocolError{fmt.Errorf(format, args...), status}
}

// ErrTooLarge is in the error of who read a body that is larger than allowed.
var ErrTooLarge = errors.New("the body is too large")

func isToken(name string) bool {
	for i := range len(name) {
		c := name[i]
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		if !letter && strings.IndexByte("!#$%&'*+-.^_`|~", c) < 0 {
			return false
		}
	}
	return name != ""
}

func hasToken(list, token string) bool {
	for part := range strings.SplitSeq(list, ",") {
		if strings.EqualFold(strings.TrimSpace(part), token) {
			return true
		}
	}
	return false
}

func cut(text string) string { return text[:min(len(text), 80)] }
