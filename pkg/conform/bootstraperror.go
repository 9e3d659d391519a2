package conform

// Bootstraps: failures, optional middlewares and error hooks.

func (b *Bootstrap) errorCases() []Case {
	const page = pageMiddleware + "#one-run"
	return []Case{
		{"failure.status", "a failure names the middleware, the hook, the exit status and the last lines of its stderr", page, b.failureStatus},
		{"failure.signal", "a failure names the signal", page, b.failureSignal},
		{"failure.after", "an after that fails is a failure too", page, b.failureAfter},
		{"failure.not-json", "output of before must be JSON, else it is a failure that shows the place", page, b.failureNotJSON},
		{"failure.too-large", "more than 6,291,556 bytes is a failure with both numbers", page, b.failureTooLarge},
		{"failure.is-over", "a failure is one invocation's", page, b.failureIsOver},
		{"optional.failure", "an optional middleware that fails is a warning, and is skipped", page, b.optionalFailure},
		{"optional.missing", "an optional middleware that is not there is a warning, and is skipped", page, b.optionalMissing},
		{"optional.manifest", `"required": false in the manifest makes it optional too`, page, b.optionalManifest},
		{"error.listed", "error is called only where the manifest lists it, of those outside the failure", page, b.errorListed},
		{"error.replaced", "what error prints replaces the document", page, b.errorReplaced},
		{"error.handled", "what error writes on fd 3 handles the error, and the after of those further out runs", page, b.errorHandled},
		{"error.handler", "the error of a handler goes through the error hooks as its document", page, b.errorOfHandler},
		{"error.never-hides", "an error hook that fails never hides the error it was given", page, b.errorNeverHides},
		{"error.no-document", "what error prints and is no error document is logged and dropped", page, b.errorNoDocument},
	}
}

const (
	typeMiddleware = "Runtime.MiddlewareError"
	fixFailure     = "fail the invocation with Runtime.MiddlewareError, naming the middleware, the hook, how it ended and what it said on stderr"
	fixError       = "run the error hooks of those outside the failure, innermost first, where their manifests list error"
	allHooks       = `{"hooks":["before","after","error"]}`
)

func (b *Bootstrap) failureStatus(t *T) {
	l := b.stage(t).wraps("a").middleware("auth", "echo 'there is no token' >&2; exit 4", "").list("a,auth").launch()
	l.fails(`{"n":1}`, typeMiddleware, fixFailure, "auth", "before", "exit status 4", "there is no token")
}

func (b *Bootstrap) failureSignal(t *T) {
	l := b.stage(t).middleware("auth", "kill -KILL $$", "").list("auth").launch()
	l.fails(`{"n":1}`, typeMiddleware, fixFailure, "auth", "before", "killed")
}

func (b *Bootstrap) failureAfter(t *T) {
	l := b.stage(t).middleware("sign", "[[ $1 == before ]] || exit 5", "").list("sign").launch()
	l.fails(`{"n":1}`, typeMiddleware, fixFailure, "sign", "after", "exit status 5")
}

func (b *Bootstrap) failureNotJSON(t *T) {
	l := b.stage(t).middleware("chatty", "echo 'hello, I am a log line'", `{"hooks":["before"]}`).list("chatty").launch()
	l.fails(`{"n":1}`, typeMiddleware, "check that the output of before is one JSON text", "chatty", "before", "hello")
}

func (b *Bootstrap) failureTooLarge(t *T) {
	l := b.stage(t).middleware("big", `printf '{"pad":"%07000000d"}' 0`, `{"hooks":["before"]}`).list("big").launch()
	l.fails(`{"n":1}`, typeMiddleware, "bound the output of a middleware", "big", "6291556", "7000010")
}

func (b *Bootstrap) failureIsOver(t *T) {
	l := b.stage(t).middleware("picky", `IFS= read -r event; [[ $event != *bad* ]]`, `{"hooks":["before"]}`).list("picky").launch()
	l.fails(`{"is":"bad"}`, typeMiddleware, fixFailure, "picky")
	l.says(`{"is":"good"}`, handled(`{"is":"good"}`), "go on to the next invocation after one that failed")
}

