//go:build linux

package supervisor

// What the runtime writes: its log on a pipe, and the bootstrap's trace records on another. A pipe is flushed by a mark
// that is written into it: when the mark comes out, all before it did.

import (
	"bytes"
	"cmp"
	"crypto/rand"
	"encoding/json"
	"errors"
	"io"
	"os"
	"sync"
	"time"

	"github.com/serverless/open-runtime/internal/frames"
	"github.com/serverless/open-runtime/internal/process"
)

// logPipe is the runtime's stdout and stderr: one pipe, so that their order stays.
type logPipe struct {
	read  *heldReader
	write *os.File
	done  chan struct{}

	mu    sync.Mutex
	marks map[string]chan struct{}
	blank bool // an empty line is held back: it may belong to a mark
}

// newLogPipe emits whole lines until the pipe is closed.
func newLogPipe(emit func(line []byte)) (*logPipe, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	held, err := newHeldReader(r)
	if err != nil {
		return nil, errors.Join(err, r.Close(), w.Close())
	}
	p := &logPipe{read: held, write: w, done: make(chan struct{}), marks: map[string]chan struct{}{}}
	go func() {
		defer close(p.done)
		defer held.release()
		// A log that can't be read has ended.
		_ = process.Lines(held, longestLine, func(line []byte) { p.take(line, emit) })
	}()
	return p, nil
}

// take emits a line, unless it is a mark, or the end of line before one.
func (p *logPipe) take(line []byte, emit func([]byte)) {
	if len(line) == 0 {
		if p.blank {
			emit(line)
		}
		p.blank = true
		return
	}
	p.mu.Lock()
	mark, ok := p.marks[string(line)]
	delete(p.marks, string(line))
	p.mu.Unlock()
	if p.blank && !ok {
		emit(nil)
	}
	p.blank = false
	if ok {
		close(mark)
		return
	}
	emit(line)
}

// flush waits until what was written so far was emitted: there is nothing to wait for when the pipe is empty and what it
// held ended with a line. Else a mark is written, which begins with an end of line, since the last line may lack one.
func (p *logPipe) flush() {
	if p.isQuiet() {
		return
	}
	text := "mark " + rand.Text()
	mark := make(chan struct{})
	p.mu.Lock()
	p.marks[text] = mark
	p.mu.Unlock()
	if _, err := p.write.WriteString("\n" + text + "\n"); err != nil {
		return
	}
	select {
	case <-mark:
	case <-p.done:
	}
}

// isQuiet says whether all that was written has been emitted.
func (p *logPipe) isQuiet() bool {
	p.read.mu.Lock() // so that nobody is in the midst of emitting
	defer p.read.mu.Unlock()
	return p.read.isEmpty() && !p.read.inside && !p.blank
}

// close ends the log when nobody else can write to it any more.
func (p *logPipe) close() {
	p.flush()
	p.write.Close()
	p.read.file.Close()
	<-p.done
}

// functionLog passes a line of the function's log on.
func (s *supervisor) functionLog(e *environment, line []byte) {
	e.telemetry.line(frames.SourceFunction, line)
	_ = s.out.Write(frames.Log{Type: frames.TypeLog, Source: frames.SourceFunction, RequestID: e.requestOf(line)}, nonNil(line))
}

// requestOf is the invocation that a line belongs to. Of several at once that is said by the line itself, if it is JSON, as
// Lambda's logs are then; "" when nobody knows.
func (e *environment) requestOf(line []byte) string {
	if e.crowd == nil {
		return e.requestID()
	}
	if bytes.HasPrefix(line, []byte("{")) {
		var said struct {
			RequestID    string `json:"requestId"`
			AWSRequestID string `json:"AWSRequestId"` // in what aws-lambda-go logs
		}
		if json.Unmarshal(line, &said) == nil && said.RequestID+said.AWSRequestID != "" {
			return cmp.Or(said.RequestID, said.AWSRequestID)
		}
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.crowd.alone()
}

func nonNil(line []byte) []byte {
	if line == nil {
		return []byte{}
	}
	return line
}

// mostTraced bounds what a stage made, in a record of the bootstrap's.
const mostTraced = 1024 * 1024

// tracePipe is descriptor 3 of the bootstrap, where SOR_TRACE asks it to write records.
type tracePipe struct {
	read, write *os.File
	out         *frames.Writer
	marks       chan struct{}
	done        chan struct{} // closed when no more records come
	ended       chan struct{} // closed when nobody reads any more
}

const typeMark = "mark"

func newTracePipe(pass func(frames.Frame)) (*tracePipe, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	p := &tracePipe{read: r, write: w, out: frames.NewWriter(w), marks: make(chan struct{}, 1), done: make(chan struct{}), ended: make(chan struct{})}
	go func() {
		defer close(p.ended)
		p.take(pass)
		close(p.done)
		_ = r.SetReadDeadline(time.Time{})
		_, _ = io.Copy(io.Discard, r) // who goes on writing is not held up
	}()
	return p, nil
}

// take passes records on until what comes is none.
func (p *tracePipe) take(pass func(frames.Frame)) {
	in := frames.NewReader(p.read, mostTraced)
	for {
		f, err := in.Read()
		switch {
		case err != nil:
			return
		case f.Type == typeMark:
			select {
			case p.marks <- struct{}{}:
			default: // not ours: there is room for the one that is waited for
			}
		case f.Type == frames.TypeTrace:
			pass(f)
		}
	}
}

// flush waits for the records written so far. A mark that comes in the midst of a record, whose writer was killed or is
// none of ours, is swallowed by it: then there is an end to the waiting, and to the records.
func (p *tracePipe) flush() {
	select {
	case <-p.done:
		return
	default:
	}
	if err := p.out.Write(frames.Cancel{Type: typeMark}, nil); err != nil {
		return
	}
	grace := time.NewTimer(traceGrace)
	defer grace.Stop()
	select {
	case <-p.marks:
	case <-p.done:
	case <-grace.C:
		_ = p.read.SetReadDeadline(time.Now())
		<-p.done
	}
}

func (p *tracePipe) close() {
	p.write.Close()
	p.read.Close()
	<-p.ended
}

// passTrace hands a record on to the host as it is.
func (s *supervisor) passTrace(f frames.Frame) {
	var trace frames.Trace
	if f.Decode(&trace) != nil {
		return // not a record: the function wrote on the descriptor
	}
	_ = s.out.Write(trace, f.Payload)
}
