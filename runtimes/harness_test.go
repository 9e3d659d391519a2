//go:build linux

package runtimes_test

// How the tests drive a language runtime: as the bootstrap does, as a real process with two pipes.

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
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
	"github.com/serverless/open-runtime/runtimes"
)

// interpreters are the programs that the runtimes' #! lines name.
var interpreters = map[string]string{"node": "node", "python": "python3", "ruby": "ruby", "bash": "bash"}

// patience is how long a test waits for a language runtime, whatever it waits for. A machine under load is slow.
const patience = 2 * time.Minute

// rt is a running language runtime.
type rt struct {
	t       testing.TB
	cmd     *exec.Cmd
	w       *frames.Writer
	r       *frames.Reader
	in, out *os.File // our ends
	logs    lines
	answer  frames.Ready
}

// lines is a log that may be read while it grows.
type lines struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *lines) Write(data []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(data)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// command is a program that is killed, with all that it started, when it outlasts the test's patience or the test. What
// still holds its output after its end is not waited for.
func command(t testing.TB, program string, args ...string) *exec.Cmd {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = 10 * time.Second
	return cmd
}

// install writes a language runtime as it is in a layer, and gives its program.
func install(t testing.TB, language string) string {
	t.Helper()
	if _, err := exec.LookPath(interpreters[language]); err != nil {
		t.Skipf("no %s on this machine", interpreters[language])
	}
	return filepath.Join(layers, language, "language-runtime", "language-runtime")
}

// layers has a folder for each language runtime. They are written before any test starts a process: one that is forked
// while a program is still open for writing keeps it busy.
var layers string

func TestMain(m *testing.M) { os.Exit(withLayers(m.Run)) }

func withLayers(run func() int) int {
	dir, err := os.MkdirTemp("", "runtimes-")
	if err == nil {
		layers = dir
		defer os.RemoveAll(dir)
		err = writeLayers(dir)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return run()
}

func writeLayers(dir string) error {
	for _, language := range runtimes.Names() {
		tree, err := runtimes.Files(language)
		if err != nil {
			return err
		}
		if err := os.CopyFS(filepath.Join(dir, language), tree); err != nil {
			return err
		}
		if err := os.Chmod(filepath.Join(dir, language, "language-runtime", "language-runtime"), 0o755); err != nil {
			return err
		}
	}
	return nil
}

// start starts a language runtime with a handler of testdata. extra is more environment.
func start(t testing.TB, language, handler string, extra ...string) *rt {
	t.Helper()
	return startWith(t, []string{frames.CapabilityCancel}, language, handler, extra...)
}

// startWith starts one that is offered capabilities.
func startWith(t testing.TB, capabilities []string, language, handler string, extra ...string) *rt {
	t.Helper()
	task, err := filepath.Abs(filepath.Join("testdata", language))
	if err != nil {
		t.Fatal(err)
	}
	return launch(t, capabilities, install(t, language), task, handler, extra...)
}

func startIn(t testing.TB, program, task, handler string, extra ...string) *rt {
	t.Helper()
	return launch(t, []string{frames.CapabilityCancel}, program, task, handler, extra...)
}

func launch(t testing.TB, capabilities []string, program, task, handler string, extra ...string) *rt {
	t.Helper()
	r := &rt{t: t}
	theirIn, in := pipe(t)
	out, theirOut := pipe(t)
	r.in, r.out = in, out
	r.w, r.r = frames.NewWriter(in), frames.NewReader(out, 4*runtimeapi.MaxResponse)
	r.cmd = command(t, program, handler)
	r.cmd.Dir = task
	r.cmd.Env = append([]string{
		"PATH=" + os.Getenv("PATH"), "LANG=en_US.UTF-8", "TZ=:UTC", "LAMBDA_TASK_ROOT=" + task, "_HANDLER=" + handler,
		"AWS_LAMBDA_FUNCTION_NAME=demo", "AWS_LAMBDA_FUNCTION_VERSION=$LATEST", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE=128",
		"AWS_LAMBDA_LOG_GROUP_NAME=/aws/lambda/demo", "AWS_LAMBDA_LOG_STREAM_NAME=stream", "AWS_REGION=eu-west-1",
		"PYTHONDONTWRITEBYTECODE=1", "HOME=" + os.Getenv("HOME"),
	}, extra...)
	r.cmd.Stdout, r.cmd.Stderr = &r.logs, &r.logs
	r.cmd.ExtraFiles = []*os.File{theirOut, theirIn}
	if err := r.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	theirIn.Close()
	theirOut.Close()
	t.Cleanup(func() {
		in.Close()
		r.cmd.Cancel()
		r.cmd.Wait()
		out.Close()
	})
	deadline := time.Now().Add(patience)
	in.SetWriteDeadline(deadline)
	out.SetReadDeadline(deadline)
	r.send(frames.Hello{
		Type: frames.TypeHello, Versions: []int{frames.Version}, Role: frames.RoleRuntime, Handler: handler,
		Capabilities: capabilities, MaxPayload: runtimeapi.MaxResponse,
	}, nil)
	return r
}

func pipe(t testing.TB) (r, w *os.File) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	return r, w
}

func (r *rt) send(header any, payload []byte) {
	r.t.Helper()
	if err := r.w.Write(header, payload); err != nil {
		r.t.Fatalf("sending %+v: %v\nlog: %s", header, err, &r.logs)
	}
}

func (r *rt) read() frames.Frame {
	r.t.Helper()
	f, err := r.r.Read()
	if err != nil {
		if errors.Is(err, os.ErrDeadlineExceeded) {
			r.cmd.Cancel()
		}
		r.cmd.Wait()
		r.t.Fatalf("reading an answer: %v (%v)\nlog: %s", err, r.cmd.ProcessState, &r.logs)
	}
	return f
}

// ready reads the answer to hello and wants it to be ready.
func (r *rt) ready() *rt {
	r.t.Helper()
	f := r.read()
	if err := f.Decode(&r.answer); err != nil || f.Type != frames.TypeReady {
		r.t.Fatalf("got %s %s, %v; want ready\nlog: %s", f.Header, f.Payload, err, &r.logs)
	}
	return r
}

func invocation(id string) frames.Invoke {
	return frames.Invoke{
		Type: frames.TypeInvoke, ID: id, DeadlineMs: time.Now().Add(20 * time.Second).UnixMilli(),
		Context: frames.Context{
			RequestID: "request-" + id, FunctionARN: "arn:aws:lambda:eu-west-1:1:function:demo", FunctionName: "demo",
			FunctionVersion: "$LATEST", MemoryMB: 128, TraceID: "Root=1-2-3;Sampled=0", TenantID: "blue <&> 🧀",
			ClientContext: `{"custom":{"k":"v\u00e9"}}`, CognitoIdentity: `{"cognitoIdentityId":"who"}`,
		},
	}
}

// invoke sends an event and gives the answer, for the right id.
func (r *rt) invoke(id string, event []byte) frames.Frame {
	r.t.Helper()
	sent := make(chan error, 1)
	go func() { sent <- r.w.Write(invocation(id), event) }()
	f := r.read()
	if err := <-sent; err != nil {
		r.t.Fatalf("sending an event: %v", err)
	}
	if f.ID != id {
		r.t.Fatalf("answer %s has the id %q, want %q", f.Header, f.ID, id)
	}
	return f
}

// result wants an answer and gives its payload.
func (r *rt) result(id, event string) string {
	r.t.Helper()
	f := r.invoke(id, []byte(event))
	if f.Type != frames.TypeResult {
		r.t.Fatalf("got %s %s, want a result", f.Header, f.Payload)
	}
	return string(f.Payload)
}

// failure wants an error and gives its document.
func (r *rt) failure(id, event string) *runtimeapi.Error {
	r.t.Helper()
	return r.document(r.invoke(id, []byte(event)))
}

func (r *rt) document(f frames.Frame) *runtimeapi.Error {
	r.t.Helper()
	e, ok := runtimeapi.ParseError(f.Payload)
	if f.Type != frames.TypeError || !ok || !json.Valid(f.Payload) {
		r.t.Fatalf("got %s %s, want an error document", f.Header, f.Payload)
	}
	for _, line := range e.StackTrace {
		if strings.Contains(line, "language-runtime") {
			r.t.Errorf("a frame of ours is in the stack: %q", line)
		}
	}
	return e
}

// end wants the process to exit and gives its log.
func (r *rt) end(wantExit string) string {
	r.t.Helper()
	if f, err := r.r.Read(); !errors.Is(err, io.EOF) {
		r.t.Errorf("got %s, %v; want the end", f.Header, err)
	}
	r.cmd.Wait()
	if got := r.cmd.ProcessState.String(); got != wantExit {
		r.t.Errorf("got %s, want %s", got, wantExit)
	}
	return r.logs.String()
}

// said waits until the log has a text, n times.
func (r *rt) said(text string, n int) {
	r.t.Helper()
	for deadline := time.Now().Add(patience); strings.Count(r.logs.String(), text) < n; {
		if time.Now().After(deadline) {
			r.t.Fatalf("the log has no %q %d times: %q", text, n, &r.logs)
		}
		<-time.After(time.Millisecond)
	}
}

// shutdown asks the runtime to exit and gives its log.
func (r *rt) shutdown() string {
	r.t.Helper()
	r.send(frames.Cancel{Type: frames.TypeShutdown}, nil)
	return r.end("exit status 0")
}

// everyLanguage runs a test for each language, at the same time.
func everyLanguage(t *testing.T, test func(t *testing.T, language string)) {
	for _, language := range runtimes.Names() {
		t.Run(language, func(t *testing.T) {
			t.Parallel()
			test(t, language)
		})
	}
}

func TestFiles(t *testing.T) {
	for _, name := range runtimes.Names() {
		tree, err := runtimes.Files(name)
		if err != nil {
			t.Fatal(err)
		}
		program, err := fs.ReadFile(tree, "language-runtime/language-runtime")
		if err != nil || !bytes.HasPrefix(program, []byte("#!/")) {
			t.Errorf("%s: the program begins with %.20q, %v", name, program, err)
		}
		manifest, err := fs.ReadFile(tree, "language-runtime.json")
		if err != nil || string(manifest) != `{"protocol":"frames/1"}`+"\n" {
			t.Errorf("%s: the manifest is %q, %v", name, manifest, err)
		}
	}
	if _, err := runtimes.Files("cobol"); err == nil || fmt.Sprint(err) != `language runtime "cobol" is not one of node, python, ruby, bash` {
		t.Errorf("got %v", err)
	}
}

// descriptor gives what a descriptor of the runtime is, "" if it is closed.
func descriptor(t *testing.T, r *rt, fd string) string {
	t.Helper()
	target, err := os.Readlink(fmt.Sprintf("/proc/%d/fd%s", r.cmd.Process.Pid, fd))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	return target
}

func wantsBootstrap(t *testing.T, program string) {
	t.Helper()
	out, err := command(t, program, "handler.hello").CombinedOutput()
	if err == nil || !strings.Contains(string(out), "started by the bootstrap") || strings.Count(string(out), "\n") != 1 {
		t.Errorf("got %v %q, want one line that says who starts it", err, out)
	}
}
