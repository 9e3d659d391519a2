//go:build linux

package middleware

// A middleware as a program: when each of its hooks runs, and what becomes of what the hook gave.

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/serverless/open-runtime/internal/jsontext"
	"github.com/serverless/open-runtime/internal/manifest"
	"github.com/serverless/open-runtime/internal/runtimeapi"
)

type program struct {
	name     string
	exe      string
	manifest manifest.Middleware
	optional bool
	environ  []string // of every run
	options  Options
	daemons  *daemons
}

// An Outcome is what a hook made of its input.
type Outcome struct {
	Payload   []byte // nil when unchanged
	Unchanged bool
	Respond   bool // Payload came on fd 3: an early response, or the answer that handles an error
}

// wrap is the onion's layer. A middleware that fails is not entered: its error hook does not hear of its own failure, and
// an optional one is passed by for the whole invocation.
func (p *program) wrap(next Handler) Handler {
	return func(ctx context.Context, inv *Invocation, event []byte) (Response, error) {
		if p.manifest.Has(manifest.HookBefore) {
			out, failure := p.hook(ctx, manifest.HookBefore, inv, event)
			switch {
			case failure != nil && p.skips(manifest.HookBefore, inv, failure):
				return next(ctx, inv, event)
			case failure != nil:
				return Response{}, failure.document(p.name, manifest.HookBefore)
			case out.Respond:
				return Response{Payload: out.Payload}, nil
			case !out.Unchanged:
				event = out.Payload
			}
		}
		response, err := next(ctx, inv, event)
		if err != nil {
			return p.onError(ctx, inv, err)
		}
		return p.after(ctx, inv, response)
	}
}

func (p *program) after(ctx context.Context, inv *Invocation, response Response) (Response, error) {
	if !p.manifest.Has(manifest.HookAfter) {
		return response, nil
	}
	out, failure := p.hook(ctx, manifest.HookAfter, inv, response.Payload)
	switch {
	case failure != nil && p.skips(manifest.HookAfter, inv, failure):
	case failure != nil:
		return Response{}, failure.document(p.name, manifest.HookAfter)
	case !out.Unchanged:
		response.Payload = out.Payload
	}
	return response, nil
}

// onError never hides err: only a hook that worked changes or handles it. Without time left there is nobody to ask.
func (p *program) onError(ctx context.Context, inv *Invocation, err error) (Response, error) {
	if !p.manifest.Has(manifest.HookError) || ctx.Err() != nil {
		return Response{}, err
	}
	given := runtimeapi.AsError(err, runtimeapi.ErrorUnknown)
	out, failure := p.hook(ctx, manifest.HookError, inv, given.JSON())
	switch {
	case failure != nil:
		warn(p.options, "error hook failed", "middleware", p.name, "request_id", inv.RequestID, "cause", failure.cause)
		return Response{}, err
	case out.Respond:
		return Response{Payload: out.Payload}, nil
	case out.Unchanged:
		return Response{}, err
	}
	replaced, _ := runtimeapi.ParseError(out.Payload) // checkOutput saw that it is one
	if replaced.Type == "" {
		replaced.Type, replaced.Document = given.Type, withType(out.Payload, given.Type)
	}
	return Response{}, replaced
}

// withType adds the errorType that a replacement left out.
func withType(document []byte, errorType string) []byte {
	var fields map[string]json.RawMessage
	if json.Unmarshal(document, &fields) != nil {
		return document
	}
	quoted, err := json.Marshal(errorType)
	if err != nil {
		return document
	}
	fields["errorType"] = quoted
	whole, err := json.Marshal(fields)
	if err != nil {
		return document
	}
	return whole
}

// skips says whether a failure is passed over, and warns of it. When the invocation's time is over there is nothing to go
// on with.
func (p *program) skips(hook string, inv *Invocation, f *failure) bool {
	if !p.optional || f.final {
		return false
	}
	warn(p.options, "optional middleware skipped", "middleware", p.name, "hook", hook, "request_id", inv.RequestID, "cause", f.cause)
	return true
}

// hook runs one hook and leaves a record of it.
func (p *program) hook(ctx context.Context, hook string, inv *Invocation, input []byte) (Outcome, *failure) {
	start := time.Now()
	settle := p.daemons.watch()
	out, failure := p.run(ctx, hook, inv, input)
	settle()
	if failure == nil {
		failure = checkOutput(hook, &out, input)
	}
	if p.options.Trace != nil {
		stage := Stage{
			Stage: "middleware", Name: p.name, Hook: hook, Start: start, Duration: time.Since(start),
			BytesIn: len(input), Payload: out.Payload, Unchanged: out.Unchanged, Respond: out.Respond,
		}
		if failure != nil {
			stage.ErrorType, stage.Payload, stage.Respond = failure.errorType, nil, false
		}
		p.options.Trace(stage)
	}
	return out, failure
}

// checkOutput says what is wrong with what a hook printed. An early response may be any bytes, as a response may.
func checkOutput(hook string, out *Outcome, input []byte) *failure {
	switch {
	case out.Unchanged, out.Respond:
		return nil
	case bytes.Equal(out.Payload, input): // cat changes nothing, whatever it was given
		out.Unchanged, out.Payload = true, nil
		return nil
	case hook == manifest.HookAfter:
		return nil
	}
	if problem := jsontext.Check(out.Payload); problem != nil {
		return failed("what it printed is not JSON: %v", problem)
	}
	if _, ok := runtimeapi.ParseError(out.Payload); hook == manifest.HookError && !ok {
		return failed("what it printed is no error document: it has neither errorType nor errorMessage")
	}
	return nil
}

// RunHook runs one hook of the middleware NAME alone, for those who try one out. A failure is an error, of an optional
// middleware too.
func (s *Set) RunHook(ctx context.Context, inv *Invocation, name, hook string, input []byte) (Outcome, error) {
	i := slices.IndexFunc(s.middlewares, func(p *program) bool { return p.name == name })
	if i < 0 {
		return Outcome{}, &runtimeapi.Error{Type: runtimeapi.ErrorMiddleware, Message: fmt.Sprintf("middleware %s is not loaded", name)}
	}
	p := s.middlewares[i]
	if !p.manifest.Has(hook) {
		return Outcome{}, failed("it has no such hook; its manifest or the default lists %v", p.manifest.Hooks).document(name, hook)
	}
	out, failure := p.hook(ctx, hook, inv, input)
	if failure != nil {
		return Outcome{}, failure.document(name, hook)
	}
	return out, nil
}
