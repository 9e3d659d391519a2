package invokeapi

// Invoke and InvokeAsync.

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/serverless/open-runtime/internal/frames"
	"github.com/serverless/open-runtime/internal/identifier"
	"github.com/serverless/open-runtime/internal/runtimeapi"
)

// Headers of the API.
const (
	headerInvocationType  = "X-Amz-Invocation-Type"
	headerLogType         = "X-Amz-Log-Type"
	headerClientContext   = "X-Amz-Client-Context"
	headerTenantID        = "X-Amz-Tenant-Id"
	headerTraceID         = "X-Amzn-Trace-Id"
	headerRequestID       = "X-Amzn-Requestid"
	headerErrorType       = "X-Amzn-Errortype"
	headerFunctionError   = "X-Amz-Function-Error"
	headerLogResult       = "X-Amz-Log-Result"
	headerExecutedVersion = "X-Amz-Executed-Version"
	headerRemappedLength  = "X-Amzn-Remapped-Content-Length"
	headerRemappedType    = "X-Amzn-Remapped-Content-Type"
)

// Quotas. https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
const (
	mostAsync        = 1024 * 1024 // bytes of an asynchronous event
	mostInvokeAsync  = 256 * 1024  // the same in the API of 2014
	MaxClientContext = 3583        // bytes, as base64
	mostTenantID     = 256
)

// Operations, as refusals name them.
const (
	operationInvoke = "InvokeFunction"
	operationAsync  = "InvokeAsync"
	operationStream = "InvokeWithResponseStream"
)

// How an invocation is asked for.
const (
	kindRequestResponse = "RequestResponse"
	kindEvent           = "Event"
	kindDryRun          = "DryRun"
)

// An asked invocation is what a request says of it.
type asked struct {
	function Served
	kind     string
	tail     bool // the caller wants the end of the log
	told     frames.SupervisorInvoke
	event    []byte
}

// invoke is Invoke.
func (s *server) invoke(w http.ResponseWriter, r *http.Request) {
	a, refused := s.read(w, r, operationInvoke)
	if refused != nil {
		refused.write(w)
		return
	}
	switch a.kind {
	case kindDryRun:
		w.WriteHeader(http.StatusNoContent)
	case kindEvent:
		s.queue(w, a, nil)
	default:
		s.respond(w, r, a)
	}
}

// invokeAsync is InvokeAsync, of 2014.
func (s *server) invokeAsync(w http.ResponseWriter, r *http.Request) {
	r.Header.Set(headerInvocationType, kindEvent)
	a, refused := s.read(w, r, operationAsync)
	if refused != nil {
		refused.write(w)
		return
	}
	s.queue(w, a, []byte(`{"Status":202}`))
}

func (s *server) queue(w http.ResponseWriter, a *asked, body []byte) {
	if err := a.function.Queue.Send(a.told, a.event); err != nil {
		s.refused(a.function, a.told, a.event, err)
		notBegun(err).write(w)
		return
	}
	w.Header().Set(headerRemappedLength, "0")
	w.WriteHeader(http.StatusAccepted)
	_, _ = w.Write(body)
}

