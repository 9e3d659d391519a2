//go:build linux

// Package peer talks to the children that answer invocations: language runtimes and persistent middlewares. A peer is one
// life of one process; a pool starts new ones where they died, hang, or are needed at once.
//
// It promises: both sides read and write at the same time, so that nothing deadlocks at any size; an answer reaches the turn
// with its ID and no other; a turn learns of the end of its peer, with the true cause; nothing of a peer outlives End in its
// process group.
//
// It does not decide how long a turn may take, nor what a failure means for an invocation.
package peer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/serverless/open-runtime/internal/frames"
	"github.com/serverless/open-runtime/internal/process"
	"github.com/serverless/open-runtime/internal/runtimeapi"
)

// An exit and the end of the answers may be apart, and who sees one waits for the other: for what the pipe still holds, and
// for an exit, which takes its time where a function has a tenth of a processor.
const (
	lastWords = 250 * time.Millisecond
	lastSteps = 2 * time.Second
)

// A Dialect is how a peer is spoken to. One goroutine opens and then receives; Send, Tell, Drain and Close come from others.
type Dialect interface {
	// Open returns when the peer can take turns. A *runtimeapi.Error is its own reason why it can't; any other error is an
	// end of the stream.
	Open() (Terms, error)
	// Send hands over a call. A *runtimeapi.Error is a call that can't be sent; any other error is an end of the stream. ctx
	// may be left out of account once others are sending too.
	Send(ctx context.Context, call *Call) error
	// Receive waits for the next answer.
	Receive() (Answer, error)
	// Tell sends a word without an answer: frames.TypeCancel with an ID, or frames.TypeShutdown. It waits for nobody, and
	// says whether there was a word for it.
	Tell(kind, id string) bool
	// Unread says, of a peer that reads no more, whether it read nothing of a call whose sending is over.
	Unread(call *Call) bool
	// Drain ends what is sent, and what is received after grace.
	Drain(grace time.Duration)
	// Close ends both at once.
	Close()
}

// Terms are what was agreed upon.
type Terms struct {
	Multiplex  bool           // several turns at once
	Cancel     bool           // it hears a cancel
	DumpSignal syscall.Signal // makes it write its stacks to stderr; 0 if it has none
}

// Call is what one turn is asked.
type Call struct {
	ID          string
	Hook        string // of a middleware
	Response    string // what of a response the payload is, for an after
	ContentType string // of that response
	Deadline    time.Time
	Context     frames.Context
	Payload     []byte // nil for none
	Extra       any    // what only the dialect knows

	At int64 // the dialect's own: where it begins in what was sent
}

// Kind is what an answer is.
type Kind int

// Kinds of answers. A turn ends with a result, a failure or an end.
const (
	Result Kind = iota
	Failure
	Chunk
	End
)

// Answer is what came back.
type Answer struct {
	ID          string // "" in a dialect that has none
	Kind        Kind
	Payload     []byte
	ContentType string
	Prelude     []byte            // of the first chunk
	Unchanged   bool              // of a middleware
	Respond     bool              // of a middleware
	Failed      *runtimeapi.Error // of a failure
	Size        int               // in bytes, of a result that is a failure because it is too large
	Extra       any               // what only the dialect knows
}

// ends says whether no more answers follow.
func (a Answer) ends() bool { return a.Kind != Chunk }

// A Peer is one life of a child.
type Peer struct {
	what    string // "language runtime"
	began   time.Time
	child   *process.Child // nil if it could not be started
	dialect Dialect
	log     func(message string, pairs ...string)

	opened  chan struct{} // closed when it can take turns, or never will
	refused *runtimeapi.Error
	terms   Terms
	ended   chan struct{} // closed when no answer will come any more
	cause   error
	wanted  context.Context // ends with Discard: it works for nobody, or can't be trusted, and is to be replaced
	discard context.CancelFunc
	closing atomic.Bool // it was told to finish
	killed  atomic.Bool // by us, after its answers ended

	parted  chan struct{} // closed by End
	parting sync.Once

	sending  sync.WaitGroup
	hurrying sync.WaitGroup

	mu    sync.Mutex
	turns map[string]*Turn
}

// Begin starts to listen to a child that speaks d. what names it in errors; log takes warnings.
func Begin(what string, child *process.Child, d Dialect, log func(message string, pairs ...string)) *Peer {
	p := &Peer{
		what: what, began: time.Now(), child: child, dialect: d, log: log,
		opened: make(chan struct{}), ended: make(chan struct{}), parted: make(chan struct{}), turns: map[string]*Turn{},
	}
	p.wanted, p.discard = context.WithCancel(context.Background())
	go p.listen()
	p.hurrying.Go(p.hurry)
	return p
}

// Stillborn is a peer that could not be started.
func Stillborn(why *runtimeapi.Error) *Peer {
	p := &Peer{refused: why, cause: why, opened: make(chan struct{}), ended: make(chan struct{}), wanted: context.Background(), discard: func() {}}
	close(p.opened)
	close(p.ended)
	return p
}

// listen hears all that comes, whether it is waited for or not: a pipe that is not read would stop the other side.
func (p *Peer) listen() {
	defer close(p.ended)
	terms, err := p.dialect.Open()
	if err != nil {
		p.cause = err
		if own, ok := errors.AsType[*runtimeapi.Error](err); ok {
			p.refused = own
		} else {
			p.refused = p.death(context.Background(), "", "it was ready", err)
		}
		close(p.opened)
		return
	}
	p.terms = terms
	close(p.opened)
	for {
		a, err := p.dialect.Receive()
		if err != nil {
			p.cause = err
			return
		}
		p.deliver(a)
	}
}

