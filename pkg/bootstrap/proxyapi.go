//go:build linux

package bootstrap

// The Runtime API that a language runtime is served. What it does not know of goes to Lambda's own as it is.

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/serverless/open-runtime/internal/http1"
	"github.com/serverless/open-runtime/internal/peer"
	"github.com/serverless/open-runtime/internal/runtimeapi"
)

// passed is what came with an answer and goes on to Lambda as it is.
type passed struct {
	header http1.Header
	failed bool // it is of an error
}

// serve is the table of the API. Versions of it that are yet to come have the same paths.
func (p *proxy) serve(ctx context.Context, req *http1.ServerRequest) *http1.Response {
	path, _, _ := strings.Cut(req.Path, "?")
	_, route, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	switch id, what := invocationRoute(route); {
	case req.Method == "GET" && route == "runtime/invocation/next":
		return p.next(ctx, req)
	case req.Method == "POST" && what == "response":
		return p.response(ctx, id, req)
	case req.Method == "POST" && what == "error":
		return p.failure(id, req)
	case req.Method == "POST" && route == "runtime/init/error":
		return p.initError(req)
	}
	return p.forward(ctx, req)
}

// invocationRoute takes runtime/invocation/ID/response apart.
func invocationRoute(route string) (id, what string) {
	rest, ok := strings.CutPrefix(route, "runtime/invocation/")
	if !ok {
		return "", ""
	}
	id, what, _ = strings.Cut(rest, "/")
	return id, what
}

// next waits for a call. One who asks again while it has one gets the same again, as from Lambda.
func (p *proxy) next(ctx context.Context, req *http1.ServerRequest) *http1.Response {
	p.open.Do(func() {
		p.named(req.Header.Get("User-Agent"))
		close(p.opened)
	})
	if again, ok := p.unanswered(); ok {
		return handOver(again)
	}
	select {
	case call := <-p.calls:
		if ctx.Err() != nil { // it hung up in this moment: the next /next gets it
			p.serving.Go(func() { _ = p.Send(context.Background(), &call) }) // or nobody, when all is over
			return nil
		}
		p.mu.Lock()
		p.taken[call.ID] = call
		p.mu.Unlock()
		return handOver(call)
	case <-ctx.Done():
		return nil
	}
}

// unanswered gives the call that a language runtime with one at a time has.
func (p *proxy) unanswered() (peer.Call, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.several {
		return peer.Call{}, false
	}
	for _, call := range p.taken {
		return call, true
	}
	return peer.Call{}, false
}

// handOver passes on what Lambda said of an invocation, but for its deadline, which is the earlier one. Here as elsewhere what
// is about one connection alone stays behind: package http1 sees to that.
func handOver(call peer.Call) *http1.Response {
	header := http1.Header{}
	for _, field := range call.Extra.(*invocation).header {
		switch {
		case strings.EqualFold(field.Name, runtimeapi.HeaderDeadlineMs):
			field.Value = strconv.FormatInt(call.Deadline.UnixMilli(), 10)
		case strings.EqualFold(field.Name, "Date"):
			continue
		}
		header = append(header, field)
	}
	return &http1.Response{Status: 200, Header: header, Body: call.Payload}
}

// passOn gives the fields that go on to Lambda. A server of Go refuses control characters, which some clients put into an
// X-Ray cause: such a field is worth less than the answer.
func passOn(header http1.Header) http1.Header {
	kept := http1.Header{}
	for _, field := range header {
		broken := strings.ContainsFunc(field.Value, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f })
		if !broken && !strings.EqualFold(field.Name, "Accept-Encoding") {
			kept = append(kept, field)
		}
	}
	return kept
}

// finish takes an invocation that is answered off the list; ok is false if it never was on it.
func (p *proxy) finish(id string) (ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	_, ok = p.taken[id]
	delete(p.taken, id)
	return ok
}

// The API's own answers. 202 is what most clients need to live on, whatever Lambda says of the answer later.
func accepted() *http1.Response { return apiAnswer(202, `{"status":"OK"}`) }

func refusedAs(status int, errorType, message string) *http1.Response {
	return apiAnswer(status, fmt.Sprintf(`{"errorMessage":%q,"errorType":%q}`, message, errorType))
}

func apiAnswer(status int, body string) *http1.Response {
	return &http1.Response{Status: status, Header: http1.Header{{Name: "Content-Type", Value: "application/json"}}, Body: []byte(body + "\n")}
}

func invalidID() *http1.Response { return refusedAs(400, "InvalidRequestID", "Invalid request ID") }

