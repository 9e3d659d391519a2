package conform

// Bootstraps: middlewares that are started once and speak frames/1.

import (
	"fmt"
	"time"

	"github.com/serverless/open-runtime/internal/manifest"
)

func (b *Bootstrap) persistentCases() []Case {
	const page = pageMiddleware + "#persistent"
	return []Case{
		{"persistent.order", "everything above holds for it: the onion", page, b.persistentOrder},
		{"persistent.once", "it is started once, and answers one hook after the other", page, b.persistentOnce},
		{"persistent.unchanged", "unchanged stands for nothing printed", page, b.persistentUnchanged},
		{"persistent.early", "respond stands for fd 3", page, b.persistentEarly},
		{"persistent.error", "an error keeps the type, the message and the stack that it gave", page, b.persistentError},
		{"persistent.rescue", "respond of an error hook handles the error", page, b.persistentRescue},
		{"persistent.dies", "one that dies fails the run that it had and is started again", page, b.persistentDies},
		{"persistent.hangs", "one that hangs past its time fails the run that it had and is started again", page, b.persistentHangs},
		{"persistent.optional", "an optional one that dies is skipped", page, b.persistentOptional},
		{"persistent.not-ready", "one that does not say ready is an init error with its reason", page, b.persistentNotReady},
		{"persistent.log", "stdout and stderr are both the log", page, b.persistentLog},
		{"persistent.large", "payloads have up to 6 MB", page, b.persistentLarge},
	}
}

const fixPersistent = "speak frames/1 with a middleware whose manifest says so, started once (docs/protocol/frames.md)"

// persistent writes a persistent middleware of the kit; about are more keys of its manifest.
func (s *stage) persistent(name, about string) *stage {
	return s.middleware(name, fixture("persistent.sh"), fmt.Sprintf(`{"protocol":%q%s}`, manifest.ProtocolFrames, about))
}

// numbered is what a persistent middleware of the kit makes of a document.
func numbered(hook, name string, number int, document string) string {
	return fmt.Sprintf(`{"%s":"%s","number":%d,"in":%s}`, hook, name, number, document)
}

func (b *Bootstrap) persistentOrder(t *T) {
	l := b.stage(t).wraps("a", "c").persistent("p", "").list("a,p,c").launch()
	inside := handled(wrapped("before", "c", numbered("before", "p", 1, wrapped("before", "a", `{"n":1}`))))
	l.says(`{"n":1}`, wrapped("after", "a", numbered("after", "p", 2, wrapped("after", "c", inside))), fixPersistent)
}

func (b *Bootstrap) persistentOnce(t *T) {
	l := b.stage(t).persistent("p", `,"hooks":["before"]`).list("p").launch()
	for i := range 3 {
		l.says(`{"n":1}`, handled(numbered("before", "p", i+1, `{"n":1}`)), "start a persistent middleware once, not for each hook, and call the hooks of its manifest alone")
	}
}

func (b *Bootstrap) persistentUnchanged(t *T) {
	l := b.stage(t).persistent("p", `,"hooks":["before"]`).list("p").launch()
	l.says(`{"say":"nothing"}`, handled(`{"say":"nothing"}`), "take unchanged for no change")
}

func (b *Bootstrap) persistentEarly(t *T) {
	l := b.stage(t).wraps("a", "c").persistent("p", "").list("a,p,c").launch()
	// The event is in what a made of it: near its beginning, where p looks.
	l.says(`{"say":"stop"}`, wrapped("after", "a", `{"early":"before"}`), "take respond for an early response")
}

func (b *Bootstrap) persistentError(t *T) {
	l := b.stage(t).persistent("p", `,"hooks":["before"]`).list("p").launch()
	l.fails(`{"say":"fail"}`, "Kit.Denied", "give the caller the type and message of a middleware's error", "there is no token")
	l.says(`{"n":1}`, handled(numbered("before", "p", 2, `{"n":1}`)), "go on with a middleware that answered with an error")
}

func (b *Bootstrap) persistentRescue(t *T) {
	l := b.stage(t).persistent("p", `,"hooks":["error"]`).middleware("broken", "exit 6", "").list("p,broken").launch()
	l.says(`{"n":1}`, `{"rescued":true}`, "take respond of an error hook for the response")
}

func (b *Bootstrap) persistentDies(t *T) {
	l := b.stage(t).persistent("p", `,"hooks":["before"]`).list("p").launch()
	l.fails(`{"say":"die"}`, typeMiddleware, fixFailure, "p", "before", "exit status 9")
	l.says(`{"n":1}`, handled(numbered("before", "p", 1, `{"n":1}`)), "start a middleware that died again, at the next invocation at the latest")
}

func (b *Bootstrap) persistentHangs(t *T) {
	l := b.stage(t).persistent("p", `,"hooks":["before"],"timeoutMs":300`).list("p").launch()
	l.fails(`{"say":"hang"}`, typeMiddleware, "end a run when its timeoutMs is over", "p", "timed out after 300 ms")
	// Started anew it has 300 ms again, which is little for a busy machine: that it answers once is enough.
	for end := time.Now().Add(b.Patience); ; {
		outcome := l.invoke(`{"n":1}`)
		text := string(outcome.Payload)
		if outcome.ErrorType == "" && contains(text, `"before":"p"`) {
			return
		}
		if outcome.ErrorType == "" || !contains(text, "timed out") || time.Now().After(end) {
			t.Failf("start a middleware that hung again", "after one that hung came %s", shown(text))
		}
	}
}

func (b *Bootstrap) persistentOptional(t *T) {
	l := b.stage(t).persistent("p", "").list("p?").launch()
	l.says(`{"say":"die"}`, handled(`{"say":"die"}`), "skip an optional middleware that dies, and its other hooks in that invocation")
	l.logs("exit status 9", "warn of an optional middleware that died, in the log")
}

func (b *Bootstrap) persistentNotReady(t *T) {
	b.stage(t).persistent("mute", "").list("mute").launch().fails(`{}`, typeMiddleware, fixInit, "mute", "exit status 4")
}

func (b *Bootstrap) persistentLog(t *T) {
	l := b.stage(t).persistent("p", "").list("p").launch()
	l.invoke(`{"n":1}`)
	l.invoke(`{"n":1}`)
	l.logs("before number 1 is printed on stdout", "pass what a persistent middleware prints on to the log")
}

func (b *Bootstrap) persistentLarge(t *T) {
	l := b.stage(t).frames().persistent("p", `,"hooks":["before"]`).list("p").launch()
	event := `{"say":"same",` + string(largeDocument()[1:])
	l.says(event, event, "read and write at the same time, at any size")
}
