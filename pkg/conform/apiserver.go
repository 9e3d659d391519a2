package conform

// A Runtime API that is strict with who asks: what AWS refuses, or what is none of its words, breaks the contract.
// https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html

import (
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"

	"github.com/serverless/open-runtime/internal/runtimeapi"
)

// apiServer is the API for one process.
type apiServer struct {
	server   *http.Server
	listener net.Listener
	turns    chan turn
	answers  chan answer
	refused  chan *runtimeapi.Error // what was posted to init/error
	asked    chan struct{}          // closed at the first GET next

	mu     sync.Mutex
	first  sync.Once
	state  string // started, ready, running, answered, refused
	id     string
	broken string // the first thing that was wrong
}

func newAPIServer() (*apiServer, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s := &apiServer{
		listener: listener, turns: make(chan turn), answers: make(chan answer, 64), refused: make(chan *runtimeapi.Error, 8),
		asked: make(chan struct{}), state: "started",
	}
	routes := http.NewServeMux()
	routes.HandleFunc("GET "+runtimeapi.PathNext, s.next)
	routes.HandleFunc("POST "+runtimeapi.PathInvocation+"{id}"+runtimeapi.SuffixResponse, s.response)
	routes.HandleFunc("POST "+runtimeapi.PathInvocation+"{id}"+runtimeapi.SuffixError, s.failure)
	routes.HandleFunc("POST "+runtimeapi.PathInitError, s.initError)
	routes.HandleFunc("GET "+runtimeapi.PathPing, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "pong") })
	routes.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		s.breach("it asked for %s %s, which the Runtime API does not have", r.Method, r.URL.Path)
		http.NotFound(w, r)
	})
	s.server = &http.Server{Handler: routes}
	return s, nil
}

// serve blocks until close.
func (s *apiServer) serve() { _ = s.server.Serve(s.listener) } // it always ends with that it was closed

func (s *apiServer) close() { s.server.Close() }

// breach keeps the first thing that was wrong.
func (s *apiServer) breach(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.broken == "" {
		s.broken = fmt.Sprintf(format, args...)
	}
}

func (s *apiServer) breached() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.broken
}

// step goes from one of some states to another.
func (s *apiServer) step(to, id string, from ...string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, state := range from {
		if s.state == state {
			s.state, s.id = to, id
			return true
		}
	}
	return false
}

func (s *apiServer) next(w http.ResponseWriter, r *http.Request) {
	if !s.step("ready", "", "started", "ready", "answered") {
		s.breach("it asked for the next invocation before it had answered the one that it had")
		http.Error(w, `{"errorType":"InvalidStateTransition","errorMessage":"Transition not allowed"}`, http.StatusForbidden)
		return
	}
	s.first.Do(func() { close(s.asked) })
	select {
	case turn := <-s.turns:
		s.step("running", turn.id, "ready")
		for key, value := range map[string]string{
			runtimeapi.HeaderRequestID: turn.id, runtimeapi.HeaderFunctionARN: functionARN, "Content-Type": "application/json",
			runtimeapi.HeaderDeadlineMs: strconv.FormatInt(turn.deadline.UnixMilli(), 10),
			runtimeapi.HeaderTraceID:    "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1",
			"Content-Length":            strconv.Itoa(len(turn.event)),
		} {
			w.Header().Set(key, value)
		}
		_, _ = w.Write(turn.event) // who hangs up answers nothing, and is told of that
	case <-r.Context().Done():
	}
}

// isPending says whether an answer is for the invocation at work.
func (s *apiServer) isPending(w http.ResponseWriter, r *http.Request) bool {
	id := r.PathValue("id")
	s.mu.Lock()
	state, pending := s.state, s.id
	s.mu.Unlock()
	switch {
	case state == "running" && id == pending:
		return true
	case state == "running":
		s.breach("it answered the request ID %q, and the invocation at work is %q", id, pending)
	default:
		s.breach("it answered the request ID %q a second time, or before it had an invocation", id)
	}
	http.Error(w, `{"errorType":"InvalidRequestID","errorMessage":"Invalid request ID"}`, http.StatusBadRequest)
	return false
}

func (s *apiServer) response(w http.ResponseWriter, r *http.Request) {
	if !s.isPending(w, r) {
		return
	}
	a := answer{streamed: strings.EqualFold(r.Header.Get(runtimeapi.HeaderResponseMode), runtimeapi.ResponseModeStreaming)}
	a.ContentType = r.Header.Get("Content-Type")
	if mode := r.Header.Get(runtimeapi.HeaderResponseMode); mode != "" && !a.streamed {
		s.breach("its %s is %q; there is streaming", runtimeapi.HeaderResponseMode, mode)
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, largestRead))
	switch {
	case err != nil:
		s.breach("its response broke off: %v", err)
	case len(body) > runtimeapi.MaxResponse:
		s.breach("its response has %d bytes; %d are allowed", len(body), runtimeapi.MaxResponse)
	}
	a.payload = body
	if a.streamed {
		a.chunks = [][]byte{body}
		if kind := r.Trailer.Get(runtimeapi.HeaderErrorType); kind != "" {
			document, _ := base64.StdEncoding.DecodeString(r.Trailer.Get(runtimeapi.HeaderErrorBody)) // the type says enough
			a.failed = &runtimeapi.Error{Type: kind, Document: document}
		}
	}
	s.accept(w, a)
}

func (s *apiServer) failure(w http.ResponseWriter, r *http.Request) {
	if s.isPending(w, r) {
		s.accept(w, answer{failed: s.document(r)})
	}
}

// document reads an error document.
func (s *apiServer) document(r *http.Request) *runtimeapi.Error {
	body, err := io.ReadAll(io.LimitReader(r.Body, largestRead))
	document, ok := runtimeapi.ParseError(body)
	if err != nil || !ok {
		s.breach("what it posted to %s is no error document: %s", r.URL.Path, excerpt(body))
		return &runtimeapi.Error{}
	}
	return document
}

func (s *apiServer) accept(w http.ResponseWriter, a answer) {
	s.step("answered", "", "running")
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusAccepted)
	fmt.Fprint(w, `{"status":"OK"}`)
	s.answers <- a
}

func (s *apiServer) initError(w http.ResponseWriter, r *http.Request) {
	document := s.document(r)
	if !s.step("refused", "", "started") {
		s.breach("it posted to init/error when init was over")
	}
	w.WriteHeader(http.StatusAccepted)
	fmt.Fprint(w, `{"status":"OK"}`)
	select {
	case s.refused <- document:
	default: // one is enough
	}
}
