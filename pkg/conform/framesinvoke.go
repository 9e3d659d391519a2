package conform

// Persistent middlewares: invokes, however they come.

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/serverless/open-runtime/internal/frames"
	"github.com/serverless/open-runtime/internal/manifest"
)

// oddIDs: an id is any text.
func (m *Middleware) oddIDs(t *T) {
	hook := m.anyHook(t)
	c := m.open(t)
	for _, id := range []string{"7", requestID(2), "a b/c", `quote " and \`, "ü🧀", strings.Repeat("x", 300), "0"} {
		m.ask(c, id, hook, m.documents(hook)[0])
	}
	c.finish()
}

func (m *Middleware) once(t *T) {
	c := m.open(t)
	n := 0
	for _, hook := range m.manifest.Hooks {
		for _, document := range m.documents(hook) {
			n++
			m.ask(c, fmt.Sprint(n), hook, document)
		}
	}
	c.finish()
}

func (m *Middleware) many(t *T) {
	hook := m.anyHook(t)
	c := m.open(t)
	for i := range 100 {
		m.ask(c, fmt.Sprint(i), hook, m.documents(hook)[0])
	}
	c.finish()
}

func (m *Middleware) unknownKeyInInvoke(t *T) {
	hook := m.anyHook(t)
	c := m.open(t)
	c.send(withUnknownKeys(m.invoke("1", hook)), m.documents(hook)[0])
	m.judge(c, hook, m.documents(hook)[0], c.take("1")["1"])
	c.finish()
}

// withUnknownKeys is an invoke of a later day.
func withUnknownKeys(inv frames.Invoke) map[string]any {
	var header map[string]any
	line, _ := json.Marshal(inv) // strings and numbers: cannot fail
	_ = json.Unmarshal(line, &header)
	header["later"] = map[string]any{"id": "9", "length": 4, "list": []any{"}", `{"`, nil}}
	header["deadlineMs"] = inv.DeadlineMs // as a whole number
	header["context"].(map[string]any)["later"] = true
	return header
}

func (m *Middleware) large(t *T) {
	hook := m.anyHook(t)
	c := m.open(t)
	document := largeDocument()
	for i := range 2 {
		m.ask(c, fmt.Sprint(i), hook, document)
	}
	c.finish()
}

func (m *Middleware) unicode(t *T) {
	c := m.open(t)
	hook := m.anyHook(t)
	m.ask(c, "1", hook, unicodeEvent)
	m.ask(c, "2", hook, linesEvent)
	c.finish()
}

// frame gives a frame as bytes.
func frame(header any, payload []byte) []byte {
	var data bytes.Buffer
	_ = frames.NewWriter(&data).Write(header, payload) // into memory
	return data.Bytes()
}

func (m *Middleware) bytewise(t *T) {
	hook := m.anyHook(t)
	c := m.open(t)
	document := m.documents(hook)[0]
	c.writeSlowly(frame(m.invoke("1", hook), document))
	m.judge(c, hook, document, c.take("1")["1"])
	c.finish()
}

// joined writes two frames at once: two invokes to one who takes several ids, else an invoke and the shutdown.
func (m *Middleware) joined(t *T) {
	hook := m.anyHook(t)
	c := m.open(t)
	document := m.documents(hook)[0]
	if c.wants(frames.CapabilityMultiplex) {
		c.write(append(frame(m.invoke("1", hook), document), frame(m.invoke("2", hook), document)...))
		for _, a := range c.take("1", "2") {
			m.judge(c, hook, document, a)
		}
		c.finish()
		return
	}
	c.write(append(frame(m.invoke("1", hook), document), frame(frames.Cancel{Type: frames.TypeShutdown}, nil)...))
	m.judge(c, hook, document, c.take("1")["1"])
	c.exits("an invoke and shutdown in one write", true)
	c.nothingMore()
}

// emptyPayload is a response of no bytes, which is any response.
func (m *Middleware) emptyPayload(t *T) {
	hook := m.anyHook(t)
	c := m.open(t)
	if m.manifest.Has(manifest.HookAfter) {
		hook = manifest.HookAfter
	}
	c.send(m.invoke("1", hook), []byte{})
	m.judge(c, hook, nil, c.take("1")["1"])
	m.lives(c, "a payload of length 0")
	c.finish()
}

// noPayload is an after that needs nothing of the response.
func (m *Middleware) noPayload(t *T) {
	m.needHook(t, manifest.HookAfter)
	c := m.open(t)
	inv := m.invoke("1", manifest.HookAfter)
	inv.Response = manifest.ResponseNone
	c.send(inv, nil)
	m.judge(c, manifest.HookAfter, nil, c.take("1")["1"])
	m.lives(c, "an invoke without payload")
	c.finish()
}

func (m *Middleware) onlyFrames(t *T) {
	c := m.open(t)
	n := 0
	for _, hook := range m.manifest.Hooks {
		for _, document := range append(m.documents(hook)[:1:1], unicodeEvent, linesEvent) {
			n++
			m.ask(c, fmt.Sprint(n), hook, document)
		}
	}
	c.finish()
}
