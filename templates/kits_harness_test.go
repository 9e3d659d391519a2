//go:build linux

package templates_test

// How the tests of the kits start a middleware: as the bootstrap does, for one hook or for good.

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/serverless/open-runtime/internal/frames"
	"github.com/serverless/open-runtime/internal/runtimeapi"
	"github.com/serverless/open-runtime/templates"
)

// patience is how long a test waits for a middleware, whatever it waits for. A machine under load is slow.
const patience = 60 * time.Second

// about is what every invocation here is told, in both modes.
var about = frames.Context{
	RequestID: "7d1c", FunctionARN: "arn:aws:lambda:eu-west-1:1:function:demo", TraceID: "Root=1-5f", TenantID: "Zoë",
	ClientContext: `{"client":"a\\b"}`,
}

const deadlineMs = 4102444800000 // 2100

// outcome is what becomes of a document.
type outcome struct {
	kind     string // unchanged, replaced, responds, failed
	document string // of a failure its message
	errType  string // of a failure, in persistent mode
}

// installed is a middleware as sor init makes it, with a program of testdata/kits in the place of its own: witness or echo.
func installed(t testing.TB, language, which string) string {
	t.Helper()
	needLanguage(t, language)
	m := templates.Middleware{Name: "witness", Language: language}
	files, err := m.Files()
	own := which
	if language == "go" {
		own += ".txt"
	}
	text, readErr := os.ReadFile(filepath.Join("testdata", "kits", language, own))
	if readErr != nil {
		t.Fatal(readErr)
	}
	for i := range files {
		if strings.HasSuffix(files[i].Path, "/witness") || strings.HasSuffix(files[i].Path, "/main.go") {
			files[i].Data = text
		}
	}
	return build(t, m, write(t, files, err))
}

// command is a program that is killed, with its group, when it outlasts the test, or its patience with all that it does.
func command(t testing.TB, program string, args ...string) *exec.Cmd {
	ctx, cancel := context.WithTimeout(context.Background(), 8*patience)
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = 10 * time.Second
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + os.Getenv("HOME"), "LANG=en_US.UTF-8", "PYTHONDONTWRITEBYTECODE=1", "SOR_MIDDLEWARE=witness"}
	t.Cleanup(func() {
		if cmd.Process != nil {
			_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		}
		cancel()
	})
	return cmd
}

func pipe(t testing.TB) (r, w *os.File) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	return r, w
}

// once runs one hook in exec mode and judges as the bootstrap does.
func once(t testing.TB, program, hook, document string) (got outcome, log string) {
	t.Helper()
	cmd := command(t, program, hook)
	cmd.Env = append(cmd.Env, "SOR_HOOK="+hook, "SOR_REQUEST_ID="+about.RequestID, "SOR_DEADLINE_MS=4102444800000",
		"SOR_FUNCTION_ARN="+about.FunctionARN, "SOR_TRACE_ID="+about.TraceID, "SOR_TENANT_ID="+about.TenantID, "SOR_CLIENT_CONTEXT="+about.ClientContext)
	if hook == "after" {
		cmd.Env = append(cmd.Env, "SOR_RESPONSE=buffer")
	}
	var stdout, stderr bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(document+"\n"), &stdout, &stderr
	reader, writer := pipe(t)
	defer reader.Close()
	if hook != "after" {
		cmd.ExtraFiles = []*os.File{writer}
	}
	err := cmd.Start()
	writer.Close()
	if err != nil {
		t.Fatal(err)
	}
	early := make(chan []byte, 1)
	go func() {
		data, _ := io.ReadAll(reader)
		early <- data
	}()
	err = cmd.Wait()
	_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // a child of the hook may hold fd 3, and ends with it
	response := strings.TrimSuffix(string(<-early), "\n")
	output := strings.TrimSuffix(stdout.String(), "\n")
	switch {
	case err != nil:
		if exit, ok := errors.AsType[*exec.ExitError](err); !ok || exit.ExitCode() < 1 {
			t.Fatalf("%s %.100s: %v\n%s", hook, document, err, stderr.String())
		}
		return outcome{kind: "failed", document: stderr.String()}, stderr.String()
	case response != "":
		return outcome{kind: "responds", document: response}, stderr.String()
	case output == "" || output == document:
		return outcome{kind: "unchanged"}, stderr.String()
	}
	return outcome{kind: "replaced", document: output}, stderr.String()
}

// lines is a log that may be read while it grows.
type lines struct {
	mu   sync.Mutex
	text bytes.Buffer
	more chan struct{} // something came
}

