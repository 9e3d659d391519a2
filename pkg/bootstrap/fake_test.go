//go:build linux

package bootstrap_test

// A Runtime API that is strict with who asks: what a strict server would refuse fails the test. It answers as the test
// tells it, however rude.

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

const (
	pathNext      = "/2018-06-01/runtime/invocation/next"
	pathInitError = "/2018-06-01/runtime/init/error"
	account       = "arn:aws:lambda:eu-west-1:123456789012:function:demo"
)

// fake is the API and the bootstrap that asks it.
type fake struct {
	t        testing.TB
	ctx      context.Context
	listener net.Listener
	requests chan *request
	layer    *layer
	api      string // of another server; "" for this one

	inherit []*os.File // what the bootstrap finds open from descriptor 3 on
	cmd     *exec.Cmd
	log     *testLog
	exited  chan struct{}

	mu    sync.Mutex
	conns map[net.Conn]bool

	connections int    // that asked the Runtime API
	state       string // started, running, answered, failed
	id          string // of the invocation that runs
}

// request is one that came, its body unread.
type request struct {
	fake         *fake
	conn         net.Conn
	reader       *bufio.Reader
	connection   int // which connection it came on, from 1
	method, path string
	header       map[string]string // lower case
	length       int
	body         []byte
	read         bool
	done         chan bool // whether the connection stays
}

// newFake listens; start starts the bootstrap.
func newFake(t testing.TB, l *layer) *fake {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f := &fake{
		t: t, ctx: bounded(t), listener: listener, requests: make(chan *request), layer: l,
		log: &testLog{}, conns: map[net.Conn]bool{}, state: "started",
	}
	var serving sync.WaitGroup
	serving.Go(func() { f.accept(&serving) })
	t.Cleanup(func() {
		f.hangUp()
		serving.Wait()
	})
	return f
}

// start starts the bootstrap with an environment of Lambda's form.
func (f *fake) start(env ...string) *fake { return f.startWith(nil, env...) }

func (f *fake) startWith(args []string, env ...string) *fake {
	f.t.Helper()
	f.cmd = exec.Command(testBinary(), args...)
	f.cmd.Env = append([]string{
		envRole + "=bootstrap", envOpt + "=" + f.layer.opt, envTask + "=" + f.layer.task, envMark + "=" + mark(f.t),
		"GORACE=atexit_sleep_ms=0", "PATH=" + interpreters(), "LANG=en_US.UTF-8", "AWS_LAMBDA_RUNTIME_API=" + cmp.Or(f.api, f.listener.Addr().String()),
		"_HANDLER=handler.hello", "LAMBDA_TASK_ROOT=" + f.layer.task, "AWS_LAMBDA_FUNCTION_NAME=demo",
		"AWS_LAMBDA_FUNCTION_VERSION=$LATEST", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE=128",
	}, env...)
	f.cmd.Stdout, f.cmd.Stderr = f.log, f.log
	f.cmd.ExtraFiles = f.inherit
	f.cmd.WaitDelay = 5 * time.Second // a process that holds the log after the bootstrap is an error
	if err := f.cmd.Start(); err != nil {
		f.t.Fatal(err)
	}
	f.exited = make(chan struct{})
	var waitErr error
	go func() {
		defer close(f.exited)
		waitErr = f.cmd.Wait()
	}()
	f.t.Cleanup(func() {
		_ = f.cmd.Process.Kill() // it may have ended
		<-f.exited
		if errors.Is(waitErr, exec.ErrWaitDelay) {
			f.t.Errorf("the log is held open after the exit")
		}
		f.log.sound(f.t)
		if f.t.Failed() {
			f.t.Logf("log: %s", f.log)
		}
	})
	return f
}

// exit waits for the bootstrap's exit.
func (f *fake) exit(status int) *fake {
	f.t.Helper()
	select {
	case <-f.exited:
	case r := <-f.requests:
		f.t.Fatalf("got %s %s, want an exit", r.method, r.path)
	case <-f.ctx.Done():
		f.t.Fatalf("waiting for the exit: %v", f.ctx.Err())
	}
	if got := f.cmd.ProcessState.ExitCode(); got != status {
		f.t.Errorf("got %v, want exit status %d", f.cmd.ProcessState, status)
	}
	return f
}

// stop sends SIGTERM and waits for the exit.
func (f *fake) stop() {
	f.t.Helper()
	if err := f.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		f.t.Fatal(err)
	}
	f.exit(0)
}

// hangUp closes the listener and all connections: the API is gone.
func (f *fake) hangUp() {
	f.listener.Close()
	f.mu.Lock()
	defer f.mu.Unlock()
	for conn := range f.conns {
		conn.Close()
	}
}

func (f *fake) accept(serving *sync.WaitGroup) {
	for {
		conn, err := f.listener.Accept()
		if err != nil {
			return
		}
		f.mu.Lock()
		f.conns[conn] = true
		f.mu.Unlock()
		serving.Go(func() {
			defer conn.Close()
			f.converse(conn)
		})
	}
}

// number gives a connection its number when the first request of the Runtime API comes on it.
func (f *fake) number() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.connections++
	return f.connections
}

