package recording

// Reading: the invocations of a file, each with its calls and its outcome. A file may be larger than memory: what is kept of it
// is where things are.

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"

	"github.com/serverless/open-runtime/internal/jsontext"
	"github.com/serverless/open-runtime/internal/runtimeapi"
)

// A Recording is a file that was read through: all is right with its lines, and it is known which of them are of what.
type Recording struct {
	Header
	Turns []*Listed // in the order in which they were handed over

	file io.ReaderAt
}

// A Listed is one invocation of a recording: what is kept of it in memory.
type Listed struct {
	Line                int // of the invocation in the file
	Function, RequestID string
	Ended               bool   // there is an outcome
	Failure             string // of the outcome, if it is one

	empty               bool // no event
	invocation, outcome span
	calls               [][2]span // of the request and of the answer
}

// A span is where a line is in the file.
type span struct {
	offset int64
	length int
}

// A Turn is one invocation and what came of it.
type Turn struct {
	Line int // of the invocation in the file
	Invocation
	Calls   []Call   // that were of this invocation, in the order in which they were answered
	Outcome *Outcome // nil when the recording ends before
}

// A Call is a request and its answer.
type Call struct{ Request, Answer Message }

// A LineError is what is wrong with a file, and where.
type LineError struct {
	Line int // from 1
	Err  error
}

func (e *LineError) Error() string { return fmt.Sprintf("line %d: %v", e.Line, e.Err) }

// Unwrap gives what is wrong.
func (e *LineError) Unwrap() error { return e.Err }

// longestLine bounds a line: a body of 8 MB of which each byte takes six.
const longestLine = 64 << 20

var (
	errCutOff = errors.New("it has no end: the recording was cut off here")
	errEmpty  = errors.New("it is empty")
)

// Open reads through a recording, a line at a time. What is wrong with it is a *LineError, or an error of reading. The file is to
// stay as it is while turns are read from it.
func Open(file io.ReaderAt) (*Recording, error) {
	f := &reading{
		in: bufio.NewReaderSize(io.NewSectionReader(file, 0, math.MaxInt64), 64<<10), recording: Recording{file: file},
		turns: map[key]*Listed{}, asked: map[exchange]asked{},
	}
	for {
		f.at.offset += int64(f.at.length)
		line, err := f.line()
		if errors.Is(err, io.EOF) && f.number > 0 {
			return &f.recording, nil
		}
		f.number++
		if errors.Is(err, io.EOF) {
			err = errEmpty
		}
		if err == nil {
			err = f.take(line)
		}
		if err != nil {
			return nil, &LineError{f.number, err}
		}
	}
}

// A reading is a file that is being read.
type reading struct {
	in        *bufio.Reader
	number    int  // of the line
	at        span // where that is
	recording Recording
	turns     map[key]*Listed // the latest of an ID
	asked     map[exchange]asked
}

// An asked request has no answer yet.
type asked struct {
	at   span
	path string
}

type key struct{ function, requestID string }

type exchange struct {
	function string
	sandbox  int
	number   int64
}

// line gives the next line without its newline, or io.EOF.
func (f *reading) line() ([]byte, error) {
	var line []byte
	for {
		part, err := f.in.ReadSlice('\n')
		line = append(line, part...)
		switch {
		case err == nil:
			f.at.length = len(line)
			return line[:len(line)-1], nil
		case len(line) > longestLine:
			return nil, fmt.Errorf("it has over %d MB", longestLine>>20)
		case errors.Is(err, io.EOF) && len(line) > 0:
			return nil, errCutOff
		case !errors.Is(err, bufio.ErrBufferFull):
			return nil, err
		}
	}
}

// take takes a line.
func (f *reading) take(line []byte) error {
	if problem := jsontext.Check(line); problem != nil {
		return fmt.Errorf("it is not JSON: column %d: %s", problem.Column, problem.Cause)
	}
	if f.number == 1 {
		return f.takeHeader(line)
	}
	var entry struct {
		Type string `json:"type"`
	}
	if err := json.Unmarshal(line, &entry); err != nil {
		return errors.New("it is no object")
	}
	switch entry.Type {
	case typeInvocation:
		return take(line, f.takeInvocation)
	case typeRequest, typeAnswer:
		return take(line, f.takeMessage)
	case typeLog:
		return take(line, func(Log) error { return nil })
	case typeOutcome:
		return take(line, f.takeOutcome)
	}
	return fmt.Errorf("there are no entries of type %q", entry.Type)
}