func (b *Bootstrap) optionalFailure(t *T) {
	l := b.stage(t).wraps("a").middleware("audit", `[[ $1 == after ]] && printf '{"audit":"after"}' || exit 9`, "").list("a,audit?").launch()
	l.says(`{"n":1}`, wrapped("after", "a", handled(wrapped("before", "a", `{"n":1}`))), "skip an optional middleware that fails, and its other hooks in that invocation")
	l.logs("audit", "warn of an optional middleware that failed, in the log")
}

// logs wants that the log has a word. It is read after the answer, and comes before it.
func (l *launched) logs(word, fix string) {
	if !contains(l.lambda.Log(), word) {
		l.t.Failf(fix, "the log does not have %q", word)
	}
}

func (b *Bootstrap) optionalMissing(t *T) {
	l := b.stage(t).wraps("a").list("gone?,a").launch()
	l.says(`{"n":1}`, wrapped("after", "a", handled(wrapped("before", "a", `{"n":1}`))), "skip an optional middleware that is not there")
	l.logs("gone", "warn of an optional middleware that is not there, in the log")
}

func (b *Bootstrap) optionalManifest(t *T) {
	l := b.stage(t).middleware("audit", "exit 9", `{"required":false}`).list("audit").launch()
	l.says(`{"n":1}`, handled(`{"n":1}`), `take "required": false for optional`)
}

// told is an error hook that says in its document who it is and what it got.
const told = `if [[ $1 == error ]]; then
	IFS= read -r -d '' document
	[[ $document == *'"errorType"'*'"errorMessage"'* || $document == *'"errorMessage"'*'"errorType"'* ]] || exit 1
	printf '{"errorType":"Kit.%s","errorMessage":"was: %s"}' "${0##*/}" "${document//[\"\{\}\\$'\n']/}"
fi`

func (b *Bootstrap) errorListed(t *T) {
	l := b.stage(t).middleware("outer", told, allHooks).middleware("silent", told, "").middleware("broken", "[[ $1 == error ]] && "+earlyAnswer+"; exit 6", allHooks).list("outer,silent,broken").launch()
	l.fails(`{"n":1}`, "Kit.outer", fixError, "was:", "broken", "exit status 6")
}

func (b *Bootstrap) errorReplaced(t *T) {
	l := b.stage(t).middleware("outer", told, allHooks).middleware("inner", told, allHooks).middleware("broken", "exit 6", "").list("outer,inner,broken").launch()
	l.fails(`{"n":1}`, "Kit.outer", fixError, "was:", "Kit.inner")
}

func (b *Bootstrap) errorHandled(t *T) {
	l := b.stage(t).wraps("a").middleware("rescue", "[[ $1 != error ]] || "+earlyAnswer, allHooks).middleware("broken", "exit 6", "").list("a,rescue,broken").launch()
	l.says(`{"n":1}`, wrapped("after", "a", `{"early":"error"}`), "take what an error hook writes on fd 3 for the response")
}

func (b *Bootstrap) errorOfHandler(t *T) {
	l := b.stage(t).frames().middleware("outer", told, allHooks).list("outer").launch()
	l.fails(`{"do":"fail"}`, "Kit.outer", fixError, "Orders.NotFound", "no such order")
}

func (b *Bootstrap) errorNeverHides(t *T) {
	l := b.stage(t).middleware("rescue", "[[ $1 != error ]] || exit 8", allHooks).middleware("broken", "exit 6", "").list("rescue,broken").launch()
	l.fails(`{"n":1}`, typeMiddleware, "give the caller the error that the hook was given", "broken", "exit status 6")
}

func (b *Bootstrap) errorNoDocument(t *T) {
	l := b.stage(t).middleware("rescue", "[[ $1 != error ]] || echo oh no", allHooks).middleware("broken", "exit 6", "").list("rescue,broken").launch()
	l.fails(`{"n":1}`, typeMiddleware, "give the caller the error that the hook was given", "broken", "exit status 6")
}
