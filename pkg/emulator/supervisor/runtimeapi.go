//go:build linux

package supervisor

// The Runtime API, as AWS's page has it: https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/serverless/open-runtime/internal/runtimeapi"
)

// routes is the table of the API; that of extensions has its own file.
func (s *supervisor) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+runtimeapi.PathPing, s.ping)
	mux.HandleFunc("GET "+runtimeapi.PathNext, s.next)
	mux.HandleFunc("POST "+runtimeapi.PathInvocation+"{id}"+runtimeapi.SuffixResponse, s.response)
	mux.HandleFunc("POST "+runtimeapi.PathInvocation+"{id}"+runtimeapi.SuffixError, s.invocationError)
	mux.HandleFunc("POST "+runtimeapi.PathInitError, s.initErrorPosted)
	mux.HandleFunc("POST "+runtimeapi.PathRegister, s.registerExtension)
	mux.HandleFunc("GET "+runtimeapi.PathExtensionNext, s.nextExtensionEvent)
	return bareMethodErrors(mux)
}

// bareMethodErrors gives a 405 no body, as AWS does.
func bareMethodErrors(mux *http.ServeMux) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, pattern := mux.Handler(r)
		switch {
		case pattern != "" && r.Method == http.MethodHead: // the mux takes it for a GET, and an event would be lost with it
			w.WriteHeader(http.StatusMethodNotAllowed)
			return
		case pattern != "":
			mux.ServeHTTP(w, r)
			return
		}
		probe := &statusOnly{header: http.Header{}}
		mux.ServeHTTP(probe, r)
		if probe.status == http.StatusMethodNotAllowed {
			w.WriteHeader(http.StatusMethodNotAllowed)
			return
		}
		http.NotFound(w, r)
	})
}

// statusOnly hears what the mux would say.
type statusOnly struct {
	header http.Header
	status int
}

func (p *statusOnly) Header() http.Header         { return p.header }
func (p *statusOnly) Write(b []byte) (int, error) { return len(b), nil }
func (p *statusOnly) WriteHeader(status int)      { p.status = status }

// The API's own errors. A state transition's message names both states.
var (
	errInvalidRequestID = apiError{http.StatusBadRequest, "Invalid request ID", "InvalidRequestID"}
	errInvalidMode      = apiError{http.StatusBadRequest, "Invalid function response mode", "InvalidFunctionResponseMode"}
	errTruncated        = apiError{http.StatusBadRequest, "HTTP request detected as truncated", "TruncatedHTTPRequest"}
	errTooLarge         = apiError{http.StatusRequestEntityTooLarge, fmt.Sprintf("Exceeded maximum allowed payload size (%d bytes).", runtimeapi.MaxResponse), "RequestEntityTooLarge"}
)

// nonRecoverable is what is said when an environment has ended, or is ending.
const nonRecoverable = "Container error. Non-recoverable state. Runtime should exit promptly."

type apiError struct {
	status  int
	Message string `json:"errorMessage"`
	Type    string `json:"errorType"`
}

func transition(from, to state) apiError {
	message := fmt.Sprintf("State transition from %s to %s failed for runtime. Error: State transition is not allowed", from, to)
	return apiError{http.StatusForbidden, message, "InvalidStateTransition"}
}

func (e apiError) write(w http.ResponseWriter) { writeJSON(w, e.status, e) }

func accepted(w http.ResponseWriter) {
	writeJSON(w, http.StatusAccepted, struct {
		Status string `json:"status"`
	}{"OK"})
}

func writeJSON(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // a runtime that hung up needs no answer
}

func (s *supervisor) ping(w http.ResponseWriter, _ *http.Request) {
	_, _ = io.WriteString(w, "pong")
}

// at gives the environment at work; between two of them nobody has a right to ask.
func (s *supervisor) at(w http.ResponseWriter) *environment {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.environment == nil {
		http.Error(w, nonRecoverable, http.StatusInternalServerError)
	}
	return s.environment
}

