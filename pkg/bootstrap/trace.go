//go:build linux

package bootstrap

// Trace records: one a stage, as frames on the descriptor that SOR_TRACE names, so that they never mix with a log.

import (
	"os"
	"sync"
	"time"

	"github.com/serverless/open-runtime/internal/frames"
	"github.com/serverless/open-runtime/internal/runtimeapi"
	"github.com/serverless/open-runtime/pkg/middleware"
)

// mostTraced is how much of what a stage made goes into its record, in bytes.
const mostTraced = 64 * 1024

// A tracer writes the records of the invocation under way. A nil tracer writes none.
type tracer struct {
	out *frames.Writer

	mu      sync.Mutex
	request string
	start   time.Time
}

func newTracer(fd int) *tracer {
	if fd == 0 {
		return nil
	}
	return &tracer{out: frames.NewWriter(os.NewFile(uintptr(fd), "trace"))}
}

// begin makes inv the invocation that records are of.
func (t *tracer) begin(inv *invocation) {
	if t == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.request, t.start = inv.context.RequestID, inv.received
}

// stage gives what the middlewares call, nil when nobody wants to know.
func (t *tracer) stage() func(middleware.Stage) {
	if t == nil {
		return nil
	}
	return t.write
}

// handler writes the record of the language runtime's part.
func (t *tracer) handler(name string, start time.Time, event []byte, response middleware.Response, failed *runtimeapi.Error) {
	if t == nil {
		return
	}
	s := middleware.Stage{Stage: "handler", Name: name, Start: start, Duration: time.Since(start), BytesIn: len(event), Payload: response.Payload}
	if failed != nil {
		s.ErrorType, s.Payload = failed.Type, nil
	}
	t.write(s)
}

func (t *tracer) write(s middleware.Stage) {
	t.mu.Lock()
	request, start := t.request, t.start
	t.mu.Unlock()
	record := frames.Trace{
		Type: frames.TypeTrace, RequestID: request, Stage: s.Stage, Name: s.Name, Hook: s.Hook,
		StartUs: s.Start.Sub(start).Microseconds(), DurationUs: s.Duration.Microseconds(),
		BytesIn: s.BytesIn, BytesOut: len(s.Payload), Unchanged: s.Unchanged, Respond: s.Respond, ErrorType: s.ErrorType,
		Truncated: len(s.Payload) > mostTraced,
	}
	payload := s.Payload[:min(len(s.Payload), mostTraced)]
	// Who asked for records and hung up gets none: the invocation goes on.
	_ = t.out.Write(record, payload)
}
