//go:build linux

package bootstrap

// The source of invocations: the Lambda Runtime API, as its client sees it.
// https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/serverless/open-runtime/internal/frames"
	"github.com/serverless/open-runtime/internal/http1"
	"github.com/serverless/open-runtime/internal/peer"
	"github.com/serverless/open-runtime/internal/runtimeapi"
	"github.com/serverless/open-runtime/pkg/middleware"
)

const (
	mostEvent  = 4 * runtimeapi.MaxEvent // a bound for what is read, not a quota: Lambda's own may grow
	mostAnswer = 64 * 1024               // of the API's answer to a POST
)

// source asks the Runtime API for invocations and gives it the answers.
type source struct {
	client   *http1.Client
	log      logger
	function frames.Context
	agent    atomic.Pointer[string] // who asks for the next invocation; nil for the bootstrap itself
}

// invocation is one as /next handed it out.
type invocation struct {
	context  frames.Context
	event    []byte
	received time.Time
	deadline time.Time // as the platform set it
	header   http1.Header

	turn   *peer.Turn // at the language runtime that has it
	passed passed     // what came with the answer and goes on as it is
	held   func()
}

// hold makes at inv's until release.
func (inv *invocation) hold(pool *peer.Pool, at *peer.Peer) {
	inv.held = func() { pool.Release(at) }
}

// pass keeps what came with an answer.
func (inv *invocation) pass(a peer.Answer) {
	inv.passed, _ = a.Extra.(passed)
}

// alongside gives what goes on with a response, or with an error: what came with the handler's own.
func (inv *invocation) alongside(failed bool) http1.Header {
	if inv.passed.failed != failed {
		return nil
	}
	return inv.passed.header
}

// release gives the language runtime back. A stream that nobody wants any more ends with the runtime that makes it.
func (inv *invocation) release() {
	if inv.turn != nil {
		inv.turn.Abandon()
		inv.turn = nil
	}
	if inv.held != nil {
		inv.held()
		inv.held = nil
	}
}

// errNonRecoverable is what the API says with a 500: "Container error. Non-recoverable state. Runtime should exit promptly."
var errNonRecoverable = errors.New("the Runtime API is in a non-recoverable state")

// named says who asks in truth: a Runtime API client is known to Lambda by the name that it gives itself.
func (s *source) named(agent string) {
	if agent = sendable(agent); agent != "" {
		s.agent.Store(&agent)
	}
}

// next waits for an invocation, for as long as it takes. A connection that dies meanwhile, in a sandbox that was frozen for
// hours for example, costs nothing: the API hands out the same event again.
func (s *source) next(ctx context.Context) (*invocation, error) {
	pause := time.Duration(0)
	req := &http1.Request{Method: "GET", Path: runtimeapi.PathNext}
	if agent := s.agent.Load(); agent != nil {
		req.Header.Add("User-Agent", *agent)
	}
	for {
		resp, err := s.client.Do(ctx, req, mostEvent)
		if err == nil {
			return s.read(resp)
		}
		if ctx.Err() != nil || pause > mostPause {
			return nil, err
		}
		if pause, err = wait(ctx, pause); err != nil {
			return nil, err
		}
	}
}

// mostPause is how long next waits between two tries at last; about a second in all.
const mostPause = 500 * time.Millisecond

// wait waits for pause and gives the next one.
func wait(ctx context.Context, pause time.Duration) (time.Duration, error) {
	if pause == 0 {
		return 10 * time.Millisecond, nil
	}
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
		return 2 * pause, nil
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}

