package conform

// Language runtimes with frames/1: what the wire asks for.

import (
	"fmt"
	"strings"

	"github.com/serverless/open-runtime/internal/frames"
)

func (r *Runtime) framesCases() []Case {
	return []Case{
		{"frames.handshake.ready", "hello is answered with ready", pageFrames, r.framesReady},
		{"frames.handshake.capabilities", "ready names of the capabilities offered those that the child wants", pageFrames, r.framesCapabilities},
		{"frames.handshake.unknown-key", "unknown keys are ignored", pageFrames, r.framesUnknownKeyInHello},
		{"frames.handshake.versions", "hello lists versions, and ready names one of them", pageFrames, r.framesVersions},
		{"frames.handshake.version-refused", "ready names a version that was offered", pageFrames, r.framesVersionRefused},
		{"frames.handshake.missing-handler", "error without id, in place of ready: it can't start", pageFrames, r.framesMissing},
		{"frames.invoke.id", "every answer carries the id", pageFrames, r.framesIDs},
		{"frames.invoke.once", "every invoke is answered once", pageFrames, r.framesOnce},
		{"frames.invoke.unknown-key", "unknown keys are ignored", pageFrames, r.framesUnknownKey},
		{"frames.invoke.bytewise", "a frame is what its header says, however the pipe cuts it", pageFrames, r.framesBytewise},
		{"frames.invoke.joined", "a frame ends where its length says, and the next may follow at once", pageFrames, r.framesJoined},
		{"frames.output.only-frames", "what is printed is a log, and fd 3 has frames and nothing else", pageRuntime, r.framesOnlyFrames},
		{"frames.descriptors", "the child marks fd 3 and fd 4 close-on-exec before it loads anyone's code", pageFrames, r.framesDescriptors},
		{"frames.cancel.stray", "cancel is for an id, and one that is not pending needs no answer", pageFrames, r.framesStrayCancel},
		{"frames.cancel.pending", "a child that is cancelled answers the id once", pageFrames, r.framesPendingCancel},
		{"frames.multiplex", "multiplex is several ids at once", pageFrames, r.framesMultiplex},
		{"frames.dump-signal", "dumpSignal makes the child write its stacks to stderr, a busy one too", pageFrames, r.framesDumpSignal},
		{"frames.stream", "chunk, chunk, end; the first may carry contentType and prelude", pageFrames, r.framesStream},
		{"frames.stream.error", "error after a chunk is an error in mid-stream", pageFrames, r.framesStreamError},
		{"frames.unknown-type", "unknown types are refused", pageFrames, r.framesUnknownType},
		{"frames.shutdown", "shutdown: finish and exit", pageFrames, r.framesShutdown},
		{"frames.shutdown.finishes", "shutdown: what is running is finished first", pageFrames, r.framesShutdownFinishes},
		{"frames.eof", "the end of fd 4 means shutdown", pageFrames, r.framesEOF},
	}
}

var ada = []byte(`{"name":"Ada"}`)

func (r *Runtime) framesReady(t *T) { r.open(t, r.any()).finish() }

func (r *Runtime) framesCapabilities(t *T) {
	for _, offered := range [][]string{{}, {frames.CapabilityCancel}, {frames.CapabilityStream, "teleport"}} {
		c := r.startFrames(t, r.any())
		hello := r.hello(frames.RoleRuntime, r.any())
		hello.Capabilities = offered
		c.greet(hello)
		if c.wants("teleport") {
			t.Failf("want only capabilities that it knows", "it wants the capability teleport, which nobody knows")
		}
		c.finish()
	}
}

func (r *Runtime) framesUnknownKeyInHello(t *T) {
	command := r.command(r.any())
	p := r.Program
	p.Path = command[0]
	shakeWithUnknownKeys(t, &p, frames.RoleRuntime, r.any(), r.environAt(r.any()), command[1:])
}

func (r *Runtime) framesVersions(t *T) {
	c := r.startFrames(t, r.any())
	hello := r.hello(frames.RoleRuntime, r.any())
	hello.Versions = []int{7, frames.Version}
	c.greet(hello)
	c.finish()
}

func (r *Runtime) framesVersionRefused(t *T) {
	command := r.command(r.any())
	p := r.Program
	p.Path = command[0]
	refusesVersion(t, &p, r.hello(frames.RoleRuntime, r.any()), talkOptions{args: command[1:], env: r.environAt(r.any()), dir: r.Task})
}

