package conform

// Bootstraps: the onion, early responses, failures and error hooks.

func (b *Bootstrap) onionCases() []Case {
	const page = pageMiddleware + "#one-run"
	return []Case{
		{"onion.none", "a list that is set and empty means none", pageMiddleware, b.none},
		{"onion.order", "before a, b, c; then the handler; after c, b, a", page, b.order},
		{"onion.unchanged", "nothing on stdout with exit status 0 leaves it unchanged", page, b.unchanged},
		{"onion.newline", "one newline is added on the way in, and one is trimmed on the way out: cat changes nothing", page, b.newline},
		{"onion.hooks", "the hooks that a manifest does not list cost no process", pageMiddleware + "#manifest", b.hooks},
		{"onion.folder", "a middleware may be a folder with an executable of its name in it", pageMiddleware, b.folder},
		{"early.response", "fd 3 is the response: what is further in is skipped, the after of those entered runs, its own does not", page, b.earlyResponse},
		{"early.beats-stdout", "fd 3 beats stdout", page, b.earlyBeatsStdout},
		{"early.failure-beats", "a failure beats both", page, b.failureBeatsEarly},
		{"early.empty", "fd 3 with nothing on it is no answer", page, b.earlyEmpty},
	}
}

var fixOnion = "run before in the order of the list and after in the reverse order, each on what the one before made"

func (b *Bootstrap) none(t *T) {
	b.stage(t).list("").launch().says(`{"n":1}`, handled(`{"n":1}`), "start no middleware for an empty list")
}

func (b *Bootstrap) order(t *T) {
	const event = `{"n":1}`
	l := b.stage(t).wraps("a", "b", "c").list("a,b,c").launch()
	inside := handled(wrapped("before", "c", wrapped("before", "b", wrapped("before", "a", event))))
	want := wrapped("after", "a", wrapped("after", "b", wrapped("after", "c", inside)))
	for range 2 {
		l.says(event, want, fixOnion)
	}
}

func (b *Bootstrap) unchanged(t *T) {
	l := b.stage(t).wraps("a").middleware("watch", "cat >/dev/null; echo seen >&2", "").list("watch,a,watcher").middleware("watcher", ":", "").launch()
	l.says(`{"n":1}`, wrapped("after", "a", handled(wrapped("before", "a", `{"n":1}`))), "take no output for no change")
}

func (b *Bootstrap) newline(t *T) {
	l := b.stage(t).frames().middleware("cat", "exec cat", "").list("cat").launch()
	const event = "{ \"spaces\" : [ 1,\t2 ] }"
	if outcome := l.invoke(event); string(outcome.Payload) != event {
		t.Failf("add one newline to stdin, and trim one of stdout", "of the event %s came %s", excerpt([]byte(event)), excerpt(outcome.Payload))
	}
}

func (b *Bootstrap) hooks(t *T) {
	l := b.stage(t).middleware("only", fixture("wrap.sh"), `{"hooks":["after"]}`).list("only").launch()
	l.says(`{"n":1}`, wrapped("after", "only", handled(`{"n":1}`)), "start a middleware for the hooks of its manifest alone")
}

func (b *Bootstrap) folder(t *T) {
	l := b.stage(t).middleware("tool/tool", fixture("wrap.sh"), "").list("tool").launch()
	l.says(`{"n":1}`, wrapped("after", "tool", handled(wrapped("before", "tool", `{"n":1}`))), "start NAME/NAME of a folder")
}

const earlyAnswer = `printf '{"early":"%s"}\n' "$1" >&3`

func (b *Bootstrap) earlyResponse(t *T) {
	l := b.stage(t).wraps("a", "c").middleware("gate", `[[ $1 == before ]] && `+earlyAnswer+"\n[[ $1 == before ]] || printf '{\"own\":\"after\"}'", "").list("a,gate,c").launch()
	l.says(`{"n":1}`, wrapped("after", "a", `{"early":"before"}`), "skip what is further in, and run the after of those already entered, its own not")
}

func (b *Bootstrap) earlyBeatsStdout(t *T) {
	l := b.stage(t).middleware("gate", `printf '{"stdout":1}'; `+earlyAnswer, `{"hooks":["before"]}`).list("gate").launch()
	l.says(`{"n":1}`, `{"early":"before"}`, "take what is on fd 3 for the response, whatever is on stdout")
}

func (b *Bootstrap) failureBeatsEarly(t *T) {
	l := b.stage(t).middleware("gate", earlyAnswer+"; exit 7", `{"hooks":["before"]}`).list("gate").launch()
	l.fails(`{"n":1}`, "Runtime.MiddlewareError", fixFailure, "gate", "exit status 7")
}

func (b *Bootstrap) earlyEmpty(t *T) {
	l := b.stage(t).middleware("gate", `exec 3>&-`, `{"hooks":["before"]}`).list("gate").launch()
	l.says(`{"n":1}`, handled(`{"n":1}`), "take nothing on fd 3 for no early response")
}
