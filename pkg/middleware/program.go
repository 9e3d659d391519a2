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
	debugger string    // the program that starts it; "" for none
	standing *standing // nil for one of the exec protocol
}

// command gives what is started: the program, or its debugger.
func (p *program) command(args ...string) (path string, argv []string) {
	argv = append([]string{p.exe}, args...)
	if p.debugger != "" {
		argv = append([]string{p.debugger}, argv...)
	}
	return argv[0], argv
}

// An Outcome is what a hook made of its input.
type Outcome struct {
	Payload   []byte // nil when unchanged
	Unchanged bool
	Respond   bool // Payload is an early response, or the answer that handles an error
}

// A task is one call of a hook.
type task struct {
	hook        string
	input       []byte
	response    string // of an after: what of the response the input is
	contentType string // of an after: of that response
}

// limit is when a task is stopped, and deadline what it is told. What is left of the margin is for error hooks.
func (t task) limit(inv *Invocation) time.Time {
	if t.hook == manifest.HookError {
		return inv.Last
	}
	return inv.Limit
}

func (t task) deadline(inv *Invocation) time.Time {
	if t.hook == manifest.HookError && !inv.Last.IsZero() {
		return inv.Last
	}
	return inv.Deadline
}

// wrap is the onion's layer. A middleware that fails is not entered: its error hook does not hear of its own failure, and
// an optional one is passed by for the whole invocation.
func (p *program) wrap(next Handler) Handler {
	return func(ctx context.Context, inv *Invocation, event []byte) (Response, error) {
		if p.manifest.Has(manifest.HookBefore) {
			out, failure := p.hook(ctx, task{hook: manifest.HookBefore, input: event}, inv)
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

// onError never hides err: only a hook that worked changes or handles it. Without time left there is nobody to ask.
func (p *program) onError(ctx context.Context, inv *Invocation, err error) (Response, error) {
	if !p.manifest.Has(manifest.HookError) || ctx.Err() != nil || !inv.Last.IsZero() && !time.Now().Before(inv.Last) {
		return Response{}, err
	}
	given := runtimeapi.AsError(err, runtimeapi.ErrorUnknown)
	out, failure := p.hook(ctx, task{hook: manifest.HookError, input: given.JSON()}, inv)
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
func (p *program) hook(ctx context.Context, t task, inv *Invocation) (Outcome, *failure) {
	start := time.Now()
	limited, done := p.limited(ctx, t, inv)
	defer done()
	kind := "exec"
	var out Outcome
	var failure *failure
	switch {
	case limited.Err() != nil:
		failure = interrupted(limited)
	case p.standing != nil:
		kind = "persistent"
		out, failure = p.ask(limited, t, inv)
	default:
		settle := p.daemons.watch()
		out, failure = p.run(limited, t, inv)
		settle()
	}
	if failure == nil {
		failure = checkOutput(t, &out)
	}
	if p.options.Trace != nil {
		stage := Stage{
			Stage: "middleware", Name: p.name, Hook: t.hook, Kind: kind, Start: start, Duration: time.Since(start),
			BytesIn: len(t.input), Payload: out.Payload, Unchanged: out.Unchanged, Respond: out.Respond,
		}
		if failure != nil {
			stage.ErrorType, stage.Payload, stage.Respond = failure.errorType, nil, false
		}
		p.options.Trace(inv, stage)
	}
	return out, failure
}

// limited ends a context when a task has to end: by the invocation's time, or by the middleware's own.
func (p *program) limited(ctx context.Context, t task, inv *Invocation) (context.Context, context.CancelFunc) {
	limit := t.limit(inv)
	if own := time.Now().Add(time.Duration(p.manifest.TimeoutMs) * time.Millisecond); p.manifest.TimeoutMs > 0 && (limit.IsZero() || own.Before(limit)) {
		return context.WithDeadlineCause(ctx, own, errOwnLimit)
	}
	if limit.IsZero() {
		return context.WithCancel(ctx)
	}
	return context.WithDeadline(ctx, limit)
}

// checkOutput says what is wrong with what a hook printed. An early response may be any bytes, as a response may.
func checkOutput(t task, out *Outcome) *failure {
	switch {
	case out.Unchanged, out.Respond:
		return nil
	case t.response == manifest.ResponseNone: // it was not shown the response, and has none to give
		return failed("its manifest says that it needs nothing of the response, so it can't change one: print nothing, or say response: buffer")
	case bytes.Equal(out.Payload, t.input): // cat changes nothing, whatever it was given
		out.Unchanged, out.Payload = true, nil
		return nil
	case t.response == manifest.ResponseHead:
		return checkHead(out.Payload)
	case t.hook == manifest.HookAfter:
		return nil
	}
	if problem := jsontext.Check(out.Payload); problem != nil {
		return failed("what it printed is not JSON: %v", problem)
	}
	if _, ok := runtimeapi.ParseError(out.Payload); t.hook == manifest.HookError && !ok {
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
	t := task{hook: hook, input: input}
	if hook == manifest.HookAfter {
		t.response = p.manifest.Response
		if t.response == manifest.ResponseNone {
			t.input = nil
		}
	}
	out, failure := p.hook(ctx, t, inv)
	if failure != nil {
		return Outcome{}, failure.document(name, hook)
	}
	return out, nil
}
