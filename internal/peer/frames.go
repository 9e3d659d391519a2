//go:build linux

package peer

// Peers that speak frames/1: frames on their fd 4, answers on their fd 3. See docs/protocol/frames.md.

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/serverless/open-runtime/internal/frames"
	"github.com/serverless/open-runtime/internal/process"
	"github.com/serverless/open-runtime/internal/runtimeapi"
)

// largestRead is the largest answer that is held. It is more than Lambda takes, so that an answer that is too large is told
// as that, and the peer lives on.
const largestRead = 4 * runtimeapi.MaxResponse

// Frames is the dialect frames/1.
type Frames struct {
	hello    frames.Hello
	fallback string // type of an error that has none
	in, out  *os.File
	w        *frames.Writer
	r        *frames.Reader
	sending  sync.Mutex // one call after the other

	multiplex bool
	large     bool // the pipes were enlarged
	pipe      countingPipe
}

// NewFrames makes the dialect over our ends of the two pipes. hello says who the peer is to be and what is offered; fallback
// is the type of an error whose document is none.
func NewFrames(in, out *os.File, hello frames.Hello, fallback string) *Frames {
	hello.Type, hello.Versions, hello.MaxPayload = frames.TypeHello, []int{frames.Version}, runtimeapi.MaxResponse
	d := &Frames{hello: hello, fallback: fallback, in: in, out: out, r: frames.NewReader(out, largestRead), pipe: countingPipe{File: in}}
	d.w = frames.NewWriter(&d.pipe)
	return d
}

// Open sends hello and hears ready, or why there will be none.
func (d *Frames) Open() (Terms, error) {
	// One that died, or never reads, is seen by what it does not answer.
	_ = d.w.Write(d.hello, nil)
	f, err := d.r.Read()
	if err != nil {
		return Terms{}, err
	}
	switch f.Type {
	case frames.TypeReady:
		return d.ready(f)
	case frames.TypeError:
		return Terms{}, ErrorDocument(f.Payload, runtimeapi.ErrorRuntimeStart)
	}
	return Terms{}, unexpected(f, "ready")
}

func (d *Frames) ready(f frames.Frame) (Terms, error) {
	var ready frames.Ready
	if err := f.Decode(&ready); err != nil {
		return Terms{}, &frames.ProtocolError{Cause: err.Error()}
	}
	if ready.Version != frames.Version {
		return Terms{}, &frames.ProtocolError{Cause: fmt.Sprintf("ready names version %d, and %d was offered", ready.Version, frames.Version)}
	}
	for _, capability := range ready.Capabilities {
		if !slices.Contains(d.hello.Capabilities, capability) {
			return Terms{}, &frames.ProtocolError{Cause: fmt.Sprintf("ready wants the capability %q, which was not offered", capability)}
		}
	}
	signal, ok := signals[ready.DumpSignal]
	if !ok {
		return Terms{}, &frames.ProtocolError{Cause: fmt.Sprintf("ready names the dump signal %q; there are %s", ready.DumpSignal, signalNames())}
	}
	d.multiplex = slices.Contains(ready.Capabilities, frames.CapabilityMultiplex)
	return Terms{
		Multiplex:  d.multiplex,
		Cancel:     slices.Contains(ready.Capabilities, frames.CapabilityCancel),
		DumpSignal: signal,
	}, nil
}

// signals are those that may make a peer write its stacks; "" is none.
var signals = map[string]syscall.Signal{
	"": 0, "SIGUSR1": syscall.SIGUSR1, "SIGUSR2": syscall.SIGUSR2, "SIGQUIT": syscall.SIGQUIT, "SIGHUP": syscall.SIGHUP, "SIGINT": syscall.SIGINT,
}