// take decodes an entry.
func take[T any](line []byte, with func(T) error) error {
	var entry T
	if err := json.Unmarshal(line, &entry); err != nil {
		return err
	}
	return with(entry)
}

func (f *reading) takeHeader(line []byte) error {
	if err := json.Unmarshal(line, &f.recording.Header); err != nil || f.recording.Format == 0 {
		return errors.New("it is not that of a recording")
	}
	if f.recording.Format != Format {
		return fmt.Errorf("it is a recording of format %d, by sor %s; this one reads format %d", f.recording.Format, f.recording.Sor, Format)
	}
	return nil
}

func (f *reading) takeInvocation(inv Invocation) error {
	if inv.RequestID == "" {
		return errors.New("an invocation has a requestId")
	}
	t := &Listed{Line: f.number, Function: inv.Function, RequestID: inv.RequestID, empty: len(inv.Event) == 0, invocation: f.at}
	f.turns[key{inv.Function, inv.RequestID}] = t
	f.recording.Turns = append(f.recording.Turns, t)
	return nil
}

func (f *reading) takeOutcome(o Outcome) error {
	t := f.turns[key{o.Function, o.RequestID}]
	switch {
	case t == nil:
		return fmt.Errorf("the invocation %s is not in the file", o.RequestID)
	case t.Ended:
		return fmt.Errorf("the invocation %s has an outcome already", o.RequestID)
	case o.Report == nil && o.Failure == "":
		return errors.New("an outcome has a report or a failure")
	case o.Failure == "" && t.empty:
		return errors.New("its invocation has no event, and no failure says why")
	}
	t.Ended, t.Failure, t.outcome = true, o.Failure, f.at
	return nil
}

// takeMessage makes a call of a request and its answer, and gives it to the invocation that it is of. Calls of none, as of
// extensions that register, are of INIT and SHUTDOWN.
func (f *reading) takeMessage(m Message) error {
	of := exchange{m.Function, m.Sandbox, m.Exchange}
	if m.Type == typeRequest {
		f.asked[of] = asked{f.at, m.Path}
		return nil
	}
	request, ok := f.asked[of]
	if !ok {
		return fmt.Errorf("the request of exchange %d is not in the file", m.Exchange)
	}
	delete(f.asked, of)
	if t := f.turns[key{m.Function, requestID(request.path, m)}]; t != nil {
		t.calls = append(t.calls, [2]span{request.at, f.at})
	}
	return nil
}

// Turn reads all that is said of an invocation.
func (r *Recording) Turn(l *Listed) (*Turn, error) {
	t := &Turn{Line: l.Line}
	err := r.entry(l.invocation, &t.Invocation)
	for _, spans := range l.calls {
		var call Call
		err = errors.Join(err, r.entry(spans[0], &call.Request), r.entry(spans[1], &call.Answer))
		t.Calls = append(t.Calls, call)
	}
	if l.Ended {
		t.Outcome = &Outcome{}
		err = errors.Join(err, r.entry(l.outcome, t.Outcome))
	}
	if err != nil {
		return nil, fmt.Errorf("reading the invocation in line %d: %w", l.Line, err)
	}
	return t, nil
}

// entry reads a line again.
func (r *Recording) entry(at span, into any) error {
	line := make([]byte, at.length)
	if _, err := r.file.ReadAt(line, at.offset); err != nil {
		return err
	}
	return json.Unmarshal(line, into)
}

// requestID says of which invocation a call is: the path says it, or the answer does.
func requestID(path string, answer Message) string {
	path, _, _ = strings.Cut(path, "?")
	switch path {
	case runtimeapi.PathNext:
		for name, values := range answer.Header {
			if strings.EqualFold(name, runtimeapi.HeaderRequestID) && len(values) > 0 {
				return values[0]
			}
		}
		return ""
	case runtimeapi.PathExtensionNext:
		var event struct {
			RequestID string `json:"requestId"`
		}
		_ = json.Unmarshal(answer.Body, &event) // an error has no ID
		return event.RequestID
	}
	rest, ok := strings.CutPrefix(path, runtimeapi.PathInvocation)
	if !ok {
		return ""
	}
	id, _, _ := strings.Cut(rest, "/")
	return id
}
