package conform

// The list of the cases of persistent middlewares, and what they have in common.

import (
	"time"

	"github.com/serverless/open-runtime/internal/frames"
	"github.com/serverless/open-runtime/internal/jsontext"
	"github.com/serverless/open-runtime/internal/manifest"
)

func (m *Middleware) framesCases() []Case {
	return []Case{
		{"frames.handshake.ready", "hello is answered with ready", pageFrames, m.ready},
		{"frames.handshake.capabilities", "ready names of the capabilities offered those that the child wants", pageFrames, m.capabilities},
		{"frames.handshake.unknown-key", "unknown keys are ignored", pageFrames, m.unknownKeyInHello},
		{"frames.handshake.versions", "hello lists versions, and ready names one of them", pageFrames, m.versions},
		{"frames.handshake.version-refused", "ready names a version that was offered", pageFrames, m.versionRefused},
		{"frames.hook.before", "each invoke is answered: result, unchanged, an early response, or error", pageFrames, m.framesHook(manifest.HookBefore)},
		{"frames.hook.after", "each invoke is answered: result, unchanged, or error", pageFrames, m.framesHook(manifest.HookAfter)},
		{"frames.hook.error", "each invoke is answered: result, unchanged, an answer that handles it, or error", pageFrames, m.framesHook(manifest.HookError)},
		{"frames.hook.unknown", "what is not known of an invoke is an error of this invoke", pageFrames, m.unknownHook},
		{"frames.invoke.id", "every answer carries the id", pageFrames, m.oddIDs},
		{"frames.invoke.once", "every invoke is answered once", pageFrames, m.once},
		{"frames.invoke.many", "the middleware is started once and answers one invoke after the other", pageFrames, m.many},
		{"frames.invoke.unknown-key", "unknown keys are ignored", pageFrames, m.unknownKeyInInvoke},
		{"frames.invoke.large", "both sides read and write at the same time, so nothing deadlocks at any size", pageFrames, m.large},
		{"frames.invoke.unicode", "a payload is bytes, and its length counts bytes", pageFrames, m.unicode},
		{"frames.invoke.bytewise", "a frame is what its header says, however the pipe cuts it", pageFrames, m.bytewise},
		{"frames.invoke.joined", "a frame ends where its length says, and the next may follow at once", pageFrames, m.joined},
		{"frames.payload.empty", "a length of 0 is a payload of no bytes", pageFrames, m.emptyPayload},
		{"frames.payload.none", "a header without length has no payload", pageFrames, m.noPayload},
		{"frames.output.only-frames", "what is printed is a log, and fd 3 has frames and nothing else", pageFrames, m.onlyFrames},
		{"frames.descriptors", "the child marks fd 3 and fd 4 close-on-exec before it loads anyone's code", pageFrames, m.descriptors},
		{"frames.cancel.stray", "cancel is for an id, and one that is not pending needs no answer", pageFrames, m.strayCancel},
		{"frames.cancel.pending", "a child that is cancelled answers the id once", pageFrames, m.pendingCancel},
		{"frames.multiplex", "multiplex is several ids at once", pageFrames, m.multiplex},
		{"frames.multiplex.large", "both sides read and write at the same time, so nothing deadlocks at any size", pageFrames, m.multiplexLarge},
		{"frames.dump-signal", "dumpSignal makes the child write its stacks to stderr", pageFrames, m.dumpSignal},
		{"frames.unknown-type", "unknown types are refused", pageFrames, m.unknownType},
		{"frames.shutdown", "shutdown: finish and exit", pageFrames, m.shutdown},
		{"frames.shutdown.finishes", "shutdown: what is running is finished first", pageFrames, m.shutdownFinishes},
		{"frames.eof", "the end of fd 4 means shutdown", pageFrames, m.eof},
		{"frames.environment.bare", "env and credentials in a manifest take variables away", pageMiddleware + "#environment", m.framesBare},
		{"frames.exec-too", "a program that is an exec middleware too does the same in both", pageMiddleware, m.execToo},
	}
}

// open starts the middleware and shakes hands. none offers no capability.
func (m *Middleware) open(t *T) *peer {
	c := m.talk(t, talkOptions{env: m.persistentEnviron()})
	c.greet(m.hello(frames.RoleMiddleware, ""))
	return c
}

func (m *Middleware) persistentEnviron() []string { return m.environ("SOR_MIDDLEWARE=" + m.Name) }

// invoke makes the header of an invoke.
func (m *Middleware) invoke(id, hook string) frames.Invoke {
	inv := frames.Invoke{
		Type: frames.TypeInvoke, ID: id, Hook: hook, DeadlineMs: time.Now().Add(m.limit()).UnixMilli(),
		Context: frames.Context{
			RequestID: requestID(1), FunctionARN: functionARN, FunctionName: "conform", FunctionVersion: "$LATEST", MemoryMB: 128,
			TraceID: "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1",
		},
	}
	if hook == manifest.HookAfter {
		inv.Response = manifest.ResponseBuffer
	}
	return inv
}

// ask sends an invoke and takes its answer.
func (m *Middleware) ask(c *peer, id, hook string, document []byte) answer {
	if document == nil {
		document = []byte{}
	}
	c.send(m.invoke(id, hook), document)
	a := c.take(id)[id]
	m.judge(c, hook, document, a)
	return a
}

// judge holds an answer to what the hook may say.
func (m *Middleware) judge(c *peer, hook string, document []byte, a answer) {
	t := c.t
	switch {
	case a.failed != nil || a.streamed:
		if a.streamed {
			t.Failf("answer with one result", "it streamed its answer to %s; a middleware answers whole", hook)
		}
	case a.Unchanged && a.payload != nil:
		t.Failf("leave unchanged out when there is a payload, and length when there is none", "its result says unchanged and has a payload of %d bytes", len(a.payload))
	case a.Unchanged && a.Respond:
		t.Failf("respond is for an early response, which is the payload", "its result says unchanged and respond at once")
	case a.Unchanged:
	case a.payload == nil:
		t.Failf(`give a result a payload (length, 0 for none of its bytes), or "unchanged":true`, "its result of %s has no payload and does not say unchanged", hook)
	case a.Respond && hook == manifest.HookAfter:
		t.Failf("give after's response as the payload alone", "its result of after says respond, which only before and error may")
	case hook == manifest.HookBefore && !a.Respond:
		if problem := jsontext.Check(a.payload); problem != nil && string(a.payload) != string(document) {
			t.Failf("answer before with the whole event as one JSON text, or with unchanged", "before made what is no JSON, of the event %s: %v", excerpt(document), problem)
		}
	case hook == manifest.HookError && !a.Respond:
		m.isErrorDocument(c, a)
	}
}
