package conform

// The cases of exec middlewares.

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/serverless/open-runtime/internal/jsontext"
	"github.com/serverless/open-runtime/internal/manifest"
	"github.com/serverless/open-runtime/internal/runtimeapi"
)

func (m *Middleware) execCases() []Case {
	return []Case{
		{"exec.hook.before", "it is started with the hook as its only argument and ends within its time", pageMiddleware + "#one-run", m.execHook(manifest.HookBefore)},
		{"exec.hook.after", "it is started with the hook as its only argument and ends within its time", pageMiddleware + "#one-run", m.execHook(manifest.HookAfter)},
		{"exec.hook.error", "error is called only where the manifest lists it", pageMiddleware + "#one-run", m.execHook(manifest.HookError)},
		{"exec.output.json", "what before prints must be JSON: UTF-8, no byte order mark", pageMiddleware + "#one-run", m.execJSON},
		{"exec.output.error-document", "what error prints replaces the error document, and must be one", pageMiddleware + "#one-run", m.execErrorDocument},
		{"exec.output.size", "more than 6,291,556 bytes of output is a failure", pageMiddleware + "#one-run", m.execSize},
		{"exec.failure.says-why", "a failure names the last lines of stderr", pageMiddleware + "#one-run", m.execSaysWhy},
		{"exec.input.end", "the document is followed by the end of stdin, and a run ends", pageMiddleware + "#one-run", m.execEnd},
		{"exec.input.large", "an event has up to 6 MB, and is fed while the output is read", pageMiddleware + "#one-run", m.execLarge},
		{"exec.input.unicode", "an event is any JSON in UTF-8", pageMiddleware + "#one-run", m.execDocument(unicodeEvent, `{"k":"hello","key":{"a":[1.5,0,1]}}`, "characters beyond ASCII, escapes, and what a shell or printf would take for its own")},
		{"exec.input.newlines", "an event is passed as it came, with the newlines in it", pageMiddleware + "#one-run", m.execDocument(linesEvent, `{"name":"Ada","list":[1,2]}`, "newlines between its values")},
		{"exec.input.empty-response", "a response may be any bytes, also none", pageMiddleware + "#one-run", m.execEmptyResponse},
		{"exec.response.none", "with response none, after is called with empty input", pageMiddleware + "#manifest", m.execResponseNone},
		{"exec.repeat", "each run is a process of its own, and knows nothing of the one before", pageMiddleware + "#one-run", m.execRepeat},
		{"exec.environment.bare", "env and credentials in a manifest take variables away", pageMiddleware + "#environment", m.execBare},
		{"exec.leaves-nothing", "a run is over when its process exits; a daemon that left the group lives until the sandbox ends", pageMiddleware + "#one-run", m.execLeaves},
	}
}

const (
	fixHang  = "read no further than the end of stdin, and exit when the work is done; a longer limit is timeoutMs in the manifest"
	fixWords = "print a sentence on stderr before exiting with a status other than 0: it is all that the caller will read"
)

// ended wants that a run ended by itself and in time.
func (m *Middleware) ended(t *T, run execRun, input string) {
	if t.ctx.Err() != nil {
		t.Skipf("interrupted")
	}
	if run.timedOut {
		t.Failf(fixHang, "%s was still running after %s on %s", run.hook, m.limitName(), input)
	}
	if run.signalled {
		t.Failf("see its log; a program that ends by itself exits", "%s was ended by a signal (%s) on %s", run.hook, run.status, input)
	}
}

// execHook runs a hook on every document. Refusing some of them is a middleware's right; refusing all is not having the hook.
func (m *Middleware) execHook(hook string) func(*T) {
	return func(t *T) {
		m.needHook(t, hook)
		documents := m.documents(hook)
		refused := 0
		var last execRun
		for _, document := range documents {
			run := m.exec(t, hook, document, execOptions{})
			m.ended(t, run, excerpt(document))
			if !run.success {
				refused, last = refused+1, run
			}
		}
		if refused == len(documents) {
			t.Failf(fmt.Sprintf(`leave %q out of "hooks" in its manifest if it has no such hook, or name a document that it takes: --event FILE, --response FILE`, hook),
				"%s failed on all of %d documents, at last with %s", hook, refused, last.status)
		}
	}
}

