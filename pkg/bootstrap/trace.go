//go:build linux

package bootstrap

// Trace records: one a stage. As frames on the descriptor that SOR_TRACE names, so that they never mix with a log; with
// SOR_TRACE=1 as one line of JSON an invocation in the log, which is what there is on Lambda.

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"sync"
	"time"

	"github.com/serverless/open-runtime/internal/frames"
	"github.com/serverless/open-runtime/internal/runtimeapi"
	"github.com/serverless/open-runtime/pkg/middleware"
	"github.com/serverless/open-runtime/pkg/sidecar"
)

// mostTraced is how much of what a stage made goes into its record, in bytes.
const mostTraced = 64 * 1024

// A tracer writes records. A nil tracer writes none.
type tracer struct {
	out *frames.Writer // nil for lines
	log logger

	mu    sync.Mutex
	turns map[*middleware.Invocation]*trace
	init  *trace
}

// A trace is the records of one invocation, or of init. A nil trace has none.
type trace struct {
	tracer  *tracer
	told    *middleware.Invocation
	request string
	start   time.Time

	mu      sync.Mutex
	records []frames.Trace
	over    bool // no line is to come that a record could be in
}

func newTracer(s settings, log logger) *tracer {
	if s.traceFD == 0 && !s.traceLines {
		return nil
	}
	t := &tracer{log: log, turns: map[*middleware.Invocation]*trace{}}
	if s.traceFD != 0 {
		t.out = frames.NewWriter(os.NewFile(uintptr(s.traceFD), "trace"))
	}
	t.init = &trace{tracer: t, start: time.Now()}
	return t
}

// begin begins the records of inv.
func (t *tracer) begin(inv *invocation, told *middleware.Invocation) *trace {
	if t == nil {
		return nil
	}
	one := &trace{tracer: t, told: told, request: inv.context.RequestID, start: inv.received}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.turns[told] = one
	return one
}

// stage gives what the middlewares call, nil when nobody wants to know.
func (t *tracer) stage() func(*middleware.Invocation, middleware.Stage) {
	if t == nil {
		return nil
	}
	return func(told *middleware.Invocation, s middleware.Stage) {
		t.mu.Lock()
		one := t.turns[told]
		t.mu.Unlock()
		if one != nil {
			one.write(s, len(s.Payload))
		}
	}
}

// started writes the record of a part of init.
func (t *tracer) started(name, kind string, start time.Time, errorType string) {
	if t != nil {
		t.init.write(middleware.Stage{Stage: "init", Name: name, Kind: kind, Start: start, Duration: time.Since(start), ErrorType: errorType}, 0)
	}
}

// initLine ends the records of init.
func (t *tracer) initLine() {
	if t != nil {
		t.init.line()
		t.init.mu.Lock()
		defer t.init.mu.Unlock()
		t.init.over = true
	}
}

// sidecar gives what the sidecars call, nil when nobody wants to know. What happens to them belongs to no invocation.
func (t *tracer) sidecar() func(sidecar.Record) {
	if t == nil {
		return nil
	}
	return func(r sidecar.Record) {
		t.init.write(middleware.Stage{
			Stage: r.Stage, Name: r.Name, Hook: r.Event, Kind: "sidecar", Start: r.Start, Duration: r.Duration, ErrorType: r.ErrorType,
		}, 0)
	}
}

// handler writes the record of the language runtime's part: of a stream when that has ended.
func (t *trace) handler(r *languageRuntime, start time.Time, bytesIn int, response middleware.Response, failed *runtimeapi.Error) middleware.Response {
	if t == nil {
		return response
	}
	s := middleware.Stage{Stage: "handler", Name: r.handler, Kind: r.kind(), Start: start, BytesIn: bytesIn, Payload: response.Payload}
	if response.Stream != nil {
		response.Stream = t.counted(s, response.Stream)
		return response
	}
	if failed != nil {
		s.ErrorType, s.Payload = failed.Type, nil
	}
	s.Duration = time.Since(start)
	t.write(s, len(s.Payload))
	return response
}

// counted keeps the beginning of a stream and counts the rest.
func (t *trace) counted(s middleware.Stage, inner middleware.Chunks) middleware.Chunks {
	size := 0
	return func(ctx context.Context) ([]byte, error) {
		chunk, err := inner(ctx)
		size += len(chunk)
		s.Payload = append(s.Payload, chunk[:min(len(chunk), mostTraced-len(s.Payload))]...)
		if err != nil {
			if !errors.Is(err, io.EOF) {
				s.ErrorType = runtimeapi.AsError(err, runtimeapi.ErrorUnknown).Type
			}
			s.Duration = time.Since(s.Start)
			t.write(s, size)
		}
		return chunk, err
	}
}

// write writes a record of a stage that made so many bytes, of which the payload may be the beginning.
func (t *trace) write(s middleware.Stage, size int) {
	record := frames.Trace{
		Type: frames.TypeTrace, RequestID: t.request, Stage: s.Stage, Name: s.Name, Hook: s.Hook, Kind: s.Kind,
		StartUs: s.Start.Sub(t.start).Microseconds(), DurationUs: s.Duration.Microseconds(),
		BytesIn: s.BytesIn, BytesOut: size, Unchanged: s.Unchanged, Respond: s.Respond, ErrorType: s.ErrorType,
	}
	if t.tracer.out == nil {
		t.mu.Lock()
		defer t.mu.Unlock()
		record.Type, record.RequestID = "", ""
		if !t.over {
			t.records = append(t.records, record)
		}
		return
	}
	record.Truncated = size > mostTraced
	// Who asked for records and hung up gets none: the invocation goes on.
	_ = t.tracer.out.Write(record, s.Payload[:min(len(s.Payload), mostTraced)])
}

// end is for when the answer was posted.
func (t *trace) end() {
	if t == nil {
		return
	}
	t.tracer.mu.Lock()
	delete(t.tracer.turns, t.told)
	t.tracer.mu.Unlock()
	t.line()
}

// line writes the records that were kept as one line.
func (t *trace) line() {
	if t == nil || t.tracer.out != nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.records) == 0 {
		return
	}
	data, err := json.Marshal(struct {
		Type       string         `json:"type"`
		RequestID  string         `json:"requestId,omitempty"`
		DurationUs int64          `json:"durationUs"`
		Stages     []frames.Trace `json:"stages"`
	}{"sor.trace", t.request, time.Since(t.start).Microseconds(), t.records})
	if err == nil { // numbers and words: always
		t.tracer.log.whole(data)
	}
}
