package invokeapi

// Function URLs: any HTTP request is an invocation, and its answer an HTTP response.
// https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/serverless/open-runtime/internal/frames"
	"github.com/serverless/open-runtime/internal/identifier"
	"github.com/serverless/open-runtime/internal/runtimeapi"
	"github.com/serverless/open-runtime/pkg/emulator"
	"github.com/serverless/open-runtime/pkg/event"
)

// urlOf serves the URL of the function of a name.
func (s *server) urlOf(w http.ResponseWriter, r *http.Request, name, path string) {
	f, ok := s.functions[name]
	if !ok {
		notFound("arn:aws:lambda:" + s.place() + ":function:" + name).write(w)
		return
	}
	s.serveURL(w, r, f, path)
}

// serveURL makes an event of a request, and a response of the answer.
func (s *server) serveURL(w http.ResponseWriter, r *http.Request, f Served, path string) {
	f.CORS.allow(w.Header(), r)
	if f.CORS.isPreflight(r) {
		w.WriteHeader(http.StatusOK)
		return
	}
	told := frames.SupervisorInvoke{ID: identifier.UUID(), Streamed: f.streams(), TraceID: identifier.CompleteTrace(r.Header.Get(headerTraceID), time.Now())}
	w.Header().Set(headerRequestID, told.ID)
	w.Header().Set(headerTraceID, told.TraceID)
	payload, err := urlEvent(w, r, told, path, f.Shape)
	if err != nil {
		s.refused(f, told, nil, err)
		urlRefuse(w, err)
		return
	}
	ctx := context.WithoutCancel(r.Context()) // a caller that hangs up ends no invocation
	inv, err := f.Begin(ctx, told, payload)
	if errors.Is(err, emulator.ErrThrottled) {
		urlError(w, http.StatusTooManyRequests, typeTooMany, "Rate Exceeded.")
		return
	}
	if err != nil {
		f.urlFailed(w, http.StatusInternalServerError, typeService)
		return
	}
	answer, err := inv.Answer(ctx)
	if err != nil {
		s.tell(f, err)
		f.urlFailed(w, http.StatusInternalServerError, typeService)
		return
	}
	s.answerURL(w, answer, f)
}

// streams says whether responses may come in pieces: through a function URL alone.
func (f Served) streams() bool { return f.Shape == event.ShapeFunctionURL }

// errEventTooLarge says that a request makes an event of more bytes than Lambda takes: a body that is no text is a third
// larger in it.
var errEventTooLarge = fmt.Errorf("the event is larger than %d bytes", runtimeapi.MaxEvent)

// urlEvent makes the event of a request, with the headers that Lambda adds.
func urlEvent(w http.ResponseWriter, r *http.Request, told frames.SupervisorInvoke, path string, shape event.Shape) ([]byte, error) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, runtimeapi.MaxEvent))
	if _, large := errors.AsType[*http.MaxBytesError](err); large {
		return nil, errEventTooLarge
	}
	if err != nil {
		return nil, fmt.Errorf("reading the request: %w", err)
	}
	address, _, _ := net.SplitHostPort(r.RemoteAddr)
	headers := r.Header.Clone()
	headers.Set(headerTraceID, told.TraceID)
	request := event.Request{
		Method: r.Method, RawPath: path, RawQuery: r.URL.RawQuery, Header: headers, Body: body, Host: r.Host,
		SourceIP: address, Protocol: r.Proto, Scheme: "http", RequestID: told.ID, Time: time.Now(),
	}
	if local, ok := r.Context().Value(http.LocalAddrContextKey).(*net.TCPAddr); ok {
		request.Port = local.Port
	}
	if shape == event.ShapeFunctionURL { // the others add theirs
		headers.Add("X-Forwarded-For", address)
		headers.Set("X-Forwarded-Proto", request.Scheme)
		headers.Set("X-Forwarded-Port", strconv.Itoa(request.Port))
	}
	payload, err := shape.Event(request)
	if err == nil && len(payload) > runtimeapi.MaxEvent {
		err = errEventTooLarge
	}
	return payload, err
}

func urlRefuse(w http.ResponseWriter, err error) {
	if errors.Is(err, errEventTooLarge) {
		urlError(w, http.StatusRequestEntityTooLarge, typeTooLargeEvent, "Request Entity Too Large")
		return
	}
	urlError(w, http.StatusBadRequest, typeContent, err.Error())
}
