package conform

// Bootstraps: time, and language runtimes that die, hang or chatter.

import (
	"strings"
	"time"
)

func contains(text, word string) bool { return strings.Contains(text, word) }

func (b *Bootstrap) timeCases() []Case {
	const page = pageRuntime + "#time"
	return []Case{
		{"time.handler", "Function.Timeout is answered while the caller still listens, and the language runtime is started again", page, b.handlerHangs},
		{"time.frames-handler", "Function.Timeout is answered while the caller still listens, and the language runtime is started again", page, b.framesHandlerHangs},
		{"time.middleware", "without a timeoutMs a middleware has the invocation's time: Function.Timeout, naming it", pageMiddleware + "#one-run", b.middlewareHangs},
		{"time.timeout-ms", "its own timeoutMs: Runtime.MiddlewareError, timed out after 300 ms", pageMiddleware + "#one-run", b.ownTime},
		{"time.margin", "SOR_DEADLINE_MS is when the runtime stops waiting, which is earlier than Lambda's deadline", pageMiddleware + "#environment", b.margin},
		{"time.daemon", "the end of a run is the exit of its process; what is left of its group is killed", pageMiddleware + "#one-run", b.daemon},
	}
}

const (
	typeTimeout = "Function.Timeout"
	fixTimeout  = "keep a margin of the invocation's time, answer Function.Timeout before Lambda's own deadline, and start the language runtime anew"
	hang        = "while :; do sleep 1; done"
	// Long enough that a busy machine answers within half of it, which is what SOR_MARGIN_MS may take.
	shortTime = 4 * time.Second
)

func (b *Bootstrap) handlerHangs(t *T) {
	l := b.stage(t).list("").timeout(shortTime).launch()
	l.fails(`{"do":"hang"}`, typeTimeout, fixTimeout)
	l.says(`{"n":1}`, handled(`{"n":1}`), fixTimeout)
}

func (b *Bootstrap) framesHandlerHangs(t *T) {
	l := b.stage(t).frames().list("").timeout(shortTime).launch()
	l.fails(`{"do":"hang"}`, typeTimeout, fixTimeout)
	l.says(`{"n":1}`, `{"n":1}`, fixTimeout)
}

func (b *Bootstrap) middlewareHangs(t *T) {
	l := b.stage(t).middleware("slow", hang, `{"hooks":["before"]}`).list("slow").timeout(shortTime).launch()
	l.fails(`{"n":1}`, typeTimeout, fixTimeout, "slow")
}

func (b *Bootstrap) ownTime(t *T) {
	l := b.stage(t).middleware("slow", hang, `{"hooks":["before"],"timeoutMs":300}`).list("slow").launch()
	l.fails(`{"n":1}`, typeMiddleware, "end a run when its timeoutMs is over", "slow", "timed out after 300 ms")
}

func (b *Bootstrap) margin(t *T) {
	l := b.stage(t).middleware("clock", `cat >/dev/null; printf '{"left":%d}' $((SOR_DEADLINE_MS - $(date +%s%3N)))`, `{"hooks":["before"]}`).list("clock").timeout(shortTime).launch()
	outcome := l.invoke(`{}`)
	left := number(string(outcome.Payload), `"left":`)
	if outcome.ErrorType != "" || left <= 0 || left > int64((shortTime-1500*time.Millisecond)/time.Millisecond)+5 {
		t.Failf("tell middlewares the deadline less the margin, as SOR_DEADLINE_MS", "with a timeout of %v and a margin of 1500 ms a middleware has %d ms: %s", shortTime, left, excerpt(outcome.Payload))
	}
}

// number reads the number after a text.
func number(text, after string) (n int64) {
	_, rest, _ := strings.Cut(text, after)
	for _, c := range rest {
		if c < '0' || c > '9' {
			break
		}
		n = 10*n + int64(c-'0')
	}
	return n
}

func (b *Bootstrap) daemon(t *T) {
	l := b.stage(t).middleware("daemon", `sleep 600 &
printf '{"made":1}'`, `{"hooks":["before"]}`).list("daemon").launch()
	start := time.Now()
	l.says(`{"n":1}`, handled(`{"made":1}`), "do not wait for the end of a middleware's output once it has exited, and kill its group")
	if took := time.Since(start); took > b.Patience {
		t.Failf("do not wait for the end of a middleware's output once it has exited", "a middleware that leaves a process behind took %v", took)
	}
}

