//go:build linux

package supervisor

// One invocation and its one-way states: waiting for the runtime, running, answered, released.

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"math"
	"time"

	"github.com/serverless/open-runtime/internal/frames"
	"github.com/serverless/open-runtime/internal/runtimeapi"
)

// invocation is what /next hands out.
type invocation struct {
	id       string
	event    []byte
	headers  frames.SupervisorInvoke
	start    time.Time
	deadline time.Time

	answered chan answer   // one answer at the most, from the runtime
	released chan struct{} // closed when the runtime asks for the next event
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
		told.TraceID = newTraceID(time.Now())
	}
	if told.ContentType == "" {
		told.ContentType = "application/json"
	}
	now := time.Now()
	return &invocation{
		id: told.ID, event: event, headers: told,
		start: now, deadline: now.Add(time.Duration(config.TimeoutMs) * time.Millisecond),
		answered: make(chan answer, 1), released: make(chan struct{}),
	}
}

// newTraceID makes a trace header of an invocation that X-Ray does not sample.
// https://docs.aws.amazon.com/xray/latest/devguide/xray-concepts.html#xray-concepts-tracingheader
func newTraceID(now time.Time) string {
	var random [20]byte
	rand.Read(random[:]) // never fails: crypto/rand
	return fmt.Sprintf("Root=1-%08x-%s;Parent=%s;Sampled=0", now.Unix(), hex.EncodeToString(random[:12]), hex.EncodeToString(random[12:]))
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
