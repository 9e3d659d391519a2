package invokeapi

// Function URLs: any HTTP request is an invocation, and its answer an HTTP response.
// https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/serverless/open-runtime/internal/frames"
	"github.com/serverless/open-runtime/internal/identifier"
	"github.com/serverless/open-runtime/internal/runtimeapi"
	"github.com/serverless/open-runtime/pkg/emulator"
	"github.com/serverless/open-runtime/pkg/event"
)

// urlByPath serves a function at /lambda-url/NAME/, for who can't set a host name.
func (s *server) urlByPath(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("name")
	f, ok := s.functions[name]
	if !ok {
		notFound("arn:aws:lambda:" + s.place() + ":function:" + name).write(w)
		return
	}
	path := strings.TrimPrefix(r.URL.EscapedPath(), "/lambda-url/"+name)
	s.serveURL(w, r, f, path)
}

// urlByHost serves a function at http://NAME.localhost, and one that is alone at every path that is none of the API's.
func (s *server) urlByHost(w http.ResponseWriter, r *http.Request) {
	name, under := strings.CutSuffix(hostname(r.Host), ".localhost")
	f, ok := s.functions[name]
	switch {
	case under && ok:
		s.serveURL(w, r, f, r.URL.EscapedPath())
	case under:
		notFound("arn:aws:lambda:" + s.place() + ":function:" + name).write(w)
	case s.only != nil && !isAPI(r.URL.Path):
		s.serveURL(w, r, *s.only, r.URL.EscapedPath())
	default:
		userError(http.StatusNotFound, typeUnknown, "%s %s is no operation that is served here; a function's URL is http://NAME.localhost, with the port", r.Method, r.URL.Path).write(w)
	}
}

// isAPI says whether a path belongs to AWS's API, whose other operations are not served.
func isAPI(path string) bool {
	_, after, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	version, _, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	_, err := time.Parse(time.DateOnly, version)
	return err == nil && after != ""
}

// serveURL makes an event of a request, and a response of the answer.
func (s *server) serveURL(w http.ResponseWriter, r *http.Request, f Served, path string) {
	told := frames.SupervisorInvoke{ID: identifier.UUID(), Streamed: true}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, runtimeapi.MaxEvent))
	if err != nil {
		urlError(w, http.StatusRequestEntityTooLarge, "RequestEntityTooLarge", "Request Entity Too Large")
		return
	}
	address, _, _ := net.SplitHostPort(r.RemoteAddr)
	payload, err := event.Request{
		Method: r.Method, RawPath: path, RawQuery: r.URL.RawQuery, Header: r.Header, Body: body, Host: r.Host,
		SourceIP: address, Protocol: r.Proto, RequestID: told.ID, Time: time.Now(),
	}.FunctionURL()
	if err != nil {
		urlError(w, http.StatusBadRequest, "InvalidRequest", err.Error())
		return
	}
	told.TraceID = r.Header.Get(headerTraceID)
	if told.TraceID == "" {
		told.TraceID = identifier.Trace(time.Now())
	}
	w.Header().Set(headerRequestID, told.ID)
	w.Header().Set(headerTraceID, told.TraceID)
	ctx := context.WithoutCancel(r.Context())
	inv, err := f.Begin(ctx, told, payload)
	if errors.Is(err, emulator.ErrThrottled) {
		urlError(w, http.StatusTooManyRequests, typeTooMany, "Rate Exceeded.")
		return
	}
	var answer *emulator.Answer
	if err == nil {
		answer, err = inv.Answer(ctx)
	}
	if err != nil {
		s.logger.Error("invoking by function URL", "function", f.Config().FunctionName, "cause", err)
		urlError(w, http.StatusInternalServerError, typeService, "Internal Server Error")
		return
	}
	s.answerURL(w, answer)
}

