//go:build linux

package peer

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/serverless/open-runtime/internal/frames"
	"github.com/serverless/open-runtime/internal/runtimeapi"
)

// ErrEnded says that the peer ended before it answered, or can't be asked any more; Death tells how.
var ErrEnded = errors.New("the peer ended")

// A Turn is one call and its answers. Next is for one goroutine; Forget ends it.
type Turn struct {
	peer    *Peer
	call    *Call
	answers *queue
	over    chan struct{} // closed by Forget
	forget  sync.Once
	sent    chan error       // nil when the sending is over
	torn    bool             // the sending failed
	unheard <-chan time.Time // of a call that could not be sent whole: how long its peer is still waited for
}

// How much of a stream is held, in bytes, when it comes faster than it goes. Who is further ahead is not read for that long:
// where others have the same peer, they wait with it, so there it is more.
const (
	ahead      = 256 * 1024
	aheadAmong = runtimeapi.MaxResponse
)

// atOnce is the most of a payload, in bytes, that is sent without a goroutine: it fits an empty pipe.
const atOnce = 32 * 1024

// Call begins a turn. The peer is open. ctx bounds the sending alone.
func (p *Peer) Call(ctx context.Context, call Call) *Turn {
	most := ahead
	if p.terms.Multiplex {
		most = aheadAmong
	}
	t := &Turn{peer: p, call: &call, answers: newQueue(most), over: make(chan struct{})}
	p.mu.Lock()
	p.turns[call.ID] = t
	p.mu.Unlock()
	t.sent = make(chan error, 1)
	if len(call.Payload) <= atOnce && !p.terms.Multiplex {
		t.sent <- p.dialect.Send(ctx, t.call)
		return t
	}
	p.sending.Go(func() {
		ctx, done := context.WithCancel(ctx)
		defer done()
		if p.terms.Multiplex { // one that hangs may never ask for it
			defer context.AfterFunc(p.wanted, done)()
		}
		t.sent <- p.dialect.Send(ctx, t.call)
	})
	return t
}

// Next waits for the next answer. It gives ErrEnded when none will come, ctx's error when that ends first, and a
// *runtimeapi.Error when the call could not be sent.
func (t *Turn) Next(ctx context.Context) (Answer, error) {
	for {
		if a, ok := t.answers.take(); ok {
			return a, nil
		}
		select {
		case <-t.answers.some:
		case err := <-t.sent:
			t.sent = nil
			if refused, ok := errors.AsType[*runtimeapi.Error](err); ok {
				return Answer{}, refused
			}
			if err != nil { // nobody reads: then the peer ends, or lives on and hears nothing
				t.torn = true
				t.peer.Discard()
				t.unheard = time.After(lastWords)
			}
		case <-t.unheard:
			return Answer{}, ErrEnded
		case <-t.peer.ended:
			if a, ok := t.answers.take(); ok { // its last words
				return a, nil
			}
			return Answer{}, ErrEnded
		case <-ctx.Done():
			return Answer{}, ctx.Err()
		}
	}
}

// Settle is for after the last answer: one who answered before it read the whole call still has to read it.
func (t *Turn) Settle(ctx context.Context) {
	if t.sent == nil {
		return
	}
	select {
	case err := <-t.sent:
		if err != nil {
			t.peer.Discard() // it did not read the whole of it, and won't
		}
	case <-ctx.Done():
		t.peer.Discard()
	}
	t.sent = nil
}

// Sent says whether the call was handed over whole.
func (t *Turn) Sent() bool {
	if len(t.sent) > 0 {
		if err := <-t.sent; err != nil {
			t.torn = true
			t.peer.Discard()
		}
		t.sent = nil
	}
	return t.sent == nil && !t.torn
}

// Unread says whether nothing of the call was read when the peer ended: then another one may be asked. One that still lives
// though no answer will come is killed before that, so that it can't read it later.
func (t *Turn) Unread() bool {
	select {
	case <-t.peer.ended:
		if !t.peer.child.HasExited() { // else how it ended is its own
			t.peer.killed.Store(true)
			t.peer.child.Kill()
		}
		<-t.peer.child.Exited()
	default: // it closed what calls come on, and others may still wait for its answers
	}
	if t.sent != nil {
		if err := <-t.sent; err != nil { // it comes soon: the other end of the pipe is closed, or drained
			t.peer.Discard()
		}
		t.sent = nil
	}
	return t.peer.dialect.Unread(t.call)
}

// Cancel asks the peer to stop working on it, if that was agreed upon and the call was sent whole.
func (t *Turn) Cancel() bool {
	if !t.peer.terms.Cancel || !t.Sent() {
		return false
	}
	if t.peer.terms.Multiplex { // after what is being sent to it for others
		t.peer.sending.Go(func() { t.peer.dialect.Tell(frames.TypeCancel, t.call.ID) })
		return true
	}
	return t.peer.dialect.Tell(frames.TypeCancel, t.call.ID)
}

// Forget waits for nothing any more: what still comes is dropped.
func (t *Turn) Forget() {
	t.forget.Do(func() {
		close(t.over)
		t.peer.mu.Lock()
		defer t.peer.mu.Unlock()
		if t.peer.turns[t.call.ID] == t {
			delete(t.peer.turns, t.call.ID)
		}
	})
}

// Abandon is for a turn whose answers nobody wants any more. A peer that still works on it is to be replaced, or, when others
// wait for it too, asked to stop.
func (t *Turn) Abandon() {
	t.peer.mu.Lock()
	pending := t.peer.turns[t.call.ID] == t
	t.peer.mu.Unlock()
	t.Forget()
	switch {
	case !pending:
	case t.peer.terms.Multiplex:
		t.Cancel()
	default:
		t.peer.Discard()
	}
}

// deliver gives an answer to the turn that it is for; what nobody waits for is dropped.
func (p *Peer) deliver(a Answer) {
	p.mu.Lock()
	t := p.turns[a.ID]
	if a.ID == "" { // a dialect without IDs has one turn at a time
		for _, only := range p.turns {
			t = only
		}
	}
	if t != nil && a.ends() {
		delete(p.turns, t.call.ID)
	}
	p.mu.Unlock()
	if t == nil {
		p.dropped(a)
		return
	}
	t.answers.put(a, t.over, p.parted)
}

// dropped tells of an answer that nobody waits for. Of a stream that was given up only its end is worth a line.
func (p *Peer) dropped(a Answer) {
	if a.Kind == Chunk || p.closing.Load() {
		return
	}
	said := a.Payload
	if a.Failed != nil {
		said = a.Failed.JSON()
	}
	p.log("dropping an answer that nobody waits for", "id", a.ID, "answer", excerpt(said))
}

// excerpt is the beginning of what someone wrote, for a log line.
func excerpt(data []byte) string {
	const most = 200
	if len(data) <= most {
		return string(data)
	}
	return string(data[:most]) + "…"
}
