package conform

// Persistent middlewares: several at once, cancel, descriptors, and the end.

import (
	"bytes"
	"fmt"
	"os"

	"github.com/serverless/open-runtime/internal/frames"
)

// descriptors looks who else has the pipes, while the middleware lives and after its end.
func (m *Middleware) descriptors(t *T) {
	c := m.open(t)
	n := 0
	for _, hook := range m.manifest.Hooks {
		n++
		m.ask(c, fmt.Sprint(n), hook, m.documents(hook)[0])
	}
	c.notHeld()
	c.finish()
	c.notHeld()
}

// notHeld wants that no other process has the pipes open.
func (c *peer) notHeld() {
	for _, pid := range lastingHolders(c.process, []*os.File{c.in, c.out}) {
		command := commandOf(pid)
		c.t.cleanup(func() { killProcess(pid) })
		c.t.Failf("mark fd 3 and fd 4 close-on-exec at once at the start (FD_CLOEXEC; in a shell, `3>&- 4<&-` for each child)",
			"a process that it started, %d (%s), holds its fd 3 or fd 4", pid, command)
	}
}

func (m *Middleware) strayCancel(t *T) {
	hook := m.anyHook(t)
	c := m.open(t)
	needCapability(c, frames.CapabilityCancel)
	m.ask(c, "1", hook, m.documents(hook)[0])
	for _, id := range []string{"1", "never"} {
		c.send(frames.Cancel{Type: frames.TypeCancel, ID: id}, nil)
	}
	m.lives(c, "a cancel of an id that is not pending")
	c.finish()
}

func needCapability(c *peer, capability string) {
	if !c.wants(capability) {
		c.t.Skipf("it does not want the capability %s", capability)
	}
}

func (m *Middleware) pendingCancel(t *T) {
	hook := m.anyHook(t)
	c := m.open(t)
	needCapability(c, frames.CapabilityCancel)
	document := largeDocument() // so that there is a little to cancel
	c.send(m.invoke("1", hook), document)
	c.send(frames.Cancel{Type: frames.TypeCancel, ID: "1"}, nil)
	m.judge(c, hook, document, c.take("1")["1"])
	m.lives(c, "a cancel of an id that is pending")
	c.finish()
}

func (m *Middleware) multiplex(t *T) {
	hook := m.anyHook(t)
	c := m.open(t)
	needCapability(c, frames.CapabilityMultiplex)
	var ids []string
	documents := m.documents(hook)
	sent := map[string][]byte{}
	for i := range 16 {
		id := fmt.Sprint("m", i)
		ids, sent[id] = append(ids, id), documents[i%len(documents)]
		c.send(m.invoke(id, hook), sent[id])
	}
	for id, a := range c.take(ids...) {
		m.judge(c, hook, sent[id], a)
	}
	c.finish()
}

// multiplexLarge reads nothing until all is sent: who writes an answer must go on reading.
func (m *Middleware) multiplexLarge(t *T) {
	hook := m.anyHook(t)
	c := m.talk(t, talkOptions{env: m.persistentEnviron(), hold: true})
	c.greet(m.hello(frames.RoleMiddleware, ""))
	needCapability(c, frames.CapabilityMultiplex)
	document := largeDocument()
	ids := []string{"1", "2", "3"}
	for _, id := range ids {
		c.send(m.invoke(id, hook), document)
	}
	c.release()
	for _, a := range c.take(ids...) {
		m.judge(c, hook, document, a)
	}
	c.finish()
}

func (m *Middleware) dumpSignal(t *T) {
	c := m.open(t)
	c.dumps()
	m.lives(c, "its dumpSignal")
	c.finish()
	c.noSecrets()
}

// dumps sends the signal that ready named, and wants stacks on stderr.
func (c *peer) dumps() {
	name := c.ready.DumpSignal
	if name == "" {
		c.t.Skipf("its ready names no dumpSignal")
	}
	before := len(c.stderr.bytes())
	if err := c.process.signal(name); err != nil {
		c.t.Failf("name a signal such as SIGUSR2 or SIGQUIT, and handle it", "its dumpSignal can't be sent: %v", err)
	}
	if !c.stderr.await(c.program.Patience, func(data []byte) bool { return len(data) > before }) {
		<-c.t.either(c.process.exited(), lastWords)
		select {
		case <-c.process.exited():
			c.t.Failf("handle the signal: write the stacks to stderr and go on", "%s ended it", name)
		default:
		}
		c.t.Failf("write the stacks of all threads to stderr at once", "%v after %s nothing was on its stderr", c.program.Patience, name)
	}
}

// noSecrets: a dump goes to a log that many may read.
func (c *peer) noSecrets() {
	c.stderr.settle(lastWords)
	if bytes.Contains(c.stderr.bytes(), []byte("AWS_SECRET_ACCESS_KEY")) {
		c.t.Failf("write stacks, and no environment", "its dump has the environment in it, with its secrets")
	}
}

func (m *Middleware) unknownType(t *T) {
	c := m.open(t)
	c.refuses(map[string]any{"type": "weather", "id": "1"})
}

