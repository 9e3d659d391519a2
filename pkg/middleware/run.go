//go:build linux

package middleware

// One run of one hook of an exec middleware: a process, its pipes, its end.

import (
	"context"
	"errors"
	"os"
	"sync"

	"github.com/serverless/open-runtime/internal/manifest"
	"github.com/serverless/open-runtime/internal/process"
	"github.com/serverless/open-runtime/internal/runtimeapi"
)

// maxOutput is what Lambda takes as a response; nothing that is larger gets anywhere.
const maxOutput = runtimeapi.MaxResponse

var errOwnLimit = errors.New("the middleware's own time limit")

// run starts the program with the hook as its argument, feeds it input, and takes what it printed when it has exited.
func (p *program) run(ctx context.Context, t task, inv *Invocation) (Outcome, *failure) {
	input := t.input
	w, err := wire(t.hook != manifest.HookAfter, len(input))
	if err != nil {
		return Outcome{}, failed("making its pipes: %v", err)
	}
	w.stdin.feed(input)
	errLines := process.NewLog(func(line []byte) { p.options.Log(p.name, line) })
	path, args := p.command(t.hook)
	child, err := process.Start(process.Spec{
		Path: path, Args: args, Env: p.runEnviron(t, inv),
		Stdin: w.theirs[0], Stdout: w.theirs[1], Stderr: w.theirs[2], Extra: w.theirs[3:],
	})
	w.closeTheirs()
	if err != nil {
		w.abandon()
		return Outcome{}, failed("starting it: %v", err)
	}
	w.collect(errLines)
	f := p.await(ctx, child, w.flood, t, inv)
	w.finish()
	errLines.End()
	if f == nil {
		f = verdict(child.Exit(), w)
	}
	if f != nil {
		f.stderr = errLines.Last()
		return Outcome{}, f
	}
	return w.outcome(), nil
}

// await waits for the exit, and brings it about when the time is over or the output has no end.
func (p *program) await(ctx context.Context, child *process.Child, flood <-chan struct{}, t task, inv *Invocation) *failure {
	select {
	case <-child.Exited():
		return nil
	case <-flood:
		child.Kill()
		<-child.Exited()
		return nil // verdict sees the size
	case <-ctx.Done():
	}
	p.look(ctx, child.PID(), t, inv)
	child.Kill()
	<-child.Exited()
	switch {
	case child.Exit().Success(): // it was just done
		return nil
	case errors.Is(context.Cause(ctx), errOwnLimit):
		return failed("timed out after %d ms", p.manifest.TimeoutMs)
	}
	return interrupted(ctx)
}

// verdict says whether a run that ended by itself failed.
func verdict(exit process.Exit, w *wiring) *failure {
	for _, c := range []struct {
		capture *capture
		stream  string
	}{{&w.stdout, "stdout"}, {&w.response, "fd 3"}} {
		switch size := c.capture.length(); {
		case c.capture.flooded():
			return failed("it printed more than %d bytes on %s; %d are allowed", size, c.stream, maxOutput)
		case size > maxOutput && exit.Success():
			return failed("it printed %d bytes on %s; %d are allowed", size, c.stream, maxOutput)
		}
	}
	if !exit.Success() {
		return failed("%v", exit)
	}
	return nil
}

// outcome reads what a successful run gave: fd 3 beats stdout, and empty is unchanged.
func (w *wiring) outcome() Outcome {
	if response := w.response.payload(); len(response) > 0 {
		return Outcome{Payload: response, Respond: true}
	}
	if stdout := w.stdout.payload(); len(stdout) > 0 {
		return Outcome{Payload: stdout}
	}
	return Outcome{Unchanged: true}
}

// wiring is the pipes of one run. The child's ends are descriptors 0, 1, 2 and, where it may answer, 3.
type wiring struct {
	stdin    feeder
	drains   []*process.Drain // stdout, stderr, fd 3
	theirs   []*os.File
	stdout   capture
	response capture
	flood    chan struct{} // closed when a capture gives up
}

// wire makes the pipes for an input of size bytes.
func wire(respond bool, size int) (*wiring, error) {
	w := &wiring{flood: make(chan struct{})}
	w.stdout.expect = min(size, maxOutput) + 1         // as much as came in, and a newline
	gaveUp := sync.OnceFunc(func() { close(w.flood) }) // either may, or both at once
	w.stdout.flood, w.response.flood = gaveUp, gaveUp
	outputs := 2
	if respond {
		outputs = 3
	}
	ours, theirs, err := process.Pipe(process.ToChild, size)
	if err != nil {
		return nil, err
	}
	w.stdin.file = ours
	w.theirs = append(w.theirs, theirs)
	for i := range outputs {
		expect := 0
		if i == 0 {
			expect = size
		}
		ours, theirs, err := process.Pipe(process.FromChild, expect)
		if err != nil {
			w.closeTheirs()
			w.abandon()
			return nil, err
		}
		w.drains = append(w.drains, process.NewDrain(ours))
		w.theirs = append(w.theirs, theirs)
	}
	return w, nil
}

func (w *wiring) closeTheirs() {
	for _, file := range w.theirs {
		_ = file.Close() // nothing was written through it
	}
}

// abandon lets go of a run that never began.
func (w *wiring) abandon() {
	w.stdin.stop()
	for _, d := range w.drains {
		d.Close()
	}
}

// collect begins to read.
func (w *wiring) collect(errLines *process.Log) {
	for i, sink := range []func([]byte){w.stdout.write, errLines.Add, w.response.write}[:len(w.drains)] {
		w.drains[i].Start(sink)
	}
}

// finish ends the run's goroutines: what the pipes hold now is read, and no more.
func (w *wiring) finish() {
	w.stdin.stop()
	for _, d := range w.drains {
		d.Finish()
	}
}
