package main

// A session: one sandbox, started once, and the invocations in it, with their logs and traces in order.

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"

	"github.com/serverless/open-runtime/internal/carried"
	"github.com/serverless/open-runtime/internal/frames"
	"github.com/serverless/open-runtime/internal/identifier"
	"github.com/serverless/open-runtime/pkg/emulator"
	"github.com/serverless/open-runtime/pkg/layer"
	"github.com/serverless/open-runtime/pkg/project"
)

// What a local function sees of an account: AWS's own emulator uses the same.
const (
	localAccount = "012345678912"
	localRegion  = "us-east-1"
)

type session struct {
	*workspace
	project         *project.Project
	box             emulator.Sandbox
	opt, task       staged
	network         string
	trace, json     bool
	loose           bool // less strict than Lambda
	bare            bool // without START, END and REPORT, as with -q: what runs is no function
	passCredentials bool
	told            frames.SupervisorInvoke // what each invocation brings along
	lines           bool                    // each answer is a line
	strict          *strictness
	debuggee        string // what is debugged, and in what; "" for nothing
	recorder        *recorder

	emulator *emulator.Emulator
	options  emulator.Options

	mu     sync.Mutex
	logs   []string
	stages []stageRecord
}

// newSession completes a session with what the sandbox is started from.
func (w *workspace) newSession(ctx context.Context, p *project.Project, box emulator.Sandbox, s *session) (*session, error) {
	s.workspace, s.project, s.box = w, p, box
	s.strict = newStrictness(p, s.loose)
	supervisor, _, err := w.program(ctx, carried.Supervisor, runtime.GOARCH)
	if err != nil {
		return nil, err
	}
	s.options = emulator.Options{
		Config: s.config(),
		Spec: emulator.Spec{
			Supervisor: supervisor, Task: s.task.Dir, Opt: s.opt.Dir,
			MemoryMB: p.Memory, TmpMB: p.Tmp, Network: s.network, Loose: s.loose, Image: imageFor(p), Arch: runtime.GOARCH,
		},
		Log: s.onLog, Trace: s.onTrace,
	}
	if box.Name() == "namespace" {
		err = w.standIns(ctx, p, s)
	}
	return s, err
}

func (s *session) config() frames.Config {
	region := localRegion
	for _, key := range []string{"AWS_REGION", "AWS_DEFAULT_REGION"} {
		if value := os.Getenv(key); value != "" && s.passCredentials {
			region = value
		}
	}
	return frames.Config{
		FunctionName: s.project.Name, FunctionVersion: "$LATEST",
		FunctionARN: fmt.Sprintf("arn:aws:lambda:%s:%s:function:%s", region, localAccount, s.project.Name),
		Region:      region, Handler: s.project.Handler,
		MemoryMB: s.project.Memory, TimeoutMs: int64(s.project.Timeout) * 1000,
		Managed:     openRuntime(s.project) && layer.Managed(s.project.Target),
		Environment: maps.Clone(s.project.Environment), Credentials: credentials(s.passCredentials), Trace: s.trace || s.json, Loose: s.loose,
	}
}

var credentialVariables = []string{"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"}

// credentials gives the shell's AWS credentials, or ones that no service accepts.
func credentials(pass bool) map[string]string {
	if !pass {
		return map[string]string{"AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local", "AWS_SESSION_TOKEN": "local"}
	}
	found := map[string]string{}
	for _, key := range credentialVariables {
		if value := os.Getenv(key); value != "" {
			found[key] = value
		}
	}
	return found
}

// start starts the sandbox. The emulator outlives ctx by the moment it takes to end everything in it.
func (s *session) start(ctx context.Context) error {
	if err := s.checkCredentials(); err != nil {
		return err
	}
	var err error
	s.emulator, err = emulator.Start(ctx, s.box, s.options)
	if err != nil && ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		return fail(exitMissing, "`sor doctor` says what this machine can do", fmt.Errorf("starting the %s sandbox: %w", s.box.Name(), err))
	}
	s.detail("memory: %s", memoryLimit(s.emulator.Facts()))
	return nil
}

// checkCredentials says whether there are any to pass.
func (s *session) checkCredentials() error {
	if s.passCredentials && os.Getenv("AWS_ACCESS_KEY_ID") == "" {
		return fail(exitCredentials, "export AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or leave --aws-credentials out",
			errors.New("--aws-credentials: this shell has no AWS_ACCESS_KEY_ID"))
	}
	return nil
}

// memoryLimit says what keeps the function within its memory.
func memoryLimit(facts frames.Facts) string {
	if facts.MemoryLimit == "" {
		return "the supervisor watches it and ends what takes more; no cgroup may be written here"
	}
	return "the supervisor watches it and ends what takes more, with a " + facts.MemoryLimit + " behind it"
}

func (s *session) close() error { return s.emulator.Close() }

func (s *session) invoke(ctx context.Context, event []byte) (*emulator.Result, error) {
	told := s.told
	told.ID = identifier.UUID()
	return s.hand(ctx, told, event)
}

// hand hands an event over, with what it brings along.
func (s *session) hand(ctx context.Context, told frames.SupervisorInvoke, event []byte) (*emulator.Result, error) {
	s.recorder.begin(s.project.Name, told, event)
	result, err := s.emulator.Invoke(ctx, told, event)
	s.recorder.end(s.project.Name, told.ID, result, err)
	if err != nil && ctx.Err() != nil {
		return nil, ctx.Err()
	}
	return result, err
}

// onLog prints a log line, or keeps it for --json.
func (s *session) onLog(log frames.Log, line []byte) {
	if log.Source == frames.SourceDebugger {
		s.tellDebugger("", line)
		return
	}
	s.recorder.log(s.project.Name, log, line)
	if (s.bare || s.settings.Quiet && !s.json) && log.Source == frames.SourcePlatform {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.json {
		s.logs = append(s.logs, strings.ToValidUTF8(string(line), "\ufffd"))
		return
	}
	s.ui.raw(line)
	if log.Source != frames.SourcePlatform {
		s.tellStrictness(s.strict, line)
	}
}

func (s *session) onTrace(trace frames.Trace, payload []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stages = append(s.stages, newStageRecord(trace, payload))
}

// print prints an invocation's result, and what the trace showed.
func (s *session) print(stdout io.Writer, event []byte, result *emulator.Result, several bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	defer func() { s.logs, s.stages = nil, nil }()
	if s.json {
		return writeJSON(stdout, newOutcome(result, s.logs, s.stages, s.box.Name()))
	}
	if s.trace {
		s.showTrace(event, s.stages, result.Report.DurationMs)
	}
	if result.ErrorType != "" {
		s.tellError(result.Payload, s.project.Code, s.wd)
		s.tellStrictness(s.strict, result.Payload)
	}
	if s.lines {
		return writePayload(stdout, oneLine(result.Payload), true)
	}
	return writePayload(stdout, result.Payload, several)
}

// tellError says what went wrong in the function, in the words of its author's own files.
func (u *ui) tellError(document []byte, code, wd string) {
	for i, line := range describeError(document, code, wd) {
		if i == 0 {
			line = u.paint("31", line)
		}
		u.line(line)
	}
}

// displayPath gives path as the user would type it here.
func (w *workspace) displayPath(path string) string {
	if rel, err := filepath.Rel(w.wd, path); err == nil && !strings.HasPrefix(rel, "..") {
		return rel
	}
	return path
}
