//go:build linux

package peer

// Language runtimes of 2018: one event a line on stdin, one answer a line on stdout, and an exit is the only error.

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"time"

	"github.com/serverless/open-runtime/internal/runtimeapi"
)

// Lines is the dialect of 2018.
type Lines struct {
	in, out *os.File
	pipe    countingPipe // in
	reader  *bufio.Reader
	buffer  bytes.Buffer
}

// NewLines makes the dialect over our ends of the two pipes.
func NewLines(in, out *os.File) *Lines {
	return &Lines{in: in, out: out, pipe: countingPipe{File: in}, reader: bufio.NewReaderSize(out, 64*1024)}
}

// Open has nothing to wait for: a language runtime of 2018 says nothing until it answers.
func (d *Lines) Open() (Terms, error) { return Terms{}, nil }

// Send compacts the event, so that no newline within it ends the line.
func (d *Lines) Send(ctx context.Context, call *Call) error {
	defer until(ctx, d.in)()
	d.buffer.Reset()
	if err := json.Compact(&d.buffer, call.Payload); err != nil {
		return &runtimeapi.Error{
			Type:    runtimeapi.ErrorUnmarshal,
			Message: "the event is not JSON, and a language runtime without a manifest takes one line of JSON: " + err.Error(),
		}
	}
	d.buffer.WriteByte('\n')
	call.At = d.pipe.written.Load()
	_, err := d.pipe.Write(d.buffer.Bytes())
	return err
}

// Receive reads a line of any length and keeps no more of it than can be used.
func (d *Lines) Receive() (Answer, error) {
	line, size := []byte{}, 0
	for {
		part, err := d.reader.ReadSlice('\n')
		size += len(part)
		if len(line)+len(part) <= largestRead {
			line = append(line, part...)
		}
		switch {
		case err == nil:
			return Bounded(Answer{Payload: bytes.TrimSuffix(line, []byte("\n"))}, size-1), nil
		case !errors.Is(err, bufio.ErrBufferFull): // a last line without its newline may be half an answer
			return Answer{}, err
		}
	}
}

// Tell says nothing: there are no words for it.
func (d *Lines) Tell(string, string) bool { return false }

// Unread compares what was written with what the pipe still holds.
func (d *Lines) Unread(call *Call) bool { return d.pipe.unread(call.At) }

// Drain lets what the pipe holds be read for as long as grace.
func (d *Lines) Drain(grace time.Duration) { drain(d.in, d.out, grace) }

// Close closes both pipes.
func (d *Lines) Close() { d.in.Close(); d.out.Close() }
