//go:build linux

package clients_test

// A Runtime API that a test scripts: it is strict with who asks, records everything, and answers as the test says.

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

const (
	prefix        = "/2018-06-01/runtime/"
	pathNext      = prefix + "invocation/next"
	pathInitError = prefix + "init/error"
	arn           = "arn:aws:lambda:eu-west-1:123456789012:function:witness"

	largest = 6_291_556 // bytes that Lambda takes as a response
)

func pathOf(id, what string) string { return prefix + "invocation/" + id + "/" + what }

// patience bounds every wait of a test, on a machine with much else to do.
const patience = time.Minute

type api struct {
	t          testing.TB
	ctx        context.Context
	listener   net.Listener
	requests   chan *request
	extensions chan string // what came to the Extensions API

	mu     sync.Mutex
	conns  map[net.Conn]bool
	open   map[string]bool // invocations that wait for their answer
	handed int
	held   []*request        // came before they were waited for
	seen   map[string]string // paths, and the User-Agent that asked for them first
}

// request is one that came: its head is read, its body is for who waits for it.
type request struct {
	api          *api
	conn         net.Conn
	connection   int // which one of all, from 1
	method, path string
	header       fields
	body         *body
	content      []byte
	done         chan bool // whether the connection stays
}

func newAPI(t testing.TB) *api {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	a := &api{
		t: t, ctx: ctx, listener: listener, requests: make(chan *request), extensions: make(chan string, 16),
		conns: map[net.Conn]bool{}, open: map[string]bool{}, seen: map[string]string{},
	}
	var serving sync.WaitGroup
	serving.Go(func() { a.accept(&serving) })
	t.Cleanup(func() {
		cancel()
		a.hangUp()
		serving.Wait()
	})
	return a
}

func (a *api) address() string { return a.listener.Addr().String() }

func (a *api) hangUp() {
	a.listener.Close()
	a.mu.Lock()
	defer a.mu.Unlock()
	for conn := range a.conns {
		conn.Close()
	}
}

func (a *api) accept(serving *sync.WaitGroup) {
	for number := 1; ; number++ {
		conn, err := a.listener.Accept()
		if err != nil {
			return
		}
		a.mu.Lock()
		a.conns[conn] = true
		a.mu.Unlock()
		serving.Go(func() {
			defer conn.Close()
			err := a.converse(conn, number)
			if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, net.ErrClosed) && !errors.Is(err, syscall.ECONNRESET) {
				a.t.Errorf("connection %d: %v", number, err)
			}
		})
	}
}

func (a *api) converse(conn net.Conn, number int) error {
	reader := bufio.NewReader(conn)
	for {
		r, err := readRequest(reader)
		if err != nil {
			return err
		}
		r.api, r.conn, r.connection, r.done = a, conn, number, make(chan bool, 1)
		if err := a.permit(r); err != nil {
			a.t.Errorf("%s %s: %v", r.method, r.path, err)
		}
		if strings.HasPrefix(r.path, "/2020-01-01/extension/") {
			if err := a.extend(r); err != nil {
				return err
			}
			continue
		}
		select {
		case a.requests <- r:
		case <-a.ctx.Done():
			return nil
		}
		select {
		case keep := <-r.done:
			if !keep {
				return nil
			}
		case <-a.ctx.Done():
			return nil
		}
	}
}

// extend is the Extensions API, for those within a runtime: they register, and wait for events that never come.
// https://docs.aws.amazon.com/lambda/latest/dg/runtimes-extensions-api.html
func (a *api) extend(r *request) error {
	name, id := r.header.get("Lambda-Extension-Name"), r.header.get("Lambda-Extension-Identifier")
	switch {
	case r.method == "POST" && strings.HasSuffix(r.path, "/register") && name != "":
		content := r.read().content
		a.extended(fmt.Sprintf("register %s %s", name, content))
		r.reply("200 OK", fields{isJSON, {"Lambda-Extension-Identifier", "id-of-" + name}}, `{"functionName":"witness"}`)
		return nil
	case r.method == "GET" && strings.HasSuffix(r.path, "/event/next") && id != "":
		a.extended("next " + id)
		<-a.ctx.Done()
		return nil
	}
	return fmt.Errorf("%s %s of the extension %q, %q", r.method, r.path, name, id)
}

func (a *api) extended(event string) {
	select {
	case a.extensions <- event:
	case <-a.ctx.Done():
	}
}

// extends waits for an event of the Extensions API.
func (a *api) extends(want string) {
	a.t.Helper()
	for {
		select {
		case got := <-a.extensions:
			if got == want {
				return
			}
		case <-a.ctx.Done():
			a.t.Fatalf("waiting for %q of an extension: %v", want, a.ctx.Err())
		}
	}
}

func readRequest(reader *bufio.Reader) (*request, error) {
	line, err := readLine(reader)
	if err != nil {
		return nil, err
	}
	match := requestLine.FindStringSubmatch(line)
	if match == nil {
		return nil, fmt.Errorf("a request line of %q", line)
	}
	r := &request{method: match[1], path: match[2]}
	if r.header, err = readFields(reader); err != nil {
		return nil, err
	}
	r.body, err = newBody(reader, r.method, r.header)
	return r, err
}

