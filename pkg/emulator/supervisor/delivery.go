//go:build linux

package supervisor

// The delivery of telemetry: a buffer for each subscriber, emptied when it is full, when it is old, and at the end of an
// invocation. A listener that is slow or gone holds up nothing: what has no room is dropped, and told.

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"time"
)

// buffering is when a buffer is emptied.
type buffering struct {
	items, bytes int
	wait         time.Duration
}

// A destination takes a batch of events.
type destination interface {
	send(ctx context.Context, events [][]byte) error
	close()
}

// A subscriber is an extension that wants telemetry.
type subscriber struct {
	name   string
	api    api
	schema string
	types  []string
	target destination
	limits buffering

	wake  chan struct{} // there is something to do
	stop  context.CancelFunc
	ended chan struct{}

	mu      sync.Mutex
	events  [][]byte
	bytes   int
	oldest  time.Time
	due     bool // what is there is to be delivered now
	idle    chan struct{}
	dropped logsDropped
}

const (
	mostBuffered = 4 * 1024 * 1024 // bytes that wait for a listener
	sendTimeout  = 5 * time.Second
	retryFirst   = 20 * time.Millisecond // before a failed batch is sent again; then twice as long each time
	retryMost    = time.Second
)

func newSubscriber(name string, a api, schema string, types []string, target destination, limits buffering) *subscriber {
	ctx, stop := context.WithCancel(context.Background())
	s := &subscriber{
		name: name, api: a, schema: schema, types: types, target: target, limits: limits,
		wake: make(chan struct{}, 1), stop: stop, ended: make(chan struct{}), idle: make(chan struct{}),
	}
	close(s.idle)
	go func() { defer close(s.ended); s.deliver(ctx) }()
	return s
}

// take buffers an event that is wanted.
func (s *subscriber) take(event told, jsonLogs bool) {
	data, ok := s.wanted(event, jsonLogs)
	if !ok {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.bytes+len(data) > mostBuffered {
		s.dropped.DroppedRecords++
		s.dropped.DroppedBytes += len(data)
		return
	}
	s.add(data)
}

// add puts an event into the buffer. mu is held.
func (s *subscriber) add(data []byte) {
	if len(s.events) == 0 {
		s.oldest = time.Now()
		s.idle = make(chan struct{})
	}
	s.events = append(s.events, data)
	s.bytes += len(data)
	if len(s.events) == 1 || len(s.events) >= s.limits.items || s.bytes >= s.limits.bytes {
		s.rouse()
	}
}

func (s *subscriber) rouse() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

func (s *subscriber) nudge() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.events) > 0 {
		s.due = true
		s.rouse()
	}
}

// flush waits until the buffer is empty, or ctx ends.
func (s *subscriber) flush(ctx context.Context) {
	s.nudge()
	s.mu.Lock()
	idle := s.idle
	s.mu.Unlock()
	select {
	case <-idle:
	case <-ctx.Done():
	case <-s.ended:
	}
}

// end gives what is buffered until ctx ends, and nothing after that.
func (s *subscriber) end(ctx context.Context) {
	s.flush(ctx)
	s.stop()
	<-s.ended
	s.target.close()
}

// deliver sends batches until ctx ends.
func (s *subscriber) deliver(ctx context.Context) {
	for {
		wait := s.untilDue()
		timer := time.NewTimer(wait)
		select {
		case <-s.wake:
			timer.Stop()
			if s.untilDue() > 0 {
				continue
			}
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return
		}
		if !s.sendBatches(ctx) {
			return
		}
	}
}

// untilDue is how long what is buffered may wait.
func (s *subscriber) untilDue() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case len(s.events) == 0:
		return time.Hour
	case s.due, len(s.events) >= s.limits.items, s.bytes >= s.limits.bytes:
		return 0
	}
	return max(time.Until(s.oldest.Add(s.limits.wait)), 0)
}

// sendBatches empties the buffer, and tries each batch until the listener has it. It is false when ctx ended before.
func (s *subscriber) sendBatches(ctx context.Context) bool {
	pause := retryFirst
	for {
		batch := s.batch()
		if len(batch) == 0 {
			return true
		}
		err := s.send(ctx, batch)
		if err == nil {
			s.sent(len(batch))
			pause = retryFirst
			continue
		}
		again := time.NewTimer(pause)
		pause = min(2*pause, retryMost)
		select {
		case <-again.C:
		case <-ctx.Done():
			again.Stop()
			return false
		}
	}
}

func (s *subscriber) send(ctx context.Context, batch [][]byte) error {
	ctx, cancel := context.WithTimeout(ctx, sendTimeout)
	defer cancel()
	return s.target.send(ctx, batch)
}

// batch gives the oldest events, as many as a batch may have. They stay until they are sent.
func (s *subscriber) batch() [][]byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	n, size := 0, 0
	for n < len(s.events) && n < s.limits.items && (n == 0 || size+len(s.events[n]) <= s.limits.bytes) {
		size += len(s.events[n])
		n++
	}
	return s.events[:n:n]
}

// sent forgets the oldest n events, and tells what was dropped meanwhile.
func (s *subscriber) sent(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, event := range s.events[:n] {
		s.bytes -= len(event)
	}
	s.events = append([][]byte(nil), s.events[n:]...)
	s.oldest = time.Now()
	if len(s.events) == 0 {
		s.due = false
		close(s.idle)
	}
	if s.dropped.DroppedRecords > 0 {
		s.dropped.Reason = "Consumer seems to have fallen behind as it has not acknowledged receipt of logs."
		s.add(envelope(time.Now(), platformLogsDropped, s.dropped))
		s.dropped = logsDropped{}
	}
}

// httpDestination takes batches by POST, as an array.
type httpDestination struct {
	url, host string
	client    http.Client
}

func (d *httpDestination) send(ctx context.Context, events [][]byte) error {
	body := append(append([]byte("["), bytes.Join(events, []byte(","))...), ']')
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, d.url, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("making a batch of telemetry: %w", err)
	}
	request.Host = d.host
	request.Header.Set("Content-Type", "application/json")
	response, err := d.client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	_, err = io.Copy(io.Discard, io.LimitReader(response.Body, mostRegistration))
	if err == nil && response.StatusCode >= http.StatusInternalServerError {
		err = fmt.Errorf("the listener says %s", response.Status)
	}
	return err
}

func (d *httpDestination) close() { d.client.CloseIdleConnections() }

// tcpDestination takes events as lines.
type tcpDestination struct {
	address string
	conn    net.Conn
}

func (d *tcpDestination) send(ctx context.Context, events [][]byte) error {
	if d.conn == nil {
		conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", d.address)
		if err != nil {
			return err
		}
		d.conn = conn
	}
	deadline, _ := ctx.Deadline()
	err := d.conn.SetWriteDeadline(deadline)
	if err == nil {
		_, err = d.conn.Write(append(bytes.Join(events, []byte("\n")), '\n'))
	}
	if err != nil {
		d.close()
	}
	return err
}

func (d *tcpDestination) close() {
	if d.conn != nil {
		d.conn.Close()
		d.conn = nil
	}
}