// refuses wants that a frame of an unknown type is no small matter: an exit with another status than 0, or an error.
func (c *peer) refuses(header any) {
	const fix = "say on stderr that the type is not known and exit with a status other than 0: from there on the two sides disagree"
	c.send(header, nil)
	select {
	case f := <-c.incoming:
		if f.Type != frames.TypeError {
			c.t.Failf(fix, "it answered a frame of the type weather, which nobody knows, with a %s frame", f.Type)
		}
	case <-c.read:
		c.exits("a frame of a type that nobody knows", false)
		if _, ok, _ := c.process.end(); ok {
			c.t.Failf(fix, "it exited with 0 after a frame of the type weather, which nobody knows")
		}
	case <-c.t.after(c.program.Grace):
		c.t.Failf(fix, "it took a frame of the type weather, which nobody knows, and said nothing for %v", c.program.Grace)
	}
}

func (m *Middleware) shutdown(t *T) {
	hook := m.anyHook(t)
	c := m.open(t)
	m.ask(c, "1", hook, m.documents(hook)[0])
	c.finish()
}

func (m *Middleware) shutdownFinishes(t *T) {
	hook := m.anyHook(t)
	c := m.open(t)
	document := m.documents(hook)[0]
	c.send(m.invoke("1", hook), document)
	c.send(frames.Cancel{Type: frames.TypeShutdown}, nil)
	m.judge(c, hook, document, c.take("1")["1"])
	c.exits("shutdown", true)
	c.nothingMore()
}

func (m *Middleware) eof(t *T) {
	hook := m.anyHook(t)
	c := m.open(t)
	m.ask(c, "1", hook, m.documents(hook)[0])
	c.in.Close()
	c.exits("the end of fd 4", true)
	c.nothingMore()
}

// framesBare: without variables it may refuse to start, if it says why.
func (m *Middleware) framesBare(t *T) {
	c := m.talk(t, talkOptions{env: m.bareEnviron("SOR_MIDDLEWARE=" + m.Name)})
	hello := m.hello(frames.RoleMiddleware, "")
	c.send(hello, nil)
	select {
	case f := <-c.incoming:
		if f.Type == frames.TypeError && f.ID == "" {
			if c.decode(f); f.Payload == nil {
				t.Failf("say which variable is missing", "its error in place of ready has no document")
			}
			return
		}
		if f.Type != frames.TypeReady {
			t.Failf("answer hello with ready, or with an error without id", "it answered hello with a frame of type %q", f.Type)
		}
		m.lives(c, "a start without the function's variables and credentials")
	case <-c.read:
		<-t.after(lastWords)
		if len(bytes.TrimSpace(c.stderr.bytes())) == 0 {
			t.Failf("say on stderr which variable is missing, or better, in an error without id", "without the function's variables and credentials it ended, and said nothing on stderr")
		}
	case <-t.after(m.Patience):
		t.Failf("answer hello with ready, or with an error without id", "without the function's variables and credentials it did not answer hello within %v", m.Patience)
	}
}

// execToo compares both ways to be started, and bytes only where they do not change from run to run anyway.
func (m *Middleware) execToo(t *T) {
	hook := m.anyHook(t)
	first := m.exec(t, hook, m.documents(hook)[0], execOptions{})
	if !first.success {
		t.Skipf("it is no exec middleware too: with %s as its argument it ended with %s", hook, first.status)
	}
	second := m.exec(t, hook, m.documents(hook)[0], execOptions{})
	steady := bytes.Equal(first.stdout, second.stdout) && bytes.Equal(first.response, second.response)
	const fix = "do the same in both, or refuse to be started with a hook as argument"
	for _, hook := range m.manifest.Hooks {
		document := m.documents(hook)[0]
		run := m.exec(t, hook, document, execOptions{})
		m.ended(t, run, excerpt(document))
		kind, made := run.effect(document)
		kindOfFrames, madeOfFrames := m.ask(m.open(t), "1", hook, document).effect(document)
		if kind != kindOfFrames {
			t.Failf(fix, "%s on the same document is in exec mode: %s, and in frames/1: %s", hook, kind, kindOfFrames)
		}
		if steady && kind != failure && !bytes.Equal(made, trimNewline(madeOfFrames)) && !sameJSON(made, madeOfFrames) {
			t.Failf(fix, "%s on the same document makes in exec mode %s, and in frames/1 %s", hook, excerpt(made), excerpt(madeOfFrames))
		}
	}
}

// What a hook did to an invocation.
const (
	failure  = "a failure"
	early    = "an early response"
	passedOn = "passed on"
)

func (r execRun) effect(document []byte) (kind string, made []byte) {
	switch {
	case !r.success:
		return failure, nil
	case len(r.response) > 0:
		return early, r.response
	case len(r.stdout) > 0:
		return passedOn, r.stdout
	}
	return passedOn, document
}

func (a answer) effect(document []byte) (kind string, made []byte) {
	switch {
	case a.failed != nil:
		return failure, nil
	case a.Respond:
		return early, a.payload
	case a.Unchanged:
		return passedOn, document
	}
	return passedOn, a.payload
}
