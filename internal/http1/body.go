//go:build linux

package http1

// A body as it comes in: with a length, in chunks, or up to the end of the connection.

import (
	"cmp"
	"context"
	"errors"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A Body is read as a stream (Read gives what is there, and waits only when nothing is), or whole by ReadAll. It is for one
// goroutine, and for as long as its request is being served.
type Body struct {
	in      *lines
	socket  *socket
	framing framing
	left    int64 // of the body, or of the chunk
	inChunk bool
	atEnd   bool // trailers are what is left
	trailer Header
	err     error        // io.EOF after all of it, or what broke
	begin   func() error // to be called before the first byte is awaited
	ended   func()       // to be called once all of it was read
}

type framing int

const (
	byLength framing = iota
	byChunks
	byClose
)

// body makes the body that a header announces; without a word of it, otherwise says how it is framed.
func (h Header) body(in *lines, otherwise framing) (*Body, error) {
	b := &Body{in: in, framing: otherwise}
	lengths, codings := h.count("Content-Length"), h.count("Transfer-Encoding")
	switch {
	case codings > 0 && lengths > 0:
		return nil, broken("a content length and a transfer coding: two readers would see two messages")
	case codings > 0:
		coding := h.Get("Transfer-Encoding")
		if codings > 1 || !strings.EqualFold(coding, "chunked") {
			return nil, refused(501, "unknown transfer coding %q", cut(coding))
		}
		b.framing = byChunks
	case lengths > 1:
		return nil, broken("%d content lengths: two readers would see two messages", lengths)
	case lengths == 1:
		value := h.Get("Content-Length")
		n, err := strconv.ParseUint(value, 10, 63)
		if err != nil || value[0] == '+' {
			return nil, broken("a content length of %q", cut(value))
		}
		b.framing, b.left = byLength, int64(n)
	}
	if b.framing == byLength && b.left == 0 {
		b.err = io.EOF
	}
	return b, nil
}

// Trailer gives the fields that came after the last chunk, once Read said io.EOF or ReadAll is done.
func (b *Body) Trailer() Header { return b.trailer }

// done says whether all of the body was read.
func (b *Body) done() bool { return errors.Is(b.err, io.EOF) }

// await reads up to where bytes of the body are next, if there are more.
func (b *Body) await() error {
	if b.begin != nil && b.err == nil {
		begin := b.begin
		b.begin = nil
		if err := begin(); err != nil {
			return b.fail(err)
		}
	}
	for b.err == nil && b.framing == byChunks && b.left == 0 {
		if err := b.nextChunk(); err != nil {
			return b.fail(err)
		}
	}
	return b.err
}

// Read gives what there is of the body, and io.EOF after its end.
func (b *Body) Read(p []byte) (int, error) {
	if err := b.await(); err != nil || len(p) == 0 {
		return 0, err
	}
	if b.framing != byClose {
		p = p[:min(int64(len(p)), b.left)]
	}
	n, err := b.in.Read(p)
	if n == 0 {
		return 0, b.fail(err)
	}
	if b.framing != byClose {
		b.left -= int64(n)
	}
	if b.framing == byLength && b.left == 0 {
		b.end()
	}
	return n, nil
}

// ReadContext is Read that gives up when ctx ends; the body can be read on afterwards.
func (b *Body) ReadContext(ctx context.Context, p []byte) (int, error) {
	if b.err != nil || ctx.Err() != nil {
		return 0, cmp.Or(b.err, ctx.Err())
	}
	ended := b.ended
	b.ended = nil // not before the deadline is as it was
	interrupted := make(chan struct{})
	stop := context.AfterFunc(ctx, func() { b.socket.SetReadDeadline(past); close(interrupted) })
	n, err := b.Read(p)
	if !stop() {
		<-interrupted
		b.socket.SetReadDeadline(time.Time{})
		if errors.Is(err, os.ErrDeadlineExceeded) {
			err = ctx.Err()
		}
	}
	if b.ended = ended; b.done() && ended != nil {
		ended()
	}
	return n, err
}

// fail keeps what broke the body; an interruption does not.
func (b *Body) fail(err error) error {
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return err
	case b.framing == byClose && errors.Is(err, io.EOF):
		b.end()
	default:
		b.err = midway(err)
	}
	return b.err
}

func (b *Body) end() {
	b.err = io.EOF
	if b.ended != nil {
		b.ended()
	}
}

// nextChunk reads up to the bytes of the next chunk, or to the end of the trailers. It may be interrupted after each line.
func (b *Body) nextChunk() error {
	if b.inChunk {
		if line, err := b.in.strictLine(); err != nil || line != "" {
			if err == nil {
				err = broken("a chunk is longer than its size")
			}
			return err
		}
		b.inChunk = false
	}
	if !b.atEnd {
		line, err := b.in.strictLine()
		if err != nil {
			return err
		}
		text, _, _ := strings.Cut(line, ";")
		text = strings.TrimRight(text, " \t")
		size, err := strconv.ParseUint(text, 16, 62)
		if err != nil || text[0] == '+' {
			return broken("a chunk size of %q", cut(line))
		}
		b.left, b.inChunk, b.atEnd = int64(size), size > 0, size == 0
		b.in.room = maxHeader
	}
	for b.atEnd {
		done, err := b.in.field(&b.trailer)
		if err != nil {
			return err
		}
		if done {
			b.end()
			break
		}
	}
	return nil
}

// ReadAll reads what there is up to the end. A body over most bytes is ErrTooLarge, before there is memory for it; what was
// not read of it can be read still.
func (b *Body) ReadAll(most int64) ([]byte, error) {
	all := []byte{}
	if b.framing == byLength && b.left > most { // before the client is told to send it
		return nil, broken("%w: %d bytes, and %d are allowed", ErrTooLarge, b.left, most)
	}
	for {
		err := b.await()
		switch {
		case errors.Is(err, io.EOF):
			return all, nil
		case err != nil:
			return nil, err
		case b.left > most-int64(len(all)):
			return nil, broken("%w: over %d bytes", ErrTooLarge, most)
		}
		if len(all) == cap(all) {
			all = slices.Grow(all, int(b.room(int64(len(all)), most)))
		}
		n, err := b.Read(all[len(all):cap(all)])
		all = all[:len(all)+n]
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, err
		}
		if int64(len(all)) > most {
			return nil, broken("%w: over %d bytes", ErrTooLarge, most)
		}
	}
}

// room is how much memory to make for more of a body, of which got bytes are here: all of it when its length is known, else
// as much again. One byte more than allowed shows what is too large.
func (b *Body) room(got, most int64) int64 {
	if b.framing == byLength {
		return b.left
	}
	return min(max(b.left, got, 512), most-got+1)
}

// drain reads and forgets up to most bytes, if they come unasked.
func (b *Body) drain(most int64) {
	if b.begin == nil {
		_, _ = io.CopyN(io.Discard, b, most+1)
	}
}
