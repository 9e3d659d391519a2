//go:build linux

package peer

import "sync"

// A queue holds the answers of a turn until they are taken: by one, in the order in which they came.
type queue struct {
	most int           // bytes that are held
	some chan struct{} // has an element while there are answers
	room chan struct{} // has one when an answer was taken

	mu      sync.Mutex
	answers []Answer
	held    int
}

func newQueue(most int) *queue {
	return &queue{most: most, some: make(chan struct{}, 1), room: make(chan struct{}, 1)}
}

// weight is what an answer takes up, in bytes: one without a payload too.
func weight(a Answer) int { return len(a.Payload) + len(a.Prelude) + 256 }

// put adds an answer, and waits for room until nobody wants it any more: until over, or parted. What is too large for any
// room is held alone.
func (q *queue) put(a Answer, over, parted <-chan struct{}) {
	for {
		q.mu.Lock()
		if fits := len(q.answers) == 0 || q.held+weight(a) <= q.most; fits {
			q.answers = append(q.answers, a)
			q.held += weight(a)
			signal(q.some)
			q.mu.Unlock()
			return
		}
		q.mu.Unlock()
		select {
		case <-q.room:
		case <-over:
			return
		case <-parted:
			return
		}
	}
}

// take gives the next answer, if there is one.
func (q *queue) take() (a Answer, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.answers) == 0 {
		return a, false
	}
	a = q.answers[0]
	q.answers[0] = Answer{}
	q.answers = q.answers[1:]
	q.held -= weight(a)
	signal(q.room)
	if len(q.answers) > 0 {
		signal(q.some)
	}
	return a, true
}

// signal puts an element into a channel that holds one, if there is none.
func signal(to chan<- struct{}) {
	select {
	case to <- struct{}{}:
	default:
	}
}
