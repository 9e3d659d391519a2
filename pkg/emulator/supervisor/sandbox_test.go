//go:build linux

package supervisor_test

// A sandbox without walls: the supervisor runs in this process, what it starts are this process's children. So no two of
// these tests may run at once.

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/serverless/open-runtime/internal/frames"
	"github.com/serverless/open-runtime/pkg/emulator"
	"github.com/serverless/open-runtime/pkg/emulator/supervisor"
)

type inProcess struct {
	options    supervisor.Options
	pathSuffix []string
}

func (inProcess) Name() string { return "process" }

func (s inProcess) Start(ctx context.Context, spec emulator.Spec) (emulator.Instance, error) {
	in, hostOut, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	hostIn, out, err := os.Pipe()
	if err != nil {
		return nil, errors.Join(err, in.Close(), hostOut.Close())
	}
	i := &instance{in: hostIn, out: hostOut, suffix: s.pathSuffix, ended: make(chan struct{})}
	o := s.options
	o.In, o.Out, o.Task, o.Opt = in, out, spec.Task, spec.Opt
	stop := context.AfterFunc(ctx, func() { hostOut.Close() })
	go func() {
		defer close(i.ended)
		defer stop()
		i.err = supervisor.Run(ctx, o)
		if ctx.Err() != nil {
			i.err = context.Cause(ctx)
		}
		out.Close()
		in.Close()
	}()
	return i, nil
}

type instance struct {
	in, out *os.File // the host's ends
	suffix  []string
	ended   chan struct{}
	err     error // valid after ended
}

func (i *instance) Read(p []byte) (int, error)  { return i.in.Read(p) }
func (i *instance) Write(p []byte) (int, error) { return i.out.Write(p) }
func (i *instance) CloseWrite() error           { return i.out.Close() }
func (i *instance) Wait() error                 { <-i.ended; return i.err }

func (i *instance) Facts() frames.Facts {
	return frames.Facts{Sandbox: "process", APIAddress: "127.0.0.1:0", Identity: frames.IdentityAlready, PathSuffix: i.suffix}
}

// A function is one that runs, with its log.
type function struct {
	*emulator.Emulator
	t   *testing.T
	log *logbook
	opt string // the folder that is /opt
}

// A setup is what a test may change before the start.
type setup struct {
	host   emulator.Options
	inside inProcess
}

// program starts a function whose runtime is this program: see runtime_test.go for what it does.
func program(t *testing.T, changes ...func(*setup)) *function {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	task := t.TempDir()
	if err := os.Symlink(self, filepath.Join(task, "bootstrap")); err != nil {
		t.Fatal(err)
	}
	return start(t, task, append([]func(*setup){variable(envRuntime, "1")}, changes...)...)
}

// script starts a function whose bootstrap is a shell script.
func script(t *testing.T, text string, changes ...func(*setup)) *function {
	t.Helper()
	task := t.TempDir()
	if err := os.WriteFile(filepath.Join(task, "bootstrap"), []byte("#!/bin/sh\n"+text+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	return start(t, task, changes...)
}

func start(t *testing.T, task string, changes ...func(*setup)) *function {
	t.Helper()
	f := &function{t: t, log: newLogbook(), opt: t.TempDir()}
	s := setup{
		host:   emulator.Options{Config: config(), Spec: emulator.Spec{Task: task, Opt: f.opt}, Log: f.log.add},
		inside: inProcess{options: supervisor.Options{Runtime: t.TempDir()}},
	}
	for _, change := range changes {
		change(&s)
	}
	e, err := emulator.Start(t.Context(), s.inside, s.host)
	if err != nil {
		t.Fatalf("starting the sandbox: %v", err)
	}
	f.Emulator = e
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Errorf("closing the sandbox: %v", err)
		}
	})
	return f
}

func config() frames.Config {
	return frames.Config{
		FunctionName: "hello", FunctionVersion: "$LATEST", FunctionARN: arn, Region: "eu-central-1",
		Handler: "app.handle", MemoryMB: 1024, TimeoutMs: 20_000,
		Environment: map[string]string{},
	}
}

