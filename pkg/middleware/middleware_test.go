//go:build linux

package middleware_test

// The layer of a test, and invocations of it. Every middleware here is a real program, most of them a few lines of bash.

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/serverless/open-runtime/internal/frames"
	"github.com/serverless/open-runtime/internal/manifest"
	"github.com/serverless/open-runtime/internal/process"
	"github.com/serverless/open-runtime/internal/runtimeapi"
	"github.com/serverless/open-runtime/pkg/middleware"
)

// As in the bootstrap, daemons come to this process, and what it was started with is no child's.
func TestMain(m *testing.M) {
	if err := errors.Join(process.Subreap(), process.NoInherit()); err != nil {
		panic(err)
	}
	code := m.Run()
	process.KillOrphans(nil)
	os.Exit(code)
}

// tooLong is when a test gives up on an invocation: far over what any takes, far under the test binary's limit.
const tooLong = time.Minute

type layer struct {
	t    testing.TB
	root string
	middleware.Options

	mu  sync.Mutex
	log []string // "source: line"
}

func newLayer(t testing.TB) *layer {
	t.Helper()
	l := &layer{t: t, root: t.TempDir()}
	l.Options = middleware.Options{Root: l.root, Environ: []string{"PATH=" + os.Getenv("PATH"), "DIR=" + t.TempDir()}, Log: l.logged}
	if err := os.Mkdir(filepath.Join(l.root, "middlewares"), 0o755); err != nil {
		t.Fatal(err)
	}
	return l
}

func (l *layer) logged(source string, line []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.log = append(l.log, source+": "+string(line))
}

func (l *layer) logs() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Join(l.log, "\n")
}

// file writes a file under middlewares/.
func (l *layer) file(name, content string, mode os.FileMode) string {
	l.t.Helper()
	path := filepath.Join(l.root, "middlewares", name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		l.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		l.t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		l.t.Fatal(err)
	}
	return path
}

// script writes a middleware. Its folder for what it wants to tell is $DIR.
func (l *layer) script(name, body string) {
	l.t.Helper()
	l.file(name, "#!/bin/bash\n"+body+"\n", 0o755)
}

func (l *layer) manifest(name, json string) { l.t.Helper(); l.file(name+".json", json, 0o644) }

// told reads what a middleware wrote to $DIR/name.
func (l *layer) told(name string) string {
	l.t.Helper()
	for _, entry := range l.Environ {
		if dir, ok := strings.CutPrefix(entry, "DIR="); ok {
			data, err := os.ReadFile(filepath.Join(dir, name))
			if err != nil && !os.IsNotExist(err) {
				l.t.Fatal(err)
			}
			return string(data)
		}
	}
	return ""
}

// pid reads a process ID that a middleware wrote to $DIR/name, and sees to its end.
func (l *layer) pid(name string) int {
	l.t.Helper()
	pid, err := strconv.Atoi(strings.TrimSpace(l.told(name)))
	if err != nil {
		l.t.Fatalf("%s: %v", name, err)
	}
	l.t.Cleanup(func() {
		syscall.Kill(pid, syscall.SIGKILL)
		gone(l.t, pid)
	})
	return pid
}

func (l *layer) load(list string) *middleware.Set {
	l.t.Helper()
	set, err := l.tryLoad(list)
	if err != nil {
		l.t.Fatal(err)
	}
	return set
}

func (l *layer) tryLoad(list string) (*middleware.Set, error) {
	l.t.Helper()
	refs, err := manifest.ParseList(list)
	if err != nil {
		l.t.Fatal(err)
	}
	return middleware.Load(refs, l.Options)
}

// invoke runs one invocation through the middlewares of list.
func (l *layer) invoke(list string, h middleware.Handler, event string) (string, error) {
	l.t.Helper()
	return l.invokeIn(l.t.Context(), list, h, event)
}

func (l *layer) invokeIn(ctx context.Context, list string, h middleware.Handler, event string) (string, error) {
	l.t.Helper()
	ctx, cancel := context.WithTimeout(ctx, tooLong)
	defer cancel()
	response, err := l.load(list).Chain(h)(ctx, invocation(), []byte(event))
	return string(response.Payload), err
}

// mustInvoke is invoke where nothing may fail.
func (l *layer) mustInvoke(list string, h middleware.Handler, event string) string {
	l.t.Helper()
	response, err := l.invoke(list, h, event)
	if err != nil {
		l.t.Fatal(err)
	}
	return response
}

func invocation() *middleware.Invocation {
	return &middleware.Invocation{Context: frames.Context{RequestID: "request-1", FunctionARN: "arn:aws:lambda:eu-west-1:1:function:f"}}
}

// echo is a handler that answers with its event.
func echo(_ context.Context, _ *middleware.Invocation, event []byte) (middleware.Response, error) {
	return middleware.Response{Payload: event}, nil
}

// fails is a handler that gives err.
func fails(err error) middleware.Handler {
	return func(context.Context, *middleware.Invocation, []byte) (middleware.Response, error) {
		return middleware.Response{}, err
	}
}

// unreached is a handler that must not be called.
func unreached(t testing.TB) middleware.Handler {
	return func(context.Context, *middleware.Invocation, []byte) (middleware.Response, error) {
		t.Error("the handler was called")
		return middleware.Response{}, nil
	}
}

// wantError checks the type of an error and that its message has each of the parts.
func wantError(t testing.TB, err error, errorType string, parts ...string) {
	t.Helper()
	e, ok := err.(*runtimeapi.Error)
	if !ok {
		t.Fatalf("got %v, want a %s", err, errorType)
	}
	if e.Type != errorType {
		t.Errorf("error type %s, want %s", e.Type, errorType)
	}
	for _, part := range parts {
		if !strings.Contains(e.Message, part) {
			t.Errorf("message %q does not say %q", e.Message, part)
		}
	}
}

// within fails a test that took longer than it may.
func within(t testing.TB, limit time.Duration) func() {
	start := time.Now()
	return func() {
		t.Helper()
		if took := time.Since(start); took > limit {
			t.Errorf("it took %v, want under %v", took, limit)
		}
	}
}

func alive(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err == nil && !strings.Contains(string(stat), ") Z ")
}

// gone waits until pid has ended, and reaps it.
func gone(t testing.TB, pid int) {
	t.Helper()
	poll(t, fmt.Sprintf("process %d does not end", pid), func() bool { return !alive(pid) })
	process.ReapOrphans()
}

func poll(t testing.TB, otherwise string, done func() bool) {
	t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	limit := time.After(tooLong)
	for !done() {
		select {
		case <-tick.C:
		case <-limit:
			t.Fatal(otherwise)
		}
	}
}
