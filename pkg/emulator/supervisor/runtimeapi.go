//go:build linux

package supervisor

// The Runtime API, as AWS's page has it: https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"runtime"

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
	mux.HandleFunc("POST "+runtimeapi.PathExtensionInitError, s.extensionInitError)
	mux.HandleFunc("POST "+runtimeapi.PathExtensionExitError, s.extensionExitError)
	mux.HandleFunc("PUT "+runtimeapi.PathTelemetry, s.subscribe(apiTelemetry))
	mux.HandleFunc("PUT "+runtimeapi.PathLogs, s.subscribe(apiLogs))
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
	errLate             = apiError{http.StatusGone, "Invoke timeout", "InvokeTimeout"}
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

// asked gives the environment at work. Between two of them nobody has a right to ask, but for a runtime that somebody
// attaches: it comes when it likes, and waits for the one that follows.
func (s *supervisor) asked(w http.ResponseWriter, r *http.Request) *environment {
	e, arrives := s.at()
	for s.attach && (e == nil || r.Method == http.MethodGet && e.isOver()) {
		select {
		case <-arrives:
			e, arrives = s.at()
		case <-r.Context().Done():
			return nil
		}
	}
	if e == nil {
		http.Error(w, nonRecoverable, http.StatusInternalServerError)
	}
	return e
}

// next blocks until there is an event. A runtime that asks again while it works on one gets the same event again.
func (s *supervisor) next(w http.ResponseWriter, r *http.Request) {
	e := s.asked(w, r)
	if e == nil {
		return
	}
	inv, refused := e.await(r.Context())
	switch {
	case refused != nil:
		refused.write(w)
		return
	case inv == nil && r.Context().Err() == nil:
		http.Error(w, nonRecoverable, http.StatusInternalServerError)
		return
	case inv == nil:
		return
	}
	for _, pair := range inv.header() {
		if pair[1] != "" {
			w.Header()[http.CanonicalHeaderKey(pair[0])] = []string{pair[1]}
		}
	}
	w.Header().Set("Content-Length", fmt.Sprint(len(inv.event)))
	_, _ = w.Write(inv.event) // a runtime that hung up is seen by its exit, or by the deadline
}

// await waits for an invocation: nil when the environment ends, or ctx.
func (e *environment) await(ctx context.Context) (*invocation, *apiError) {
	if e.crowd != nil {
		return e.awaitOneOfMany(ctx)
	}
	o, refused := e.askNext()
	if refused != nil {
		return nil, refused
	}
	select {
	case <-o.made:
		e.hand(o.inv)
		return o.inv, nil
	case <-e.gone:
	case <-ctx.Done():
	}
	return nil, nil
}

// askNext moves the runtime to Ready: INIT is over, or the last invocation is.
func (e *environment) askNext() (*offer, *apiError) {
	e.mu.Lock()
	defer e.mu.Unlock()
	switch e.state {
	case stateStarted:
		e.begun()
	case stateResponseSent:
		e.state = stateReady
		last := e.current
		e.current, e.offered = nil, newOffer()
		e.last = last
		e.done(last)
		e.settle(last)
	case stateReady, stateRunning:
	default:
		err := transition(e.state, stateReady)
		return nil, &err
	}
	return e.offered, nil
}

// begun ends the runtime's part of INIT. The caller holds mu.
func (e *environment) begun() {
	e.state = stateReady
	s := e.supervisor
	s.platform(e, platformInitRuntimeDone, e.request, initRuntimeDone{s.initializationType(), e.phase, statusSuccess, ""}, "")
	e.settleInit()
}

// done ends the runtime's part of an invocation. The caller holds mu.
func (e *environment) done(inv *invocation) {
	status := statusSuccess
	if inv.errorType != "" {
		status = statusError
	}
	inv.runtimeDone = true
	e.supervisor.platform(e, platformRuntimeDone, inv.id, inv.doneRecord(status, inv.errorType), "")
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
	if e.crowd != nil {
		return e.crowd.begin(id, to)
	}
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
	inv.errorType = a.errorType
	if e.crowd != nil {
		e.done(inv)
		e.crowd.finish(inv)
	} else {
		e.state = stateResponseSent
	}
	e.mu.Unlock()
	inv.answered <- a
	runtime.Gosched() // the caller is answered before the runtime hears that it was heard
}

// initErrorPosted takes the error of an INIT; it is legal before the first /next only.
func (s *supervisor) initErrorPosted(w http.ResponseWriter, r *http.Request) {
	e := s.asked(w, r)
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