// respond answers as soon as the runtime has; the end of the log is there a moment later, when the invocation is over.
func (s *server) respond(w http.ResponseWriter, r *http.Request, a *asked) {
	ctx := context.WithoutCancel(r.Context()) // a caller that hangs up ends no invocation
	inv, err := a.function.Begin(ctx, a.told, a.event)
	if err != nil {
		notBegun(err).write(w)
		return
	}
	answer, err := inv.Answer(ctx)
	if err != nil {
		s.tell(a.function, err)
		notBegun(err).write(w)
		return
	}
	var body []byte
	failed := answer.ErrorType != ""
	if answer.Streaming || a.tail {
		result, err := inv.Result(ctx)
		if err != nil {
			s.tell(a.function, err)
			notBegun(err).write(w)
			return
		}
		body, failed = result.Payload, result.ErrorType != ""
		if a.tail {
			w.Header().Set(headerLogResult, base64.StdEncoding.EncodeToString(result.Log))
		}
	} else if body, err = answer.ReadAll(); err != nil {
		s.tell(a.function, err)
		notBegun(err).write(w)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set(headerRemappedLength, "0")
	h.Set(headerExecutedVersion, a.function.Config().FunctionVersion)
	if failed {
		h.Set(headerFunctionError, "Unhandled")
	}
	h.Set("Content-Length", fmt.Sprint(len(body)))
	_, _ = w.Write(body)
}

// read reads what is asked for, and sets the headers that every answer has.
func (s *server) read(w http.ResponseWriter, r *http.Request, operation string) (a *asked, refused *apiError) {
	a = &asked{told: frames.SupervisorInvoke{ID: identifier.UUID()}}
	w.Header().Set(headerRequestID, a.told.ID)
	if a.function, a.told.FunctionARN, refused = s.target(r); refused != nil {
		return nil, refused
	}
	defer func() {
		if refused != nil && r.Header.Get(headerInvocationType) != kindDryRun {
			s.refused(a.function, a.told, a.event, refused)
		}
	}()
	if refused := a.readHeaders(r.Header); refused != nil {
		return a, refused
	}
	if a.event, refused = readEvent(w, r, operation); refused != nil {
		return a, refused
	}
	most := mostAsync
	if operation == operationAsync {
		most = mostInvokeAsync
	}
	if a.kind == kindEvent && len(a.event) > most {
		return a, userError(http.StatusRequestEntityTooLarge, typeTooLargeEvent, "%d byte payload is too large for the Event invocation type (limit %d bytes)", len(a.event), most)
	}
	a.told.TraceID = identifier.CompleteTrace(r.Header.Get(headerTraceID), time.Now())
	w.Header().Set(headerTraceID, toldTrace(a.told.TraceID))
	return a, nil
}

func (a *asked) readHeaders(h http.Header) *apiError {
	a.kind = h.Get(headerInvocationType)
	if a.kind == "" {
		a.kind = kindRequestResponse
	}
	if kinds := []string{kindEvent, kindRequestResponse, kindDryRun}; !slices.Contains(kinds, a.kind) {
		return notOneOf("invocationType", a.kind, kinds)
	}
	switch tail := h.Get(headerLogType); tail {
	case "", "None":
	case "Tail":
		a.tail = true
	default:
		return notOneOf("logType", tail, []string{"None", "Tail"})
	}
	if !isJSON(h.Get("Content-Type")) {
		return userError(http.StatusUnsupportedMediaType, typeMedia, "Unsupported content type: %s", h.Get("Content-Type"))
	}
	a.told.ContentType = passedOn(h.Get("Content-Type"))
	if a.told.TenantID = h.Get(headerTenantID); a.told.TenantID != "" {
		if refused := spelled("tenantId", a.told.TenantID, tenantSpelling, mostTenantID); refused != nil {
			return refused
		}
	}
	return a.readClientContext(h.Get(headerClientContext))
}

func notOneOf(what, value string, allowed []string) *apiError {
	return invalidParameter("1 validation error detected: Value '%s' at '%s' failed to satisfy constraint: Member must satisfy enum value set: [%s]", value, what, strings.Join(allowed, ", "))
}

// isJSON says whether a body of this type may be an event: AWS's clients send none, or octet-stream, and curl sends a form.
func isJSON(contentType string) bool {
	if contentType == "" {
		return true
	}
	media, _, err := mime.ParseMediaType(contentType)
	switch {
	case err != nil:
		return false
	case strings.HasSuffix(media, "json"), strings.HasPrefix(media, "application/x-amz-json"):
		return true
	}
	return slices.Contains([]string{"application/octet-stream", "binary/octet-stream", "application/x-www-form-urlencoded"}, media)
}

// passedOn is the type of an event as the function is told it: a JSON of its own kind, as CloudEvents have one. Any other
// says of the client what it is, and not of the event.
func passedOn(contentType string) string {
	if media, _, err := mime.ParseMediaType(contentType); err != nil || !strings.HasSuffix(media, "+json") {
		return ""
	}
	return contentType
}

func (a *asked) readClientContext(encoded string) *apiError {
	if encoded == "" {
		return nil
	}
	if len(encoded) > MaxClientContext {
		return invalidContent("Client context must be at most %d bytes; it is %d.", MaxClientContext, len(encoded))
	}
	text, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil || !json.Valid(text) || !bytes.HasPrefix(bytes.TrimSpace(text), []byte("{")) {
		return invalidContent("Client context must be a valid Base64-encoded JSON object.")
	}
	var compact bytes.Buffer // it becomes a header
	if err := json.Compact(&compact, text); err != nil {
		return invalidContent("Client context must be a valid Base64-encoded JSON object.")
	}
	a.told.ClientContext = compact.String()
	return nil
}

// readEvent reads a body of at most the bytes that are allowed. Without one the event is {}; one that is none comes with what is
// wrong with it.
func readEvent(w http.ResponseWriter, r *http.Request, operation string) ([]byte, *apiError) {
	buffer := bytes.NewBuffer(make([]byte, 0, max(min(r.ContentLength, runtimeapi.MaxEvent), 0)+bytes.MinRead))
	_, err := buffer.ReadFrom(http.MaxBytesReader(w, r.Body, runtimeapi.MaxEvent))
	event := buffer.Bytes()
	if _, large := errors.AsType[*http.MaxBytesError](err); large {
		return nil, tooLarge(runtimeapi.MaxEvent, operation)
	}
	if err != nil {
		return nil, invalidContent("Could not read the request body: %v", err)
	}
	if len(event) == 0 {
		return []byte("{}"), nil
	}
	if err := jsonError(event); err != nil {
		return event, invalidContent("Could not parse request body into json: Could not parse payload into json: %v", err)
	}
	return event, nil
}

func jsonError(event []byte) error {
	if jsontext.Value(event).IsValid(jsontext.AllowDuplicateNames(true)) { // several times faster than encoding/json
		return nil
	}
	if !utf8.Valid(event) {
		return errors.New("Invalid UTF-8") //nolint:staticcheck // AWS's words
	}
	var any json.RawMessage
	if err := json.Unmarshal(event, &any); err != nil {
		if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
			return fmt.Errorf("%w, at byte %d", syntax, syntax.Offset)
		}
		return err
	}
	return nil
}
