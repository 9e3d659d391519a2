//go:build linux

// Package middleware puts the middlewares of a layer around a handler: docs/protocol/middleware.md, a process for each run of
// a hook or one that stays.
//
// It promises: the order of an onion; that whatever is wrong with a middleware is told with its name, its hook and the
// cause; that no process of a run outlives it in its process group; that an optional middleware fails no invocation, but by taking
// all of its time.
//
// It does not talk to the Runtime API, knows no language runtime, and does not look into payloads but to say whether what
// a before printed is JSON.
package middleware

import (
	"context"
	"time"

	"github.com/serverless/open-runtime/internal/frames"
)

// Invocation is what is known of an invocation besides its event.
type Invocation struct {
	frames.Context
	Deadline time.Time // that everyone inside is told: the function's less the margin
	Limit    time.Time // when before, the handler and after are stopped; zero: never
	Last     time.Time // when error hooks are stopped: a part of the margin is theirs; zero: never
}

// Response is what a handler answers: a payload, or a stream of chunks.
type Response struct {
	Payload     []byte
	ContentType string // "" is application/json
	Prelude     []byte // of an HTTP integration, JSON: statusCode, headers, cookies; nil for none
	Stream      Chunks // nil for a response that is whole
}

// Chunks gives the next piece of a streamed response, and io.EOF after the last. Any other error is one in mid-stream.
type Chunks func(ctx context.Context) ([]byte, error)

// Handler turns an event into a response. ctx ends with the environment. Errors are *runtimeapi.Error.
type Handler func(ctx context.Context, inv *Invocation, event []byte) (Response, error)

// Middleware wraps a handler.
type Middleware func(Handler) Handler

// Chain wraps h in middlewares, the first one outermost. With a, b the event goes a.before, b.before, h, and the response
// b.after, a.after; an error goes b.error, a.error.
func Chain(h Handler, m ...Middleware) Handler {
	for i := len(m) - 1; i >= 0; i-- {
		h = m[i](h)
	}
	return h
}

// A Stage is the record of one hook that ran.
type Stage struct {
	Stage, Name, Hook string // "middleware", its name, before, after or error
	Kind              string // how it was asked: exec or persistent; of a handler frames, lines or proxied
	Start             time.Time
	Duration          time.Duration
	BytesIn           int
	Payload           []byte // what it made; nil when unchanged or failed
	Unchanged         bool
	Respond           bool   // an early answer, or an error handled
	ErrorType         string // of a failure, also of one that was skipped
}