func (m *Middleware) execJSON(t *T) {
	m.needHook(t, manifest.HookBefore)
	for _, document := range m.documents(manifest.HookBefore) {
		run := m.exec(t, manifest.HookBefore, document, execOptions{})
		m.ended(t, run, excerpt(document))
		m.isJSON(t, run, document)
	}
}

// isJSON wants JSON of a before that replaced the event.
func (m *Middleware) isJSON(t *T, run execRun, document []byte) {
	if run.hook != manifest.HookBefore || !run.success || len(run.response) > 0 || len(run.stdout) == 0 || bytes.Equal(run.stdout, document) {
		return
	}
	if problem := jsontext.Check(run.stdout); problem != nil {
		t.Failf("print the whole event as one JSON text, or nothing to leave it as it is; logs go to stderr",
			"before printed on stdout what is no JSON, of the event %s: %v", excerpt(document), problem)
	}
}

func (m *Middleware) execErrorDocument(t *T) {
	m.needHook(t, manifest.HookError)
	for _, document := range m.documents(manifest.HookError) {
		run := m.exec(t, manifest.HookError, document, execOptions{})
		m.ended(t, run, excerpt(document))
		if !run.success || len(run.response) > 0 || len(run.stdout) == 0 {
			continue
		}
		if _, ok := runtimeapi.ParseError(run.stdout); !ok {
			t.Failf(`print {"errorType","errorMessage","stackTrace"} on stdout, nothing to leave the error as it is, or an answer on fd 3`,
				"error printed on stdout what is no error document: %s", excerpt(run.stdout))
		}
	}
}

func (m *Middleware) execSize(t *T) {
	hook := m.anyHook(t)
	for _, document := range m.documents(hook) {
		run := m.exec(t, hook, document, execOptions{})
		m.ended(t, run, excerpt(document))
		if size := max(len(run.stdout), len(run.response)); size > runtimeapi.MaxResponse {
			t.Failf("print less: Lambda takes no more", "%s made %d bytes of %d; %d are allowed", hook, size, len(document), runtimeapi.MaxResponse)
		}
	}
}

func (m *Middleware) execSaysWhy(t *T) {
	failures := 0
	for _, hook := range m.manifest.Hooks {
		for _, document := range append([][]byte{[]byte("{ no JSON")}, m.documents(hook)...) {
			run := m.exec(t, hook, document, execOptions{})
			m.ended(t, run, excerpt(document))
			if run.success {
				continue
			}
			failures++
			if len(bytes.TrimSpace(run.stderr.bytes())) == 0 {
				t.Failf(fixWords, "%s failed with %s on %s and said nothing on stderr", hook, run.status, excerpt(document))
			}
		}
	}
	if failures == 0 {
		t.Skipf("it failed on none of the documents")
	}
}

// execEnd gives no document at all: what waits for more than the end of stdin hangs.
func (m *Middleware) execEnd(t *T) {
	hook := m.anyHook(t)
	m.ended(t, m.exec(t, hook, nil, execOptions{eofOnly: true}), "a stdin that is at its end at once")
	m.ended(t, m.exec(t, hook, nil, execOptions{}), "a document of no bytes")
}

func (m *Middleware) execLarge(t *T) {
	document := largeDocument()
	for _, hook := range m.manifest.Hooks {
		if hook != manifest.HookError {
			m.execAsItsTwin(t, hook, document, padded(100), fmt.Sprintf("a document of %d bytes", len(document)))
		}
	}
}

