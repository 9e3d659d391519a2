//go:build linux

package supervisor

// What the platform tells of its work: events, from which its lines of the log are made as well.
// https://docs.aws.amazon.com/lambda/latest/dg/telemetry-schema-reference.html

import (
	"encoding/json"
	"time"

	"github.com/serverless/open-runtime/internal/frames"
)

// Types of the platform's events. platformEnd and platformFault are of the Logs API alone.
const (
	platformInitStart       = "platform.initStart"
	platformInitRuntimeDone = "platform.initRuntimeDone"
	platformInitReport      = "platform.initReport"
	platformStart           = "platform.start"
	platformRuntimeDone     = "platform.runtimeDone"
	platformReport          = "platform.report"
	platformExtension       = "platform.extension"
	platformSubscription    = "platform.telemetrySubscription" // the Logs API calls it platform.logsSubscription
	platformLogsDropped     = "platform.logsDropped"
	platformEnd             = "platform.end"
	platformFault           = "platform.fault"
)

// Statuses of a runtime that is done.
const (
	statusSuccess = "success"
	statusFailure = "failure" // it ended
	statusError   = "error"   // it reported an error
	statusTimeout = "timeout"
)

type initStart struct {
	InitializationType string `json:"initializationType"`
	Phase              string `json:"phase"`
	FunctionName       string `json:"functionName"`
	FunctionVersion    string `json:"functionVersion"`
}

type initRuntimeDone struct {
	InitializationType string `json:"initializationType"`
	Phase              string `json:"phase"`
	Status             string `json:"status"`
	ErrorType          string `json:"errorType,omitempty"`
}

type initReport struct {
	InitializationType string      `json:"initializationType"`
	Phase              string      `json:"phase"`
	Status             string      `json:"status,omitempty"`
	ErrorType          string      `json:"errorType,omitempty"`
	Metrics            initMetrics `json:"metrics"`
}

type initMetrics struct {
	DurationMs float64 `json:"durationMs"`
}

type tracing struct {
	SpanID string `json:"spanId,omitempty"`
	Type   string `json:"type"`
	Value  string `json:"value"`
}

type invocationStart struct {
	RequestID string   `json:"requestId"`
	Version   string   `json:"version"`
	Tracing   *tracing `json:"tracing,omitempty"`
}

type runtimeDone struct {
	RequestID string         `json:"requestId"`
	Status    string         `json:"status"`
	ErrorType string         `json:"errorType,omitempty"`
	Metrics   *doneMetrics   `json:"metrics,omitempty"`
	Spans     []responseSpan `json:"spans,omitempty"`
	Tracing   *tracing       `json:"tracing,omitempty"`
}

type doneMetrics struct {
	DurationMs    float64 `json:"durationMs"`
	ProducedBytes int64   `json:"producedBytes"`
}

type responseSpan struct {
	Name       string  `json:"name"` // responseLatency, responseDuration
	Start      string  `json:"start"`
	DurationMs float64 `json:"durationMs"`
}

type invocationReport struct {
	RequestID string        `json:"requestId"`
	Status    string        `json:"status,omitempty"`
	ErrorType string        `json:"errorType,omitempty"`
	Metrics   reportMetrics `json:"metrics"`
	Tracing   *tracing      `json:"tracing,omitempty"`
}

type reportMetrics struct {
	DurationMs       float64 `json:"durationMs"`
	BilledDurationMs int64   `json:"billedDurationMs"`
	MemorySizeMB     int     `json:"memorySizeMB"`
	MaxMemoryUsedMB  int     `json:"maxMemoryUsedMB"`
	InitDurationMs   float64 `json:"initDurationMs,omitempty"`
}

type invocationEnd struct {
	RequestID string `json:"requestId"`
}

type extensionEvent struct {
	Name      string   `json:"name"`
	State     string   `json:"state"`
	Events    []string `json:"events"`
	ErrorType string   `json:"errorType,omitempty"`
}

type subscriptionEvent struct {
	Name  string   `json:"name"`
	State string   `json:"state"` // Subscribed
	Types []string `json:"types"`
}

type logsDropped struct {
	Reason         string `json:"reason"`
	DroppedRecords int    `json:"droppedRecords"`
	DroppedBytes   int    `json:"droppedBytes"`
}

// stamp is a time as events have it.
func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

// platform tells an event to who subscribed, and the log as the line, or as the event itself where the log is in JSON.
// https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-logformat.html
func (s *supervisor) platform(e *environment, kind, request string, record any, line string) {
	now := time.Now()
	if e != nil {
		e.telemetry.platform(now, kind, record)
	}
	if line = s.platformLine(now, kind, record, line); line != "" {
		s.log(frames.SourcePlatform, request, line)
	}
}

// platformLine is a line of the platform's, or the event where the log is in JSON.
func (s *supervisor) platformLine(at time.Time, kind string, record any, line string) string {
	if s.jsonLogs() {
		return string(envelope(at, kind, record))
	}
	return line
}

// jsonLogs says whether the function's log is in JSON.
func (s *supervisor) jsonLogs() bool { return s.config.Environment["AWS_LAMBDA_LOG_FORMAT"] == "JSON" }

// envelope encodes an event.
func envelope(at time.Time, kind string, record any) []byte {
	data, err := json.Marshal(struct {
		Time   string `json:"time"`
		Type   string `json:"type"`
		Record any    `json:"record"`
	}{stamp(at), kind, record})
	if err != nil { // structs of strings and numbers, and JSON that was looked at: cannot happen
		return []byte("{}")
	}
	return data
}

// tracingOf is what events say of an invocation's trace.
func tracingOf(inv *invocation) *tracing {
	if inv.headers.TraceID == "" {
		return nil
	}
	return &tracing{Type: "X-Amzn-Trace-Id", Value: inv.headers.TraceID}
}

// doneRecord tells how the runtime was with an invocation.
func (inv *invocation) doneRecord(status, errorType string) runtimeDone {
	inv.mu.Lock()
	defer inv.mu.Unlock()
	record := runtimeDone{
		RequestID: inv.id, Status: status, ErrorType: errorType, Tracing: tracingOf(inv),
		Metrics: &doneMetrics{DurationMs: milliseconds(time.Since(inv.start)), ProducedBytes: inv.spans.bytes},
	}
	if begin, end := inv.spans.begin, inv.spans.end; !end.IsZero() {
		record.Spans = []responseSpan{
			{"responseLatency", stamp(inv.start), milliseconds(begin.Sub(inv.start))},
			{"responseDuration", stamp(begin), milliseconds(end.Sub(begin))},
		}
	}
	return record
}

// reportRecord is the report as an event: the same that REPORT and the host are made from.
func reportRecord(inv *invocation, r frames.Report) invocationReport {
	return invocationReport{
		RequestID: r.ID, Status: r.Status, ErrorType: r.ErrorType, Tracing: tracingOf(inv),
		Metrics: reportMetrics{r.DurationMs, r.BilledDurationMs, r.MemorySizeMB, r.MaxMemoryUsedMB, r.InitDurationMs},
	}
}