// response takes a response. That it comes in chunks does not make it a stream: only the mode does.
func (p *proxy) response(ctx context.Context, id string, req *http1.ServerRequest) *http1.Response {
	if !p.finish(id) {
		return invalidID()
	}
	a := peer.Answer{ID: id, ContentType: req.Header.Get("Content-Type"), Extra: passed{header: passOn(req.Header)}}
	switch mode := req.Header.Get(runtimeapi.HeaderResponseMode); {
	case strings.EqualFold(mode, runtimeapi.ResponseModeStreaming):
		return p.stream(ctx, a, req)
	case mode != "":
		p.give(failureOf(id, runtimeapi.ErrorInvalidMode, "Invalid response mode header: "+mode))
		return refusedAs(400, "InvalidFunctionResponseMode", "Invalid function response mode")
	}
	body, err := req.ReadAll(mostProxied)
	switch {
	case errors.Is(err, http1.ErrTooLarge):
		p.give(failureOf(id, runtimeapi.ErrorResponseTooLarge, fmt.Sprintf("The response has more than %d bytes; Lambda takes %d.", mostProxied, runtimeapi.MaxResponse)))
		return accepted()
	case err != nil:
		p.broke(failureOf(id, runtimeapi.ErrorTruncated, "the response ended before it was whole: "+err.Error()))
		return nil
	}
	a.Payload = body
	if failed := trailed(req.Body.Trailer()); failed != nil {
		a = peer.Answer{ID: id, Kind: peer.Failure, Failed: failed}
	}
	p.give(peer.Bounded(a, len(a.Payload)))
	return accepted()
}

// mostProxied is the largest answer that is held: more than Lambda takes, so that one that is too large is told as that.
const mostProxied = 4 * runtimeapi.MaxResponse

func failureOf(id, errorType, message string) peer.Answer {
	return peer.Answer{ID: id, Kind: peer.Failure, Failed: &runtimeapi.Error{Type: errorType, Message: message}}
}

// trailed is the error of a response that failed in the middle; nil for one that did not.
// https://docs.aws.amazon.com/lambda/latest/dg/runtimes-custom.html#runtimes-custom-response-streaming
func trailed(trailer http1.Header) *runtimeapi.Error {
	errorType := trailer.Get(runtimeapi.HeaderErrorType)
	if errorType == "" {
		return nil
	}
	document, err := base64.StdEncoding.DecodeString(trailer.Get(runtimeapi.HeaderErrorBody))
	if parsed, ok := runtimeapi.ParseError(document); err == nil && ok {
		if parsed.Type == "" {
			parsed.Type = errorType
		}
		return parsed
	}
	return &runtimeapi.Error{Type: errorType, Message: "The response ended with an error that says nothing"}
}

// failure takes the error of an invocation.
func (p *proxy) failure(id string, req *http1.ServerRequest) *http1.Response {
	if !p.finish(id) {
		return invalidID()
	}
	failed, err := readFailure(req, runtimeapi.ErrorFunctionUnknown)
	a := peer.Answer{ID: id, Kind: peer.Failure, Failed: failed, Extra: passed{header: passOn(req.Header), failed: true}}
	if err != nil {
		p.broke(a)
		return nil
	}
	p.give(a)
	return accepted()
}

// lastSteps is how long one whose connection broke may take to be seen to exit.
const lastSteps = time.Second

// broke is for an answer that did not come whole: a is told of it, unless the process has ended, which is the true cause.
func (p *proxy) broke(a peer.Answer) {
	timer := time.NewTimer(lastSteps)
	defer timer.Stop()
	select {
	case <-p.mute:
	case <-timer.C:
		p.give(a)
	}
}

// readFailure reads an error document. Its own type says more than the header, which many clients leave out.
func readFailure(req *http1.ServerRequest, fallback string) (*runtimeapi.Error, error) {
	header := req.Header.Get(runtimeapi.HeaderErrorType)
	if header != "" && header != "unhandled" {
		fallback = header
	}
	body, err := req.ReadAll(mostProxied)
	if err != nil {
		return &runtimeapi.Error{Type: fallback, Message: "the error document ended before it was whole: " + err.Error()}, err
	}
	failed := peer.ErrorDocument(body, fallback)
	if failed.Type == "" {
		failed.Type = fallback
	}
	return failed, nil
}

// initError takes why there will be no handler; it is legal before the first /next only.
func (p *proxy) initError(req *http1.ServerRequest) *http1.Response {
	failed, err := readFailure(req, runtimeapi.ErrorUnknown)
	if err != nil {
		return nil
	}
	select {
	case <-p.opened:
		return refusedAs(403, "InvalidStateTransition", "State transition from Ready to InitError failed for runtime. Error: State transition is not allowed")
	default:
	}
	select {
	case p.refused <- failed:
	default: // it told already
	}
	return accepted()
}

// mostForwarded bounds what goes through as it is, in bytes.
const mostForwarded = 16 * 1024 * 1024

// forward passes a request on that is not about an invocation: the Extensions and Telemetry APIs, SnapStart's restore.
func (p *proxy) forward(ctx context.Context, req *http1.ServerRequest) *http1.Response {
	body, err := req.ReadAll(mostForwarded)
	if err != nil {
		return nil
	}
	out := &http1.Request{Method: req.Method, Path: req.Path, Header: req.Header, Body: body}
	resp, err := p.upstream.Do(ctx, out, mostForwarded)
	if err != nil {
		if ctx.Err() == nil {
			p.log.warning("passing a request on to Lambda", "path", req.Path, "cause", err.Error())
		}
		return nil
	}
	return &http1.Response{Status: resp.Status, Header: resp.Header, Body: resp.Body}
}