// permit is the state machine of AWS: an answer is for an invocation that waits for one. What is no path of the Runtime API
// is for the test to judge.
func (a *api) permit(r *request) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if _, ok := a.seen[r.path]; !ok {
		a.seen[r.path] = r.header.get("User-Agent")
	}
	if host := r.header.get("Host"); host != a.address() {
		return fmt.Errorf("Host is %q", host)
	}
	rest, ours := strings.CutPrefix(r.path, prefix+"invocation/")
	if !ours || r.path == pathNext {
		return nil
	}
	id, what, _ := strings.Cut(rest, "/")
	if what != "response" && what != "error" || r.method != "POST" {
		return errors.New("there is nothing at this path")
	}
	if !a.open[id] {
		return fmt.Errorf("no invocation %q waits for an answer", id)
	}
	return nil
}

// next gives a request for the next invocation.
func (a *api) next(s *subject) *request {
	a.t.Helper()
	return a.wait(s, "the next /next", func(r *request) bool { return r.path == pathNext })
}

// answer gives the response or the error of an invocation, and reads it whole.
func (a *api) answer(s *subject, id string) *request {
	a.t.Helper()
	r := a.wait(s, "the answer of "+id, func(r *request) bool { return r.path == pathOf(id, "response") || r.path == pathOf(id, "error") })
	return r.read()
}

// wait gives the first request that is wanted. Others are kept for who wants them.
func (a *api) wait(s *subject, what string, wanted func(*request) bool) *request {
	a.t.Helper()
	for i, r := range a.held {
		if wanted(r) {
			a.held = append(a.held[:i:i], a.held[i+1:]...)
			return r
		}
	}
	for {
		select {
		case r := <-a.requests:
			if wanted(r) {
				return r
			}
			if r.path == pathInitError {
				a.t.Fatalf("waiting for %s: init failed: %s", what, r.read().content)
			}
			a.held = append(a.held, r)
		case <-s.exited:
			a.t.Fatalf("waiting for %s: %v; kept: %s", what, s.cmd.ProcessState, a.kept())
		case <-a.ctx.Done():
			a.t.Fatalf("waiting for %s: %v; kept: %s", what, a.ctx.Err(), a.kept())
		}
	}
}

func (a *api) kept() (paths []string) {
	for _, r := range a.held {
		paths = append(paths, r.method+" "+r.path)
	}
	return paths
}

// read reads the rest of the body.
func (r *request) read() *request {
	r.api.t.Helper()
	rest, err := r.body.rest()
	if err != nil {
		r.api.t.Errorf("reading the body of %s: %v", r.path, err)
	}
	r.content = append(r.content, rest...)
	return r
}

// chunk reads the next chunk.
func (r *request) chunk() string {
	r.api.t.Helper()
	data, err := r.body.chunk()
	if err != nil {
		r.api.t.Errorf("reading a chunk of %s: %v", r.path, err)
	}
	r.content = append(r.content, data...)
	return string(data)
}

// reply answers. The connection stays.
func (r *request) reply(status string, header fields, body string) {
	r.api.t.Helper()
	var text strings.Builder
	fmt.Fprintf(&text, "HTTP/1.1 %s\r\n", status)
	for _, line := range header {
		fmt.Fprintf(&text, "%s: %s\r\n", line.name, line.value)
	}
	fmt.Fprintf(&text, "Content-Length: %d\r\n\r\n%s", len(body), body)
	if _, err := io.WriteString(r.conn, text.String()); err != nil {
		r.api.t.Errorf("answering %s: %v", r.path, err)
	}
	r.done <- true
}

var isJSON = field{"Content-Type", "application/json"}

// accept is the API's 202.
func (r *request) accept() *request {
	r.api.t.Helper()
	r.answered("202 Accepted", `{"status":"OK"}`+"\n")
	return r
}

// answered says a status, after which the invocation is over.
func (r *request) answered(status, body string) {
	r.api.t.Helper()
	r.api.mu.Lock()
	delete(r.api.open, r.id())
	r.api.mu.Unlock()
	r.reply(status, fields{isJSON}, body)
}

func (r *request) id() string {
	id, _, _ := strings.Cut(strings.TrimPrefix(r.path, prefix+"invocation/"), "/")
	return id
}

// hand gives an event to who asked for the next, and the invocation's id.
func (r *request) hand(event string, more ...field) (id string) {
	r.api.t.Helper()
	return r.handUntil(time.Now().Add(patience), event, more...)
}

func (r *request) handUntil(deadline time.Time, event string, more ...field) (id string) {
	r.api.t.Helper()
	a := r.api
	a.mu.Lock()
	a.handed++
	id = fmt.Sprintf("8476a536-e9f4-11e8-9739-%012d", a.handed)
	a.open[id] = true
	a.mu.Unlock()
	r.reply("200 OK", append(fields{
		{"Lambda-Runtime-Aws-Request-Id", id},
		{"Lambda-Runtime-Deadline-Ms", fmt.Sprint(deadline.UnixMilli())},
		{"Lambda-Runtime-Invoked-Function-Arn", arn},
		{"Lambda-Runtime-Of-Tomorrow", "x"}, // a client leaves alone what it does not know
		isJSON,
	}, more...), event)
	return id
}

// invoke hands an event over and takes what comes back.
func (a *api) invoke(s *subject, event string, more ...field) *request {
	a.t.Helper()
	id := a.next(s).hand(event, more...)
	return a.answer(s, id).accept()
}
