//go:build linux

package peer

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/serverless/open-runtime/internal/runtimeapi"
)

// A Pool keeps as many peers as are needed at once, up to a maximum. It is safe for concurrent use.
type Pool struct {
	start func() *Peer
	swept func(ended *Peer) // called when a peer was ended, before the next is started; may be nil
	max   int

	mu      sync.Mutex
	members []*member
	single  bool          // one opened, and takes one turn at a time
	changed chan struct{} // closed when it is worth looking again
	closed  bool
	ending  sync.WaitGroup // of those that Renew took out
}

// ErrClosed says that the pool was shut down.
var ErrClosed = errors.New("the pool is shut down")

type member struct {
	peer *Peer
	busy int
}

// NewPool makes an empty pool of at most max peers. start starts one; what went wrong is told by whoever waits for it.
func NewPool(max int, start func() *Peer, swept func(ended *Peer)) *Pool {
	return &Pool{start: start, swept: swept, max: max, changed: make(chan struct{})}
}

// First starts the first peer, if there is none, and gives it.
func (p *Pool) First() *Peer {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return Stillborn(&runtimeapi.Error{Type: runtimeapi.ErrorRuntimeStart, Message: ErrClosed.Error()})
	}
	if len(p.members) == 0 {
		p.add()
	}
	return p.members[0].peer
}

func (p *Pool) add() *member {
	m := &member{peer: p.start()}
	p.members = append(p.members, m)
	go func() {
		<-m.peer.Opened()
		p.mu.Lock()
		defer p.mu.Unlock()
		p.single = p.single || m.peer.isOpen() && !m.peer.terms.Multiplex
		p.wake()
	}()
	return m
}

// wake has those who wait look again. The lock is held.
func (p *Pool) wake() {
	close(p.changed)
	p.changed = make(chan struct{})
}

// Acquire gives a peer that can take a turn, and waits for one as long as ctx, or until Shutdown. It may not be open yet.
// Release follows.
func (p *Pool) Acquire(ctx context.Context) (*Peer, error) {
	for {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		p.Renew()
		p.mu.Lock()
		if p.closed {
			p.mu.Unlock()
			return nil, ErrClosed
		}
		m := p.free()
		if m == nil && p.mayGrow() {
			m = p.add()
		}
		if m != nil {
			m.busy++
			p.mu.Unlock()
			return m.peer, nil
		}
		changed := p.changed
		p.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
		}
	}
}

// free finds the peer with the fewest turns that can take one more. The lock is held.
func (p *Pool) free() *member {
	var best *member
	for _, m := range p.members {
		if m.peer.IsOver() || m.busy > 0 && !(m.peer.isOpen() && m.peer.terms.Multiplex) {
			continue
		}
		if best == nil || m.busy < best.busy {
			best = m
		}
	}
	return best
}

// mayGrow says whether one more may be started. One that is starting is waited for, unless it is known that it will take one
// turn at a time: those that wait would else start one each.
func (p *Pool) mayGrow() bool {
	live := 0
	for _, m := range p.members {
		if !m.peer.IsOver() {
			live++
		}
	}
	return live == 0 || p.single && live < p.max
}

func (p *Peer) isOpen() bool {
	select {
	case <-p.opened:
		return p.refused == nil
	default:
		return false
	}
}

// Release gives a peer back.
func (p *Pool) Release(peer *Peer) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, m := range p.members {
		if m.peer == peer {
			m.busy--
		}
	}
	p.wake()
}

// Renew ends the peers that are over and that nobody waits for, and starts one if none is left.
func (p *Pool) Renew() {
	for _, m := range p.takeOver() {
		m.peer.End()
		if p.swept != nil {
			p.swept(m.peer)
		}
		p.ending.Done()
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.members) == 0 && !p.closed {
		p.add()
	}
}

// takeOver takes those that are over out of the pool.
func (p *Pool) takeOver() (over []*member) {
	p.mu.Lock()
	defer p.mu.Unlock()
	kept := p.members[:0]
	for _, m := range p.members {
		if m.busy == 0 && m.peer.IsOver() {
			over = append(over, m)
		} else {
			kept = append(kept, m)
		}
	}
	clear(p.members[len(kept):])
	p.members = kept
	p.ending.Add(len(over))
	return over
}

// Shutdown asks all peers to finish, gives them until ctx ends, and ends them. SIGTERM follows the word after termAfter.
func (p *Pool) Shutdown(ctx context.Context) {
	p.mu.Lock()
	members := p.members
	p.members, p.closed = nil, true
	p.wake()
	p.mu.Unlock()
	term := make(chan struct{})
	timer := time.AfterFunc(termAfter, func() { close(term) })
	defer timer.Stop()
	var all sync.WaitGroup
	for _, m := range members {
		all.Go(func() {
			m.peer.Shutdown(ctx, term)
			m.peer.End()
			if p.swept != nil {
				p.swept(m.peer)
			}
		})
	}
	all.Wait()
	p.ending.Wait()
}

// termAfter is how long a peer has to act upon the word before it gets the signal too.
const termAfter = 50 * time.Millisecond
