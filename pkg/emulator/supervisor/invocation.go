//go:build linux

package supervisor

// One invocation and its one-way states: waiting for the runtime, running, answered, released.

import (
	"fmt"
	"math"
	"sync"
	"time"

	"github.com/serverless/open-runtime/internal/frames"
	"github.com/serverless/open-runtime/internal/identifier"
	"github.com/serverless/open-runtime/internal/runtimeapi"
)

// invocation is what /next hands out.
type invocation struct {
	id       string
	event    []byte
	headers  frames.SupervisorInvoke
	start    time.Time
	deadline time.Time // as it is told
	expires  time.Time // when it times out: the same, unless time may be held

	answered chan answer   // one answer at the most, from the runtime
	released chan struct{} // closed when the runtime asks for the next event, and so does each extension that was told

	state       state  // of one among several; the environment's mu holds it, as it does the next
	runtimeDone bool   // the runtime has asked for the next event, or never will
	errorType   string // of its answer

	mu     sync.Mutex
	stream streamState
	spans  responseSpans
}

// streamState is how far a streamed response is.
type streamState int

const (
	streamNone streamState = iota
	streamBegun
	streamEnded
)

// responseSpans are the times of a response.
type responseSpans struct {
	begin, end time.Time
	bytes      int64
}

func (inv *invocation) isReleased() bool {
	select {
	case <-inv.released:
		return true
	default:
		return false
	}
}

// beginStream says that the response comes in pieces, unless the invocation has ended.
func (inv *invocation) beginStream(tell func()) bool {
	inv.mu.Lock()
	defer inv.mu.Unlock()
	if inv.stream != streamNone {
		return false
	}
	inv.stream = streamBegun
	tell()
	return true
}

// pass sends a piece, unless the invocation has ended.
func (inv *invocation) pass(piece func()) bool {
	inv.mu.Lock()
	defer inv.mu.Unlock()
	if inv.stream != streamBegun {
		return false
	}
	piece()
	return true
}

// endStream ends the streaming, and says whether there was any.
func (inv *invocation) endStream() bool {
	inv.mu.Lock()
	defer inv.mu.Unlock()
	begun := inv.stream == streamBegun
	inv.stream = streamEnded
	return begun
}

func (inv *invocation) responseBegins() {
	inv.mu.Lock()
	defer inv.mu.Unlock()
	inv.spans.begin = time.Now()
}

func (inv *invocation) responseEnds(size int64) {
	inv.mu.Lock()
	defer inv.mu.Unlock()
	inv.spans.end, inv.spans.bytes = time.Now(), size
}

// answer is what the caller gets; an errorType makes it a function error.
type answer struct {
	payload     []byte
	contentType string
	errorType   string
}

func newInvocation(told frames.SupervisorInvoke, event []byte, config frames.Config) *invocation {
	if told.FunctionARN == "" {
		told.FunctionARN = config.FunctionARN
	}
	if told.TraceID == "" {
		told.TraceID = identifier.Trace(time.Now())
	}
	if told.ContentType == "" {
		told.ContentType = "application/json"
	}
	now := time.Now()
	expires := now.Add(time.Duration(config.TimeoutMs) * time.Millisecond)
	deadline := expires
	if config.Attach || config.Debug != nil { // nobody inside is to hurry
		deadline = now.Add(heldTime)
	}
	return &invocation{
		id: told.ID, event: event, headers: told, start: now, deadline: deadline, expires: expires,
		answered: make(chan answer, 1), released: make(chan struct{}),
	}
}

// killAfter gives a channel that tells when the host wants the runtime killed: never, unless it said so.
func (inv *invocation) killAfter() (<-chan time.Time, func()) {
	if inv.headers.KillAfterMs <= 0 {
		return nil, func() {}
	}
	timer := time.NewTimer(time.Duration(inv.headers.KillAfterMs) * time.Millisecond)
	return timer.C, func() { timer.Stop() }
}

// startRecord tells of its start.
func (inv *invocation) startRecord(version string) invocationStart {
	return invocationStart{RequestID: inv.id, Version: version, Tracing: tracingOf(inv)}
}

// header lists the headers of /next; AWS sends those that are not empty.
func (inv *invocation) header() [][2]string {
	return [][2]string{
		{runtimeapi.HeaderRequestID, inv.id},
		{runtimeapi.HeaderDeadlineMs, fmt.Sprint(inv.deadline.UnixMilli())},
		{runtimeapi.HeaderFunctionARN, inv.headers.FunctionARN},
		{runtimeapi.HeaderTraceID, inv.headers.TraceID},
		{runtimeapi.HeaderClientContext, inv.headers.ClientContext},
		{runtimeapi.HeaderCognitoIdentity, inv.headers.CognitoIdentity},
		{runtimeapi.HeaderTenantID, inv.headers.TenantID},
		{"Content-Type", inv.headers.ContentType},
	}
}

// reportLine is Lambda's REPORT, made from the same record that the host gets.
func reportLine(r frames.Report) string {
	line := fmt.Sprintf("REPORT RequestId: %s\tDuration: %.2f ms\tBilled Duration: %d ms\tMemory Size: %d MB\tMax Memory Used: %d MB\t",
		r.ID, r.DurationMs, r.BilledDurationMs, r.MemorySizeMB, r.MaxMemoryUsedMB)
	if r.InitDurationMs > 0 {
		line += fmt.Sprintf("Init Duration: %.2f ms\t", r.InitDurationMs)
	}
	switch r.Status {
	case "timeout":
		line += "Status: timeout"
	case "error":
		line += "Status: error\tError Type: " + r.ErrorType
	}
	return line
}

// initReportLine is written when INIT failed.
func initReportLine(took time.Duration, phase, status, errorType string) string {
	return fmt.Sprintf("INIT_REPORT Init Duration: %.2f ms\tPhase: %s\tStatus: %s\tError Type: %s", milliseconds(took), phase, status, errorType)
}

func milliseconds(d time.Duration) float64 { return math.Round(d.Seconds()*1e5) / 100 }