func (s *source) read(resp *http1.Response) (*invocation, error) {
	if resp.Status != 200 {
		return nil, fmt.Errorf("asking for the next invocation: %w", refusal(resp))
	}
	inv := &invocation{context: s.function, event: resp.Body, received: time.Now(), header: resp.Header}
	inv.context.RequestID = resp.Header.Get(runtimeapi.HeaderRequestID)
	inv.context.FunctionARN = resp.Header.Get(runtimeapi.HeaderFunctionARN)
	inv.context.TraceID = resp.Header.Get(runtimeapi.HeaderTraceID)
	inv.context.ClientContext = resp.Header.Get(runtimeapi.HeaderClientContext)
	inv.context.CognitoIdentity = resp.Header.Get(runtimeapi.HeaderCognitoIdentity)
	inv.context.TenantID = resp.Header.Get(runtimeapi.HeaderTenantID)
	if !validID(inv.context.RequestID) {
		return nil, fmt.Errorf("asking for the next invocation: it came with the request ID %q, which can't be answered", inv.context.RequestID)
	}
	ms, err := strconv.ParseInt(resp.Header.Get(runtimeapi.HeaderDeadlineMs), 10, 64)
	inv.deadline = time.UnixMilli(ms)
	if err != nil {
		inv.deadline = inv.received.Add(longestTimeout)
		s.log.warning("invocation without a deadline", "request_id", inv.context.RequestID, "header", resp.Header.Get(runtimeapi.HeaderDeadlineMs))
	}
	return inv, nil
}

// validID says whether a request ID can be a part of a path as it is.
func validID(id string) bool {
	for i := range len(id) {
		c := id[i]
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_' || c == '.') {
			return false
		}
	}
	return id != "" && strings.Trim(id, ".") != ""
}

// respond posts the response, with the header that came with it. The error is one after which there is no use in going on.
func (s *source) respond(ctx context.Context, id string, r middleware.Response, alongside http1.Header) error {
	req := &http1.Request{Method: "POST", Path: runtimeapi.PathInvocation + id + runtimeapi.SuffixResponse, Header: responseHeader(r, alongside), Body: r.Payload}
	if r.Prelude != nil { // a stream that was collected is one still to who reads the prelude
		req.Header = append(req.Header, streamingMode)
		req.Body = slices.Concat(r.Prelude, preludeEnd, r.Payload)
	}
	return s.answer(ctx, "response", id, req)
}

var streamingMode = http1.Field{Name: runtimeapi.HeaderResponseMode, Value: runtimeapi.ResponseModeStreaming}

// responseHeader is what came alongside, as it is; of a response that nothing came with its content type alone.
func responseHeader(r middleware.Response, alongside http1.Header) http1.Header {
	contentType := r.ContentType
	if strings.ContainsAny(contentType, "\r\n\x00") {
		contentType = ""
	}
	if contentType == "" && alongside == nil {
		contentType = "application/json"
	}
	var header http1.Header
	if contentType != "" {
		header.Add("Content-Type", contentType)
	}
	for _, field := range alongside {
		if !strings.EqualFold(field.Name, "Content-Type") && !strings.EqualFold(field.Name, runtimeapi.HeaderResponseMode) {
			header = append(header, field)
		}
	}
	return header
}

// stream posts a response as it comes. An error in mid-stream is told in trailers.
// https://docs.aws.amazon.com/lambda/latest/dg/runtimes-custom.html#runtimes-custom-response-streaming
func (s *source) stream(ctx context.Context, id string, r middleware.Response, alongside http1.Header) error {
	req := &http1.Request{
		Method: "POST", Path: runtimeapi.PathInvocation + id + runtimeapi.SuffixResponse,
		Header:  append(responseHeader(r, alongside), streamingMode),
		Trailer: []string{runtimeapi.HeaderErrorType, runtimeapi.HeaderErrorBody},
		Stream: func(ctx context.Context, w *http1.ChunkWriter) (http1.Header, error) {
			if r.Prelude != nil {
				if _, err := w.Write(slices.Concat(r.Prelude, preludeEnd)); err != nil {
					return nil, err
				}
			}
			return pump(ctx, r.Stream, w)
		},
	}
	return s.answer(ctx, "response", id, req)
}

// pump writes chunks up to the end, and gives the trailers that say how it was.
func pump(ctx context.Context, next middleware.Chunks, w *http1.ChunkWriter) (http1.Header, error) {
	for {
		chunk, err := next(ctx)
		switch {
		case errors.Is(err, io.EOF):
			return nil, nil
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case err != nil:
			e := runtimeapi.AsError(err, runtimeapi.ErrorUnknown)
			return http1.Header{
				{Name: runtimeapi.HeaderErrorType, Value: sendable(runtimeapi.HeaderType(e.Type, runtimeapi.ErrorFunctionUnknown))},
				{Name: runtimeapi.HeaderErrorBody, Value: base64.StdEncoding.EncodeToString(e.JSON())},
			}, nil
		}
		if _, err := w.Write(chunk); err != nil {
			return nil, err
		}
	}
}

