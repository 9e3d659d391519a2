package docker

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"sync"

	"github.com/docker/docker/api/types"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/pkg/stdcopy"

	"github.com/serverless/open-runtime/internal/frames"
)

// instance is one container that runs.
type instance struct {
	sandbox *Sandbox
	id      string
	conn    types.HijackedResponse
	out     *queue // the supervisor's stdout
	facts   frames.Facts
	ended   chan struct{} // closed when nothing is left of it
	err     error         // valid after ended
}

func (i *instance) Read(p []byte) (int, error)  { return i.out.Read(p) }
func (i *instance) Write(p []byte) (int, error) { return i.conn.Conn.Write(p) }
func (i *instance) CloseWrite() error           { return i.conn.CloseWrite() }
func (i *instance) Facts() frames.Facts         { return i.facts }

// Wait blocks until the engine has removed the container. What the supervisor wrote before its end can still be read
// afterwards.
func (i *instance) Wait() error {
	<-i.ended
	return i.err
}

// supervise takes what the container says apart, kills it when ctx ends, and waits until it is removed.
func (i *instance) supervise(ctx context.Context, removed <-chan container.WaitResponse, lost <-chan error) {
	defer close(i.ended)
	stop := context.AfterFunc(ctx, i.kill)
	var stderr lastText
	var copying sync.WaitGroup
	copying.Go(func() {
		_, err := stdcopy.StdCopy(i.out, &stderr, i.conn.Reader)
		i.out.end(err)
	})
	killed := false
	select {
	case response := <-removed:
		i.err = exitError(response)
		killed = response.StatusCode == statusKilled && ctx.Err() != nil
	case err := <-lost:
		i.err = fmt.Errorf("waiting for the container: %w", err)
		i.kill() // in case only the waiting was lost; removing follows by itself
	}
	stop()
	i.out.unbound() // nobody need read any more for the copying to end
	if ctx.Err() != nil {
		i.conn.Close()
	}
	copying.Wait()
	i.conn.Close()
	if killed {
		i.err = context.Cause(ctx)
	} else if text := stderr.String(); i.err != nil && text != "" {
		i.err = fmt.Errorf("%w\n%s", i.err, text)
	}
}

// kill ends the container, which the engine then removes.
func (i *instance) kill() {
	ctx, cancel := context.WithTimeout(context.Background(), stepTimeout)
	defer cancel()
	if err := i.sandbox.engine.ContainerKill(ctx, i.id, "KILL"); err != nil {
		i.sandbox.logger.Debug("killing container", "container", i.id, "cause", err)
	}
}

// statusKilled is the exit status that the engine gives a container that was killed.
const statusKilled = 128 + 9

func exitError(response container.WaitResponse) error {
	switch {
	case response.Error != nil && response.Error.Message != "":
		return fmt.Errorf("waiting for the container: %s", response.Error.Message)
	case response.StatusCode == 0:
		return nil
	case response.StatusCode > 128:
		return fmt.Errorf("supervisor: ended by signal %d", response.StatusCode-128)
	default:
		return fmt.Errorf("supervisor: exit status %d", response.StatusCode)
	}
}

// lastText keeps the end of what is written to it: a panic of the supervisor, which is all that its stderr is for.
type lastText struct{ kept []byte }

const mostText = 8 << 10

func (l *lastText) Write(p []byte) (int, error) {
	l.kept = append(l.kept, p...)
	if len(l.kept) > 2*mostText {
		l.kept = append(l.kept[:0], l.kept[len(l.kept)-mostText:]...)
	}
	return len(p), nil
}

func (l *lastText) String() string { return strings.TrimSpace(string(bytes.ToValidUTF8(l.kept, nil))) }
