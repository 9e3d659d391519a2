package emulator

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"sync"

	"github.com/serverless/open-runtime/internal/frames"
)

// An Invocation is one that was handed to a sandbox.
type Invocation struct {
	id       string
	streamed bool   // whoever asked takes the stream itself
	after    func() // called when it has ended, before anyone hears of that

	answered chan struct{} // closed when the runtime answered, or began to stream
	done     chan struct{} // closed when there is a report, or there will be none

	stream *stream // what the answer's Body reads

	head   Answer
	result Result
	log    []byte
	err    error // why there is no report; valid after done
}

// An Answer is what the runtime posted. It comes as soon as that was posted; the environment may still be at work.
type Answer struct {
	ContentType string
	ErrorType   string // "" when the function answered; an error of a stream comes at its end
	Streaming   bool   // Body comes in pieces, as the runtime sends them
	Body        io.Reader

	whole []byte // of one that is not Streaming
}

// ReadAll is for who has read nothing of Body, and gives all of it. An answer that came whole is given as it is, and not copied.
func (a *Answer) ReadAll() ([]byte, error) {
	if a.whole != nil {
		return a.whole, nil
	}
	return io.ReadAll(a.Body)
}

// Result is what the caller of an invocation gets, and the report of it.
type Result struct {
	RequestID   string
	Payload     []byte // the response, or the error document when ErrorType is not empty; nil for a stream that was asked for
	ContentType string
	ErrorType   string // "" when the function answered
	Report      frames.Report
	Log         []byte // the last MaxLogTail bytes of its log, from START to REPORT
}

// MaxLogTail is how much of its log the caller of an invocation may have, in bytes.
// https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html
const MaxLogTail = 4096

// A StreamError is the end of a streamed response that failed in the middle: what its Body gives in place of io.EOF.
type StreamError struct {
	Type     string
	Document []byte // the error document
}

func (e *StreamError) Error() string {
	return fmt.Sprintf("the response ended in mid-stream with an error of type %s", e.Type)
}

func newInvocation(told frames.SupervisorInvoke, after func()) *Invocation {
	return &Invocation{
		id: told.ID, after: after, streamed: told.Streamed, result: Result{RequestID: told.ID}, stream: newStream(),
		answered: make(chan struct{}), done: make(chan struct{}),
	}
}

// RequestID is the invocation's.
func (i *Invocation) RequestID() string { return i.id }

// Answer waits until the runtime answered, or began to stream. An error means that the sandbox ended, or ctx did.
func (i *Invocation) Answer(ctx context.Context) (*Answer, error) {
	select {
	case <-i.answered:
	case <-i.done:
		select {
		case <-i.answered:
		default:
			return nil, i.err
		}
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	head := i.head
	return &head, nil
}

// Result waits for the report too. Whoever asked for a stream reads it from the Answer.
func (i *Invocation) Result(ctx context.Context) (*Result, error) {
	select {
	case <-i.done:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if i.err != nil {
		return nil, i.err
	}
	return &i.result, nil
}

// answer is called once, by the reader of the sandbox's frames, as are the following.
func (i *Invocation) answer(a frames.SupervisorAnswer, payload []byte) {
	select {
	case <-i.answered:
		return
	default:
	}
	i.head = Answer{ContentType: a.ContentType, ErrorType: a.ErrorType, Streaming: a.Streaming, Body: i.stream}
	i.result.ContentType, i.result.ErrorType = a.ContentType, a.ErrorType
	if !a.Streaming {
		i.result.Payload = payload
		i.head.Body, i.head.whole = bytes.NewReader(payload), payload
		i.stream.end(nil)
	}
	close(i.answered)
}

func (i *Invocation) endStream(errorType string, document []byte) {
	if !i.streamed {
		i.result.Payload = i.stream.rest()
	}
	if errorType == "" {
		i.stream.end(nil)
		return
	}
	i.result.ErrorType, i.result.Payload = errorType, document
	i.stream.end(&StreamError{Type: errorType, Document: document})
}

func (i *Invocation) logged(line []byte) {
	i.log = append(append(i.log, line...), '\n')
	if len(i.log) > 4*MaxLogTail {
		i.log = append(i.log[:0], i.log[len(i.log)-MaxLogTail:]...)
	}
}

func (i *Invocation) finish(report frames.Report, err error) {
	i.result.Report, i.err = report, err
	i.result.Log = i.log[max(len(i.log)-MaxLogTail, 0):]
	if err != nil {
		i.stream.end(err)
	}
	i.stream.end(nil) // a stream without an end has one all the same
	i.after()
	close(i.done)
}

// A stream holds what came of a response until it is read. It has no bound of its own: the supervisor has.
type stream struct {
	mu    sync.Mutex
	more  *sync.Cond
	held  []byte
	ended bool
	err   error
}

func newStream() *stream {
	s := &stream{}
	s.more = sync.NewCond(&s.mu)
	return s
}

func (s *stream) write(p []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.held = append(s.held, p...)
	s.more.Broadcast()
}

// end is heeded once.
func (s *stream) end(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.ended {
		s.ended, s.err = true, err
	}
	s.more.Broadcast()
}

// rest gives what was not read.
func (s *stream) rest() []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.held
}

// Read blocks until there is something, or the end.
func (s *stream) Read(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.held) == 0 && !s.ended {
		s.more.Wait()
	}
	if len(s.held) > 0 {
		n := copy(p, s.held)
		s.held = s.held[n:]
		return n, nil
	}
	if s.err != nil {
		return 0, s.err
	}
	return 0, io.EOF
}