// hurry ends the listening soon after the exit, though a daemon may hold the other end of the pipe: what the pipe holds is
// read. It also frees a send that nobody reads any more.
func (p *Peer) hurry() {
	<-p.child.Exited()
	p.dialect.Drain(lastWords)
}

// Opened is closed when the peer can take turns, or Refused says why it never will.
func (p *Peer) Opened() <-chan struct{} { return p.opened }

// Refused is valid after Opened.
func (p *Peer) Refused() *runtimeapi.Error { return p.refused }

// Terms are valid after Opened.
func (p *Peer) Terms() Terms { return p.terms }

// Ended is closed when no answer will come any more.
func (p *Peer) Ended() <-chan struct{} { return p.ended }

// Discard says that the peer is to be replaced. What it was not handed yet goes to another one.
func (p *Peer) Discard() { p.discard() }

// Age is how long ago it was started.
func (p *Peer) Age() time.Duration { return time.Since(p.began) }

// PID is the process ID, 0 when there is no process.
func (p *Peer) PID() int {
	if p.child == nil {
		return 0
	}
	return p.child.PID()
}

// IsOver says whether it can take no turn any more. The exit is enough for that: a daemon may hold the pipes for longer.
func (p *Peer) IsOver() bool {
	if p.wanted.Err() != nil || p.child == nil || p.child.HasExited() {
		return true
	}
	select {
	case <-p.ended:
		return true
	default:
		return false
	}
}

// errDeaf is why a peer that may still answer others is of no use.
var errDeaf = errors.New("it closed its end of the pipe that calls come on")

// Death says truthfully why no answer came, or will come, for the invocation id. Exits are told in Lambda's words. before
// is what it did not come to. ctx bounds the wait for an exit.
func (p *Peer) Death(ctx context.Context, id, before string) *runtimeapi.Error {
	select {
	case <-p.ended:
		return p.death(ctx, id, before, p.cause)
	default:
		return p.death(ctx, id, before, errDeaf)
	}
}

func (p *Peer) death(ctx context.Context, id, before string, cause error) *runtimeapi.Error {
	if broken, ok := errors.AsType[*frames.ProtocolError](cause); ok {
		return &runtimeapi.Error{Type: runtimeapi.ErrorProtocol, Message: fmt.Sprintf("%s, before %s: %v", p.what, before, broken)}
	}
	wait := lastSteps
	if cause == errDeaf { // it was waited for already
		wait = 0
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-p.child.Exited():
	case <-timer.C:
	case <-ctx.Done():
	}
	if exit, ok := p.Exit(); ok && !(p.killed.Load() && exit.Signal == syscall.SIGKILL) {
		return exitError(id, exit)
	}
	what := fmt.Sprintf("it can't be heard (%v)", cause)
	switch {
	case cause == errDeaf:
		what = cause.Error()
	case cause == nil, errors.Is(cause, io.EOF):
		what = "it closed its end of the pipe that its answers go to"
	}
	return &runtimeapi.Error{Type: runtimeapi.ErrorProtocol, Message: fmt.Sprintf("%s, before %s: %s, and did not exit", p.what, before, what)}
}

// exitError tells an exit as Lambda tells the exit of a runtime.
func exitError(id string, exit process.Exit) *runtimeapi.Error {
	text := exit.Reason()
	if id != "" {
		text = "RequestId: " + id + " Error: " + text
	}
	return &runtimeapi.Error{Type: runtimeapi.ErrorExit, Message: text}
}

// WriteStacks has it write its stacks to its stderr, for which it gets as long as patience, if it has a signal for that. The
// signal goes to the process alone: in its children it would do what it does by default.
func (p *Peer) WriteStacks(patience time.Duration) {
	if p.child == nil || p.terms.DumpSignal == 0 || syscall.Kill(p.child.PID(), p.terms.DumpSignal) != nil {
		return
	}
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-p.ended:
	}
}

// Exit says how its process ended; ok is false while it lives, or if it never did.
func (p *Peer) Exit() (exit process.Exit, ok bool) {
	if p.child == nil {
		return exit, false
	}
	select {
	case <-p.child.Exited():
		return p.child.Exit(), true
	default:
		return exit, false
	}
}

// Shutdown asks it to finish and waits for its exit as long as ctx: a frame first, and SIGTERM at term. End follows.
func (p *Peer) Shutdown(ctx context.Context, term <-chan struct{}) {
	if p.child == nil {
		return
	}
	p.closing.Store(true)
	if !p.dialect.Tell(frames.TypeShutdown, "") {
		now := make(chan struct{})
		close(now)
		term = now
	}
	for {
		select {
		case <-p.child.Exited():
			return
		case <-term:
			_ = p.child.Signal(syscall.SIGTERM) // a group that can't be signalled is gone
			term = nil
		case <-ctx.Done():
			return
		}
	}
}

// End kills the process and its group and waits for all that belongs to the peer.
func (p *Peer) End() {
	if p.child == nil {
		return
	}
	p.discard()
	p.parting.Do(func() { close(p.parted) }) // what nobody took is not waited for
	p.child.Kill()
	p.hurrying.Wait() // it waits for the exit
	p.dialect.Close() // whatever the pipes hold, nobody waits for it
	<-p.ended
	p.sending.Wait()
}
