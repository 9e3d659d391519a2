//go:build linux

package bootstrap

// Language runtimes that speak frames/1: frames on their fd 4, answers on their fd 3. See docs/protocol/frames.md.

import (
	"fmt"
	"os"
	"slices"
	"sync/atomic"

	"github.com/serverless/open-runtime/internal/frames"
	"github.com/serverless/open-runtime/internal/runtimeapi"
	"github.com/serverless/open-runtime/pkg/middleware"
)

const capabilityCancel = "cancel"

type framesDialect struct {
	handler string
	w       *frames.Writer
	r       *frames.Reader
	cancels atomic.Bool // agreed upon
}

func newFramesDialect(handler string, in, out *os.File) *framesDialect {
	return &framesDialect{handler: handler, w: frames.NewWriter(in), r: frames.NewReader(out, largestRead)}
}

func (d *framesDialect) open() error {
	hello := frames.Hello{
		Type: frames.TypeHello, Versions: []int{frames.Version}, Role: frames.RoleRuntime, Handler: d.handler,
		Capabilities: []string{capabilityCancel}, MaxPayload: runtimeapi.MaxResponse,
	}
	// A language runtime that died, or never reads, is seen by what it does not answer.
	_ = d.w.Write(hello, nil)
	f, err := d.r.Read()
	if err != nil {
		return err
	}
	switch f.Type {
	case frames.TypeReady:
		var ready frames.Ready
		if err := f.Decode(&ready); err != nil {
			return &frames.ProtocolError{Cause: err.Error()}
		}
		if ready.Version != frames.Version {
			return &frames.ProtocolError{Cause: fmt.Sprintf("ready names version %d, and %d was offered", ready.Version, frames.Version)}
		}
		d.cancels.Store(slices.Contains(ready.Capabilities, capabilityCancel))
		return nil
	case frames.TypeError:
		return errorDocument(f.Payload, runtimeapi.ErrorRuntimeStart)
	}
	return unexpected(f, "ready")
}

func (d *framesDialect) send(id string, inv *middleware.Invocation, event []byte) error {
	if event == nil {
		event = []byte{} // an event of no bytes is still a payload
	}
	return d.w.Write(frames.Invoke{Type: frames.TypeInvoke, ID: id, DeadlineMs: inv.Deadline.UnixMilli(), Context: inv.Context}, event)
}

func (d *framesDialect) receive() (answer, error) {
	f, err := d.r.Read()
	if err != nil {
		return answer{}, err
	}
	if f.ID == "" {
		return answer{}, &frames.ProtocolError{Cause: "an answer has no id", Line: f.Header[:min(len(f.Header), 80)]}
	}
	switch f.Type {
	case frames.TypeResult:
		var head frames.Answer
		if err := f.Decode(&head); err != nil {
			return answer{}, &frames.ProtocolError{Cause: err.Error()}
		}
		a := answer{id: f.ID, response: middleware.Response{Payload: f.Payload, ContentType: head.ContentType}}
		return a.bounded(len(f.Payload)), nil
	case frames.TypeError:
		return answer{id: f.ID, failed: errorDocument(f.Payload, runtimeapi.ErrorFunctionUnknown)}, nil
	}
	return answer{}, unexpected(f, "result or error")
}

func (d *framesDialect) cancel(id string) {
	if d.cancels.Load() {
		_ = d.w.Write(frames.Cancel{Type: frames.TypeCancel, ID: id}, nil) // it is about to be killed
	}
}

func unexpected(f frames.Frame, wanted string) error {
	return &frames.ProtocolError{Cause: fmt.Sprintf("a frame of type %q where %s is due", f.Type, wanted), Line: f.Header[:min(len(f.Header), 80)]}
}

// errorDocument takes an error document as it is; what is none is wrapped in one.
func errorDocument(payload []byte, fallback string) *runtimeapi.Error {
	if e, ok := runtimeapi.ParseError(payload); ok {
		return e
	}
	return &runtimeapi.Error{Type: fallback, Message: excerpt(payload)}
}
