//go:build linux

package bootstrap

// The language runtime over all its lives: started once, and again when it died or hangs.

import (
	"context"
	"errors"
	"fmt"
	"os"
	goruntime "runtime"
	"syscall"
	"time"

	"github.com/serverless/open-runtime/internal/manifest"
	"github.com/serverless/open-runtime/internal/process"
	"github.com/serverless/open-runtime/internal/runtimeapi"
	"github.com/serverless/open-runtime/pkg/middleware"
)

// machine is the architecture of this program, and so of all that it can start.
const machine = goruntime.GOARCH

type languageRuntime struct {
	program, protocol, handler, dir string
	environ                         []string
	stdout, stderr                  *os.File // its log
	log                             logger
	daemon                          func(pid int) bool // a process that a middleware left behind on purpose; nil: none is

	life *life
}

// start begins a life. What is wrong with it is told by whoever waits for it.
func (r *languageRuntime) start() {
	child, in, out, err := r.fork()
	if err != nil {
		r.life = stillborn(&runtimeapi.Error{
			Type:    runtimeapi.ErrorRuntimeStart,
			Message: fmt.Sprintf("starting the language runtime: %v", err),
		})
		return
	}
	var d dialect
	if r.protocol == manifest.ProtocolFrames {
		d = newFramesDialect(r.handler, in, out)
	} else {
		d = newLinesDialect(in, out)
	}
	r.life = begin(child, in, out, d, r.log)
}

// fork starts the process. With frames/1 the conversation has descriptors of its own, and what is printed is only a log;
// in 2018 it was stdin and stdout.
func (r *languageRuntime) fork() (child *process.Child, in, out *os.File, err error) {
	theirIn, in, err := os.Pipe()
	if err != nil {
		return nil, nil, nil, err
	}
	defer theirIn.Close()
	out, theirOut, err := os.Pipe()
	if err != nil {
		in.Close()
		return nil, nil, nil, err
	}
	defer theirOut.Close()
	spec := process.Spec{
		Path: r.program, Args: []string{r.program, r.handler}, Env: r.environ, Dir: r.dir,
		Stdin: theirIn, Stdout: theirOut, Stderr: r.stderr,
	}
	if r.protocol == manifest.ProtocolFrames {
		spec.Stdin, spec.Stdout, spec.Extra = nil, r.stdout, []*os.File{theirOut, theirIn}
	}
	child, err = process.Start(spec)
	if err != nil {
		in.Close()
		out.Close()
		return nil, nil, nil, err
	}
	return child, in, out, nil
}

// awaitOpen waits until the handler is loaded, or never will be. What takes longer than limit is waited for by the first
// invocation, and told if there will be one.
func (r *languageRuntime) awaitOpen(ctx context.Context, limit <-chan time.Time, tell bool) *runtimeapi.Error {
	select {
	case <-r.life.opened:
		return r.life.refused
	case <-limit:
		if !tell {
			return nil
		}
		r.log.warning("the handler is not loaded yet, and the time for init is over; the first invocation waits for it")
	case <-ctx.Done():
	}
	return nil
}

// handle has the handler turn an event into a response. told is what the handler may know of inv.
func (r *languageRuntime) handle(ctx context.Context, inv *invocation, told *middleware.Invocation, event []byte) (middleware.Response, *runtimeapi.Error) {
	if r.life.isOver() { // it ended while nobody had asked for anything
		r.renew()
	}
	l, id := r.life, inv.context.RequestID
	select {
	case <-l.opened:
	case <-ctx.Done():
		return middleware.Response{}, r.giveUp(ctx, l, inv, told, "the language runtime did not load its handler")
	}
	if l.refused != nil {
		l.useless = true
		return middleware.Response{}, l.refused
	}
	answers := l.expect(id)
	sent := l.send(id, told, event)
	for {
		select {
		case a := <-answers:
			return r.conclude(ctx, l, a, sent)
		case err := <-sent:
			if refused, ok := errors.AsType[*runtimeapi.Error](err); ok {
				l.forget()
				return middleware.Response{}, refused
			}
			sent = nil // sent whole, or nobody reads: then the life ends
		case <-l.ended:
			select {
			case a := <-answers: // its last words
				return r.conclude(ctx, l, a, nil)
			default:
			}
			l.forget()
			return middleware.Response{}, l.death(ctx, id, "it answered")
		case <-ctx.Done():
			if sent == nil {
				l.cancel(id)
			}
			return middleware.Response{}, r.giveUp(ctx, l, inv, told, fmt.Sprintf("handler %s did not answer", r.handler))
		}
	}
}

// conclude gives what the language runtime answered. One that answered before it read the whole event still has to.
func (r *languageRuntime) conclude(ctx context.Context, l *life, a answer, sent <-chan error) (middleware.Response, *runtimeapi.Error) {
	if sent != nil {
		select {
		case err := <-sent:
			l.useless = err != nil // it did not read the whole of it, and won't
		case <-ctx.Done():
			l.useless = true
		}
	}
	return a.response, a.failed
}

// giveUp is for when ctx ended: whatever the language runtime still does, it does for nobody.
func (r *languageRuntime) giveUp(ctx context.Context, l *life, inv *invocation, told *middleware.Invocation, doing string) *runtimeapi.Error {
	l.forget()
	l.useless = true
	if !errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return &runtimeapi.Error{Type: runtimeapi.ErrorExit, Message: "the runtime was asked to stop before the invocation was answered"}
	}
	return inv.timedOut(doing, told.Deadline)
}

// renew replaces a life that is over: its process, its group and what they left behind are killed, and the next one begins
// to load its handler.
func (r *languageRuntime) renew() {
	if !r.life.isOver() {
		process.ReapOrphans() // what a healthy handler left behind ends with nobody else to wait for it
		return
	}
	r.life.end()
	process.KillOrphans(r.daemon)
	r.start()
}

// shutdownGrace is how long a language runtime may take to end after SIGTERM. Lambda gives the whole environment 300 to
// 2000 ms and then kills it.
// https://docs.aws.amazon.com/lambda/latest/dg/runtimes-extensions-api.html#runtimes-lifecycle-shutdown
const shutdownGrace = 2 * time.Second

// shutdown passes SIGTERM on, waits, and kills what is still there.
func (r *languageRuntime) shutdown() {
	if child := r.life.child; child != nil {
		// A group that can't be signalled is gone.
		_ = child.Signal(syscall.SIGTERM)
		timer := time.NewTimer(shutdownGrace)
		defer timer.Stop()
		select {
		case <-child.Exited():
		case <-timer.C:
		}
	}
	r.life.end()
	process.KillOrphans(nil)
}
