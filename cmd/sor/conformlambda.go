package main

// What plays Lambda for a bootstrap that is put through the conformance kit: a sandbox for each function.

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"runtime"
	"sync"

	"github.com/serverless/open-runtime/internal/carried"
	"github.com/serverless/open-runtime/internal/frames"
	"github.com/serverless/open-runtime/internal/identifier"
	"github.com/serverless/open-runtime/pkg/conform"
	"github.com/serverless/open-runtime/pkg/emulator"
)

// conformLambda is a function in a sandbox.
type conformLambda struct {
	*emulator.Emulator

	mu  sync.Mutex
	log bytes.Buffer
}

// conformLaunch finds a sandbox, and gives what starts functions in it.
func (w *workspace) conformLaunch(ctx context.Context, image string) (conform.Launch, error) {
	box, err := w.chooseSandbox(ctx, w.settings.Sandbox, image, false)
	if err != nil {
		return nil, err
	}
	supervisor, _, err := w.program(ctx, carried.Supervisor, runtime.GOARCH)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, f conform.Function) (conform.Lambda, error) {
		const memory, tmp = 1024, 64 // MB
		lambda := &conformLambda{}
		var err error
		lambda.Emulator, err = emulator.Start(ctx, box, emulator.Options{
			Config: frames.Config{
				FunctionName: "conform", FunctionVersion: "$LATEST",
				FunctionARN: fmt.Sprintf("arn:aws:lambda:%s:%s:function:conform", localRegion, localAccount),
				Region:      localRegion, Handler: f.Handler, MemoryMB: memory, TimeoutMs: f.Timeout.Milliseconds(),
				Environment: maps.Clone(f.Environment), Credentials: credentials(false),
			},
			Spec: emulator.Spec{
				Supervisor: supervisor, Task: f.Task, Opt: f.Opt, MemoryMB: memory, TmpMB: tmp, Image: image, Arch: runtime.GOARCH,
			},
			Log: lambda.take,
		})
		return lambda, err
	}, nil
}

func (l *conformLambda) take(_ frames.Log, line []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.log.Write(line)
	l.log.WriteByte('\n')
}

// Log is what the function and the platform logged up to now.
func (l *conformLambda) Log() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.log.String()
}

// Invoke gives what the caller gets.
func (l *conformLambda) Invoke(ctx context.Context, event []byte) (conform.Outcome, error) {
	result, err := l.Emulator.Invoke(ctx, frames.SupervisorInvoke{ID: identifier.UUID()}, event)
	if err != nil {
		return conform.Outcome{}, err
	}
	return conform.Outcome{Payload: result.Payload, ErrorType: result.ErrorType}, nil
}
