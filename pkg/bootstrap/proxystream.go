//go:build linux

package bootstrap

// A response that a language runtime streams to its Runtime API.
// https://docs.aws.amazon.com/lambda/latest/dg/runtimes-custom.html#runtimes-custom-response-streaming

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"

	"github.com/serverless/open-runtime/internal/http1"
	"github.com/serverless/open-runtime/internal/peer"
	"github.com/serverless/open-runtime/internal/runtimeapi"
)

const (
	mostChunk   = 64 * 1024 // that is passed on at once
	mostPrelude = 64 * 1024
)

// preludeEnd is what stands between the prelude of an HTTP integration and the body.
var preludeEnd = make([]byte, 8)

// stream passes chunks on as they come. a is the head of each answer.
func (p *proxy) stream(ctx context.Context, a peer.Answer, req *http1.ServerRequest) *http1.Response {
	a.Kind = peer.Chunk
	rest, err := p.prelude(&a, req)
	if err == nil || errors.Is(err, io.EOF) {
		a.Payload = rest
		p.give(a) // the first one: it opens the stream, also when it has no bytes yet
	}
	head := peer.Answer{ID: a.ID, Kind: peer.Chunk}
	for err == nil {
		chunk := make([]byte, mostChunk)
		var n int
		n, err = req.Body.Read(chunk)
		if n > 0 {
			head.Payload = chunk[:n]
			p.give(head)
		}
		if ctx.Err() != nil && err == nil {
			err = ctx.Err()
		}
	}
	if !errors.Is(err, io.EOF) {
		p.broke(failureOf(a.ID, runtimeapi.ErrorTruncated, "the response ended before it was whole: "+err.Error()))
		return nil
	}
	if failed := trailed(req.Body.Trailer()); failed != nil {
		p.give(peer.Answer{ID: a.ID, Kind: peer.Failure, Failed: failed})
	} else {
		p.give(peer.Answer{ID: a.ID, Kind: peer.End})
	}
	return accepted()
}

// prelude takes the prelude off a stream for an HTTP integration, and gives what was read after it. A stream that has none,
// though its content type says so, passes as it is.
func (p *proxy) prelude(a *peer.Answer, req *http1.ServerRequest) (rest []byte, err error) {
	if a.ContentType != runtimeapi.ContentTypeHTTPIntegration {
		return nil, nil
	}
	for len(rest) < mostPrelude {
		chunk := make([]byte, mostChunk)
		n, err := req.Body.Read(chunk)
		rest = append(rest, chunk[:n]...)
		if at := bytes.Index(rest, preludeEnd); at >= 0 && json.Valid(rest[:at]) {
			a.Prelude = rest[:at:at]
			return rest[at+len(preludeEnd):], err
		}
		if err != nil {
			return rest, err
		}
	}
	return rest, nil
}
