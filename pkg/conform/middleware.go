package conform

// A middleware as the kit sees it, the events it is tried on, and the list of its cases.

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/serverless/open-runtime/internal/manifest"
)

const (
	pageMiddleware = "docs/protocol/middleware.md"
	pageFrames     = "docs/protocol/frames.md"
	pageRuntime    = "docs/protocol/language-runtime.md"
)

// A Middleware is one that is judged.
type Middleware struct {
	Program
	Events    [][]byte // what before gets; none: a few of every kind
	Responses [][]byte // what after gets
	manifest  manifest.Middleware
}

// NewMiddleware reads the manifest of a program that Locate found.
func NewMiddleware(p Program) (*Middleware, error) {
	m := &Middleware{Program: p, manifest: manifest.DefaultMiddleware()}
	if p.Manifest != nil {
		var err error
		if m.manifest, _, err = manifest.ParseMiddleware(p.Manifest); err != nil {
			return nil, fmt.Errorf("reading the manifest of %s: %w", p.Name, err)
		}
	}
	if m.manifest.Protocol == manifest.ProtocolWasm {
		return nil, fmt.Errorf("%s is WebAssembly: its host is the program to put through the kit", p.Name)
	}
	return m, nil
}

// Cases are those of the protocol that the manifest names.
func (m *Middleware) Cases() []Case {
	if m.manifest.Protocol == manifest.ProtocolFrames {
		return m.framesCases()
	}
	return m.execCases()
}

// MiddlewareCases are those of every protocol, to be listed.
func MiddlewareCases() []Case {
	m := &Middleware{}
	return slices.Concat(m.execCases(), m.framesCases())
}

// Default documents. What a middleware makes of them is its business; that it ends, and how, is the contract's.
var (
	defaultEvents = [][]byte{
		[]byte(`{"name":"Ada"}`),
		[]byte(`{"version":"2.0","rawPath":"/orders/7","headers":{"content-type":"application/json","authorization":"Bearer none"},"requestContext":{"http":{"method":"POST","path":"/orders/7"}},"body":"{\"n\":1}","isBase64Encoded":false}`),
		[]byte(`{"Records":[{"eventSource":"aws:sqs","messageId":"1","body":"hello","attributes":{}}]}`),
		[]byte(`{}`), []byte(`[]`), []byte(`"text"`), []byte(`42`), []byte(`null`),
	}
	defaultResponses = [][]byte{
		[]byte(`{"statusCode":200,"headers":{"content-type":"application/json"},"body":"{\"ok\":true}"}`),
		[]byte(`{"ok":true}`), []byte(`null`), []byte(`[1,2]`), []byte("plain text, no JSON"), {},
	}
	defaultErrors = [][]byte{[]byte(`{"errorType":"Function.Failed","errorMessage":"no such order","stackTrace":["at orders:7"]}`)}
)

// documents are what a hook is tried on.
func (m *Middleware) documents(hook string) [][]byte {
	switch {
	case hook == manifest.HookError:
		return defaultErrors
	case hook == manifest.HookAfter && len(m.Responses) > 0:
		return m.Responses
	case hook == manifest.HookAfter:
		return defaultResponses
	case len(m.Events) > 0:
		return m.Events
	}
	return defaultEvents
}

// limit is how long one run may take.
func (m *Middleware) limit() time.Duration {
	if m.manifest.TimeoutMs > 0 {
		return time.Duration(m.manifest.TimeoutMs) * time.Millisecond
	}
	return m.Patience
}

// limitName says where the limit comes from.
func (m *Middleware) limitName() string {
	if m.manifest.TimeoutMs > 0 {
		return fmt.Sprintf("its timeoutMs of %d ms", m.manifest.TimeoutMs)
	}
	return fmt.Sprintf("%v", m.Patience)
}

// needHook skips a case about a hook that the manifest does not list.
func (m *Middleware) needHook(t *T, hook string) {
	if !m.manifest.Has(hook) {
		t.Skipf("its manifest does not list the hook %s", hook)
	}
}

// anyHook is the hook that cases use that are about none in particular.
func (m *Middleware) anyHook(t *T) string {
	if len(m.manifest.Hooks) == 0 {
		t.Skipf("its manifest lists no hook")
	}
	return m.manifest.Hooks[0]
}

// Documents that most programs are not written for.
var unicodeEvent = []byte("{\"k\":\"h\u00e9llo \U0001f9c0 \u65e5\u672c \\u2028 \\ud83e\\uddc0 \\u0000 \\\\ \\\" \\/ %s $HOME `x` 'y'\",\"\u043a\u043b\u044e\u0447\":{\"a\":[1.50,-0,1e3]}}")

var linesEvent = []byte("\n{\n\t\"name\": \"Ada\",\r\n\t\"list\": [\n1,\n2]\n}\n\n")

// largeDocument is JSON of nearly 6 MB, the largest event that Lambda takes: room is left for what a middleware adds.
func largeDocument() []byte { return padded(6*1024*1024 - 64*1024) }

// padded is a document of about size bytes.
func padded(size int) []byte {
	const piece = `{ x\n\"`
	return []byte(`{"name":"Ada","pad":"` + strings.Repeat(piece, size/len(piece)) + `"}`)
}
