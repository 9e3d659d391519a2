//go:build linux

package middleware

// Persistent middlewares: a process that stays and answers frames/1. See docs/protocol/frames.md.

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/serverless/open-runtime/internal/frames"
	"github.com/serverless/open-runtime/internal/peer"
	"github.com/serverless/open-runtime/internal/process"
	"github.com/serverless/open-runtime/internal/runtimeapi"
)

// standing is the processes of one persistent middleware.
type standing struct {
	pool  *peer.Pool
	calls atomic.Int64 // each has an ID of its own

	mu   sync.Mutex
	logs map[*peer.Peer]*stderr
}

// stand prepares p to be asked; nothing is started yet.
func (p *program) stand() {
	s := &standing{logs: map[*peer.Peer]*stderr{}}
	s.pool = peer.NewPool(max(p.options.Concurrency, 1), func() *peer.Peer { return p.begin(s) }, s.ended)
	p.standing = s
}

// begin starts a process. What goes wrong is told by whoever waits for it.
func (p *program) begin(s *standing) *peer.Peer {
	log, write, err := newStderr(func(line []byte) { p.options.Log(p.name, line) })
	if err != nil {
		return peer.Stillborn(failed("making its pipes: %v", err).document(p.name, "start"))
	}
	defer write.Close()
	hello := frames.Hello{Role: frames.RoleMiddleware, Name: p.name, Capabilities: []string{frames.CapabilityCancel}}
	if p.options.Concurrency > 1 {
		hello.Capabilities = append(hello.Capabilities, frames.CapabilityMultiplex)
	}
	path, args := p.command()
	spec := process.Spec{Path: path, Args: args, Env: p.environ, Stdout: write, Stderr: write}
	began, err := peer.StartFrames("middleware "+p.name, spec, hello, runtimeapi.ErrorMiddleware, func(message string, pairs ...string) {
		warn(p.options, message, append([]string{"middleware", p.name}, pairs...)...)
	})
	if err != nil {
		log.finish()
		return peer.Stillborn(failed("starting it: %v", err).document(p.name, "start"))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.logs[began] = log
	return began
}

// ended reads the last of the log of a peer that is no more.
func (s *standing) ended(gone *peer.Peer) {
	s.mu.Lock()
	log := s.logs[gone]
	delete(s.logs, gone)
	s.mu.Unlock()
	if log != nil {
		log.finish()
	}
}

// tail gives the last lines that a peer wrote, after its exit.
func (s *standing) tail(of *peer.Peer) string {
	s.mu.Lock()
	log := s.logs[of]
	s.mu.Unlock()
	if log == nil {
		return ""
	}
	return log.tail()
}

// forget has an error tell only what is written from now on: what came before was of other invocations. Of several at once
// nobody knows whose a line is, and none is told.
func (s *standing) forget(at *peer.Peer) {
	s.mu.Lock()
	log := s.logs[at]
	s.mu.Unlock()
	if log != nil {
		log.forget(at.Terms().Multiplex)
	}
}

// ready waits until the first process says that it is, or why it never will be.
func (p *program) ready(ctx context.Context) *failure {
	first := p.standing.pool.First()
	select {
	case <-first.Opened():
		return p.refused(ctx, first)
	case <-ctx.Done():
		warn(p.options, "the middleware has not said ready yet, and the time for init is over; the first invocation waits for it", "middleware", p.name)
		return nil
	}
}

// refused says why an opened peer takes no turns; nil if it does.
func (p *program) refused(ctx context.Context, opened *peer.Peer) *failure {
	refused := opened.Refused()
	if refused == nil {
		return nil
	}
	opened.Discard()
	f := failed("it did not start: %s", p.own(refused.Message))
	if exit, exited := opened.Exit(); exited && refused.Type == runtimeapi.ErrorExit {
		f = failed("its process ended before it said ready, with %v; its manifest says frames/1", exit)
	}
	if _, exited := opened.Exit(); exited {
		f.stderr = p.standing.tail(opened)
	}
	return f
}

// retries is how often a call goes to another process when the one that had it never read it.
const retries = 2

// ask has the middleware answer a task.
func (p *program) ask(ctx context.Context, t task, inv *Invocation) (Outcome, *failure) {
	for try := 0; ; try++ {
		at, err := p.standing.pool.Acquire(ctx)
		if err != nil {
			return Outcome{}, p.overdue(ctx)
		}
		out, failure, unread := p.askOne(ctx, at, t, inv)
		p.standing.pool.Release(at)
		if !unread || try == retries {
			return out, failure
		}
	}
}

func (p *program) askOne(ctx context.Context, at *peer.Peer, t task, inv *Invocation) (out Outcome, failure *failure, unread bool) {
	select {
	case <-at.Opened():
	case <-ctx.Done():
		if !errors.Is(context.Cause(ctx), errOwnLimit) { // a start may take longer than a run may: the next one finds it further
			at.Discard()
		}
		failure = p.overdue(ctx)
		failure.cause += fmt.Sprintf("; it has not said ready in the %.1f s since it was started, and its manifest says frames/1", at.Age().Seconds())
		p.look(ctx, at.PID(), t, inv)
		return out, failure, false
	}
	if failure = p.refused(ctx, at); failure != nil {
		return out, failure, false
	}
	p.standing.forget(at)
	turn := at.Call(ctx, peer.Call{
		ID: strconv.FormatInt(p.standing.calls.Add(1), 10), Hook: t.hook, Response: t.response, ContentType: t.contentType,
		Deadline: t.deadline(inv), Context: inv.Context, Payload: t.payload(),
	})
	defer turn.Forget()
	a, err := turn.Next(ctx)
	switch {
	case err == nil:
		turn.Settle(ctx)
		out, failure = p.outcomeOf(a, t.hook)
		return out, failure, false
	case errors.Is(err, peer.ErrEnded):
		at.Discard()
		f := failed("%s", p.own(at.Death(ctx, "", "it answered").Message))
		if exit, exited := at.Exit(); exited {
			f = failed("its process ended before it answered, with %v", exit)
		}
		f.stderr = p.standing.tail(at)
		return out, f, turn.Unread()
	case ctx.Err() == nil: // a *runtimeapi.Error: it can't be sent
		return out, failed("%v", err), false
	}
	p.giveUp(ctx, at, turn, t, inv)
	return out, p.overdue(ctx), false
}

// payload of a frame: a task that shows nothing has none.
func (t task) payload() []byte {
	if t.input == nil && t.response != "none" {
		return []byte{}
	}
	return t.input
}

// own leaves out of a peer's sentence what the failure says already: whose it is, and when.
func (p *program) own(message string) string {
	for _, before := range []string{"it answered: ", "it was ready: "} {
		message = strings.TrimPrefix(message, "middleware "+p.name+", before "+before)
	}
	return message
}

// outcomeOf reads an answer.
func (p *program) outcomeOf(a peer.Answer, hook string) (Outcome, *failure) {
	switch {
	case a.Kind == peer.Failure && a.Size > maxOutput:
		return Outcome{}, failed("it answered %d bytes; %d are allowed", a.Size, maxOutput)
	case a.Kind == peer.Failure:
		f := failed("%s: %s", a.Failed.Type, a.Failed.Message)
		f.own = a.Failed
		switch a.Failed.Type {
		case runtimeapi.ErrorMiddleware, "": // which says nothing of whose it is
			f.own = &runtimeapi.Error{
				Type: runtimeapi.ErrorMiddleware, Message: "middleware " + p.name + ", " + hook + ": " + a.Failed.Message, StackTrace: a.Failed.StackTrace,
			}
		default:
			f.errorType = a.Failed.Type
		}
		return Outcome{}, f
	case a.Unchanged:
		return Outcome{Unchanged: true}, nil
	}
	payload := a.Payload
	if payload == nil {
		payload = []byte{}
	}
	return Outcome{Payload: payload, Respond: a.Respond}, nil
}

// overdue says why ctx ended a task.
func (p *program) overdue(ctx context.Context) *failure {
	if errors.Is(context.Cause(ctx), errOwnLimit) {
		return failed("timed out after %d ms", p.manifest.TimeoutMs)
	}
	return interrupted(ctx)
}

// stderr reads what a process prints into the log, for as long as the process lives.
type stderr struct {
	drain *process.Drain

	mu    sync.Mutex
	mixed bool // several invocations write at once
	lines *process.Log
}

func newStderr(emit func(line []byte)) (s *stderr, write *os.File, err error) {
	read, write, err := process.Pipe(process.FromChild, 0)
	if err != nil {
		return nil, nil, err
	}
	s = &stderr{drain: process.NewDrain(read), lines: process.NewLog(emit)}
	s.drain.Start(func(data []byte) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.lines.Add(data)
	})
	return s, write, nil
}

