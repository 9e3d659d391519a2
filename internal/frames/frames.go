// Package frames reads and writes frames/1, the wire format between this project's programs: bootstrap and language
// runtime, bootstrap and persistent middleware, sor and supervisor. See docs/protocol/frames.md.
//
// A frame is a header, one line of JSON of at most 64 KiB that ends in a newline, and after it exactly "length" bytes of
// payload, raw. A header without "length" has no payload. Sizes are checked before they are allocated.
//
// The package knows bytes and headers. Who may send what when is the business of those who speak.
package frames

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"sync"
)

// Version is the version of the format and of the handshake.
const Version = 1

// MaxHeader is the largest header in bytes, its newline included.
const MaxHeader = 64 * 1024

// Frame is one frame as it was read. Payload is nil when the header has no length, and empty when the length is 0.
type Frame struct {
	Type    string
	ID      string
	Header  json.RawMessage
	Payload []byte
}

// Decode unmarshals the header into v.
func (f Frame) Decode(v any) error {
	if err := json.Unmarshal(f.Header, v); err != nil {
		return fmt.Errorf("decoding %s frame: %w", f.Type, err)
	}
	return nil
}

// A Writer writes frames to one stream. It is safe for concurrent use; a frame is never interleaved with another.
type Writer struct {
	mu   sync.Mutex
	dst  io.Writer
	buf  []byte
	held []byte // frames that go out together
	hold int    // how many Together are under way
}

// NewWriter makes a Writer on dst.
func NewWriter(dst io.Writer) *Writer { return &Writer{dst: dst} }

// Together has the small frames that are written during write go out at once at its end, with what others write meanwhile:
// one write where there would be several, and its reader is woken once. Its error is that of the frames.
func (w *Writer) Together(write func()) error {
	w.mu.Lock()
	w.hold++
	w.mu.Unlock()
	write()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.hold--
	return w.release()
}

// Delay keeps a small frame for the next one to take along, or for Flush.
func (w *Writer) Delay(header any, payload []byte) error {
	w.mu.Lock()
	w.hold++
	w.mu.Unlock()
	err := w.Write(header, payload)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.hold--
	return err
}

// Flush writes what was delayed.
func (w *Writer) Flush() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.hold > 0 {
		return nil // whoever holds it will
	}
	return w.release()
}

// release writes what was held. mu is held.
func (w *Writer) release() error {
	if len(w.held) == 0 {
		return nil
	}
	_, err := w.dst.Write(w.held)
	w.held = w.held[:0]
	return err
}

// Write writes a frame: header, a struct or map that marshals to a JSON object with a "type", and payload. A nil
// payload is no payload; "length" is added here. A header that is too large is a *ProtocolError, and nothing is written.
func (w *Writer) Write(header any, payload []byte) error {
	line, err := json.Marshal(header)
	if err != nil {
		return fmt.Errorf("encoding frame header: %w", err)
	}
	if len(line) < 2 || line[len(line)-1] != '}' {
		return errors.New("frame header is not a JSON object")
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.buf = append(w.buf[:0], line...)
	if payload != nil {
		w.buf = w.buf[:len(w.buf)-1]
		if len(line) > 2 {
			w.buf = append(w.buf, ',')
		}
		w.buf = append(w.buf, `"length":`...)
		w.buf = strconv.AppendInt(w.buf, int64(len(payload)), 10)
		w.buf = append(w.buf, '}')
	}
	w.buf = append(w.buf, '\n')
	if len(w.buf) > MaxHeader {
		return &ProtocolError{Cause: fmt.Sprintf("header is %d bytes; %d are allowed", len(w.buf), MaxHeader)}
	}
	const joined = 64 * 1024 // small frames go out in one write
	if w.hold > 0 && len(payload) <= joined {
		w.held = append(append(w.held, w.buf...), payload...)
		if len(w.held) > joined {
			return w.release()
		}
		return nil
	}
	if len(w.held) > 0 && len(w.held)+len(payload) <= joined {
		w.held = append(append(w.held, w.buf...), payload...)
		return w.release()
	}
	if err := w.release(); err != nil {
		return err
	}
	if len(payload) <= joined {
		w.buf = append(w.buf, payload...)
		_, err = w.dst.Write(w.buf)
		return err
	}
	if _, err := w.dst.Write(w.buf); err != nil {
		return err
	}
	_, err = w.dst.Write(payload)
	return err
}

// A Reader reads frames from one stream. It is not safe for concurrent use.
type Reader struct {
	src        *bufio.Reader
	maxPayload int64
}

// NewReader makes a Reader on src that refuses payloads over maxPayload bytes.
func NewReader(src io.Reader, maxPayload int64) *Reader {
	return &Reader{src: bufio.NewReaderSize(src, MaxHeader), maxPayload: maxPayload}
}

// A ProtocolError says that what was read, or was to be written, is not frames/1. After one of reading the stream is lost.
type ProtocolError struct {
	Cause string
	Line  []byte // the beginning of the offending line
}

func (e *ProtocolError) Error() string {
	if len(e.Line) == 0 {
		return "frames/1: " + e.Cause
	}
	return fmt.Sprintf("frames/1: %s: %q", e.Cause, e.Line)
}

// Read reads the next frame. It gives io.EOF at the end between two frames, io.ErrUnexpectedEOF within one, and a
// *ProtocolError for what is no frame.
func (r *Reader) Read() (Frame, error) {
	line, err := r.src.ReadSlice('\n')
	switch {
	case errors.Is(err, bufio.ErrBufferFull):
		return Frame{}, &ProtocolError{Cause: fmt.Sprintf("header is over %d bytes", MaxHeader), Line: excerpt(line)}
	case errors.Is(err, io.EOF) && len(line) > 0:
		return Frame{}, io.ErrUnexpectedEOF
	case err != nil:
		return Frame{}, err
	}
	line = bytes.TrimSuffix(line, []byte("\n"))
	var head struct {
		Type   string `json:"type"`
		ID     string `json:"id"`
		Length *int64 `json:"length"`
	}
	if err := json.Unmarshal(line, &head); err != nil {
		return Frame{}, &ProtocolError{Cause: "header is not a JSON object", Line: excerpt(line)}
	}
	if head.Type == "" {
		return Frame{}, &ProtocolError{Cause: "header has no type", Line: excerpt(line)}
	}
	f := Frame{Type: head.Type, ID: head.ID, Header: bytes.Clone(line)}
	if head.Length == nil {
		return f, nil
	}
	if *head.Length < 0 || *head.Length > r.maxPayload {
		return Frame{}, &ProtocolError{Cause: fmt.Sprintf("payload is %d bytes; %d are allowed", *head.Length, r.maxPayload), Line: excerpt(line)}
	}
	f.Payload = make([]byte, *head.Length)
	if _, err := io.ReadFull(r.src, f.Payload); err != nil {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return Frame{}, err
	}
	return f, nil
}

func excerpt(line []byte) []byte { return bytes.Clone(line[:min(len(line), 80)]) }
