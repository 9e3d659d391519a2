package conform

// A conversation in frames/1 with a program, as its parent.

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/serverless/open-runtime/internal/frames"
	"github.com/serverless/open-runtime/internal/runtimeapi"
)

// A peer is a program that speaks frames/1: frames on its fd 4, answers on its fd 3.
type peer struct {
	t       *T
	program *Program
	process *running
	in, out *os.File // our ends
	w       *frames.Writer

	stdout, stderr *capture
	incoming       chan frames.Frame
	read           chan struct{} // closed when nothing more will come
	cause          error         // why; valid once read is closed
	gate           chan struct{} // closed when what comes after ready may be read
	ready          frames.Ready
	unread         []frames.Frame // what answersSoon has seen
}

// talkOptions say how a peer is started.
type talkOptions struct {
	args, env []string
	dir       string
	hold      bool // nothing after ready is read until release
}

// largestRead is more than anyone may send: what is over the limit is worth a sentence, and not a broken stream.
const largestRead = 4 * runtimeapi.MaxResponse

// talk starts the program with both pipes. It is killed at the end of the case.
func (p *Program) talk(t *T, o talkOptions) *peer {
	var ends [8]*os.File // what the child gets, then what we keep
	for i, toChild := range []bool{false, false, false, true} {
		r, w, err := os.Pipe()
		if err != nil {
			closeFiles(ends[:])
		}
		t.must(err)
		if toChild {
			r, w = w, r
		}
		ends[i], ends[4+i] = w, r // 0 stdout, 1 stderr, 2 answers, 3 frames
	}
	dir := o.dir
	if dir == "" {
		dir = p.Dir
	}
	process, err := startProcess(p.Path, append([]string{p.Path}, o.args...), o.env, dir, []*os.File{nil, ends[0], ends[1], ends[2], ends[3]})
	closeFiles(ends[:4])
	if err != nil {
		closeFiles(ends[4:])
		t.Failf("make it a program that Linux can start", "it can't be started: %v", err)
	}
	c := &peer{
		t: t, program: p, process: process, out: ends[6], in: ends[7], w: frames.NewWriter(ends[7]),
		stdout: newCapture(ends[4]), stderr: newCapture(ends[5]),
		incoming: make(chan frames.Frame, 4096), read: make(chan struct{}), gate: make(chan struct{}),
	}
	if !o.hold {
		close(c.gate)
	}
	t.showLog(c.stderr.String)
	t.showLog(c.stdout.String)
	go c.listen()
	t.cleanup(c.end)
	return c
}

func closeFiles(files []*os.File) {
	for _, file := range files {
		if file != nil {
			file.Close()
		}
	}
}

// listen reads all that comes, whether it is waited for or not.
func (c *peer) listen() {
	defer close(c.read)
	r := frames.NewReader(c.out, largestRead)
	for first := true; ; first = false {
		f, err := r.Read()
		if err != nil {
			c.cause = err
			return
		}
		c.incoming <- f
		if first {
			<-c.gate
		}
	}
}

// release lets what was held be read.
func (c *peer) release() { close(c.gate) }

func (c *peer) end() {
	c.process.kill()
	<-c.process.exited()
	select {
	case <-c.gate:
	default:
		close(c.gate)
	}
	c.out.SetReadDeadline(time.Unix(1, 0))
	<-c.read
	c.stdout.finish(lastWords)
	c.stderr.finish(lastWords)
	c.in.Close()
	c.out.Close()
}

const (
	fixTimely = "answer each frame as it comes; what takes long is cut off at the deadline"
	fixFrames = "write frames to fd 3 and nothing else there: a header of one line of JSON with a type, and exactly length bytes after it; logs go to stderr"
)

// send writes a frame. A child that does not read is told of.
func (c *peer) send(header any, payload []byte) {
	c.in.SetWriteDeadline(time.Now().Add(c.program.Patience))
	if err := c.w.Write(header, payload); err != nil {
		c.unsent(err)
	}
}

// write writes bytes as they are.
func (c *peer) write(data []byte) {
	c.in.SetWriteDeadline(time.Now().Add(c.program.Patience))
	if _, err := c.in.Write(data); err != nil {
		c.unsent(err)
	}
}

// writeSlowly writes each byte when the one before was read, so that no two can be read at once.
func (c *peer) writeSlowly(data []byte) {
	tick := time.NewTicker(100 * time.Microsecond)
	defer tick.Stop()
	last := c.t.after(c.program.Patience)
	for i := range data {
		c.write(data[i : i+1])
		for !isEmpty(c.in) {
			select {
			case <-tick.C:
			case <-c.process.exited():
				return
			case <-last:
				c.unsent(os.ErrDeadlineExceeded)
			}
		}
	}
}

func (c *peer) unsent(err error) {
	if os.IsTimeout(err) {
		c.t.Failf("go on reading fd 4 while answers are written to fd 3: both sides read and write at the same time",
			"it stopped reading fd 4 for %v in the midst of a frame", c.program.Patience)
	}
	c.gone("a frame was written to it")
}

// next waits for the next frame.
func (c *peer) next(waitingFor string) frames.Frame {
	if len(c.unread) > 0 {
		f := c.unread[0]
		c.unread = c.unread[1:]
		return f
	}
	timer := time.NewTimer(c.program.Patience)
	defer timer.Stop()
	select {
	case f := <-c.incoming:
		return f
	default:
	}
	select {
	case f := <-c.incoming:
		return f
	case <-c.read:
		select {
		case f := <-c.incoming:
			return f
		default:
		}
		c.gone(waitingFor + " was waited for")
	case <-c.t.ctx.Done():
		c.t.Skipf("interrupted")
	case <-timer.C:
		c.t.Failf(fixTimely, "it did not answer within %v when %s was waited for", c.program.Patience, waitingFor)
	}
	return frames.Frame{}
}

