//go:build linux

package bootstrap

// The language runtime over all its lives: started once, and again when it died or hangs; several at once where Lambda
// sends several invocations at once.

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	goruntime "runtime"
	"strconv"
	"sync"
	"time"

	"github.com/serverless/open-runtime/internal/frames"
	"github.com/serverless/open-runtime/internal/http1"
	"github.com/serverless/open-runtime/internal/manifest"
	"github.com/serverless/open-runtime/internal/peer"
	"github.com/serverless/open-runtime/internal/process"
	"github.com/serverless/open-runtime/internal/runtimeapi"
	"github.com/serverless/open-runtime/pkg/middleware"
)

// machine is the architecture of this program, and so of all that it can start.
const machine = goruntime.GOARCH

// envRuntime tells the language runtimes of a pool apart, and so what each left behind.
const envRuntime = "SOR_RUNTIME"

type languageRuntime struct {
	command        []string // the program first
	protocol       string
	handler, dir   string
	environ        []string
	concurrency    int
	stdout, stderr *os.File           // its log
	telemetry      *os.File           // where a managed runtime's own client logs; nil for none
	upstream       *http1.Client      // Lambda's Runtime API, for what is passed on
	named          func(agent string) // tells it who asks for invocations
	log            logger
	pool           *peer.Pool
	spare          func(pid int) bool // a process that somebody else left behind on purpose

	mu      sync.Mutex
	started int
	numbers map[*peer.Peer]int
}

// open makes the pool; nothing is started yet.
func (r *languageRuntime) open() {
	r.numbers = map[*peer.Peer]int{}
	r.pool = peer.NewPool(r.concurrency, r.start, r.sweep)
}

// start begins a life. What is wrong with it is told by whoever waits for it.
func (r *languageRuntime) start() *peer.Peer {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.started++
	began, err := r.fork(r.started)
	if err != nil {
		return peer.Stillborn(&runtimeapi.Error{
			Type:    runtimeapi.ErrorRuntimeStart,
			Message: fmt.Sprintf("starting the language runtime: %v", err),
		})
	}
	r.numbers[began] = r.started
	return began
}

// fork starts the process. With frames/1 the conversation has descriptors of its own, and what is printed is only a log;
// in 2018 it was stdin and stdout.
func (r *languageRuntime) fork(number int) (*peer.Peer, error) {
	spec := process.Spec{Path: r.command[0], Args: r.command, Env: r.environ, Dir: r.dir, Stdout: r.stdout, Stderr: r.stderr}
	if r.concurrency > 1 {
		spec.Env = append(spec.Env[:len(spec.Env):len(spec.Env)], envRuntime+"="+strconv.Itoa(number))
	}
	const what = "language runtime"
	switch r.protocol {
	case manifest.ProtocolFrames:
		hello := frames.Hello{
			Role: frames.RoleRuntime, Handler: r.handler,
			Capabilities: []string{frames.CapabilityCancel, frames.CapabilityStream},
		}
		if r.concurrency > 1 {
			hello.Capabilities = append(hello.Capabilities, frames.CapabilityMultiplex)
		}
		return peer.StartFrames(what, spec, hello, runtimeapi.ErrorFunctionUnknown, r.log.warning)
	case manifest.ProtocolRuntimeAPI:
		return r.startProxied(what, spec)
	default:
		return peer.StartLines(what, spec, r.log.warning)
	}
}

// kind is how the handler is reached, for trace records.
func (r *languageRuntime) kind() string {
	switch r.protocol {
	case manifest.ProtocolFrames:
		return "frames"
	case manifest.ProtocolRuntimeAPI:
		return "proxied"
	}
	return "lines"
}

// awaitOpen waits until the handler is loaded, or never will be. What takes longer than limit is waited for by the first
// invocation, and told if there will be one.
func (r *languageRuntime) awaitOpen(ctx context.Context, limit <-chan struct{}, tell bool) *runtimeapi.Error {
	first := r.pool.First()
	select {
	case <-first.Opened():
		return first.Refused()
	case <-limit:
		if !tell {
			return nil
		}
		r.log.warning("the handler is not loaded yet, and the time for init is over; the first invocation waits for it")
	case <-ctx.Done():
	}
	return nil
}

// retries is how often an event goes to another language runtime when the one that had it ended before it read it.
const retries = 2

// handle has the handler turn an event into a response. The language runtime is inv's until inv.release.
func (r *languageRuntime) handle(ctx context.Context, inv *invocation, told *middleware.Invocation, event []byte) (middleware.Response, *runtimeapi.Error) {
	limited, done := withLimit(ctx, told.Limit)
	defer done()
	for try := 0; ; try++ {
		at, err := r.pool.Acquire(limited)
		if err != nil {
			return middleware.Response{}, r.tooLate(limited, inv, told, "no language runtime was free for handler "+r.handler)
		}
		inv.hold(r.pool, at)
		response, failed, unread := r.handleAt(limited, at, inv, told, event)
		if !unread || try == retries {
			return response, failed
		}
		inv.release()
	}
}