func (b *Bootstrap) runtimeCases() []Case {
	return []Case{
		{"runtime.start", "it is started in /var/task with the handler as argument and as _HANDLER", pageRuntime, b.runtimeStart},
		{"runtime.crash", "it exited: Runtime.ExitError with its status, and it is started again", pageRuntime + "#when-it-fails", b.runtimeCrash},
		{"runtime.lines.compact", "an event a line: compacted JSON", pageRuntime, b.linesCompact},
		{"runtime.lines.chatter", "a line more than was asked for is logged and dropped", pageRuntime, b.linesChatter},
		{"runtime.frames", "frames/1: what is printed is a log and nothing else", pageFrames, b.runtimeFrames},
		{"runtime.frames.error", "an error frame's document is the caller's", pageFrames, b.runtimeFramesError},
		{"runtime.frames.stray", "an answer whose id is not pending is dropped and logged", pageFrames, b.runtimeFramesStray},
		{"runtime.frames.garbage", "what is no frame is Runtime.ProtocolError, and it is started again", pageFrames, b.runtimeFramesGarbage},
		{"runtime.frames.crash", "a child that exits fails the invocation that it had, and is started again", pageFrames, b.runtimeFramesCrash},
	}
}

const fixRestart = "fail the invocation with the true cause, and start the language runtime anew"

func (b *Bootstrap) runtimeStart(t *T) {
	b.stage(t).list("").launch().says(`{"do":"tell"}`, `{"handler":"handler.hello","variable":"handler.hello","directory":"/var/task"}`,
		"start /opt/language-runtime HANDLER in /var/task with _HANDLER set")
}

func (b *Bootstrap) runtimeCrash(t *T) {
	l := b.stage(t).list("").launch()
	l.says(`{"n":1}`, handled(`{"n":1}`), fixRestart)
	l.fails(`{"do":"crash"}`, "Runtime.ExitError", fixRestart, "exit status 3")
	l.says(`{"n":2}`, handled(`{"n":2}`), fixRestart)
}

func (b *Bootstrap) linesCompact(t *T) {
	b.stage(t).list("").launch().says("{\n  \"n\": [\n1,\n2 ]\n}", handled(`{"n":[1,2]}`), "compact the event to one line")
}

func (b *Bootstrap) linesChatter(t *T) {
	l := b.stage(t).list("").launch()
	for range 2 {
		l.says(`{"do":"chatter"}`, handled(`{"do":"chatter"}`), "drop the lines that nobody waits for, so that they answer no later event")
	}
	l.says(`{"n":1}`, handled(`{"n":1}`), "drop the lines that nobody waits for, so that they answer no later event")
}

func (b *Bootstrap) runtimeFrames(t *T) {
	l := b.stage(t).frames().list("").launch()
	l.says(`{"n":1}`, `{"n":1}`, "speak frames/1 where the manifest of the language runtime says so")
	l.logs("this is printed on stdout", "pass what a language runtime prints on to the log")
}

func (b *Bootstrap) runtimeFramesError(t *T) {
	l := b.stage(t).frames().list("").launch()
	l.fails(`{"do":"fail"}`, "Orders.NotFound", "post the document as it came, and its type with it", "no such order")
	l.says(`{"n":1}`, `{"n":1}`, "go on to the next invocation after one that failed")
}

func (b *Bootstrap) runtimeFramesStray(t *T) {
	l := b.stage(t).frames().list("").launch()
	l.says(`{"do":"stray"}`, `{"do":"stray"}`, "drop answers whose id is not pending")
}

func (b *Bootstrap) runtimeFramesGarbage(t *T) {
	l := b.stage(t).frames().list("").launch()
	l.fails(`{"do":"garbage"}`, "Runtime.ProtocolError", fixRestart)
	l.says(`{"n":1}`, `{"n":1}`, fixRestart)
}

func (b *Bootstrap) runtimeFramesCrash(t *T) {
	l := b.stage(t).frames().list("").launch()
	l.fails(`{"do":"crash"}`, "Runtime.ExitError", fixRestart, "exit status 3")
	l.says(`{"n":1}`, `{"n":1}`, fixRestart)
}
