package conform

// Bootstraps: init, where the lists come from, and what goes through.

import (
	"os"
	"strings"
)

func (b *Bootstrap) initCases() []Case {
	const page = pageMiddleware + "#at-init"
	return []Case{
		{"init.complete", "everything that can be known is checked at init and reported together", page, b.initComplete},
		{"init.name", "names match [A-Za-z0-9][A-Za-z0-9._-]{0,63}: nothing leads out of /opt/middlewares", pageMiddleware, b.refuses("../bootstrap", "../bootstrap")},
		{"init.name-json", "names that end in .json are refused", pageMiddleware, b.refuses("a.json", "a.json")},
		{"init.duplicate", "a name is listed once", pageMiddleware, b.refuses("a,a", "a")},
		{"init.built-in", "a built-in middleware that there is not is an init error", pageMiddleware, b.refuses("sor:no-such-thing", "sor:no-such-thing")},
		{"init.missing", "one that is not there is an init error, with its name", page, b.refuses("gone", "gone")},
		{"init.link-out", "a symlink leads anywhere inside /opt, never out of it", pageMiddleware, b.linkOut},
		{"init.no-runtime", "it is not there: Runtime.StartError, at init", pageRuntime + "#when-it-fails", b.noRuntime},
		{"init.runtime-refuses", "error without id, in place of ready: it can't start, and its document says why", pageFrames, b.runtimeRefuses},
		{"list.sor-json", "when the variable is not set, the middlewares of /opt/sor.json do", pageMiddleware, b.listOfFile},
		{"list.variable", "the variable wins over the file", pageMiddleware, b.listOfVariable},
		{"list.empty", "set and empty means none, whatever the file says", pageMiddleware, b.listEmpty},
		{"list.spaces", "spaces around a name are trimmed", pageMiddleware, b.listSpaces},
	}
}

const fixInit = "check all middlewares at init and post one document to /runtime/init/error that names everything that is wrong"

func (b *Bootstrap) initComplete(t *T) {
	s := b.stage(t).wraps("fine").middleware("windows", "#!/bin/bash\r\necho\r\n", "").middleware("strange", "#!/no/such/interpreter\n", "")
	s.file("middlewares/plain", "#!/bin/bash\n", 0o644).middleware("odd", ":", `{"protocol":"telepathy"}`)
	s.list("fine,gone,windows,strange,plain,odd").launch().fails(`{}`, typeMiddleware, fixInit, "gone", "windows", "strange", "plain", "odd")
}

// refuses lists what no bootstrap may take.
func (b *Bootstrap) refuses(list, word string) func(*T) {
	return func(t *T) { b.stage(t).wraps("a").list(list).launch().fails(`{}`, typeMiddleware, fixInit, word) }
}

func (b *Bootstrap) linkOut(t *T) {
	s := b.stage(t).wraps("a")
	t.must(os.Symlink("/bin/bash", s.f.Opt+"/middlewares/escape"))
	s.list("escape").launch().fails(`{}`, typeMiddleware, "follow links, and refuse what ends outside of /opt", "escape")
}

func (b *Bootstrap) noRuntime(t *T) {
	s := b.stage(t).list("")
	t.must(os.Remove(s.f.Opt + "/language-runtime"))
	s.launch().fails(`{}`, "Runtime.StartError", "post to /runtime/init/error that there is no language runtime", "language-runtime")
}

func (b *Bootstrap) runtimeRefuses(t *T) {
	s := b.stage(t).frames().list("")
	s.f.Handler = "handler.refuse"
	s.launch().fails(`{}`, "Runtime.Refused", "post the language runtime's own document to /runtime/init/error", "there is no such handler, says the runtime")
}

func (b *Bootstrap) listOfFile(t *T) {
	l := b.stage(t).wraps("a", "b").file("sor.json", `{"middlewares":["a","gone?"]}`, 0o644).launch()
	l.says(`{"n":1}`, wrapped("after", "a", handled(wrapped("before", "a", `{"n":1}`))), "read the middlewares of /opt/sor.json when SLSMIDDLEWARES is not set")
}

