package conform

// The three ways to speak with a language runtime, as one: an event goes in, an answer comes out.

import (
	"time"

	"github.com/serverless/open-runtime/internal/frames"
	"github.com/serverless/open-runtime/internal/manifest"
)

// A turn is one invocation as a case wants it.
type turn struct {
	id       string // also the request ID
	event    []byte
	deadline time.Time
}

// A speaker is a language runtime that has started with a handler. Whatever breaks the contract ends the case.
type speaker interface {
	ask(turn) answer
	// dies hands over an event and wants the process to end of it, without a result; it gives the status.
	dies(turn) string
	finish()
	streams() (stdout, stderr *capture)
}

// speak starts the runtime with a handler and waits until it is ready.
func (r *Runtime) speak(t *T, handler string) speaker {
	switch r.manifest.Protocol {
	case manifest.ProtocolFrames:
		return framesSpeaker{r.open(t, handler)}
	case manifest.ProtocolRuntimeAPI:
		return r.startAPI(t, handler)
	}
	return r.startLines(t, handler)
}

// turnOf makes an ordinary invocation.
func (r *Runtime) turnOf(id string, event []byte) turn {
	return turn{id: id, event: event, deadline: time.Now().Add(r.Patience)}
}

type framesSpeaker struct{ c *peer }

// open starts a runtime with frames/1 and shakes hands.
func (r *Runtime) open(t *T, handler string, more ...string) *peer {
	c := r.startFrames(t, handler, more...)
	c.greet(r.hello(frames.RoleRuntime, handler))
	return c
}

func (r *Runtime) startFrames(t *T, handler string, more ...string) *peer {
	command := r.command(handler)
	p := r.Program
	p.Path = command[0]
	return p.talk(t, talkOptions{args: command[1:], env: r.environAt(handler, more...), dir: r.Task})
}

func invokeOf(turn turn) frames.Invoke {
	return frames.Invoke{
		Type: frames.TypeInvoke, ID: turn.id, DeadlineMs: turn.deadline.UnixMilli(),
		Context: frames.Context{
			RequestID: turn.id, FunctionARN: functionARN, FunctionName: "conform", FunctionVersion: "$LATEST", MemoryMB: 128,
			TraceID: "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1",
		},
	}
}

func (s framesSpeaker) ask(turn turn) answer {
	s.c.send(invokeOf(turn), turn.event)
	a := s.c.take(turn.id)[turn.id]
	s.c.judgeRuntime(a)
	return a
}

// judgeRuntime holds an answer to what a language runtime may say.
func (c *peer) judgeRuntime(a answer) {
	switch {
	case a.failed != nil || a.streamed:
	case a.Unchanged || a.Respond:
		c.t.Failf("leave unchanged and respond to middlewares", "its result says unchanged or respond, which only middlewares do")
	case a.payload == nil:
		c.t.Failf("give a result a length, 0 for a response of no bytes", "its result has no payload")
	}
}

func (s framesSpeaker) dies(turn turn) string {
	s.c.send(invokeOf(turn), turn.event)
	select {
	case <-s.c.process.exited():
	case <-s.c.t.after(s.c.program.Patience):
		s.c.t.Failf("let a handler that ends the process end it", "it was still running %v after a handler ended the process", s.c.program.Patience)
	}
	s.c.out.SetReadDeadline(time.Now().Add(lastWords))
	<-s.c.read
	select {
	case f := <-s.c.incoming:
		if f.Type == frames.TypeResult {
			s.c.t.Failf("answer with nothing, or with an error, when the process ends", "it answered with a result, though its handler ended the process")
		}
	default:
	}
	status, _, _ := s.c.process.end()
	return status
}

func (s framesSpeaker) finish() { s.c.finish() }

func (s framesSpeaker) streams() (stdout, stderr *capture) { return s.c.stdout, s.c.stderr }
