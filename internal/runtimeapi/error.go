package runtimeapi

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// Types of errors, as Lambda spells them where Lambda has a name for the thing.
const (
	ErrorExit             = "Runtime.ExitError"
	ErrorInvalidEntry     = "Runtime.InvalidEntrypoint"
	ErrorOutOfMemory      = "Runtime.OutOfMemory"
	ErrorTimedOut         = "Sandbox.Timedout"
	ErrorResponseTooLarge = "Function.ResponseSizeTooLarge"
	ErrorTruncated        = "Runtime.TruncatedResponse"
	ErrorUnknown          = "Runtime.Unknown"
	ErrorFunctionUnknown  = "Function.Unknown"
	ErrorInvalidMode      = "Runtime.InvalidResponseModeHeader"

	ErrorMiddleware   = "Runtime.MiddlewareError" // ours: a middleware failed
	ErrorSidecar      = "Runtime.SidecarError"    // ours: a sidecar that the function needs is not there
	ErrorTimeout      = "Function.Timeout"        // ours: the deadline less the margin passed
	ErrorRuntimeStart = "Runtime.StartError"      // ours: the language runtime can't be started
	ErrorProtocol     = "Runtime.ProtocolError"   // ours: a language runtime does not keep to its protocol
	ErrorPin          = "Runtime.LayerMismatch"   // ours: a file of another layer is not the one that is pinned
	ErrorUnmarshal    = "Runtime.UnmarshalError"  // the event is not JSON, as the official clients call it
)

// Error is an error document: what a runtime posts when an invocation or its init fails, and what the caller gets.
//
// It is data on the wire. Type and Message are always there; StackTrace is a list of lines, innermost first.
type Error struct {
	Type       string   `json:"errorType"`
	Message    string   `json:"errorMessage"`
	StackTrace []string `json:"stackTrace"`

	// Document is the document as its author wrote it, byte for byte, when there was one; it wins over the fields above.
	Document []byte `json:"-"`
}

func (e *Error) Error() string { return e.Type + ": " + e.Message }

// AsError gives any error the form of the Runtime API; one that has none becomes one of the type fallback.
func AsError(err error, fallback string) *Error {
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	return &Error{Type: fallback, Message: err.Error()}
}

// TooLarge is the sentence with which Lambda refuses a response of size bytes.
func TooLarge(size int64) string {
	return fmt.Sprintf("Response payload size (%d bytes) exceeded maximum allowed payload size (%d bytes).", size, MaxResponse)
}

// JSON gives the bytes for the wire.
func (e *Error) JSON() []byte {
	if e.Document != nil {
		return e.Document
	}
	out := *e
	if out.StackTrace == nil {
		out.StackTrace = []string{}
	}
	data, err := json.Marshal(out)
	if err != nil { // strings only: cannot happen
		return []byte(`{"errorType":"` + ErrorUnknown + `","errorMessage":"","stackTrace":[]}`)
	}
	return data
}

// ParseError reads an error document. It accepts what the official clients write: trace for stackTrace, and stack
// entries that are objects. Whatever else a stack is, the type and the message are worth having without it. ok is false if data is no object with an errorType or an errorMessage.
func ParseError(data []byte) (e *Error, ok bool) {
	var doc struct {
		Type    string          `json:"errorType"`
		Message string          `json:"errorMessage"`
		Stack   json.RawMessage `json:"stackTrace"`
		Trace   json.RawMessage `json:"trace"`
	}
	if json.Unmarshal(data, &doc) != nil || doc.Type == "" && doc.Message == "" {
		return nil, false
	}
	e = &Error{Type: doc.Type, Message: doc.Message, Document: data}
	if len(doc.Stack) == 0 || string(doc.Stack) == "null" {
		doc.Stack = doc.Trace
	}
	e.StackTrace = stackLines(doc.Stack)
	return e, true
}

// stackLines gives the entries of a stack, those that are no strings as the JSON that they are.
func stackLines(stack json.RawMessage) (lines []string) {
	var entries []json.RawMessage
	if json.Unmarshal(stack, &entries) != nil {
		return nil
	}
	for _, entry := range entries {
		var line string
		if json.Unmarshal(entry, &line) != nil {
			line = string(entry)
		}
		lines = append(lines, line)
	}
	return lines
}

// HeaderType gives the value of HeaderErrorType that the platform keeps: types that don't begin as Runtime.Xxx or
// Function.Xxx do become fallback.
func HeaderType(errorType, fallback string) string {
	if accepted(errorType) {
		return errorType
	}
	return fallback
}

// accepted says whether a type begins like (Runtime|Function).[A-Z][a-zA-Z]+. There is no regexp here:
// compiling one costs every cold start.
func accepted(errorType string) bool {
	area, name, _ := strings.Cut(errorType, ".")
	switch area {
	case "Runtime", "Function":
	default:
		return false
	}
	return len(name) > 1 && name[0] >= 'A' && name[0] <= 'Z' && isLetter(name[1])
}

func isLetter(c byte) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' }