// next blocks until there is an event. A runtime that asks again while it works on one gets the same event again.
func (s *supervisor) next(w http.ResponseWriter, r *http.Request) {
	e := s.at(w)
	if e == nil {
		return
	}
	o, refused := e.askNext()
	if refused != nil {
		refused.write(w)
		return
	}
	select {
	case <-o.made:
	case <-e.gone:
		http.Error(w, nonRecoverable, http.StatusInternalServerError)
		return
	case <-r.Context().Done():
		return
	}
	inv := o.inv
	e.hand(inv)
	for _, pair := range inv.header() {
		if pair[1] != "" {
			w.Header()[http.CanonicalHeaderKey(pair[0])] = []string{pair[1]}
		}
	}
	w.Header().Set("Content-Length", fmt.Sprint(len(inv.event)))
	_, _ = w.Write(inv.event) // a runtime that hung up is seen by its exit, or by the deadline
}

// askNext moves the runtime to Ready: INIT is over, or the last invocation is.
func (e *environment) askNext() (*offer, *apiError) {
	e.mu.Lock()
	defer e.mu.Unlock()
	switch e.state {
	case stateStarted:
		e.state = stateReady
		e.settleInit()
	case stateResponseSent:
		e.state = stateReady
		last := e.current
		e.current, e.offered = nil, newOffer()
		close(last.released)
	case stateReady, stateRunning:
	default:
		err := transition(e.state, stateReady)
		return nil, &err
	}
	return e.offered, nil
}

// hand moves the runtime to Running. Of two that waited for one event, the second may come when it is answered already.
func (e *environment) hand(inv *invocation) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.state == stateReady && e.current == inv {
		e.state = stateRunning
	}
}

// begin checks the request ID first and the state after it, as AWS does, and moves the runtime to state.
func (e *environment) begin(id string, to state) (*invocation, *apiError) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.current == nil || e.current.id != id || e.state == stateReady {
		return nil, &errInvalidRequestID
	}
	if e.state != stateRunning {
		err := transition(e.state, to)
		return nil, &err
	}
	e.state = to
	return e.current, nil
}

// finish gives the caller its answer; the runtime may ask for the next event.
func (e *environment) finish(inv *invocation, a answer) {
	e.mu.Lock()
	e.state = stateResponseSent
	e.mu.Unlock()
	inv.answered <- a
}

// response takes a response, buffered or streamed.
func (s *supervisor) response(w http.ResponseWriter, r *http.Request) {
	e := s.at(w)
	if e == nil {
		return
	}
	inv, refused := e.begin(r.PathValue("id"), stateResponse)
	if refused != nil {
		refused.write(w)
		return
	}
	mode := r.Header.Get(runtimeapi.HeaderResponseMode)
	if mode != "" && !strings.EqualFold(mode, runtimeapi.ResponseModeStreaming) {
		e.finish(inv, answer{payload: errorBody(runtimeapi.ErrorInvalidMode, "Invalid response mode header: "+mode), errorType: runtimeapi.ErrorInvalidMode})
		errInvalidMode.write(w)
		return
	}
	body, size, err := readBody(r)
	switch {
	case err != nil:
		e.finish(inv, answer{payload: errorBody(runtimeapi.ErrorTruncated, "The response ended before it was whole"), errorType: runtimeapi.ErrorTruncated})
		errTruncated.write(w)
	case size > runtimeapi.MaxResponse:
		message := runtimeapi.TooLarge(size)
		e.finish(inv, answer{payload: errorBody(runtimeapi.ErrorResponseTooLarge, message), errorType: runtimeapi.ErrorResponseTooLarge})
		errTooLarge.write(w)
	default:
		e.finish(inv, streamedError(r, answer{payload: body, contentType: bounded(r.Header, "Content-Type")}))
		accepted(w)
	}
}

