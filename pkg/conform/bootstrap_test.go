//go:build linux

package conform_test

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/serverless/open-runtime/internal/frames"
	"github.com/serverless/open-runtime/pkg/conform"
	"github.com/serverless/open-runtime/pkg/emulator"
	"github.com/serverless/open-runtime/pkg/emulator/namespace"
)

// environment is a Lambda in a namespace sandbox.
type environment struct {
	*emulator.Emulator

	mu     sync.Mutex
	log    bytes.Buffer
	number int
}

func (e *environment) Invoke(ctx context.Context, event []byte) (conform.Outcome, error) {
	e.number++
	id := fmt.Sprintf("8f5d3c1a-0b6e-4d2f-9a7c-%012d", e.number)
	result, err := e.Emulator.Invoke(ctx, frames.SupervisorInvoke{ID: id}, event)
	if err != nil {
		return conform.Outcome{}, err
	}
	return conform.Outcome{Payload: result.Payload, ErrorType: result.ErrorType}, nil
}

func (e *environment) Log() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.log.String()
}

func (e *environment) take(_ frames.Log, line []byte) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.log.Write(append(bytes.Clone(line), '\n'))
}

// launcher starts sandboxes with a supervisor that is built for it.
func launcher(t *testing.T) conform.Launch {
	t.Helper()
	if err := namespace.Available(); err != nil {
		t.Skip(err)
	}
	supervisor := build(t, "supervisor")
	return func(ctx context.Context, f conform.Function) (conform.Lambda, error) {
		e := &environment{}
		config := frames.Config{
			FunctionName: "conform", FunctionVersion: "$LATEST", FunctionARN: "arn:aws:lambda:us-east-1:012345678912:function:conform",
			Region: "us-east-1", Handler: f.Handler, MemoryMB: 1024, TimeoutMs: f.Timeout.Milliseconds(), Environment: maps.Clone(f.Environment),
			Credentials: map[string]string{"AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local", "AWS_SESSION_TOKEN": "local"},
		}
		var err error
		e.Emulator, err = emulator.Start(ctx, namespace.New(), emulator.Options{
			Config: config, Log: e.take,
			Spec: emulator.Spec{Supervisor: supervisor, Task: f.Task, Opt: f.Opt, MemoryMB: 1024, TmpMB: 64},
		})
		return e, err
	}
}

// build compiles one of the programs of this project.
func build(t *testing.T, name string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	cmd := exec.CommandContext(t.Context(), "go", "build", "-o", path, "../../cmd/"+name)
	cmd.Env = append(cmd.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("building %s: %v\n%s", name, err, out)
	}
	return path
}

func TestOwnBootstrap(t *testing.T) {
	b := &conform.Bootstrap{Path: build(t, "bootstrap"), Launch: launcher(t), Patience: patience}
	passes(t, "bootstrap", b.Cases())
}

// TestBrokenBootstraps: each is ours with something around it, or none of ours at all.
func TestBrokenBootstraps(t *testing.T) {
	launch, own := launcher(t), build(t, "bootstrap")
	for _, broken := range brokenOnes(t, "bootstraps", 12) {
		t.Run(strings.TrimSuffix(broken.name, filepath.Ext(broken.name)), func(t *testing.T) {
			t.Parallel()
			b := &conform.Bootstrap{Path: layerOf(t, broken.path, own), Launch: launch, Patience: 10 * time.Second}
			broken.isFound(t, b.Cases())
		})
	}
}

// layerOf puts a broken bootstrap and ours, which it may call as /opt/own, into a folder.
func layerOf(t *testing.T, path, own string) string {
	t.Helper()
	dir := t.TempDir()
	for from, to := range map[string]string{path: "bootstrap", own: "own", filepath.Join("testdata", "lib", "minimal.sh"): "minimal.sh"} {
		if out, err := exec.CommandContext(t.Context(), "install", "-m", "755", from, filepath.Join(dir, to)).CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
	}
	return dir
}

// TestMinimalBootstrap: what the broken ones are made of keeps the simple cases.
func TestMinimalBootstrap(t *testing.T) {
	path := filepath.Join(t.TempDir(), "minimal")
	if err := os.WriteFile(path, []byte("#!/bin/bash\nsource /opt/minimal.sh\nmain\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	b := &conform.Bootstrap{Path: layerOf(t, path, build(t, "bootstrap")), Launch: launcher(t), Patience: patience}
	passes(t, "minimal", conform.Match(b.Cases(), regexp.MustCompile(`^(onion\.(none|order|unchanged)|early\.response|failure\.status|init\.missing|runtime\.start)$`)))
}