func (r *languageRuntime) handleAt(ctx context.Context, at *peer.Peer, inv *invocation, told *middleware.Invocation, event []byte) (response middleware.Response, failed *runtimeapi.Error, unread bool) {
	select {
	case <-at.Opened():
	case <-ctx.Done():
		if at.Age() > initLimit { // else it loads on: a handler that takes longer for it than an invocation has would never be loaded
			at.Discard()
		}
		return response, r.tooLate(ctx, inv, told, "the language runtime did not load its handler"), false
	}
	if refused := at.Refused(); refused != nil {
		at.Discard()
		return response, refused, false
	}
	if event == nil {
		event = []byte{} // an event of no bytes is still a payload
	}
	turn := at.Call(ctx, peer.Call{ID: inv.context.RequestID, Deadline: told.Deadline, Context: inv.context, Payload: event, Extra: inv})
	inv.turn = turn
	a, err := turn.Next(ctx)
	if refused, ok := errors.AsType[*runtimeapi.Error](err); ok {
		turn.Forget()
		return response, refused, false
	}
	switch {
	case errors.Is(err, peer.ErrEnded):
		at.Discard()
		return response, at.Death(ctx, inv.context.RequestID, "it answered"), turn.Unread()
	case err != nil:
		if a, failed = r.giveUp(ctx, at, inv, told); failed != nil {
			return response, failed, false
		}
	}
	return r.conclude(ctx, at, a, inv, told)
}

// conclude makes a response of an answer, which may be the first of a stream.
func (r *languageRuntime) conclude(ctx context.Context, at *peer.Peer, a peer.Answer, inv *invocation, told *middleware.Invocation) (response middleware.Response, failed *runtimeapi.Error, unread bool) {
	inv.pass(a)
	switch a.Kind {
	case peer.Failure:
		inv.turn.Settle(ctx)
		return response, a.Failed, false
	case peer.Result:
		inv.turn.Settle(ctx)
		return middleware.Response{Payload: a.Payload, ContentType: a.ContentType}, nil, false
	}
	return middleware.Response{
		ContentType: streamType(a), Prelude: a.Prelude,
		Stream: r.chunks(at, a, inv, told),
	}, nil, false
}

// chunks gives the pieces of a stream, of which first is here. Its time is the invocation's.
func (r *languageRuntime) chunks(at *peer.Peer, first peer.Answer, inv *invocation, told *middleware.Invocation) middleware.Chunks {
	next, begun := first, true
	return func(ctx context.Context) ([]byte, error) {
		if !begun {
			limited, done := withLimit(ctx, told.Limit)
			defer done()
			var err error
			next, err = inv.turn.Next(limited)
			switch {
			case errors.Is(err, peer.ErrEnded):
				at.Discard()
				return nil, at.Death(limited, inv.context.RequestID, "its response was whole")
			case err != nil:
				return nil, r.cutOff(limited, at, inv, told)
			}
		}
		begun = false
		switch next.Kind {
		case peer.Chunk:
			return next.Payload, nil
		case peer.Failure:
			inv.turn.Settle(ctx)
			return nil, next.Failed
		case peer.Result: // it would be lost without a word
			at.Discard()
			return nil, &runtimeapi.Error{Type: runtimeapi.ErrorProtocol, Message: "language runtime: frames/1: a result in the midst of a stream, where chunk, end or error is due"}
		}
		inv.turn.Settle(ctx)
		return nil, io.EOF
	}
}

// cutOff is for when a stream's time is over.
func (r *languageRuntime) cutOff(ctx context.Context, at *peer.Peer, inv *invocation, told *middleware.Invocation) *runtimeapi.Error {
	_, failed := r.giveUp(ctx, at, inv, told)
	if failed == nil { // it went on, and too late
		at.Discard()
		failed = inv.timedOut(fmt.Sprintf("handler %s did not finish its response", r.handler), told.Deadline)
	}
	return failed
}

// The content types of streams that name none.
// https://docs.aws.amazon.com/lambda/latest/dg/runtimes-custom.html#runtimes-custom-response-streaming
func streamType(first peer.Answer) string {
	switch {
	case first.ContentType != "":
		return first.ContentType
	case first.Prelude != nil:
		return runtimeapi.ContentTypeHTTPIntegration
	}
	return "application/octet-stream"
}

// withLimit ends a context at limit, if there is one.
func withLimit(ctx context.Context, limit time.Time) (context.Context, context.CancelFunc) {
	if limit.IsZero() {
		return context.WithCancel(ctx)
	}
	return context.WithDeadline(ctx, limit)
}

// renew replaces language runtimes that are over: process, group and what they left behind are killed, and the next one
// begins to load its handler.
func (r *languageRuntime) renew() {
	r.pool.Renew()
	process.ReapOrphans() // what a healthy handler left behind ends with nobody else to wait for it
}

// sweep kills what an ended language runtime left behind in groups of its own. Of several it is asked whose it is: what comes
// while a middleware runs may be anyone's.
func (r *languageRuntime) sweep(gone *peer.Peer) {
	r.mu.Lock()
	number := r.numbers[gone]
	delete(r.numbers, gone)
	r.mu.Unlock()
	process.KillOrphans(func(pid int) bool {
		if r.concurrency > 1 {
			return process.Variable(pid, envRuntime) != strconv.Itoa(number)
		}
		return r.spare != nil && r.spare(pid)
	})
}

// shutdown asks the language runtimes to finish, gives them until ctx ends, and ends them with all that they left behind.
func (r *languageRuntime) shutdown(ctx context.Context) { r.pool.Shutdown(ctx) }