func (f *fake) converse(conn net.Conn) {
	reader := bufio.NewReader(conn)
	number := 0
	for {
		r, err := f.readHead(reader)
		if err != nil {
			if !errors.Is(err, io.EOF) && !errors.Is(err, net.ErrClosed) && !errors.Is(err, syscall.ECONNRESET) {
				f.t.Errorf("connection %d: %v", number, err)
			}
			return
		}
		r.fake, r.conn, r.reader, r.done = f, conn, reader, make(chan bool, 1)
		if strings.HasPrefix(r.path, "/2020-01-01/") {
			if !f.extension(r) {
				return
			}
			continue
		}
		if number == 0 {
			number = f.number()
		}
		r.connection = number
		if err := f.permit(r); err != nil {
			f.t.Errorf("%s %s: %v", r.method, r.path, err)
		}
		select {
		case f.requests <- r:
		case <-f.ctx.Done():
			return
		}
		select {
		case keep := <-r.done:
			if !keep {
				return
			}
		case <-f.ctx.Done():
			return
		}
	}
}

// extension plays the Extensions API: an internal extension is registered before the first /next, and gets no event.
func (f *fake) extension(r *request) (keep bool) {
	f.mu.Lock()
	state := f.state
	f.mu.Unlock()
	if r.path != "/2020-01-01/extension/register" {
		if r.header["lambda-extension-identifier"] != extensionID {
			f.t.Errorf("an extension with the identifier %q asks for an event", r.header["lambda-extension-identifier"])
		}
		one := make([]byte, 1)
		_, _ = r.reader.Read(one) // it hangs up, or the test ends
		return false
	}
	if body := string(r.content()); state != "started" || body != `{"events":[]}` || r.header["lambda-extension-name"] == "" {
		f.t.Errorf("an extension registers in the state %s, with %s and the name %q", state, body, r.header["lambda-extension-name"])
	}
	r.reply("200 OK", "Lambda-Extension-Identifier: "+extensionID+"\r\nContent-Type: application/json\r\n",
		`{"functionName":"demo","functionVersion":"$LATEST","handler":"handler.hello"}`)
	<-r.done
	return true
}

const extensionID = "6a8e2c5e-0000-4000-8000-0123456789ab"

var (
	requestLine = regexp.MustCompile(`^(GET|POST) (/2018-06-01/runtime/[A-Za-z0-9/._-]+|/2020-01-01/extension/(?:register|event/next)) HTTP/1\.1\r\n$`)
	headerLine  = regexp.MustCompile("^([A-Za-z0-9-]+): ([ -~]*[!-~]|)\r\n$")
)

// readHead reads a request line and a header, with nothing in them that two servers could read in two ways.
func (f *fake) readHead(reader *bufio.Reader) (*request, error) {
	line, err := reader.ReadString('\n')
	if err != nil {
		if line != "" {
			err = fmt.Errorf("half a request line: %q", line)
		}
		return nil, err
	}
	match := requestLine.FindStringSubmatch(line)
	if match == nil {
		return nil, fmt.Errorf("a request line of %q", line)
	}
	r := &request{method: match[1], path: match[2], header: map[string]string{}}
	for {
		line, err := reader.ReadString('\n')
		if err != nil {
			return nil, fmt.Errorf("within a header: %w", err)
		}
		if line == "\r\n" {
			break
		}
		match := headerLine.FindStringSubmatch(line)
		if match == nil {
			return nil, fmt.Errorf("a header line of %q", line)
		}
		name := strings.ToLower(match[1])
		if _, twice := r.header[name]; twice {
			return nil, fmt.Errorf("%s is there twice", name)
		}
		r.header[name] = match[2]
	}
	return r, f.checkHead(r)
}

func (f *fake) checkHead(r *request) error {
	length, framed := r.header["content-length"]
	_, coded := r.header["transfer-encoding"]
	switch {
	case r.header["host"] != f.listener.Addr().String():
		return fmt.Errorf("Host is %q", r.header["host"])
	case coded:
		return errors.New("there is a Transfer-Encoding")
	case r.method == "GET" && framed:
		return errors.New("a GET has a Content-Length")
	case r.method == "GET":
		return nil
	case !framed:
		return errors.New("a POST has no Content-Length")
	case r.header["content-type"] == "":
		return errors.New("a POST has no Content-Type")
	}
	n, err := strconv.ParseUint(length, 10, 31)
	r.length = int(n)
	return err
}

// permit is the state machine of AWS, but that a request whose answer was lost may come again.
func (f *fake) permit(r *request) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case r.method == "GET" && r.path == pathNext && f.state != "failed":
		return nil
	case r.method == "POST" && r.path == pathInitError && f.state == "started":
		return nil
	case r.method == "POST" && f.state == "running" && r.path == pathOf(f.id, "response"),
		r.method == "POST" && f.state == "running" && r.path == pathOf(f.id, "error"):
		return nil
	}
	return fmt.Errorf("it is not allowed in the state %s, invocation %q", f.state, f.id)
}

func pathOf(id, what string) string { return "/2018-06-01/runtime/invocation/" + id + "/" + what }

