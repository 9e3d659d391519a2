//go:build linux

package bootstrap_test

// The bootstrap against the real supervisor, in a sandbox without walls: processes that are this test binary.

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/serverless/open-runtime/internal/frames"
	"github.com/serverless/open-runtime/internal/runtimeapi"
	"github.com/serverless/open-runtime/pkg/emulator"
	"github.com/serverless/open-runtime/runtimes"
)

// sandbox starts supervisors.
type sandbox struct{ stderr io.Writer }

func (sandbox) Name() string { return "test" }

func (s sandbox) Start(ctx context.Context, spec emulator.Spec) (emulator.Instance, error) {
	cmd := exec.CommandContext(ctx, testBinary())
	cmd.Env = []string{envRole + "=supervisor", envOpt + "=" + spec.Opt, envTask + "=" + spec.Task, "GORACE=atexit_sleep_ms=0"}
	cmd.Stderr = s.stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	return &instance{Reader: out, WriteCloser: in, cmd: cmd, wait: sync.OnceValue(cmd.Wait)}, cmd.Start()
}

type instance struct {
	io.Reader
	io.WriteCloser
	cmd  *exec.Cmd
	wait func() error
}

func (i *instance) CloseWrite() error { return i.Close() }
func (i *instance) Wait() error       { return i.wait() }
func (i *instance) Facts() frames.Facts {
	return frames.Facts{Sandbox: "test", APIAddress: "127.0.0.1:0", Identity: frames.IdentityAlready}
}

// function is a function that can be invoked.
type function struct {
	t        testing.TB
	ctx      context.Context
	emulator *emulator.Emulator
	log      *testLog // of the function
	platform *testLog

	mu     sync.Mutex
	traces []frames.Trace
	made   []string // payloads of traces
	inits  []frames.Trace
	number int
}

// options of a function.
type options struct {
	handler string            // default: handler.hello
	timeout time.Duration     // default: 20 s
	trace   bool              //
	env     map[string]string // of the function
}

// begin starts a sandbox for the layer.
func (l *layer) begin(o options) *function {
	l.t.Helper()
	f := &function{t: l.t, ctx: bounded(l.t), log: &testLog{}, platform: &testLog{}}
	env := map[string]string{
		envRole: "bootstrap", envOpt: l.opt, envTask: l.task, envMark: mark(l.t), "GORACE": "atexit_sleep_ms=0",
		"PATH": interpreters(), "PYTHONDONTWRITEBYTECODE": "1",
	}
	if o.timeout != 0 {
		env["SOR_MARGIN_MS"] = "1500" // at most half of the time: other tests keep the machine busy
	}
	maps.Copy(env, o.env)
	config := frames.Config{
		FunctionName: "demo", FunctionVersion: "$LATEST", FunctionARN: account, Region: "eu-west-1",
		Handler: "handler.hello", MemoryMB: 8192, TimeoutMs: 20_000, Environment: env, Trace: o.trace,
	}
	if o.handler != "" {
		config.Handler = o.handler
	}
	if o.timeout != 0 {
		config.TimeoutMs = o.timeout.Milliseconds()
	}
	stderr := &testLog{}
	e, err := emulator.Start(f.ctx, sandbox{stderr}, emulator.Options{
		Config: config, Spec: emulator.Spec{Task: l.task, Opt: l.opt}, Log: f.takeLog, Trace: f.takeTrace,
	})
	if err != nil {
		l.t.Fatalf("%v\n%s", err, stderr)
	}
	f.emulator = e
	l.t.Cleanup(func() {
		if err := e.Close(); err != nil {
			l.t.Errorf("closing the sandbox: %v\n%s", err, stderr)
		}
		f.log.sound(l.t)
		stderr.sound(l.t)
		if l.t.Failed() {
			log, platform := f.log.String(), f.platform.String()
			l.t.Logf("log: %s\nplatform: %s", log[:min(len(log), 5000)], platform)
		}
	})
	return f
}