func (b *Bootstrap) listOfVariable(t *T) {
	l := b.stage(t).wraps("a", "b").file("sor.json", `{"middlewares":["a"]}`, 0o644).list("b").launch()
	l.says(`{"n":1}`, wrapped("after", "b", handled(wrapped("before", "b", `{"n":1}`))), "prefer SLSMIDDLEWARES to /opt/sor.json")
}

func (b *Bootstrap) listEmpty(t *T) {
	l := b.stage(t).wraps("a").file("sor.json", `{"middlewares":["a"]}`, 0o644).list("").launch()
	l.says(`{"n":1}`, handled(`{"n":1}`), "take an empty SLSMIDDLEWARES for no middlewares")
}

func (b *Bootstrap) listSpaces(t *T) {
	l := b.stage(t).wraps("a", "b").list(" a , b ").launch()
	l.says(`{"n":1}`, wrapped("after", "a", wrapped("after", "b", handled(wrapped("before", "b", wrapped("before", "a", `{"n":1}`))))), "trim the spaces around names")
}

func (b *Bootstrap) dataCases() []Case {
	const page = pageMiddleware + "#one-run"
	return []Case{
		{"data.unread", "stdin may be left unread", page, b.unread},
		{"data.large", "an event has up to 6 MB, and so has a response", page, b.largeThrough},
		{"data.unicode", "payloads are passed on byte for byte", page, b.unicodeThrough},
		{"data.any-response", "output of after may be any bytes", page, b.anyResponse},
		{"data.too-large", "a response of more than 6,291,556 bytes is Function.ResponseSizeTooLarge; the language runtime lives on", pageRuntime + "#when-it-fails", b.responseTooLarge},
		{"environment.told", "a middleware is told hook, name, request ID, deadline and ARN", pageMiddleware + "#environment", b.envTold},
		{"environment.function", "it sees the function's own environment", pageMiddleware + "#environment", b.envFunction},
		{"environment.manifest", "env: these of the function's own variables it sees", pageMiddleware + "#manifest", b.envManifest},
		{"environment.credentials", "credentials false hides the function's AWS keys", pageMiddleware + "#manifest", b.envCredentials},
		{"environment.descriptors", "no other descriptor is open: 0, 1, 2 and in before and error 3", page, b.descriptors},
		{"log.tagged", "stderr goes to the log, whole lines, each after [NAME]", page, b.logTagged},
	}
}

func (b *Bootstrap) unread(t *T) {
	l := b.stage(t).frames().middleware("blind", ":", "").list("blind").launch()
	event := string(largeDocument())
	l.says(event, event, "write stdin beside everything else, and do not mind when it is left unread")
}

func (b *Bootstrap) largeThrough(t *T) {
	l := b.stage(t).frames().middleware("cat", "exec cat", "").list("cat,tac").middleware("tac", "exec cat", "").launch()
	event := string(largeDocument())
	for range 2 {
		l.says(event, event, "read and write at the same time, at any size")
	}
}

func (b *Bootstrap) unicodeThrough(t *T) {
	l := b.stage(t).frames().middleware("cat", "exec cat", "").list("cat").launch()
	if outcome := l.invoke(string(unicodeEvent)); string(outcome.Payload) != string(unicodeEvent) {
		t.Failf("pass payloads on byte for byte", "of an event with characters beyond ASCII and escapes came %s", excerpt(outcome.Payload))
	}
}

func (b *Bootstrap) anyResponse(t *T) {
	l := b.stage(t).middleware("zip", `[[ $1 == before ]] || printf '\x1f\x8b\x00\xff no JSON\n\n'`, "").list("zip").launch()
	if outcome := l.invoke(`{}`); outcome.ErrorType != "" || string(outcome.Payload) != "\x1f\x8b\x00\xff no JSON\n" {
		t.Failf("take any bytes from after, less one newline", "of an after that prints bytes came %s", excerpt(outcome.Payload))
	}
}