// urlError is what the service itself says.
func urlError(w http.ResponseWriter, status int, errorType, message string) {
	body, err := json.Marshal(map[string]string{"Message": message})
	if err != nil { // strings only: cannot happen
		body = []byte("{}")
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set(headerErrorType, errorType)
	w.WriteHeader(status)
	_, _ = w.Write(body)
}

// answerURL sends an answer: a whole one in payload format 2.0, a stream as it comes.
func (s *server) answerURL(w http.ResponseWriter, answer *emulator.Answer) {
	if answer.ErrorType != "" {
		urlError(w, http.StatusBadGateway, answer.ErrorType, "Internal Server Error")
		return
	}
	if answer.Streaming {
		s.streamURL(w, answer)
		return
	}
	payload, err := io.ReadAll(answer.Body)
	var response *event.Response
	if err == nil {
		response, err = event.ParseResponse2(payload)
	}
	if err != nil {
		s.logger.Error("the answer is no HTTP response", "cause", err)
		urlError(w, http.StatusBadGateway, "InternalServerErrorException", "Internal Server Error")
		return
	}
	setHeaders(w, response)
	w.WriteHeader(response.StatusCode)
	_, _ = w.Write(response.Body) // a caller that hung up needs no answer
}

func setHeaders(w http.ResponseWriter, response *event.Response) {
	for name, values := range response.Header {
		if name != "Content-Length" && name != "Transfer-Encoding" && name != "Connection" { // this server's own business
			w.Header()[name] = values
		}
	}
}

// streamURL sends a stream: with a prelude when its type says that it begins with one, else as the body of a 200.
func (s *server) streamURL(w http.ResponseWriter, answer *emulator.Answer) {
	response := &event.Response{StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"application/octet-stream"}}}
	body := answer.Body
	if answer.ContentType != "" && answer.ContentType != runtimeapi.ContentTypeHTTPIntegration {
		response.Header.Set("Content-Type", answer.ContentType)
	}
	if answer.ContentType == runtimeapi.ContentTypeHTTPIntegration {
		prelude, rest, err := readPrelude(body)
		if err == nil {
			response, err = event.ParsePrelude(prelude)
		}
		if broken, ok := errors.AsType[*emulator.StreamError](err); ok {
			urlError(w, http.StatusBadGateway, broken.Type, "Internal Server Error")
			return
		}
		if err != nil {
			s.logger.Error("the stream is no HTTP response", "cause", err)
			urlError(w, http.StatusBadGateway, "InternalServerErrorException", "Internal Server Error")
			return
		}
		body = rest
	}
	setHeaders(w, response)
	w.WriteHeader(response.StatusCode)
	out := http.NewResponseController(w)
	_ = out.Flush()
	err := passPieces(body, func(piece []byte) error {
		if _, err := w.Write(piece); err != nil {
			return err
		}
		return out.Flush()
	})
	if err != nil {
		s.logger.Error("the stream ended in the middle", "cause", err)
		panic(http.ErrAbortHandler) // the caller must not take it for whole
	}
}

// mostPrelude bounds a prelude, in bytes.
const mostPrelude = 64 * 1024

// readPrelude splits a stream at the eight NUL bytes that end its prelude.
func readPrelude(body io.Reader) (prelude []byte, rest io.Reader, err error) {
	end := make([]byte, 8)
	var read []byte
	piece := make([]byte, 4096)
	for {
		n, err := body.Read(piece)
		read = append(read, piece[:n]...)
		if i := bytes.Index(read, end); i >= 0 {
			return read[:i], io.MultiReader(bytes.NewReader(read[i+len(end):]), body), nil
		}
		switch {
		case errors.Is(err, io.EOF):
			return nil, nil, errors.New("the stream ended before the eight NUL bytes that end its prelude")
		case err != nil:
			return nil, nil, err
		case len(read) > mostPrelude:
			return nil, nil, errors.New("the stream has no eight NUL bytes that end its prelude")
		}
	}
}
