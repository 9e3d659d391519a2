//go:build linux

package supervisor_test

// The runtime of the functions under test, which is this program again, and the Runtime API as a runtime sees it.

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/serverless/open-runtime/internal/frames"
	"github.com/serverless/open-runtime/internal/runtimeapi"
	"github.com/serverless/open-runtime/pkg/emulator"
)

const (
	envRuntime = "SOR_TEST_RUNTIME" // this process is a runtime, or "linger": what one left behind
	envInit    = "SOR_TEST_INIT"    // what the runtime's init does: error, hang, exit 0, exit 3, print
	envOnce    = "SOR_TEST_ONCE"    // a file; when it is there, the init does nothing of that
)

// An event says what the runtime is to do. What is no object of this kind is answered with itself.
type event struct {
	Do     string
	Text   string
	Status int
	Size   int
}

var count int // invocations of this process

func beRuntime() {
	if os.Getenv(envRuntime) == "linger" {
		linger()
	}
	rt := &client{"http://" + os.Getenv("AWS_LAMBDA_RUNTIME_API"), http.DefaultClient}
	initialise(rt)
	for {
		next := rt.call("GET", runtimeapi.PathNext, nil)
		if next.Status != http.StatusOK {
			fmt.Println("next:", next.Status, next.Body)
			os.Exit(1)
		}
		count++
		path := runtimeapi.PathInvocation + next.Header.Get(runtimeapi.HeaderRequestID) + runtimeapi.SuffixResponse
		answered := func(answer any) { rt.call("POST", path, encode(answer)) }
		var e event
		if json.Unmarshal([]byte(next.Body), &e) != nil || e.Do == "" {
			rt.call("POST", path, []byte(next.Body))
			continue
		}
		do(e, answered)
	}
}

// do does what an event says, and answers.
func do(e event, answered func(any)) {
	switch e.Do {
	case "environment":
		answered(os.Environ())
	case "directory":
		dir, _ := os.Getwd()
		answered([]any{dir, os.Args, syscall.Getpgrp() == os.Getpid()})
	case "descriptors":
		out, err := exec.Command("/bin/sh", "-c", "ls /proc/self/fd; ulimit -n; wc -c").CombinedOutput()
		answered([]any{strings.Fields(string(out)), err})
	case "state":
		answered([]int{count})
	case "pid":
		answered(os.Getpid())
	case "exit":
		os.Exit(e.Status)
	case "signal":
		_ = syscall.Kill(os.Getpid(), syscall.Signal(e.Status))
		select {}
	case "answer and exit":
		answered(e.Text)
		os.Exit(e.Status)
	case "answer and hang":
		answered(e.Text)
		select {}
	case "hang":
		select {}
	case "spawn and hang":
		spawn("two")
		select {}
	case "spawn":
		spawn("two")
		answered(nil)
	case "print":
		_, _ = os.Stdout.WriteString(e.Text)
		answered(nil)
	case "print much":
		_, _ = os.Stdout.WriteString(strings.Repeat("x", e.Size) + "\n")
		answered(nil)
	case "print lines":
		line := strings.Repeat("y", 99) + "\n"
		for range e.Size {
			_, _ = os.Stderr.WriteString(line)
		}
		answered(nil)
	case "trace":
		trace := frames.Trace{Type: frames.TypeTrace, Stage: "handler", Name: "app.handle", DurationUs: 7, BytesOut: 4}
		err := frames.NewWriter(os.NewFile(3, "traces")).Write(trace, []byte(e.Text))
		answered([]any{os.Getenv("SOR_TRACE"), err})
	case "allocate":
		// straight from the kernel: what the race detector keeps besides is none of this test's
		held, err := syscall.Mmap(-1, 0, e.Size, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE|syscall.MAP_POPULATE)
		answered([]any{len(held), err})
	case "allocate and hang":
		_, _ = syscall.Mmap(-1, 0, e.Size, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE|syscall.MAP_POPULATE)
		select {}
	}
}

// initialise is the init of the runtime.
func initialise(rt *client) {
	if once := os.Getenv(envOnce); once != "" {
		if _, err := os.Stat(once); err == nil {
			return
		}
		_ = os.WriteFile(once, nil, 0o600)
	}
	switch os.Getenv(envInit) {
	case "error":
		got := rt.call("POST", runtimeapi.PathInitError, []byte(initErrorDocument), runtimeapi.HeaderErrorType, "Runtime.ImportModuleError")
		fmt.Println("init/error:", got.Status, got.Body)
		os.Exit(1)
	case "error and hang":
		rt.call("POST", runtimeapi.PathInitError, []byte(initErrorDocument))
		select {}
	case "hang":
		select {}
	case "exit 0":
		os.Exit(0)
	case "exit 3":
		os.Exit(3)
	case "print":
		fmt.Println("loading")
	}
}

