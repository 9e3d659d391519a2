package docker

import (
	"bytes"
	"io"
	"sync"
)

// A queue is a pipe with room. An io.Pipe has none, and so its writer waits for a reader that may have left; a queue lets
// the last of a container's output in when the container is gone, whoever reads it and when.
type queue struct {
	mu    sync.Mutex
	moved sync.Cond
	held  bytes.Buffer
	free  bool  // no limit any more
	err   error // what Read gives when nothing is held any more
}

const queueLimit = 1 << 20

func newQueue() *queue {
	q := &queue{}
	q.moved.L = &q.mu
	return q
}

func (q *queue) Write(p []byte) (int, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for q.held.Len() >= queueLimit && !q.free {
		q.moved.Wait()
	}
	q.held.Write(p)
	q.moved.Broadcast()
	return len(p), nil
}

func (q *queue) Read(p []byte) (int, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for q.held.Len() == 0 && q.err == nil {
		q.moved.Wait()
	}
	if q.held.Len() == 0 {
		return 0, q.err
	}
	defer q.moved.Broadcast()
	return q.held.Read(p)
}

// unbound lifts the limit.
func (q *queue) unbound() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.free = true
	q.moved.Broadcast()
}

// end says that nothing more comes, because of err or, for nil, because that was all.
func (q *queue) end(err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if err == nil {
		err = io.EOF
	}
	q.err = err
	q.moved.Broadcast()
}
