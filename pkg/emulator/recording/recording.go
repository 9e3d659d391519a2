// Package recording is the file of what was said: the invocations of a function as the host handed them over, every request
// and answer over the APIs of its sandboxes, its log, and how each invocation ended. It writes such files, reads them, and
// says how two runs of the same invocations differ.
//
// A file is NDJSON: a Header, then an entry a line, in the order in which things happened as the host saw it. Known
// credentials are not in it. Everything else is, as it was: a recording is as private as the events that it holds. It does
// not invoke anything.
package recording

import (
	"bytes"
	"encoding/json"
	"fmt"
	"unicode/utf8"

	"github.com/serverless/open-runtime/internal/frames"
)

// Format is the version of the file that is written, and the only one that is read.
const Format = 1

// Header is the first line.
type Header struct {
	Format    int        `json:"recording"` // see Format; no other line has this key
	Sor       string     `json:"sor"`       // its version
	TimeUs    int64      `json:"timeUs"`    // Unix epoch, microseconds, as everywhere in the file
	Sandbox   string     `json:"sandbox"`   // namespace, docker
	Functions []Function `json:"functions"`
}

// A Function is one whose invocations are in the file.
type Function struct {
	Name      string `json:"name"`
	Handler   string `json:"handler"`
	MemoryMB  int    `json:"memoryMB"`
	TimeoutMs int64  `json:"timeoutMs"`
	Target    string `json:"target"`
}

// Types of entries.
const (
	typeInvocation = "invocation"
	typeRequest    = "request"
	typeAnswer     = "answer"
	typeLog        = "log"
	typeOutcome    = "outcome"
)

// An Invocation is what the host was about to hand over, or refused to.
type Invocation struct {
	Type            string `json:"type"`
	TimeUs          int64  `json:"timeUs"`
	Function        string `json:"function"`
	RequestID       string `json:"requestId"` // an event that comes again has it again
	FunctionARN     string `json:"functionArn,omitempty"`
	TraceID         string `json:"traceId,omitempty"`
	ClientContext   string `json:"clientContext,omitempty"` // JSON
	CognitoIdentity string `json:"cognitoIdentity,omitempty"`
	TenantID        string `json:"tenantId,omitempty"`
	ContentType     string `json:"contentType,omitempty"`
	Streamed        bool   `json:"streamed,omitempty"`    // the caller took a stream
	KillAfterMs     int64  `json:"killAfterMs,omitempty"` // what --chaos wanted of it
	Event           Body   `json:"event"`                 // empty of one that was refused before it was read
}

// Told is what a sandbox is told of it.
func (i Invocation) Told() frames.SupervisorInvoke {
	return frames.SupervisorInvoke{
		ID: i.RequestID, FunctionARN: i.FunctionARN, TraceID: i.TraceID, ClientContext: i.ClientContext, CognitoIdentity: i.CognitoIdentity,
		TenantID: i.TenantID, ContentType: i.ContentType, Streamed: i.Streamed, KillAfterMs: i.KillAfterMs,
	}
}

// A Message is a request over an API of a sandbox, or the answer to one: type request or answer. A body of over 8 MB is there
// up to that.
type Message struct {
	Type     string              `json:"type"`
	TimeUs   int64               `json:"timeUs"`
	Function string              `json:"function"`
	Sandbox  int                 `json:"sandbox,omitempty"` // which of the function's, when there may be several
	Exchange int64               `json:"exchange"`          // of the sandbox: it pairs an answer with its request
	Method   string              `json:"method,omitempty"`
	Path     string              `json:"path,omitempty"`
	Status   int                 `json:"status,omitempty"`
	Header   map[string][]string `json:"header,omitempty"`
	Body     Body                `json:"body,omitempty"`
}

// A Log is a line of the log.
type Log struct {
	Type      string `json:"type"`
	TimeUs    int64  `json:"timeUs"`
	Function  string `json:"function"`
	RequestID string `json:"requestId,omitempty"` // none during INIT
	Source    string `json:"source"`              // platform, function, extension
	Text      Body   `json:"text"`
}

// An Outcome is how an invocation ended: the answer and the report, or why there is none.
type Outcome struct {
	Type        string         `json:"type"`
	TimeUs      int64          `json:"timeUs"`
	Function    string         `json:"function"`
	RequestID   string         `json:"requestId"`
	ErrorType   string         `json:"errorType,omitempty"` // of a function that failed; the payload is the error document
	ContentType string         `json:"contentType,omitempty"`
	Payload     Body           `json:"payload,omitempty"` // none when the caller took a stream: it is what the runtime posted
	Report      *frames.Report `json:"report,omitempty"`
	Failure     string         `json:"failure,omitempty"` // why the function was not asked, or did not answer
}

// A Body is bytes: a string in the file when they are UTF-8, else {"base64":"…"}.
type Body []byte

type base64Body struct {
	Base64 []byte `json:"base64"`
}

// MarshalJSON writes a body so that it comes back byte for byte.
func (b Body) MarshalJSON() ([]byte, error) {
	if !utf8.Valid(b) {
		return json.Marshal(base64Body{b})
	}
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	err := encoder.Encode(string(b))
	return bytes.TrimSuffix(text.Bytes(), []byte("\n")), err
}

// UnmarshalJSON reads either form.
func (b *Body) UnmarshalJSON(data []byte) error {
	var text string
	if err := json.Unmarshal(data, &text); err == nil {
		*b = Body(text)
		return nil
	}
	var encoded base64Body
	if err := json.Unmarshal(data, &encoded); err != nil || encoded.Base64 == nil {
		return fmt.Errorf(`a body is a text, or {"base64":"…"}, and not %.40s`, data)
	}
	*b = encoded.Base64
	return nil
}