func (l *lines) Write(data []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	select {
	case l.more <- struct{}{}:
	default:
	}
	return l.text.Write(data)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// wait waits until the log has a text.
func (l *lines) wait(t testing.TB, text string) {
	t.Helper()
	late := time.After(patience)
	for !strings.Contains(l.String(), text) {
		select {
		case <-l.more:
		case <-late:
			t.Fatalf("the log has no %q:\n%s", text, l)
		}
	}
}

// conversation is a middleware in persistent mode.
type conversation struct {
	t       testing.TB
	cmd     *exec.Cmd
	w       *frames.Writer
	r       *frames.Reader
	in, out *os.File // our ends
	log     lines
	wants   frames.Ready
}

// start starts a middleware for good, and says nothing to it.
func start(t testing.TB, program string) *conversation {
	t.Helper()
	c := &conversation{t: t, log: lines{more: make(chan struct{}, 1)}}
	theirIn, in := pipe(t)
	out, theirOut := pipe(t)
	c.in, c.out = in, out
	c.w, c.r = frames.NewWriter(in), frames.NewReader(out, 4*runtimeapi.MaxResponse)
	c.cmd = command(t, program)
	c.cmd.Stdout, c.cmd.Stderr = &c.log, &c.log
	c.cmd.ExtraFiles = []*os.File{theirOut, theirIn}
	if err := c.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	theirIn.Close()
	theirOut.Close()
	t.Cleanup(func() { in.Close(); out.Close() })
	return c
}

// converse starts a middleware for good, and offers it capabilities.
func converse(t testing.TB, program string, capabilities ...string) *conversation {
	t.Helper()
	c := start(t, program)
	c.send(frames.Hello{
		Type: frames.TypeHello, Versions: []int{frames.Version}, Role: frames.RoleMiddleware, Name: "witness",
		Capabilities: append([]string{}, capabilities...), MaxPayload: runtimeapi.MaxResponse,
	}, nil)
	f := c.read()
	if err := f.Decode(&c.wants); err != nil || f.Type != frames.TypeReady || c.wants.Version != 1 {
		t.Fatalf("%s came in the place of ready (%v)\n%s", f.Header, err, &c.log)
	}
	return c
}

func (c *conversation) send(header any, payload []byte) {
	c.t.Helper()
	if err := c.w.Write(header, payload); err != nil {
		c.t.Fatalf("sending %+v: %v\n%s", header, err, &c.log)
	}
}

func (c *conversation) read() frames.Frame {
	c.t.Helper()
	c.out.SetReadDeadline(time.Now().Add(patience))
	f, err := c.r.Read()
	if err != nil {
		c.t.Fatalf("reading an answer: %v\n%s", err, &c.log)
	}
	return f
}

func (c *conversation) begin(id, hook, document string) {
	c.t.Helper()
	header := frames.Invoke{Type: frames.TypeInvoke, ID: id, Hook: hook, DeadlineMs: deadlineMs, Context: about}
	if hook == "after" {
		header.Response = "buffer"
	}
	c.send(header, []byte(document))
}

// answered judges the next answer as the bootstrap does.
func (c *conversation) answered(document string) (got outcome, id string) {
	c.t.Helper()
	f := c.read()
	var a frames.Answer
	if err := f.Decode(&a); err != nil {
		c.t.Fatal(err)
	}
	switch {
	case f.Type == frames.TypeError:
		var e struct {
			ErrorType, ErrorMessage string
			StackTrace              []string
		}
		if err := json.Unmarshal(f.Payload, &e); err != nil || e.StackTrace == nil {
			c.t.Errorf("what came is no error document: %v: %.500s", err, f.Payload)
		}
		return outcome{"failed", e.ErrorMessage, e.ErrorType}, f.ID
	case f.Type != frames.TypeResult:
		c.t.Fatalf("a frame of type %s came", f.Type)
	case a.Respond:
		return outcome{kind: "responds", document: string(f.Payload)}, f.ID
	case a.Unchanged && f.Payload == nil, string(f.Payload) == document:
		return outcome{kind: "unchanged"}, f.ID
	}
	return outcome{kind: "replaced", document: string(f.Payload)}, f.ID
}

// ask is one invocation after the other.
func (c *conversation) ask(hook, document string) outcome {
	c.t.Helper()
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		c.begin("i-1", hook, document)
	}()
	got, id := c.answered(document)
	<-sent
	if id != "i-1" {
		c.t.Errorf("the answer has the id %q", id)
	}
	return got
}

// ended waits for an exit with status 0.
func (c *conversation) ended() {
	c.t.Helper()
	if err := c.cmd.Wait(); err != nil {
		c.t.Errorf("it ended with %v\n%s", err, &c.log)
	}
}
