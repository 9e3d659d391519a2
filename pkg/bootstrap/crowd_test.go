//go:build linux

package bootstrap_test

// A Runtime API on net/http that has several invocations at once and takes streams. Of each invocation it wants exactly
// one answer.

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
)

type crowd struct {
	t      testing.TB
	fake   *fake // the process of the bootstrap, and its log
	server *httptest.Server
	ctx    context.Context
	turns  chan *turn // handed to whoever asks for the next

	mu    sync.Mutex
	known map[string]*turn
}

// hangsUp is the ID of an invocation whose answer nobody wants to the end.
const hangsUp = "hangs-up"

// turn is one invocation.
type turn struct {
	crowd    *crowd
	id       string
	event    string
	timeout  time.Duration
	header   map[string]string
	answered chan struct{}
	begun    chan struct{} // closed when the first bytes of the answer came

	kind     string // response or error
	got      http.Header
	trailer  http.Header
	body     string
	from, to time.Time // when it was handed over, and answered
	answers  int
	streamed []string // as it came
}

// newCrowd serves; the bootstrap is started with env.
func newCrowd(t testing.TB, l *layer, env ...string) *crowd {
	t.Helper()
	return newCrowdFor(t, bounded(t), l, env...)
}

// newCrowdFor serves until ctx ends.
func newCrowdFor(t testing.TB, ctx context.Context, l *layer, env ...string) *crowd {
	t.Helper()
	c := &crowd{t: t, ctx: ctx, turns: make(chan *turn), known: map[string]*turn{}}
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+pathNext, c.next)
	mux.HandleFunc("POST /2018-06-01/runtime/invocation/{id}/{kind}", c.answer)
	mux.HandleFunc("POST "+pathInitError, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		t.Errorf("init failed: %s", body)
		w.WriteHeader(202)
	})
	c.server = httptest.NewServer(mux)
	t.Cleanup(func() {
		c.server.CloseClientConnections()
		c.server.Close()
	})
	c.fake = newFake(t, l)
	c.fake.ctx = ctx
	c.fake.api = strings.TrimPrefix(c.server.URL, "http://")
	c.fake.start(env...)
	return c
}

func (c *crowd) next(w http.ResponseWriter, r *http.Request) {
	select {
	case turn := <-c.turns:
		turn.from = time.Now()
		for name, value := range turn.header {
			w.Header().Set(name, value)
		}
		w.Header().Set("Lambda-Runtime-Aws-Request-Id", turn.id)
		w.Header().Set("Lambda-Runtime-Deadline-Ms", fmt.Sprint(time.Now().Add(turn.timeout).UnixMilli()))
		w.Header().Set("Lambda-Runtime-Invoked-Function-Arn", account)
		_, _ = io.WriteString(w, turn.event)
	case <-r.Context().Done():
	case <-c.ctx.Done():
	}
}

func (c *crowd) answer(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	turn := c.known[r.PathValue("id")]
	if turn == nil {
		c.mu.Unlock()
		c.t.Errorf("an answer for %q, which nobody has", r.PathValue("id"))
		w.WriteHeader(400)
		return
	}
	turn.answers++
	first := turn.answers == 1
	c.mu.Unlock()
	if !first {
		c.t.Errorf("invocation %s is answered again, with an %s", turn.id, r.PathValue("kind"))
		w.WriteHeader(400)
		return
	}
	turn.kind, turn.got = r.PathValue("kind"), r.Header
	buffer := make([]byte, 64*1024)
	for {
		n, err := r.Body.Read(buffer)
		if n > 0 {
			turn.add(string(buffer[:n]))
		}
		if turn.id == hangsUp {
			if conn, _, err := http.NewResponseController(w).Hijack(); err == nil {
				conn.Close()
			}
			return
		}
		if err != nil {
			if err != io.EOF {
				turn.add("[" + err.Error() + "]")
			}
			break
		}
	}
	turn.trailer, turn.to = r.Trailer, time.Now()
	w.WriteHeader(202)
	_, _ = io.WriteString(w, `{"status":"OK"}`)
	close(turn.answered)
}

func (t *turn) add(piece string) {
	t.crowd.mu.Lock()
	defer t.crowd.mu.Unlock()
	if len(t.streamed) == 0 {
		close(t.begun)
	}
	t.streamed = append(t.streamed, piece)
	t.body += piece
}

// begin hands an event to whoever asks.
func (c *crowd) begin(id, event string, timeout time.Duration) *turn {
	c.t.Helper()
	turn := &turn{crowd: c, id: id, event: event, timeout: timeout, answered: make(chan struct{}), begun: make(chan struct{})}
	c.mu.Lock()
	c.known[id] = turn
	c.mu.Unlock()
	select {
	case c.turns <- turn:
	case <-c.ctx.Done():
		c.t.Fatalf("nobody asked for %s", id)
	}
	return turn
}

// wait waits for the answer.
func (t *turn) wait() *turn {
	t.crowd.t.Helper()
	select {
	case <-t.answered:
	case <-t.crowd.ctx.Done():
		t.crowd.t.Fatalf("waiting for the answer of %s: %v", t.id, t.crowd.ctx.Err())
	}
	return t
}

// says wants a response.
func (t *turn) says(want string) *turn {
	t.crowd.t.Helper()
	t.wait()
	if t.kind != "response" || t.body != want {
		t.crowd.t.Errorf("%s: got %s %.300q, want the response %.300q", t.id, t.kind, t.body, want)
	}
	return t
}

// fails wants an error, with texts in its document.
func (t *turn) fails(errorType string, texts ...string) *turn {
	t.crowd.t.Helper()
	t.wait()
	if got := t.got.Get("Lambda-Runtime-Function-Error-Type"); t.kind != "error" || got != errorType {
		t.crowd.t.Errorf("%s: got %s %q %.300q, want an error of type %s", t.id, t.kind, got, t.body, errorType)
	}
	for _, text := range texts {
		if !strings.Contains(t.body, text) {
			t.crowd.t.Errorf("%s: got %.600q, want %q in it", t.id, t.body, text)
		}
	}
	return t
}

func (c *crowd) invoke(id, event string) *turn {
	c.t.Helper()
	return c.begin(id, event, 20*time.Second)
}