const arn = "arn:aws:lambda:eu-central-1:123456789012:function:hello"

func variable(name, value string) func(*setup) {
	return func(s *setup) { s.host.Config.Environment[name] = value }
}

func timeout(d time.Duration) func(*setup) {
	return func(s *setup) { s.host.Config.TimeoutMs = d.Milliseconds() }
}

// requestID is that of every invocation, where a test does not need two.
const requestID = "8c9a2e6f-3f0b-4c6e-9b57-0d5f0a6f7c11"

// begin begins an invocation. What it gives waits for the end.
func (f *function) begin(event string, change ...func(*frames.SupervisorInvoke)) (end func() *emulator.Result) {
	f.t.Helper()
	inv := frames.SupervisorInvoke{ID: requestID}
	for _, one := range change {
		one(&inv)
	}
	type outcome struct {
		result *emulator.Result
		err    error
	}
	done := make(chan outcome, 1)
	go func() {
		result, err := f.Invoke(f.t.Context(), inv, []byte(event))
		done <- outcome{result, err}
	}()
	return func() *emulator.Result {
		f.t.Helper()
		o := <-done
		if o.err != nil {
			f.t.Fatalf("invoking with %.80q: %v", event, o.err)
		}
		return o.result
	}
}

func (f *function) invoke(event string) *emulator.Result {
	f.t.Helper()
	return f.begin(event)()
}

// answers invokes and wants a response.
func (f *function) answers(event, want string) {
	f.t.Helper()
	got := f.invoke(event)
	if got.ErrorType != "" || want != "" && string(got.Payload) != want {
		f.t.Errorf("event %.80q: %s %.300q; want %.300q", event, got.ErrorType, got.Payload, want)
	}
}

// fails invokes and wants an error, whose document is the platform's.
func (f *function) fails(event, errorType, message string) *emulator.Result {
	f.t.Helper()
	got := f.invoke(event)
	equal(f.t, "error type", got.ErrorType, errorType)
	equal(f.t, "error document", string(got.Payload), `{"errorType":"`+errorType+`","errorMessage":"RequestId: `+requestID+" Error: "+message+`"}`)
	return got
}

// A logbook is the log, line by line.
type logbook struct {
	mu      sync.Mutex
	lines   []logLine
	changed chan struct{}
}

type logLine struct{ Source, RequestID, Text string }

func newLogbook() *logbook { return &logbook{changed: make(chan struct{})} }

func (l *logbook) add(header frames.Log, line []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = append(l.lines, logLine{header.Source, header.RequestID, string(line)})
	close(l.changed)
	l.changed = make(chan struct{})
}

func (l *logbook) all() []logLine {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]logLine(nil), l.lines...)
}

func (l *logbook) forget() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = nil
}

// function gives what the function printed.
func (l *logbook) function() []string {
	var lines []string
	for _, one := range l.all() {
		if one.Source == frames.SourceFunction {
			lines = append(lines, one.Text)
		}
	}
	return lines
}

// platform gives what Lambda itself logged, with numbers masked.
func (l *logbook) platform() []string {
	var lines []string
	for _, one := range l.all() {
		if one.Source == frames.SourcePlatform {
			lines = append(lines, masked(one.Text))
		}
	}
	return lines
}

// await waits for a line that begins with prefix, and gives the rest of it.
func (l *logbook) await(t *testing.T, prefix string) string {
	t.Helper()
	limit := time.After(20 * time.Second)
	for {
		l.mu.Lock()
		changed := l.changed
		for _, one := range l.lines {
			if rest, ok := strings.CutPrefix(one.Text, prefix); ok {
				l.mu.Unlock()
				return rest
			}
		}
		l.mu.Unlock()
		select {
		case <-changed:
		case <-limit:
			t.Fatalf("no line of the log begins with %q: %q", prefix, l.all())
		}
	}
}

func equal(t *testing.T, what string, got, want any) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}
