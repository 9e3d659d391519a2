//go:build linux

package bootstrap

// One life of the language runtime: a process, and what is said to it and by it.

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/serverless/open-runtime/internal/frames"
	"github.com/serverless/open-runtime/internal/process"
	"github.com/serverless/open-runtime/internal/runtimeapi"
	"github.com/serverless/open-runtime/pkg/middleware"
)

// An exit and the end of the answers may be apart, and who sees one waits for the other: for what the pipe still holds, and
// for an exit, which takes its time where a function has a tenth of a processor.
const (
	lastWords = 250 * time.Millisecond
	lastSteps = 2 * time.Second
)

type life struct {
	child   *process.Child // nil if it could not be started
	in, out *os.File       // our ends of the pipes
	dialect dialect
	log     logger

	opened  chan struct{}     // closed when it can take an invocation, or never will
	refused *runtimeapi.Error // why it never will; valid once opened
	ended   chan struct{}     // closed when no answer will come any more
	cause   error             // why; valid once ended
	useless bool              // to be replaced: it works on an invocation that was answered for it

	sending  sync.WaitGroup // events under way to it
	hurrying sync.WaitGroup // hurry

	mu      sync.Mutex
	pending string      // the id that an answer is waited for
	answers chan answer // that answer
}

// begin starts a life in a process that speaks a dialect of in and out.
func begin(child *process.Child, in, out *os.File, d dialect, log logger) *life {
	l := &life{child: child, in: in, out: out, dialect: d, log: log, opened: make(chan struct{}), ended: make(chan struct{})}
	go l.listen()
	l.hurrying.Go(l.hurry)
	return l
}

// stillborn is a life that could not begin.
func stillborn(why *runtimeapi.Error) *life {
	l := &life{refused: why, cause: why, opened: make(chan struct{}), ended: make(chan struct{})}
	close(l.opened)
	close(l.ended)
	return l
}

// listen hears all that comes, whether it is waited for or not: a pipe that is not read would stop the other side.
func (l *life) listen() {
	defer close(l.ended)
	if err := l.dialect.open(); err != nil {
		l.cause = err
		if own, ok := errors.AsType[*runtimeapi.Error](err); ok {
			l.refused = own
		} else {
			l.refused = l.death(context.Background(), "", "it was ready")
		}
		close(l.opened)
		return
	}
	close(l.opened)
	for {
		a, err := l.dialect.receive()
		if err != nil {
			l.cause = err
			return
		}
		l.deliver(a)
	}
}

// hurry ends the listening soon after the exit, though a daemon may hold the other end of the pipe: what the pipe holds is
// read. It also frees a send that nobody reads any more.
func (l *life) hurry() {
	<-l.child.Exited()
	now := time.Now()
	l.out.SetReadDeadline(now.Add(lastWords))
	l.in.SetWriteDeadline(now)
}

// send hands an event over, beside whatever comes back, and gives how that went.
func (l *life) send(id string, inv *middleware.Invocation, event []byte) <-chan error {
	sent := make(chan error, 1)
	l.sending.Go(func() { sent <- l.dialect.send(id, inv, event) })
	return sent
}

// cancelTime bounds how long a cancel is tried: one who does not read is killed all the same.
const cancelTime = 5 * time.Millisecond

// cancel asks to stop working on id, when nothing else is being sent.
func (l *life) cancel(id string) {
	l.in.SetWriteDeadline(time.Now().Add(cancelTime))
	l.dialect.cancel(id)
}

// expect makes id the one that is waited for.
func (l *life) expect(id string) <-chan answer {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.pending, l.answers = id, make(chan answer, 1)
	return l.answers
}

// forget waits for nothing any more.
func (l *life) forget() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.pending = ""
}

// deliver gives an answer to whom it is for; what nobody waits for is dropped.
func (l *life) deliver(a answer) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.pending == "" || a.id != "" && a.id != l.pending {
		said := a.response.Payload
		if a.failed != nil {
			said = a.failed.JSON()
		}
		l.log.warning("dropping an answer that nobody waits for", "id", a.id, "answer", excerpt(said))
		return
	}
	l.pending = ""
	l.answers <- a
}

// isOver says whether the life can take no invocation. The exit is enough for that: a daemon may hold the pipes for longer.
func (l *life) isOver() bool {
	if l.useless || l.child == nil || l.child.HasExited() {
		return true
	}
	select {
	case <-l.ended:
		return true
	default:
		return false
	}
}

// death says truthfully why no answer came, or will come, for the invocation id. Exits are told in Lambda's words. before
// is what it did not come to. ctx bounds the wait for an exit.
func (l *life) death(ctx context.Context, id, before string) *runtimeapi.Error {
	if broken, ok := errors.AsType[*frames.ProtocolError](l.cause); ok {
		return &runtimeapi.Error{Type: runtimeapi.ErrorProtocol, Message: fmt.Sprintf("language runtime, before %s: %v", before, broken)}
	}
	timer := time.NewTimer(lastSteps)
	defer timer.Stop()
	select {
	case <-l.child.Exited():
		return exitError(id, l.child.Exit())
	case <-timer.C:
	case <-ctx.Done():
	}
	what := "closed its end of the pipe that its answers go to"
	if l.cause != nil && !errors.Is(l.cause, io.EOF) {
		what = fmt.Sprintf("can't be heard (%v)", l.cause)
	}
	return &runtimeapi.Error{Type: runtimeapi.ErrorProtocol, Message: fmt.Sprintf("language runtime, before %s: it %s, and did not exit", before, what)}
}

// exitError tells an exit as Lambda tells the exit of a runtime.
func exitError(id string, exit process.Exit) *runtimeapi.Error {
	text := exit.Reason()
	if id != "" {
		text = "RequestId: " + id + " Error: " + text
	}
	return &runtimeapi.Error{Type: runtimeapi.ErrorExit, Message: text}
}

// end kills the process and its group and waits for all that belongs to the life.
func (l *life) end() {
	if l.child == nil {
		return
	}
	l.child.Kill()
	l.hurrying.Wait() // it waits for the exit, and its time limits are longer than these
	now := time.Now()
	l.out.SetReadDeadline(now) // whatever it holds, nobody waits for it
	l.in.SetWriteDeadline(now)
	<-l.ended
	l.sending.Wait()
	l.in.Close()
	l.out.Close()
}