// finish takes what the pipe holds after the exit, though a daemon may hold the other end.
func (s *stderr) finish() {
	s.drain.Finish()
	s.lines.End()
}

// tailTime is how long the last lines of one who just exited are waited for.
const tailTime = 50 * time.Millisecond

func (s *stderr) tail() string {
	timer := time.NewTimer(tailTime)
	defer timer.Stop()
	select {
	case <-s.drain.Ended():
	case <-timer.C:
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.mixed {
		return ""
	}
	return s.lines.Last()
}

// forget has tail tell only what is written from now on; mixed says that others write meanwhile.
func (s *stderr) forget(mixed bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mixed = mixed
	s.lines.Forget()
}

// Start starts the persistent middlewares, each in parallel with the others.
func (s *Set) Start() {
	for _, p := range s.middlewares {
		if p.standing != nil {
			p.standing.pool.First()
		}
	}
}

// Ready waits until all persistent middlewares are, as long as ctx. All that is wrong with those that never will be is told
// in one *runtimeapi.Error; an optional one is left out with a warning in the log.
func (s *Set) Ready(ctx context.Context) error {
	var wrong []error
	kept := s.middlewares[:0]
	for _, p := range s.middlewares {
		var failure *failure
		if p.standing != nil {
			failure = p.ready(ctx)
		}
		switch {
		case failure == nil:
			kept = append(kept, p)
			continue
		case p.optional:
			warn(p.options, "optional middleware is left out", "middleware", p.name, "cause", failure.cause)
		default:
			wrong = append(wrong, errors.New(failure.document(p.name, "start").Message))
		}
		p.standing.pool.Shutdown(canceled)
	}
	s.middlewares = kept
	if len(wrong) > 0 {
		return &runtimeapi.Error{Type: runtimeapi.ErrorMiddleware, Message: errors.Join(wrong...).Error()}
	}
	return nil
}

// Renew ends persistent middlewares that died or hang, and starts them again.
func (s *Set) Renew() {
	for _, p := range s.middlewares {
		if p.standing != nil {
			p.standing.pool.Renew()
		}
	}
}

// Shutdown asks the persistent middlewares to finish, gives them until ctx ends, and ends them.
func (s *Set) Shutdown(ctx context.Context) {
	var all sync.WaitGroup
	for _, p := range s.middlewares {
		if p.standing != nil {
			all.Go(func() { p.standing.pool.Shutdown(ctx) })
		}
	}
	all.Wait()
}

// canceled gives nobody any time.
var canceled = func() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}()
