//go:build linux

package middleware

// After: what a middleware gets of a response, and what becomes of a streamed one. A stream that nobody needs whole passes
// as it comes.

import (
	"context"
	"encoding/json"
	"errors"
	"io"

	"github.com/serverless/open-runtime/internal/jsontext"
	"github.com/serverless/open-runtime/internal/manifest"
	"github.com/serverless/open-runtime/internal/runtimeapi"
)

func (p *program) after(ctx context.Context, inv *Invocation, response Response) (Response, error) {
	if !p.manifest.Has(manifest.HookAfter) {
		return p.guarded(inv, response), nil
	}
	t, err := p.shown(ctx, inv, &response)
	if tooLarge, ok := errors.AsType[*uncollected](err); ok { // its own failure, of which its error hook does not hear
		return Response{}, tooLarge.document
	}
	if err != nil {
		return p.onError(ctx, inv, err)
	}
	out, failure := p.hook(ctx, t, inv)
	switch {
	case failure != nil && p.skips(manifest.HookAfter, inv, failure):
	case failure != nil:
		return Response{}, failure.document(p.name, manifest.HookAfter)
	case out.Unchanged:
	case t.response == manifest.ResponseHead:
		response.setHead(out.Payload)
	default:
		response.Payload = out.Payload
	}
	return p.guarded(inv, response), nil
}

// shown makes the task of an after: of the response all, its head, or nothing. A stream that it needs whole is collected.
func (p *program) shown(ctx context.Context, inv *Invocation, response *Response) (task, error) {
	t := task{hook: manifest.HookAfter, response: p.manifest.Response, contentType: response.ContentType}
	switch {
	case t.response == manifest.ResponseNone:
		return t, nil
	case response.Stream == nil:
		t.response = manifest.ResponseBuffer
	case t.response == manifest.ResponseHead:
		t.input = response.head()
		return t, nil
	default:
		if err := p.collect(ctx, inv, response); err != nil {
			return t, err
		}
	}
	t.input = response.Payload
	return t, nil
}

// uncollected is a stream that is too large to be made whole.
type uncollected struct{ document *runtimeapi.Error }

func (u *uncollected) Error() string { return u.document.Error() }

// collect makes a stream whole.
func (p *program) collect(ctx context.Context, inv *Invocation, response *Response) error {
	var whole []byte
	for {
		chunk, err := response.Stream(ctx)
		switch {
		case errors.Is(err, io.EOF):
			response.Payload, response.Stream = whole, nil
			return nil
		case err != nil:
			return err
		case len(whole)+len(chunk) > runtimeapi.MaxResponse:
			message := runtimeapi.TooLarge(int64(len(whole) + len(chunk)))
			return &uncollected{&runtimeapi.Error{Type: runtimeapi.ErrorResponseTooLarge, Message: message + " Middleware " + p.name +
				" needs the whole of a streamed response; its manifest may say response: head, or none."}}
		}
		whole = append(whole, chunk...)
	}
}

// guarded has the error hook hear of an error in mid-stream. It may replace it, and it comes too late to handle it.
func (p *program) guarded(inv *Invocation, response Response) Response {
	if response.Stream == nil || !p.manifest.Has(manifest.HookError) {
		return response
	}
	inner := response.Stream
	response.Stream = func(ctx context.Context) ([]byte, error) {
		chunk, err := inner(ctx)
		if err == nil || errors.Is(err, io.EOF) {
			return chunk, err
		}
		if _, replaced := p.onError(ctx, inv, err); replaced != nil {
			return nil, replaced
		}
		warn(p.options, "an error in mid-stream can't be handled any more", "middleware", p.name, "request_id", inv.RequestID)
		return nil, err
	}
	return response
}

// head is the document that an after of the kind head gets: the prelude, and the content type.
func (r *Response) head() []byte {
	fields := map[string]json.RawMessage{}
	if r.Prelude != nil {
		_ = json.Unmarshal(r.Prelude, &fields) // what is no object has no fields
	}
	if quoted, err := json.Marshal(r.ContentType); err == nil && r.ContentType != "" {
		fields["contentType"] = quoted
	}
	document, err := json.Marshal(fields)
	if err != nil { // it was JSON before: cannot happen
		return []byte("{}")
	}
	return document
}

// setHead takes a changed one, which checkHead saw.
func (r *Response) setHead(document []byte) {
	var fields map[string]json.RawMessage
	if json.Unmarshal(document, &fields) != nil {
		return
	}
	if quoted, ok := fields["contentType"]; ok {
		_ = json.Unmarshal(quoted, &r.ContentType)
		delete(fields, "contentType")
	}
	if len(fields) == 0 && r.Prelude == nil {
		return
	}
	if prelude, err := json.Marshal(fields); err == nil {
		r.Prelude = prelude
	}
}

func checkHead(document []byte) *failure {
	if problem := jsontext.Check(document); problem != nil {
		return failed("what it made of the response's head is not JSON: %v", problem)
	}
	var fields struct {
		StatusCode  *int              `json:"statusCode"`
		Headers     map[string]string `json:"headers"`
		Cookies     []string          `json:"cookies"`
		ContentType *string           `json:"contentType"`
	}
	if err := json.Unmarshal(document, &fields); err != nil {
		return failed("what it made of the response's head is no object of statusCode, headers, cookies and contentType: %v", err)
	}
	return nil
}