// framesMissing: what can't start says why, in a document, and goes.
func (r *Runtime) framesMissing(t *T) {
	name := missing(r.any())
	c := r.startFrames(t, name)
	c.send(r.hello(frames.RoleRuntime, name), nil)
	const fix = "load the handler before ready; when that fails, answer hello with an error without id, and exit"
	f := c.next("an error in place of ready")
	switch {
	case f.Type == frames.TypeReady:
		t.Failf(fix, "its handler %s is not there, and it says that it is ready", name)
	case f.Type != frames.TypeError || f.ID != "":
		t.Failf(fix, "its handler %s is not there, and it answers hello with a %s frame (id %q)", name, f.Type, f.ID)
	}
	isTold(t, c.decode(f).failed)
	c.exits("an error in place of ready", false)
	c.nothingMore()
}

// framesAsk wants any answer of the kind that its handler may give.
func (r *Runtime) framesAsk(c *peer, id string) answer {
	return framesSpeaker{c}.ask(r.turnOf(id, ada))
}

func (r *Runtime) framesIDs(t *T) {
	c := r.open(t, r.any())
	for _, id := range []string{"7", requestID(2), "a b/c", "A-Z_0.9:x", strings.Repeat("x", 300), "0"} {
		r.framesAsk(c, id)
	}
	c.finish()
}

func (r *Runtime) framesOnce(t *T) {
	c := r.open(t, r.any())
	for i := range 10 {
		r.framesAsk(c, fmt.Sprint(i))
	}
	c.finish()
}

func (r *Runtime) framesUnknownKey(t *T) {
	c := r.open(t, r.any())
	c.send(withUnknownKeys(invokeOf(r.turnOf("1", nil))), ada)
	c.judgeRuntime(c.take("1")["1"])
	c.finish()
}

func (r *Runtime) framesBytewise(t *T) {
	c := r.open(t, r.any())
	c.writeSlowly(frame(invokeOf(r.turnOf("1", nil)), ada))
	c.judgeRuntime(c.take("1")["1"])
	c.finish()
}

func (r *Runtime) framesJoined(t *T) {
	c := r.open(t, r.any())
	c.write(append(frame(invokeOf(r.turnOf("1", nil)), ada), frame(frames.Cancel{Type: frames.TypeShutdown}, nil)...))
	c.judgeRuntime(c.take("1")["1"])
	c.exits("an invoke and shutdown in one write", true)
	c.nothingMore()
}

func (r *Runtime) framesOnlyFrames(t *T) {
	c := r.open(t, r.named(t, "print"))
	for i := range 3 {
		framesSpeaker{c}.ask(r.turnOf(fmt.Sprint(i), []byte(`{"text":"{\"type\":\"result\",\"id\":\"0\",\"length\":2}"}`)))
	}
	c.finish()
}

func (r *Runtime) framesDescriptors(t *T) {
	c := r.open(t, r.any())
	r.framesAsk(c, "1")
	c.notHeld()
	c.finish()
	c.notHeld()
}

func (r *Runtime) framesStrayCancel(t *T) {
	c := r.open(t, r.any())
	needCapability(c, frames.CapabilityCancel)
	r.framesAsk(c, "1")
	for _, id := range []string{"1", "never"} {
		c.send(frames.Cancel{Type: frames.TypeCancel, ID: id}, nil)
	}
	r.framesAsk(c, "2")
	c.finish()
}

func (r *Runtime) framesPendingCancel(t *T) {
	c := r.open(t, r.named(t, "sleep"))
	needCapability(c, frames.CapabilityCancel)
	c.send(invokeOf(r.turnOf("1", nil)), []byte(`{"ms":600000}`))
	c.send(frames.Cancel{Type: frames.TypeCancel, ID: "1"}, nil)
	if !c.answersSoon() {
		t.Skipf("its handler was not stopped: a parent kills it then, and starts it again")
	}
	c.take("1")
	framesSpeaker{c}.ask(r.turnOf("2", []byte(`{"ms":0}`)))
	c.finish()
}

// answersSoon waits for a frame for the time of grace, and leaves it to be taken.
func (c *peer) answersSoon() bool {
	select {
	case f := <-c.incoming:
		c.unread = append(c.unread, f)
	case <-c.read: // what ended it is told by who takes
	case <-c.t.after(c.program.Grace):
		return false
	}
	return true
}

