package namespace

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/serverless/open-runtime/internal/frames"
	"github.com/serverless/open-runtime/internal/process"
)

// instance is one sandbox that runs.
type instance struct {
	child         *process.Child
	stdin, stdout *os.File
	facts         frames.Facts
	backstop      *backstop     // nil without one; set before limited is closed
	limited       chan struct{} // closed when the memory cgroup is decided
	ended         chan struct{} // closed when nothing is left of it
	err           error         // valid after ended
}

func (i *instance) Write(p []byte) (int, error) { return i.stdin.Write(p) }
func (i *instance) CloseWrite() error           { return i.stdin.Close() }
func (i *instance) Facts() frames.Facts         { return i.facts }

// Read reads what the supervisor writes. After the end there is nothing to come, and nobody else to close it.
func (i *instance) Read(p []byte) (int, error) {
	n, err := i.stdout.Read(p)
	if err != nil {
		i.stdout.Close()
	}
	return n, err
}

// Wait blocks until nothing is left. What the supervisor wrote before its end can still be read afterwards.
func (i *instance) Wait() error {
	<-i.ended
	return i.err
}

// mostText is how much of the supervisor's stderr is kept, in bytes: a panic, which is all that goes there.
const mostText = 8 << 10

// limit sees to it that the sandbox is in its memory cgroup, if there is one, while it is still being set up: the kernel
// takes longer for that than for all of the mounting.
func (i *instance) limit(b *backstop, logger *slog.Logger) {
	defer close(i.limited)
	if b == nil {
		return
	}
	if !b.born {
		if err := b.add(i.child.PID()); err != nil {
			_ = b.remove()
			logger.Debug("no memory cgroup", "cause", err)
			return
		}
	}
	i.backstop, i.facts.MemoryLimit = b, "cgroup"
}

// supervise waits for the end of the supervisor, with which everything in its namespace ends, and cleans up.
func (i *instance) supervise(ctx context.Context, stderr *os.File, stop func() bool) {
	defer close(i.ended)
	text := process.NewTail(mostText)
	_, _ = io.Copy(text, stderr) // up to the end of the last process that holds it
	stderr.Close()
	<-i.child.Exited()
	stop()
	i.stdin.Close()
	<-i.limited
	forMemory := false
	if i.backstop != nil {
		forMemory = i.backstop.killed()
		i.err = removeSoon(i.backstop)
	}
	exit := i.child.Exit()
	switch {
	case exit.Success():
	case exit.Signal == syscall.SIGKILL && ctx.Err() != nil: // whoever cancels after a panic still learns of the panic
		i.err = context.Cause(ctx)
	case exit.Signal == syscall.SIGKILL && forMemory:
		i.err = errors.New("the kernel ended all of it for memory: everything in it, /tmp too, had taken more than the cgroup around it may")
	default:
		i.err = fmt.Errorf("supervisor: %s", strings.TrimSpace(exit.String()+"\n"+text.String()))
	}
}

// removeSoon removes a cgroup whose last process has been reaped; the kernel may need a moment more to notice.
func removeSoon(b *backstop) error {
	again := time.NewTicker(time.Millisecond)
	defer again.Stop()
	var err error
	for range 1000 {
		if err = b.remove(); err == nil {
			return nil
		}
		<-again.C
	}
	return fmt.Errorf("removing memory cgroup: %w", err)
}