// fail posts the error of an invocation, with the header that came with it. A type that Lambda would not keep in its header
// gives way to the one that the client wrote there: Java's has the class in the document and Runtime.UserException besides.
func (s *source) fail(ctx context.Context, id string, e *runtimeapi.Error, alongside http1.Header) error {
	header := errorHeader(e, runtimeapi.HeaderType(sendable(alongside.Get(runtimeapi.HeaderErrorType)), runtimeapi.ErrorFunctionUnknown))
	for _, field := range alongside {
		switch {
		case strings.EqualFold(field.Name, "Content-Type"):
			header[0] = field
		case !strings.EqualFold(field.Name, runtimeapi.HeaderErrorType):
			header = append(header, field)
		}
	}
	path := runtimeapi.PathInvocation + id + runtimeapi.SuffixError
	return s.answer(ctx, "error", id, &http1.Request{Method: "POST", Path: path, Header: header, Body: e.JSON()})
}

// initError posts why there can be no invocations.
func (s *source) initError(ctx context.Context, e *runtimeapi.Error) error {
	resp, err := s.post(ctx, &http1.Request{Method: "POST", Path: runtimeapi.PathInitError, Header: errorHeader(e, runtimeapi.ErrorUnknown), Body: e.JSON()})
	if err == nil && resp.Status/100 != 2 {
		err = refusal(resp)
	}
	return err
}

func errorHeader(e *runtimeapi.Error, fallback string) http1.Header {
	errorType := sendable(runtimeapi.HeaderType(e.Type, fallback))
	if errorType == "" {
		errorType = fallback
	}
	return http1.Header{{Name: "Content-Type", Value: "application/json"}, {Name: runtimeapi.HeaderErrorType, Value: errorType}}
}

// sendable gives a value that any server takes, or "".
func sendable(value string) string {
	if strings.ContainsFunc(value, func(r rune) bool { return r < ' ' || r > '~' }) {
		return ""
	}
	return value
}

// answer posts and looks at what the API makes of it. After a refusal the invocation is over all the same, and the API
// refuses a second answer: after a 413 above all, /error must not follow.
func (s *source) answer(ctx context.Context, what, id string, req *http1.Request) error {
	resp, err := s.post(ctx, req)
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil: // if the API is gone, /next will say so too
		s.log.error("posting the "+what, "request_id", id, "cause", err.Error())
	case resp.Status == 413:
		s.log.error(fmt.Sprintf("the %s of %d bytes is too large: Lambda takes %d; the caller gets %s", what, len(req.Body), runtimeapi.MaxResponse, runtimeapi.ErrorResponseTooLarge),
			"request_id", id)
	case resp.Status >= 500:
		return fmt.Errorf("posting the %s of %s: %w", what, id, refusal(resp))
	case resp.Status/100 != 2:
		s.log.error("the "+what+" was refused", "request_id", id, "cause", refusal(resp).Error())
	}
	return nil
}

// post sends a second time when the first came to no answer: the request ID in the path makes a duplicate harmless, for the
// API refuses it. A stream can't be sent twice.
func (s *source) post(ctx context.Context, req *http1.Request) (*http1.Response, error) {
	resp, err := s.client.Do(ctx, req, mostAnswer)
	if err != nil && ctx.Err() == nil && req.Stream == nil {
		return s.client.Do(ctx, req, mostAnswer)
	}
	return resp, err
}

// refusal makes an error of an answer that is none of success.
func refusal(resp *http1.Response) error {
	var doc struct{ ErrorType, ErrorMessage string }
	text := excerpt(resp.Body)
	if json.Unmarshal(resp.Body, &doc) == nil && doc.ErrorType != "" {
		text = doc.ErrorType + ": " + doc.ErrorMessage
	}
	if resp.Status >= 500 {
		return fmt.Errorf("%w: it answered %d %s", errNonRecoverable, resp.Status, text)
	}
	return fmt.Errorf("the Runtime API answered %d %s", resp.Status, text)
}
