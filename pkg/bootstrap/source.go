//go:build linux

package bootstrap

// The source of invocations: the Lambda Runtime API, as its client sees it.
// https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
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
}

// invocation is one as /next handed it out.
type invocation struct {
	context  frames.Context
	event    []byte
	received time.Time
	deadline time.Time // as the platform set it
	header   http1.Header

	turn   *peer.Turn // at the language runtime that has it
	passed any        // what came with the answer and goes on as it is; the dialect knows
	held   func()
}

// hold makes at inv's until release.
func (inv *invocation) hold(pool *peer.Pool, at *peer.Peer) {
	inv.held = func() { pool.Release(at) }
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

// next waits for an invocation, for as long as it takes. A connection that dies meanwhile, in a sandbox that was frozen for
// hours for example, costs nothing: the API hands out the same event again.
func (s *source) next(ctx context.Context) (*invocation, error) {
	pause := time.Duration(0)
	for {
		resp, err := s.client.Do(ctx, &http1.Request{Method: "GET", Path: runtimeapi.PathNext}, mostEvent)
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

// respond posts the response. The error is one after which there is no use in going on.
func (s *source) respond(ctx context.Context, id string, r middleware.Response) error {
	contentType := r.ContentType
	if contentType == "" || strings.ContainsAny(contentType, "\r\n\x00") {
		contentType = "application/json"
	}
	header := http1.Header{{Name: "Content-Type", Value: contentType}}
	return s.answer(ctx, "response", id, runtimeapi.PathInvocation+id+runtimeapi.SuffixResponse, header, r.Payload)
}

// stream posts a response as it comes. An error in mid-stream is told in trailers.
func (s *source) stream(ctx context.Context, id string, r middleware.Response) error {
	var whole []byte
	for {
		chunk, err := r.Stream(ctx)
		if errors.Is(err, io.EOF) {
			r.Payload = whole
			return s.respond(ctx, id, r)
		}
		if err != nil {
			return s.fail(ctx, id, runtimeapi.AsError(err, runtimeapi.ErrorUnknown))
		}
		whole = append(whole, chunk...)
	}
}

// fail posts the error of an invocation.
func (s *source) fail(ctx context.Context, id string, e *runtimeapi.Error) error {
	return s.answer(ctx, "error", id, runtimeapi.PathInvocation+id+runtimeapi.SuffixError, errorHeader(e, runtimeapi.ErrorFunctionUnknown), e.JSON())
}

// initError posts why there can be no invocations.
func (s *source) initError(ctx context.Context, e *runtimeapi.Error) error {
	resp, err := s.post(ctx, runtimeapi.PathInitError, errorHeader(e, runtimeapi.ErrorUnknown), e.JSON())
	if err == nil && resp.Status/100 != 2 {
		err = refusal(resp)
	}
	return err
}

func errorHeader(e *runtimeapi.Error, fallback string) http1.Header {
	errorType := runtimeapi.HeaderType(e.Type, fallback)
	if strings.ContainsFunc(errorType, func(r rune) bool { return r < ' ' || r > '~' }) {
		errorType = fallback
	}
	return http1.Header{{Name: "Content-Type", Value: "application/json"}, {Name: runtimeapi.HeaderErrorType, Value: errorType}}
}

// answer posts and looks at what the API makes of it. After a refusal the invocation is over all the same, and the API
// refuses a second answer: after a 413 above all, /error must not follow.
func (s *source) answer(ctx context.Context, what, id, path string, header http1.Header, body []byte) error {
	resp, err := s.post(ctx, path, header, body)
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil: // if the API is gone, /next will say so too
		s.log.error("posting the "+what, "request_id", id, "cause", err.Error())
	case resp.Status == 413:
		s.log.error(fmt.Sprintf("the %s of %d bytes is too large: Lambda takes %d; the caller gets %s", what, len(body), runtimeapi.MaxResponse, runtimeapi.ErrorResponseTooLarge),
			"request_id", id)
	case resp.Status >= 500:
		return fmt.Errorf("posting the %s of %s: %w", what, id, refusal(resp))
	case resp.Status/100 != 2:
		s.log.error("the "+what+" was refused", "request_id", id, "cause", refusal(resp).Error())
	}
	return nil
}

// post sends a second time when the first came to no answer: the request ID in the path makes a duplicate harmless, for the
// API refuses it.
func (s *source) post(ctx context.Context, path string, header http1.Header, body []byte) (*http1.Response, error) {
	req := &http1.Request{Method: "POST", Path: path, Header: header, Body: body}
	resp, err := s.client.Do(ctx, req, mostAnswer)
	if err != nil && ctx.Err() == nil {
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