func (b *Bootstrap) responseTooLarge(t *T) {
	l := b.stage(t).frames().list("").launch()
	l.fails(`{"do":"grow"}`, "Function.ResponseSizeTooLarge", "refuse a response over 6,291,556 bytes before it is posted", "6291610", "6291556")
	l.says(`{"n":1}`, `{"n":1}`, "go on to the next invocation after a response that was too large")
}

// shows is a middleware that answers early with what is asked of its shell.
func (b *Bootstrap) shows(t *T, about, expression string) *stage {
	return b.stage(t).middleware("shows", `cat >/dev/null; printf '{"shows":"%s"}' "`+expression+`" >&3`, about).list("shows")
}

const onlyBefore = `{"hooks":["before"]}`

func (b *Bootstrap) envTold(t *T) {
	l := b.shows(t, onlyBefore, "$SOR_HOOK $SOR_MIDDLEWARE ${#SOR_REQUEST_ID} ${SOR_FUNCTION_ARN%%:function:*}").launch()
	outcome := l.invoke(`{}`)
	if got := string(outcome.Payload); !strings.HasPrefix(got, `{"shows":"before shows `) || strings.Contains(got, " 0 ") || !strings.Contains(got, "arn:aws:lambda:") {
		t.Failf("set SOR_HOOK, SOR_MIDDLEWARE, SOR_REQUEST_ID, SOR_DEADLINE_MS and SOR_FUNCTION_ARN for each run", "a middleware is told %s", excerpt(outcome.Payload))
	}
}

func (b *Bootstrap) envFunction(t *T) {
	l := b.shows(t, onlyBefore, "$TABLE_NAME ${AWS_SECRET_ACCESS_KEY:+key} $1").set("TABLE_NAME", "orders").launch()
	l.says(`{}`, `{"shows":"orders key before"}`, "give a middleware the function's environment")
}

func (b *Bootstrap) envManifest(t *T) {
	l := b.shows(t, `{"hooks":["before"],"env":["TABLE_NAME"]}`, "$TABLE_NAME ${OTHER-none} ${AWS_LAMBDA_FUNCTION_NAME:+lambda}").set("TABLE_NAME", "orders").set("OTHER", "secret").launch()
	l.says(`{}`, `{"shows":"orders none lambda"}`, "show of the function's own variables those of env alone")
}

func (b *Bootstrap) envCredentials(t *T) {
	l := b.shows(t, `{"hooks":["before"],"credentials":false}`, "${AWS_ACCESS_KEY_ID-none} ${AWS_SECRET_ACCESS_KEY-none} ${AWS_SESSION_TOKEN-none}").launch()
	l.says(`{}`, `{"shows":"none none none"}`, "hide the function's AWS keys where the manifest says credentials false")
}

func (b *Bootstrap) descriptors(t *T) {
	l := b.stage(t).middleware("shows", `cat >/dev/null
for fd in 4 5 6 7 8 9; do
	if [[ -p /proc/self/fd/$fd || -S /proc/self/fd/$fd ]]; then
		echo "descriptor $fd is open" >&2
		exit 1
	fi
done
:`, onlyBefore).list("shows").launch()
	l.says(`{"n":1}`, handled(`{"n":1}`), "mark all descriptors close-on-exec but those that a middleware gets")
}

func (b *Bootstrap) logTagged(t *T) {
	l := b.stage(t).middleware("watch", "echo seen >&2", onlyBefore).list("watch").launch()
	l.says(`{"n":1}`, handled(`{"n":1}`), "pass the event on")
	l.logs("[watch] seen", "put [NAME] before each line of a middleware's stderr in the log")
}