// execAsItsTwin wants that a middleware which takes one document takes another that says the same.
func (m *Middleware) execAsItsTwin(t *T, hook string, document, twin []byte, what string) {
	run := m.exec(t, hook, document, execOptions{})
	m.ended(t, run, what)
	m.isJSON(t, run, document)
	if run.success {
		return
	}
	if plain := m.exec(t, hook, twin, execOptions{}); plain.success {
		t.Failf("take a document as bytes of any number and kind: through pipes, not as an argument or a variable, and not by lines",
			"%s failed with %s on %s, and takes %s", hook, run.status, what, excerpt(twin))
	}
}

// execDocument runs before on one document, and on its plain twin where that is needed.
func (m *Middleware) execDocument(document []byte, twin, what string) func(*T) {
	return func(t *T) {
		m.needHook(t, manifest.HookBefore)
		m.execAsItsTwin(t, manifest.HookBefore, document, []byte(twin), "an event with "+what)
	}
}

func (m *Middleware) execEmptyResponse(t *T) {
	m.needHook(t, manifest.HookAfter)
	run := m.exec(t, manifest.HookAfter, nil, execOptions{})
	m.ended(t, run, "a response of no bytes")
	if !run.success {
		t.Failf("print nothing for a response that is none of its business, and exit with 0", "after failed with %s on a response of no bytes", run.status)
	}
}

func (m *Middleware) execResponseNone(t *T) {
	m.needHook(t, manifest.HookAfter)
	if m.manifest.Response != manifest.ResponseNone {
		t.Skipf("its manifest does not say \"response\": \"none\"")
	}
	run := m.exec(t, manifest.HookAfter, nil, execOptions{eofOnly: true, env: m.environ(append(m.told(manifest.HookAfter), "SOR_RESPONSE=none")...)})
	m.ended(t, run, "an empty input")
	if !run.success {
		t.Failf("expect no response where the manifest asks for none", "after failed with %s on an empty input", run.status)
	}
}

// execRepeat compares what a run meant, not its bytes: a time or an ID in them is a middleware's right.
func (m *Middleware) execRepeat(t *T) {
	hook := m.anyHook(t)
	document := m.documents(hook)[0]
	first := m.exec(t, hook, document, execOptions{})
	m.ended(t, first, excerpt(document))
	second := m.exec(t, hook, document, execOptions{})
	m.ended(t, second, excerpt(document))
	if a, b := first.outcome(), second.outcome(); a != b {
		t.Failf("keep no state between runs but in files that several runs may share", "%s on the same document was at first: %s, and then: %s", hook, a, b)
	}
}

// execBare takes away all variables but what it is told of the invocation.
func (m *Middleware) execBare(t *T) {
	for _, hook := range m.manifest.Hooks {
		document := m.documents(hook)[0]
		run := m.exec(t, hook, document, execOptions{env: m.bareEnviron(m.told(hook)...)})
		m.ended(t, run, excerpt(document)+" without the function's variables and credentials")
		m.isJSON(t, run, document)
		if !run.success && len(bytes.TrimSpace(run.stderr.bytes())) == 0 {
			t.Failf("say on stderr which variable is missing", "%s failed with %s without the function's variables and credentials, and said nothing on stderr", hook, run.status)
		}
	}
}

// execLeaves looks for daemons that hold a run's descriptors. One is a service; one more with each run is a leak.
func (m *Middleware) execLeaves(t *T) {
	const runs = 3
	hook := m.anyHook(t)
	document := m.documents(hook)[0]
	var left []int
	for range runs {
		run := m.exec(t, hook, document, execOptions{})
		m.ended(t, run, excerpt(document))
		if len(run.holders) == 0 {
			return
		}
		left = append(left, run.holders...)
	}
	var names []string
	for _, pid := range left {
		names = append(names, fmt.Sprintf("%d (%s)", pid, commandOf(pid)))
	}
	t.Failf("give a daemon /dev/null for its descriptors 0 to 3, and start it once; better, use the protocol frames/1",
		"each of %d runs left a process behind that holds its descriptors: %s", runs, strings.Join(names, ", "))
}
