package conform

// Persistent middlewares: the handshake, and what the documents of each hook become.

import (
	"fmt"
	"slices"

	"github.com/serverless/open-runtime/internal/frames"
	"github.com/serverless/open-runtime/internal/manifest"
	"github.com/serverless/open-runtime/internal/runtimeapi"
)

func (m *Middleware) ready(t *T) { m.open(t).finish() }

func (m *Middleware) capabilities(t *T) {
	for _, offered := range [][]string{{}, {frames.CapabilityCancel}, {frames.CapabilityMultiplex, frames.CapabilityCancel, "teleport"}} {
		c := m.talk(t, talkOptions{env: m.persistentEnviron()})
		hello := m.hello(frames.RoleMiddleware, "")
		hello.Capabilities = offered
		c.greet(hello)
		if slices.Contains(c.ready.Capabilities, "teleport") {
			t.Failf("want only capabilities that it knows", "it wants the capability teleport, which nobody knows")
		}
		c.finish()
	}
}

func (m *Middleware) unknownKeyInHello(t *T) {
	shakeWithUnknownKeys(t, &m.Program, frames.RoleMiddleware, "", m.persistentEnviron(), nil)
}

// shakeWithUnknownKeys says a hello of a later day.
func shakeWithUnknownKeys(t *T, p *Program, role, handler string, env, args []string) {
	c := p.talk(t, talkOptions{env: env, args: args, dir: p.Dir})
	hello := p.hello(role, handler)
	c.send(map[string]any{
		"later": map[string]any{"nested": []any{1, "two", nil, map[string]any{"type": "shutdown"}}}, "flag": true, "type": hello.Type,
		"versions": hello.Versions, "role": hello.Role, "name": hello.Name, "handler": hello.Handler,
		"capabilities": hello.Capabilities, "maxPayload": hello.MaxPayload, "zeta": nil,
	}, nil)
	c.takeReady(hello.Capabilities)
	c.finish()
}

func (m *Middleware) versions(t *T) {
	c := m.talk(t, talkOptions{env: m.persistentEnviron()})
	hello := m.hello(frames.RoleMiddleware, "")
	hello.Versions = []int{7, frames.Version}
	c.greet(hello)
	c.finish()
}

func (m *Middleware) versionRefused(t *T) {
	refusesVersion(t, &m.Program, m.hello(frames.RoleMiddleware, ""), talkOptions{env: m.persistentEnviron()})
}

// refusesVersion offers a version of the future alone: an error without id, or an exit, and no ready.
func refusesVersion(t *T, p *Program, hello frames.Hello, o talkOptions) {
	c := p.talk(t, o)
	hello.Versions = []int{99}
	c.send(hello, nil)
	select {
	case f := <-c.incoming:
		switch {
		case f.Type == frames.TypeReady:
			t.Failf("look at versions in hello, and answer with an error without id, or exit, if 1 is not among them", "only version 99 was offered, and it says that it is ready")
		case f.Type != frames.TypeError || f.ID != "":
			t.Failf("answer with an error without id, or exit", "only version 99 was offered, and it answers with a %s frame", f.Type)
		}
		c.exits("an error in place of ready", false)
	case <-c.read:
		c.exits("a hello whose versions it does not know", false)
	case <-t.after(p.Patience):
		t.Failf("answer with an error without id, or exit", "only version 99 was offered, and it did nothing for %v", p.Patience)
	}
}

func (m *Middleware) framesHook(hook string) func(*T) {
	return func(t *T) {
		m.needHook(t, hook)
		c := m.open(t)
		refused := 0
		var last *runtimeapi.Error
		documents := m.documents(hook)
		for i, document := range documents {
			a := m.ask(c, fmt.Sprint(i+1), hook, document)
			if a.failed != nil {
				refused, last = refused+1, a.failed
			}
		}
		if refused == len(documents) && hook != manifest.HookError {
			t.Failf(fmt.Sprintf(`leave %q out of "hooks" in its manifest if it has no such hook, or name a document that it takes: --event FILE, --response FILE`, hook),
				"%s failed on all of %d documents, at last with %s", hook, refused, last.Error())
		}
		c.finish()
	}
}

func (m *Middleware) isErrorDocument(c *peer, a answer) {
	if _, ok := runtimeapi.ParseError(a.payload); !ok {
		c.t.Failf(`answer with {"errorType","errorMessage","stackTrace"}, with unchanged, or with respond and an answer`,
			"error made what is no error document: %s", excerpt(a.payload))
	}
}

// unknownHook asks for a hook of the future. It may be left unchanged too; the process must not die of it.
func (m *Middleware) unknownHook(t *T) {
	c := m.open(t)
	c.send(m.invoke("1", "later"), []byte(`{"name":"Ada"}`))
	if a := c.take("1")["1"]; a.failed == nil && !a.Unchanged {
		t.Failf("answer an invoke of a hook that it does not know with an error", "it answered the hook later, which nobody knows, with a result")
	}
	m.lives(c, "an invoke of a hook that it does not know")
	c.finish()
}

// lives wants an answer to an ordinary invoke, as a proof of life.
func (m *Middleware) lives(c *peer, after string) {
	if len(m.manifest.Hooks) == 0 {
		return
	}
	hook := m.manifest.Hooks[0]
	c.send(m.invoke("alive", hook), m.documents(hook)[0])
	for {
		f := c.next("an answer to the invoke after " + after)
		if f.ID == "alive" && (f.Type == frames.TypeResult || f.Type == frames.TypeError) {
			return
		}
		c.t.Failf("answer each invoke exactly once, with its id as it came", "after %s it sent a %s frame (id %q) that nobody waits for", after, f.Type, f.ID)
	}
}
