//go:build linux

package supervisor

// The telemetry of one environment: what the platform, the function and the extensions tell, for who subscribed.
// https://docs.aws.amazon.com/lambda/latest/dg/telemetry-api.html

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/serverless/open-runtime/internal/frames"
)

// telemetry takes events and hands them to subscribers. What comes before INIT is over is kept for those that come later.
type telemetry struct {
	json bool // lines of the function's log are JSON

	mu          sync.Mutex
	kept        []told // of INIT; nil when nobody can subscribe any more
	keptBytes   int
	closed      bool
	subscribers []*subscriber
}

// A told event is one as it came.
type told struct {
	at     time.Time
	kind   string
	record any    // of the platform
	line   []byte // of function and extension
}

// mostKept bounds what is kept of INIT, in bytes.
const mostKept = 4 * 1024 * 1024

func newTelemetry(jsonLogs bool) *telemetry { return &telemetry{json: jsonLogs} }

// platform takes an event of the platform.
func (t *telemetry) platform(at time.Time, kind string, record any) {
	t.take(told{at: at, kind: kind, record: record})
}

// line takes a line of the log: source is function or extension.
func (t *telemetry) line(source string, line []byte) {
	t.take(told{at: time.Now(), kind: source, line: slices.Clone(line)})
}

func (t *telemetry) take(event told) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.closed && t.keptBytes < mostKept {
		t.kept = append(t.kept, event)
		t.keptBytes += len(event.line) + 128
	}
	for _, s := range t.subscribers {
		s.take(event, t.json)
	}
}

// subscribe adds a subscriber, or puts it in the place of the one that its extension has already, and tells it and the
// others what there was so far.
func (t *telemetry) subscribe(s *subscriber) (refused *apiError) {
	t.mu.Lock()
	if t.closed {
		t.mu.Unlock()
		return s.api.closedError()
	}
	for i, other := range t.subscribers {
		if other.name == s.name {
			t.subscribers = slices.Delete(t.subscribers, i, i+1)
			defer other.end(ended()) // the new one hears it all again
			break
		}
	}
	t.subscribers = append(t.subscribers, s)
	for _, event := range t.kept {
		s.take(event, t.json)
	}
	t.mu.Unlock()
	t.platform(time.Now(), platformSubscription, subscriptionEvent{Name: s.name, State: "Subscribed", Types: s.types})
	return nil
}

// close ends the time in which one may subscribe.
func (t *telemetry) close() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.closed, t.kept = true, nil
}

// all gives the subscribers.
func (t *telemetry) all() []*subscriber {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.subscribers)
}

// flush has what is buffered delivered, and waits for that until ctx ends.
func (t *telemetry) flush(ctx context.Context) {
	for _, s := range t.all() {
		s.flush(ctx)
	}
}

// nudge has what is buffered delivered now, and does not wait for it.
func (t *telemetry) nudge() {
	for _, s := range t.all() {
		s.nudge()
	}
}

// end delivers nothing more.
func (t *telemetry) end() {
	for _, s := range t.all() {
		s.end(ended())
	}
}

// ended is a context that has.
func ended() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}

// wanted gives an event as a subscriber's schema has it; ok is false for what it did not ask for, or what its schema lacks.
func (s *subscriber) wanted(event told, jsonLogs bool) (data []byte, ok bool) {
	if event.record == nil {
		if !slices.Contains(s.types, event.kind) {
			return nil, false
		}
		return envelope(event.at, event.kind, s.lineRecord(event, jsonLogs)), true
	}
	if !slices.Contains(s.types, "platform") {
		return nil, false
	}
	kind, record, ok := s.api.shape(s.schema, event.kind, event.record)
	return envelope(event.at, kind, record), ok
}

// lineRecord is a line as a string, or as the object that it is, where the log is in JSON and the schema knows that.
func (s *subscriber) lineRecord(event told, jsonLogs bool) any {
	text := strings.ToValidUTF8(string(event.line), "\ufffd")
	object := strings.HasPrefix(strings.TrimSpace(text), "{") && json.Valid([]byte(text))
	if jsonLogs && event.kind == frames.SourceFunction && object && s.api == apiTelemetry && s.schema >= "2022-12-13" {
		return json.RawMessage(text)
	}
	return text + "\n"
}

// shape gives an event of the platform as an API has it.
func (a api) shape(schema, kind string, record any) (string, any, bool) {
	if a == apiTelemetry {
		return kind, record, kind != platformEnd && kind != platformFault
	}
	// https://docs.aws.amazon.com/lambda/latest/dg/runtimes-logs-api.html
	switch r := record.(type) {
	case invocationStart:
		r.Tracing = nil
		return kind, r, true
	case invocationReport:
		r.Status, r.ErrorType, r.Tracing = "", "", nil
		return kind, r, true
	case runtimeDone:
		if r.Status == statusError { // it did answer
			r.Status = statusSuccess
		}
		return kind, runtimeDone{RequestID: r.RequestID, Status: r.Status}, schema >= "2021-03-18"
	case subscriptionEvent:
		return "platform.logsSubscription", r, true
	case invocationEnd, extensionEvent, logsDropped, string:
		return kind, record, true
	}
	return "", nil, false
}