// gone says why nothing more comes.
func (c *peer) gone(when string) {
	timer := time.NewTimer(c.program.Grace)
	defer timer.Stop()
	select {
	case <-c.read:
		if broken, ok := errors.AsType[*frames.ProtocolError](c.cause); ok {
			c.t.Failf(fixFrames, "when %s it wrote on fd 3 what is no frame: %s", when, strings.TrimPrefix(broken.Error(), "frames/1: "))
		}
	case <-timer.C:
	}
	select {
	case <-c.process.exited():
		status, _, _ := c.process.end()
		if errors.Is(c.cause, io.ErrUnexpectedEOF) {
			c.t.Failf("write as many bytes of payload as length says", "when %s it ended (%s) in the midst of a frame: its payload is shorter than its length", when, status)
		}
		c.t.Failf("see its log; a child lives until shutdown or the end of fd 4", "it ended (%s) when %s", status, when)
	case <-timer.C:
	}
	c.t.Failf("keep fd 3 open, and do not exit, until shutdown", "it closed fd 3 when %s", when)
}

// hello offers what a parent offers to a role; multiplex to a language runtime is for those who have AWS_LAMBDA_MAX_CONCURRENCY.
func (p *Program) hello(role, handler string) frames.Hello {
	h := frames.Hello{
		Type: frames.TypeHello, Versions: []int{frames.Version}, Role: role, MaxPayload: runtimeapi.MaxResponse,
	}
	if role == frames.RoleRuntime {
		h.Handler, h.Capabilities = handler, []string{frames.CapabilityCancel, frames.CapabilityStream}
	} else {
		h.Name, h.Capabilities = p.Name, []string{frames.CapabilityCancel, frames.CapabilityMultiplex}
	}
	return h
}

// greet says hello and wants ready.
func (c *peer) greet(hello frames.Hello) {
	c.send(hello, nil)
	c.takeReady(hello.Capabilities)
}

func (c *peer) takeReady(offered []string) {
	f := c.next("ready")
	if f.Type == frames.TypeError && f.ID == "" {
		c.t.Failf("see what it says; with --task and --handler-prefix a language runtime is told where its handlers are", "it says that it can't start: %s", excerpt(f.Payload))
	}
	if f.Type != frames.TypeReady {
		c.t.Failf("answer hello with ready, or with an error without id", "it answered hello with a frame of type %q", f.Type)
	}
	if err := f.Decode(&c.ready); err != nil {
		c.t.Failf(`answer like {"type":"ready","version":1,"capabilities":[]}`, "its ready can't be read: %v: %s", err, excerpt(f.Header))
	}
	if c.ready.Version != frames.Version {
		c.t.Failf("name a version that was offered: 1", "its ready names version %d, and 1 was offered", c.ready.Version)
	}
	for _, capability := range c.ready.Capabilities {
		if !slices.Contains(offered, capability) {
			c.t.Failf("take of the capabilities in hello those that it wants, and name no other", "it wants the capability %q, which was not offered", capability)
		}
	}
}

// wants says whether it asked for a capability.
func (c *peer) wants(capability string) bool {
	return slices.Contains(c.ready.Capabilities, capability)
}

// finish says shutdown and wants an exit with status 0 in time, and nothing more on fd 3.
func (c *peer) finish() {
	c.send(frames.Cancel{Type: frames.TypeShutdown}, nil)
	c.exits("shutdown", true)
	c.nothingMore()
}

// exits wants the exit within the time of grace.
func (c *peer) exits(after string, success bool) {
	timer := time.NewTimer(c.program.Grace)
	defer timer.Stop()
	select {
	case <-c.process.exited():
	case <-c.t.ctx.Done():
		c.t.Skipf("interrupted")
	case <-timer.C:
		c.t.Failf("finish what is running and exit at shutdown, and at the end of fd 4 likewise; the runtime kills what takes longer",
			"it was still running %v after %s", c.program.Grace, after)
	}
	if status, ok, _ := c.process.end(); success && !ok {
		c.t.Failf("exit with 0 when it was asked to end", "after %s it ended with %s", after, status)
	}
}

// nothingMore wants, after the exit, that nothing came which was not asked for.
func (c *peer) nothingMore() {
	c.out.SetReadDeadline(time.Now().Add(lastWords))
	<-c.read
	select {
	case f := <-c.incoming:
		c.t.Failf("answer each invoke exactly once, and say nothing else", "it sent a %s frame (id %q) that nobody waits for", f.Type, f.ID)
	default:
	}
	if broken, ok := errors.AsType[*frames.ProtocolError](c.cause); ok {
		c.t.Failf(fixFrames, "at its end it wrote on fd 3 what is no frame: %s", strings.TrimPrefix(broken.Error(), "frames/1: "))
	}
	if errors.Is(c.cause, io.ErrUnexpectedEOF) {
		c.t.Failf("write whole frames, each with a newline after its header", "its last frame on fd 3 is not whole")
	}
}

// requestID makes an id that looks like one of Lambda's.
func requestID(n int) string { return fmt.Sprintf("8f5d3c1a-0b6e-4d2f-9a7c-%012d", n) }

// lastingHolders gives the processes that hold pipes now and a moment later: one that is just being born, or dying, is no
// holder.
func lastingHolders(process *running, pipes []*os.File) []int {
	first := process.holders(pipes)
	if len(first) == 0 {
		return nil
	}
	<-time.After(200 * time.Millisecond) // a birth or a death takes no longer
	return slices.DeleteFunc(process.holders(pipes), func(pid int) bool { return !slices.Contains(first, pid) })
}
