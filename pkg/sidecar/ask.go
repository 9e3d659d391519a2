//go:build linux

package sidecar

// Single questions to a sidecar: an HTTP request, a command.

import (
	"context"
	"errors"
	"fmt"
	"syscall"

	"github.com/serverless/open-runtime/internal/http1"
	"github.com/serverless/open-runtime/internal/manifest"
	"github.com/serverless/open-runtime/internal/process"
)

// mostBody is how much of an answer is read.
const mostBody = 64 * 1024

// get asks with a connection of its own.
func get(ctx context.Context, p manifest.Probe) error {
	addr, path, err := p.URL()
	if err != nil {
		return err
	}
	client := http1.New(addr)
	defer client.Close()
	return ask(ctx, client, "GET", path)
}

func ask(ctx context.Context, client *http1.Client, method, path string) error {
	resp, err := client.Do(ctx, &http1.Request{Method: method, Path: path}, mostBody)
	if err == nil && resp.Status/100 != 2 {
		err = fmt.Errorf("it answered with status %d", resp.Status)
	}
	return err
}

// run runs a command to its end, or ctx's.
func (c *sidecar) run(ctx context.Context, command []string) error {
	ours, theirs, err := process.Pipe(process.FromChild, 0)
	if err != nil {
		return err
	}
	defer theirs.Close()
	drain, said := process.NewDrain(ours), process.NewLog(func([]byte) {})
	child, err := process.Start(process.Spec{
		Path: command[0], Args: command, Env: c.environ, Dir: c.options.Dir, Stdout: theirs, Stderr: theirs,
	})
	if err != nil {
		drain.Close()
		return err
	}
	drain.Start(said.Add)
	select {
	case <-child.Exited():
	case <-ctx.Done():
		child.Kill()
		<-child.Exited()
	}
	drain.Finish()
	said.End()
	switch {
	case child.Exit().Success():
		return nil
	case child.Exit().Signal == syscall.SIGKILL && ctx.Err() != nil:
		err = errors.New("it was killed at its time limit")
	default:
		err = errors.New(child.Exit().String())
	}
	if last := said.Last(); last != "" {
		err = fmt.Errorf("%w: %s", err, last)
	}
	return err
}