const initErrorDocument = `{"errorType": "Runtime.ImportModuleError", "errorMessage": "no such module", "stackTrace": []}`

// spawn leaves a process in a session of its own behind, which leaves another.
func spawn(more string) {
	self, err := os.Executable()
	if err != nil {
		panic(err)
	}
	child := exec.Command(self, more)
	child.Env = append(os.Environ(), envRuntime+"=linger")
	child.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	out, err := child.StdoutPipe()
	if err == nil {
		err = child.Start()
	}
	if err == nil {
		_, err = out.Read(make([]byte, 1)) // it is as far
	}
	if err != nil {
		panic(err)
	}
}

func linger() {
	if os.Args[1] == "two" {
		spawn("one")
	}
	fmt.Print(".")
	select {}
}

func encode(v any) []byte {
	data, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return data
}

// A client is the Runtime API as a runtime sees it.
type client struct {
	url  string
	http *http.Client
}

// said is what the API answered.
type said struct {
	Status int
	Body   string
	Header http.Header
	Err    error
}

func (c *client) call(method, path string, body []byte, headers ...string) said {
	request, err := http.NewRequest(method, c.url+path, bytes.NewReader(body))
	if err != nil {
		return said{Err: err}
	}
	for i := 0; i < len(headers); i += 2 {
		request.Header[headers[i]] = []string{headers[i+1]}
	}
	return c.do(request)
}

func (c *client) do(request *http.Request) said {
	response, err := c.http.Do(request)
	if err != nil {
		return said{Err: err}
	}
	defer response.Body.Close()
	data, err := io.ReadAll(response.Body)
	return said{response.StatusCode, string(data), response.Header, err}
}

// A puppet is a function whose runtime does nothing at all: the test speaks for it.
type puppet struct {
	*function
	*client
	waiting func() said // in /next
}

// idle is the bootstrap of a puppet; it prints the API's address.
const idle = "echo api $AWS_LAMBDA_RUNTIME_API\nexec sleep 1000"

func newPuppet(t *testing.T, changes ...func(*setup)) *puppet {
	t.Helper()
	f := script(t, idle, changes...)
	t.Cleanup(http.DefaultClient.CloseIdleConnections)
	return &puppet{function: f, client: &client{"http://" + f.log.await(t, "api "), http.DefaultClient}}
}

// next asks for the next event. What it gives waits for it.
func (p *puppet) next() (await func() said) {
	done := make(chan said, 1)
	go func() { done <- p.call("GET", runtimeapi.PathNext, nil) }()
	return func() said { return <-done }
}

// turn is an invocation: the runtime takes the event, does what it does with it, and asks for the next one.
func (p *puppet) turn(event string, work func(next said)) *emulator.Result {
	p.t.Helper()
	if p.waiting == nil {
		p.waiting = p.next()
	}
	end := p.begin(event)
	work(p.waiting())
	p.waiting = p.next()
	return end()
}

func (p *puppet) respond(body string, headers ...string) said {
	return p.call("POST", runtimeapi.PathInvocation+requestID+runtimeapi.SuffixResponse, []byte(body), headers...)
}

func (p *puppet) fail(body string, headers ...string) said {
	return p.call("POST", runtimeapi.PathInvocation+requestID+runtimeapi.SuffixError, []byte(body), headers...)
}

// wants checks what the API answered, whole.
func (got said) wants(t *testing.T, what string, status int, body string) {
	t.Helper()
	if got.Err != nil || got.Status != status || got.Body != body {
		t.Errorf("%s: %d %.300q (%v); want %d %.300q", what, got.Status, got.Body, got.Err, status, body)
	}
}

// rawCall writes bytes, and no more, and reads the answer.
func rawCall(t *testing.T, url, text string) said {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, text); err != nil {
		return said{Err: err}
	}
	if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
		return said{Err: err}
	}
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return said{Err: err}
	}
	defer response.Body.Close()
	data, err := io.ReadAll(response.Body)
	return said{response.StatusCode, string(data), response.Header, err}
}