func (f *fake) become(state, id string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.state, f.id = state, id
}

// wait gives the next request, which must be for path.
func (f *fake) wait(path string) *request {
	f.t.Helper()
	select {
	case r := <-f.requests:
		if r.path != path {
			f.t.Fatalf("got %s %s %s, want %s", r.method, r.path, r.content(), path)
		}
		return r
	case <-f.exited:
		f.t.Fatalf("waiting for %s: %v", path, f.cmd.ProcessState)
	case <-f.ctx.Done():
		f.t.Fatalf("waiting for %s: %v", path, f.ctx.Err())
	}
	return nil
}

func (f *fake) next() *request { f.t.Helper(); return f.wait(pathNext) }

// content reads the body.
func (r *request) content() []byte {
	r.fake.t.Helper()
	if !r.read {
		r.read, r.body = true, make([]byte, r.length)
		if _, err := io.ReadFull(r.reader, r.body); err != nil {
			r.fake.t.Errorf("%s %s: reading the body of %d bytes: %v", r.method, r.path, r.length, err)
		}
	}
	return r.body
}

// write sends bytes as they are.
func (r *request) write(text string) {
	r.fake.t.Helper()
	if _, err := io.WriteString(r.conn, text); err != nil {
		r.fake.t.Errorf("writing to %s: %v", r.path, err)
	}
}

// drop closes the connection.
func (r *request) drop() {
	r.conn.Close()
	r.done <- false
}

// finish is the end of an answer that was written by hand.
func (r *request) finish() { r.done <- true }

// reply answers, after the request was read whole.
func (r *request) reply(status, header, body string) {
	r.fake.t.Helper()
	r.content()
	r.write(fmt.Sprintf("HTTP/1.1 %s\r\n%sContent-Length: %d\r\n\r\n%s", status, header, len(body), body))
	r.finish()
}

// accept is the API's 202.
func (r *request) accept() []byte {
	r.fake.t.Helper()
	state := "answered"
	if r.path == pathInitError {
		state = "failed"
	}
	r.content()
	r.fake.become(state, "")
	r.reply("202 Accepted", "Content-Type: application/json\r\n", `{"status":"OK"}`+"\n")
	return r.body
}

// refuse is an answer after which the invocation is over all the same.
func (r *request) refuse(status, body string) []byte {
	r.fake.t.Helper()
	r.content()
	r.fake.become("answered", "")
	r.reply(status, "Content-Type: application/json\r\n", body)
	return r.body
}

// headers are those of an invocation that has ten seconds.
func headers(id string) string { return headersFor(id, 10*time.Second) }

func headersFor(id string, left time.Duration) string {
	return fmt.Sprintf("Lambda-Runtime-Aws-Request-Id: %s\r\nLambda-Runtime-Deadline-Ms: %d\r\nLambda-Runtime-Invoked-Function-Arn: %s\r\nContent-Type: application/json\r\n",
		id, time.Now().Add(left).UnixMilli(), account)
}

// hand gives an event to who asked for the next.
func (r *request) hand(id, event string) { r.fake.t.Helper(); r.handWith(id, headers(id), event) }

func (r *request) handWith(id, header, event string) {
	r.fake.t.Helper()
	r.fake.become("running", id)
	r.reply("200 OK", header, event)
}

// invoke hands an event over and gives the response.
func (f *fake) invoke(id, event string) string {
	f.t.Helper()
	f.next().hand(id, event)
	return string(f.wait(pathOf(id, "response")).accept())
}

// fails hands an event over and gives the error document; its type must be in the header too.
func (f *fake) fails(id, event, errorType string) string {
	f.t.Helper()
	f.next().hand(id, event)
	return f.failure(id, errorType)
}

func (f *fake) failure(id, errorType string) string {
	f.t.Helper()
	r := f.wait(pathOf(id, "error"))
	if got := r.header["lambda-runtime-function-error-type"]; got != errorType {
		f.t.Errorf("the header has the type %q, want %q", got, errorType)
	}
	document := string(r.accept())
	if !strings.Contains(document, `"errorType":"`+errorType+`"`) || !strings.Contains(document, `"stackTrace":[`) {
		f.t.Errorf("got %s, want an error document of type %s", document, errorType)
	}
	return document
}

// initError waits for the error of init, and the exit after it.
func (f *fake) initError(errorType string) string {
	f.t.Helper()
	r := f.wait(pathInitError)
	if got := r.header["lambda-runtime-function-error-type"]; got != errorType {
		f.t.Errorf("the header has the type %q, want %q", got, errorType)
	}
	document := string(r.accept())
	if !strings.Contains(document, `"errorType":"`+errorType+`"`) {
		f.t.Errorf("got %s, want an error document of type %s", document, errorType)
	}
	f.exit(1)
	return document
}

// children lists what descends from the bootstrap.
func (f *fake) children() []int { return descendants(f.cmd.Process.Pid) }

// descriptors counts the open ones of the bootstrap.
func (f *fake) descriptors() int {
	entries, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", f.cmd.Process.Pid))
	if err != nil {
		f.t.Fatal(err)
	}
	return len(entries)
}