// streamedError makes an error of a stream whose trailers say that it failed in the middle.
// https://docs.aws.amazon.com/lambda/latest/dg/runtimes-custom.html#runtimes-custom-response-streaming
func streamedError(r *http.Request, a answer) answer {
	if a.errorType = bounded(r.Trailer, runtimeapi.HeaderErrorType); a.errorType == "" {
		return a
	}
	body, err := base64.StdEncoding.DecodeString(r.Trailer.Get(runtimeapi.HeaderErrorBody))
	if err != nil || len(body) == 0 {
		body = errorBody(a.errorType, "The response ended with an error that says nothing")
	}
	a.payload, a.contentType = body, "application/json"
	return a
}

// bounded gives a header that goes on to the host, in a header of its own. One that goes on for ever counts as none.
func bounded(h http.Header, name string) string {
	value := h.Get(name)
	if len(value) > longestWord {
		return ""
	}
	return value
}

// mostDrained is how much of a response that is too large is read on, so that its sender hears the answer.
const mostDrained = 64 * 1024 * 1024

// readBody reads at most what Lambda allows. size is what was sent, as far as it was read.
func readBody(r *http.Request) (body []byte, size int64, err error) {
	body, err = io.ReadAll(io.LimitReader(r.Body, runtimeapi.MaxResponse+1))
	size = int64(len(body))
	if err != nil || size <= runtimeapi.MaxResponse {
		return body, size, err
	}
	rest, err := io.Copy(io.Discard, io.LimitReader(r.Body, mostDrained))
	size = max(size+rest, r.ContentLength)
	if errors.Is(err, io.ErrUnexpectedEOF) {
		err = nil // it is too large already
	}
	return nil, size, err
}

// invocationError takes the function's error.
func (s *supervisor) invocationError(w http.ResponseWriter, r *http.Request) {
	e := s.at(w)
	if e == nil {
		return
	}
	inv, refused := e.begin(r.PathValue("id"), stateErrorResponse)
	if refused != nil {
		refused.write(w)
		return
	}
	e.finish(inv, readError(r, runtimeapi.ErrorFunctionUnknown))
	accepted(w)
}

// initErrorPosted takes the error of an INIT; it is legal before the first /next only.
func (s *supervisor) initErrorPosted(w http.ResponseWriter, r *http.Request) {
	e := s.at(w)
	if e == nil {
		return
	}
	posted := readError(r, runtimeapi.ErrorUnknown)
	e.mu.Lock()
	from := e.state
	if from == stateStarted {
		e.state, e.initError = stateInitError, &posted
		defer close(e.initPost)
	}
	e.mu.Unlock()
	if from != stateStarted {
		transition(from, stateInitError).write(w)
		return
	}
	accepted(w)
}

// readError reads an error document; it goes to the caller byte for byte, but for an X-Ray cause in it.
func readError(r *http.Request, unknown string) answer {
	body, size, err := readBody(r)
	if err != nil {
		return answer{payload: errorBody(unknown, "The error document ended before it was whole"), errorType: unknown}
	}
	reported := runtimeapi.HeaderType(bounded(r.Header, runtimeapi.HeaderErrorType), unknown)
	if size > runtimeapi.MaxResponse { // whoever caused it still learns which error it was
		message := fmt.Sprintf("Error document size (%d bytes) exceeded maximum allowed payload size (%d bytes).", size, runtimeapi.MaxResponse)
		body = errorBody(reported, message)
	}
	if r.Header.Get("Content-Type") == runtimeapi.ContentTypeErrorCause {
		body = withoutCause(body)
	}
	return answer{payload: body, contentType: "application/json", errorType: reported}
}

// withoutCause strips errorCause, which is for X-Ray and not for the caller.
func withoutCause(document []byte) []byte {
	var fields map[string]json.RawMessage
	if json.Unmarshal(document, &fields) != nil {
		return document
	}
	delete(fields, "errorCause")
	stripped, err := json.Marshal(fields)
	if err != nil {
		return document
	}
	return stripped
}