func (r *Runtime) framesMultiplex(t *T) {
	handler := r.named(t, "echo")
	c := r.startFrames(t, handler, "AWS_LAMBDA_MAX_CONCURRENCY=8")
	hello := r.hello(frames.RoleRuntime, handler)
	hello.Capabilities = append(hello.Capabilities, frames.CapabilityMultiplex)
	c.greet(hello)
	needCapability(c, frames.CapabilityMultiplex)
	var ids []string
	for i := range 8 {
		id := fmt.Sprint("m", i)
		ids = append(ids, id)
		c.send(invokeOf(r.turnOf(id, nil)), []byte(`{"id":"`+id+`"}`))
	}
	for id, a := range c.take(ids...) {
		isEcho(t, a, []byte(`{"id":"`+id+`"}`), "one of 8 events at once")
	}
	c.finish()
}

// framesDumpSignal wants the stacks of one that is at work, and that it goes on.
func (r *Runtime) framesDumpSignal(t *T) {
	c := r.open(t, r.named(t, "sleep"))
	c.send(invokeOf(r.turnOf("1", nil)), []byte(`{"ms":1000}`))
	c.dumps()
	if a := c.take("1")["1"]; a.failed != nil {
		t.Failf("write the stacks and go on", "after its dumpSignal the invocation failed: %s", a.failed.Error())
	}
	c.finish()
	c.noSecrets()
}

const manyChunks = `{"chunks":["one ","two ","","thr\u00ebe \ud83e\uddc0"]`

func (r *Runtime) framesStream(t *T) {
	a, c := r.stream(t, manyChunks+`}`)
	if a.failed != nil {
		t.Failf("end a stream with end", "the stream ended with an error: %s", a.failed.Error())
	}
	if got := joinChunks(a.chunks); got != "one two thr\u00ebe \U0001f9c0" {
		t.Failf("send each text of chunks, in order and nothing else", "the stream is %s", excerpt([]byte(got)))
	}
	framesSpeaker{c}.ask(r.turnOf("2", []byte(`{"chunks":[]}`))) // which is a stream too, of nothing
	c.finish()
}

func (r *Runtime) framesStreamError(t *T) {
	a, c := r.stream(t, manyChunks+`,"fail":true}`)
	if a.failed == nil {
		t.Failf("answer with an error frame when a handler fails after its first chunk", "the handler failed in mid-stream, and the stream has an end")
	}
	isTold(t, a.failed)
	framesSpeaker{c}.ask(r.turnOf("2", []byte(manyChunks+`}`)))
	c.finish()
}

// stream asks for one, of a runtime that speaks streams.
func (r *Runtime) stream(t *T, event string) (answer, *peer) {
	handler := r.named(t, "stream")
	probe := r.open(t, r.any())
	needCapability(probe, frames.CapabilityStream)
	probe.finish()
	c := r.open(t, handler)
	a := framesSpeaker{c}.ask(r.turnOf("1", []byte(event)))
	if !a.streamed {
		t.Failf("send chunk frames as the handler writes, and end", "the handler streams, and the answer came whole")
	}
	return a, c
}

func joinChunks(chunks [][]byte) string {
	var text strings.Builder
	for _, chunk := range chunks {
		text.Write(chunk)
	}
	return text.String()
}

func (r *Runtime) framesUnknownType(t *T) {
	r.open(t, r.any()).refuses(map[string]any{"type": "weather", "id": "1"})
}

func (r *Runtime) framesShutdown(t *T) {
	c := r.open(t, r.any())
	r.framesAsk(c, "1")
	c.finish()
}

func (r *Runtime) framesShutdownFinishes(t *T) {
	c := r.open(t, r.named(t, "sleep"))
	c.send(invokeOf(r.turnOf("1", nil)), []byte(`{"ms":100}`))
	c.send(frames.Cancel{Type: frames.TypeShutdown}, nil)
	c.judgeRuntime(c.take("1")["1"])
	c.exits("shutdown", true)
	c.nothingMore()
}

func (r *Runtime) framesEOF(t *T) {
	c := r.open(t, r.any())
	r.framesAsk(c, "1")
	c.in.Close()
	c.exits("the end of fd 4", true)
	c.nothingMore()
}