func (f *function) takeLog(header frames.Log, line []byte) {
	log := f.log
	if header.Source == frames.SourcePlatform {
		log = f.platform
	}
	log.Write(append(bytes.Clone(line), '\n'))
}

func (f *function) takeTrace(trace frames.Trace, made []byte) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if trace.RequestID == "" {
		f.inits = append(f.inits, trace)
		return
	}
	f.traces, f.made = append(f.traces, trace), append(f.made, string(made))
}

// invoke gives what the caller gets.
func (f *function) invoke(event string) *emulator.Result {
	f.t.Helper()
	f.number++
	result, err := f.emulator.Invoke(f.ctx, frames.SupervisorInvoke{ID: fmt.Sprintf("id-%d", f.number)}, []byte(event))
	if err != nil {
		f.t.Fatalf("invoking: %v", err)
	}
	return result
}

// answers wants a response.
func (f *function) answers(event string) string {
	f.t.Helper()
	result := f.invoke(event)
	if result.ErrorType != "" {
		f.t.Fatalf("%.100s: got %s, want a response", event, result.Payload)
	}
	return string(result.Payload)
}

// says wants this response.
func (f *function) says(event, want string) {
	f.t.Helper()
	if got := f.answers(event); got != want {
		f.t.Errorf("%.100s: got %.300s, want %.300s", event, got, want)
	}
}

// fails wants an error of a type, with texts in its message.
func (f *function) fails(event, errorType string, texts ...string) *runtimeapi.Error {
	f.t.Helper()
	result := f.invoke(event)
	document, ok := runtimeapi.ParseError(result.Payload)
	if result.ErrorType != errorType || !ok {
		f.t.Fatalf("%.100s: got type %q, %.300s, want an error of type %s", event, result.ErrorType, result.Payload, errorType)
	}
	for _, text := range texts {
		if !strings.Contains(document.Message, text) {
			f.t.Errorf("%.100s: got %q, want %q in it", event, document.Message, text)
		}
	}
	return document
}

// gone waits until a process has ended and was reaped: with threads, its first one may end before it.
func (f *function) gone(pid int) {
	f.t.Helper()
	eventually(f.t, f.ctx, fmt.Sprintf("process %d has ended", pid), func() bool {
		_, err := os.Stat(fmt.Sprintf("/proc/%d", pid))
		return err != nil
	})
}

// language puts one of the project's language runtimes into the layer, and the functions of testdata into the task.
func (l *layer) language(name string) *layer {
	l.t.Helper()
	needs(l.t, map[string]string{"node": "node", "python": "python3", "ruby": "ruby", "bash": "bash"}[name])
	tree, err := runtimes.Files(name)
	if err == nil {
		err = os.CopyFS(l.opt, tree)
	}
	if err == nil {
		err = os.Chmod(filepath.Join(l.opt, "language-runtime", "language-runtime"), 0o755)
	}
	if err == nil {
		err = os.CopyFS(l.task, os.DirFS("testdata"))
	}
	if err != nil {
		l.t.Fatal(err)
	}
	return l
}

// everyLanguage runs a test for each language, at the same time.
func everyLanguage(t *testing.T, test func(t *testing.T, l *layer, language string)) {
	for _, language := range runtimes.Names() {
		t.Run(language, func(t *testing.T) {
			t.Parallel()
			test(t, newLayer(t).language(language), language)
		})
	}
}

// decoded reads JSON.
func decoded(t testing.TB, text string) any {
	t.Helper()
	var v any
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatalf("%.200q: %v", text, err)
	}
	return v
}

var errNoPIDs = errors.New("there are no process IDs")

// pids reads the numbers that a handler left in a file.
func pids(path string) (list []int, err error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	for field := range strings.FieldsSeq(string(text)) {
		var pid int
		if _, err := fmt.Sscan(field, &pid); err != nil {
			return nil, err
		}
		list = append(list, pid)
	}
	if len(list) == 0 {
		err = errNoPIDs
	}
	return list, err
}
