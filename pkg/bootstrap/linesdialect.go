//go:build linux

package bootstrap

// Language runtimes of 2018: one event a line on stdin, one answer a line on stdout, and an exit is the only error.

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"

	"github.com/serverless/open-runtime/internal/runtimeapi"
	"github.com/serverless/open-runtime/pkg/middleware"
)

type linesDialect struct {
	in     io.Writer
	out    *bufio.Reader
	buffer bytes.Buffer
}

func newLinesDialect(in, out *os.File) *linesDialect {
	return &linesDialect{in: in, out: bufio.NewReaderSize(out, 64*1024)}
}

// open has nothing to wait for: a language runtime of 2018 says nothing until it answers.
func (d *linesDialect) open() error { return nil }

// send compacts the event, so that no newline within it ends the line.
func (d *linesDialect) send(_ string, _ *middleware.Invocation, event []byte) error {
	d.buffer.Reset()
	if err := json.Compact(&d.buffer, event); err != nil {
		return &runtimeapi.Error{
			Type:    runtimeapi.ErrorUnmarshal,
			Message: "the event is not JSON, and a language runtime without a manifest takes one line of JSON: " + err.Error(),
		}
	}
	d.buffer.WriteByte('\n')
	_, err := d.in.Write(d.buffer.Bytes())
	return err
}

// receive reads a line of any length and keeps no more of it than can be used.
func (d *linesDialect) receive() (answer, error) {
	line, size := []byte{}, 0
	for {
		part, err := d.out.ReadSlice('\n')
		size += len(part)
		if len(line)+len(part) <= largestRead {
			line = append(line, part...)
		}
		switch {
		case err == nil:
			line = bytes.TrimSuffix(line, []byte("\n"))
			return answer{response: middleware.Response{Payload: line}}.bounded(size - 1), nil
		case !errors.Is(err, bufio.ErrBufferFull): // a last line without its newline may be half an answer
			return answer{}, err
		}
	}
}

func (d *linesDialect) cancel(string) {}