func signalNames() string {
	var names []string
	for name := range signals {
		if name != "" {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}

// Send writes an invoke frame. Once ctx ends nobody waits for a peer that does not read.
func (d *Frames) Send(ctx context.Context, call *Call) error {
	if !d.multiplex { // else others are sending too
		defer until(ctx, d.in)()
		if len(call.Payload) > process.PipeSize && !d.large {
			d.large = true
			control(d.in, process.EnlargePipe)
			control(d.out, process.EnlargePipe)
		}
	}
	d.sending.Lock()
	defer d.sending.Unlock()
	call.At = d.pipe.written.Load()
	err := d.w.Write(frames.Invoke{
		Type: frames.TypeInvoke, ID: call.ID, Hook: call.Hook, Response: call.Response, ContentType: call.ContentType,
		DeadlineMs: call.Deadline.UnixMilli(), Context: call.Context,
	}, call.Payload)
	if broken, ok := errors.AsType[*frames.ProtocolError](err); ok { // nothing of it was written
		return &runtimeapi.Error{Type: runtimeapi.ErrorProtocol, Message: "the invocation can't be handed over: " + broken.Error()}
	}
	return err
}

// Receive reads one answer. One that Lambda would refuse with a 413 is a failure: so the error hooks hear of it. The words
// are Lambda's.
func (d *Frames) Receive() (Answer, error) {
	f, err := d.r.Read()
	if err != nil {
		return Answer{}, err
	}
	if f.ID == "" {
		return Answer{}, &frames.ProtocolError{Cause: "an answer has no id", Line: excerptLine(f)}
	}
	a := Answer{ID: f.ID, Payload: f.Payload}
	switch f.Type {
	case frames.TypeResult:
		var head frames.Answer
		if err := f.Decode(&head); err != nil {
			return a, &frames.ProtocolError{Cause: err.Error()}
		}
		a.ContentType, a.Unchanged, a.Respond = head.ContentType, head.Unchanged, head.Respond
		return Bounded(a, len(f.Payload)), nil
	case frames.TypeError:
		a.Kind, a.Failed, a.Payload = Failure, ErrorDocument(f.Payload, d.fallback), nil
		return a, nil
	case frames.TypeChunk:
		var head frames.Chunk
		if err := f.Decode(&head); err != nil {
			return a, &frames.ProtocolError{Cause: err.Error()}
		}
		a.Kind, a.ContentType, a.Prelude = Chunk, head.ContentType, head.Prelude
		return a, d.offered(f, frames.CapabilityStream)
	case frames.TypeEnd:
		a.Kind = End
		return a, d.offered(f, frames.CapabilityStream)
	}
	return a, unexpected(f, "result, chunk, end or error")
}

// offered refuses what only one who was offered a capability may say.
func (d *Frames) offered(f frames.Frame, capability string) error {
	if slices.Contains(d.hello.Capabilities, capability) {
		return nil
	}
	return &frames.ProtocolError{Cause: fmt.Sprintf("a frame of type %q, and %s was not offered", f.Type, capability), Line: excerptLine(f)}
}

// tellTime bounds how long a word is tried: one who does not read is killed all the same.
const tellTime = 5 * time.Millisecond

// Tell writes a cancel or a shutdown. A cancel among several calls takes its turn: a limit of time would be theirs too, and
// half a call is the end of the stream.
func (d *Frames) Tell(kind, id string) bool {
	if kind == frames.TypeCancel && d.multiplex {
		return d.w.Write(frames.Cancel{Type: kind, ID: id}, nil) == nil
	}
	d.in.SetWriteDeadline(time.Now().Add(tellTime))
	said := d.w.Write(frames.Cancel{Type: kind, ID: id}, nil) == nil
	if said {
		d.in.SetWriteDeadline(time.Time{})
	}
	return said
}

// Unread compares what was written with what the pipe still holds.
func (d *Frames) Unread(call *Call) bool {
	d.sending.Lock() // what others wrote is counted once they are done
	defer d.sending.Unlock()
	return d.pipe.unread(call.At)
}

// Drain lets what the pipe holds be read for as long as grace.
func (d *Frames) Drain(grace time.Duration) { drain(d.in, d.out, grace) }

// Close closes both pipes.
func (d *Frames) Close() { d.in.Close(); d.out.Close() }

func drain(in, out *os.File, grace time.Duration) {
	now := time.Now()
	out.SetReadDeadline(now.Add(grace))
	in.SetWriteDeadline(now)
}

// Bounded makes a failure of an answer of size bytes that Lambda would refuse.
func Bounded(a Answer, size int) Answer {
	if size <= runtimeapi.MaxResponse {
		return a
	}
	return Answer{ID: a.ID, Kind: Failure, Size: size, Failed: &runtimeapi.Error{Type: runtimeapi.ErrorResponseTooLarge, Message: runtimeapi.TooLarge(int64(size))}}
}

func unexpected(f frames.Frame, wanted string) error {
	return &frames.ProtocolError{Cause: fmt.Sprintf("a frame of type %q where %s is due", f.Type, wanted), Line: excerptLine(f)}
}

func excerptLine(f frames.Frame) []byte { return f.Header[:min(len(f.Header), 80)] }

// ErrorDocument takes an error document as it is; what is none is wrapped in one.
func ErrorDocument(payload []byte, fallback string) *runtimeapi.Error {
	if e, ok := runtimeapi.ParseError(payload); ok {
		return e
	}
	return &runtimeapi.Error{Type: fallback, Message: excerpt(payload)}
}
