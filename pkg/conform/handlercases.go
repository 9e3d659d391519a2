package conform

// What every language runtime keeps, whatever it speaks: cases about the kit's handlers.

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/serverless/open-runtime/internal/manifest"
)

func (r *Runtime) handlerCases() []Case {
	return []Case{
		{"handler.echo", "an event is any JSON, and so is a response", pageRuntime, r.echo},
		{"handler.echo.unicode", "events and responses are UTF-8", pageRuntime, r.echoUnicode},
		{"handler.echo.large", "an event has up to 6 MB, and so has a response", pageRuntime, r.echoLarge},
		{"handler.many", "a language runtime is started once and answers one event after the other", pageRuntime, r.manyEvents},
		{"handler.fail", "errors carry type, message and stack", pageRuntime, r.fail},
		{"handler.fail.lives", "an error is one invocation's", pageRuntime, r.failLives},
		{"handler.print", "what is printed is a log and nothing else", pageRuntime, r.print},
		{"handler.exit", "it exited: the invocation fails with the true cause", pageRuntime, r.exit},
		{"handler.sleep", "an invocation takes the time that it takes", pageRuntime, r.sleep},
		{"handler.context", "context carries what AWS's own client of the language gives", pageRuntime, r.context},
		{"handler.context.deadline", "the remaining time counts to the deadline of the invocation", pageRuntime, r.remaining},
		{"handler.missing", "what can't load its handler says so at init and exits", pageRuntime, r.missingHandler},
	}
}

// isEcho wants the event back: the same JSON, if not the same bytes.
func isEcho(t *T, a answer, event []byte, what string) {
	payload := a.payload
	if a.streamed {
		payload = []byte(joinChunks(a.chunks))
	}
	switch {
	case a.failed != nil:
		t.Failf("take any JSON as an event", "echo failed on %s: %s", what, a.failed.Error())
	case !sameJSON(payload, event):
		t.Failf("give the handler the event as it came, and its response as it made it", "echo made %s of %s", excerpt(payload), what)
	}
}

func (r *Runtime) echo(t *T) {
	s := r.speak(t, r.named(t, "echo"))
	for i, event := range []string{
		`{"name":"Ada"}`, `{}`, `[]`, `[1,"two",null,true,{"a":[]}]`, `"text"`, `""`, `0`, `-1.5e3`, `true`, `false`, `null`,
		`{"a":{"b":{"c":{"d":[[[[]]]]}}}}`, `{"spaces" : [ 1 , 2 ] }`,
	} {
		isEcho(t, s.ask(r.turnOf(fmt.Sprint(i), []byte(event))), []byte(event), "the event "+event)
	}
	s.finish()
}

func (r *Runtime) echoUnicode(t *T) {
	s := r.speak(t, r.named(t, "echo"))
	// A shell has no NUL in a string: that one is for middlewares, who need not look.
	event := []byte(strings.ReplaceAll(string(unicodeEvent), `\u0000`, ""))
	isEcho(t, s.ask(r.turnOf("1", event)), event, "an event with characters beyond ASCII and escapes")
	s.finish()
}

func (r *Runtime) echoLarge(t *T) {
	s := r.speak(t, r.named(t, "echo"))
	event := largeDocument()
	for i := range 2 {
		isEcho(t, s.ask(r.turnOf(fmt.Sprint(i), event)), event, fmt.Sprintf("an event of %d bytes", len(event)))
	}
	s.finish()
}

func (r *Runtime) manyEvents(t *T) {
	s := r.speak(t, r.named(t, "echo"))
	for i := range 100 {
		event := fmt.Appendf(nil, `{"n":%d}`, i)
		isEcho(t, s.ask(r.turnOf(fmt.Sprint("n", i), event)), event, string(event))
	}
	s.finish()
}

// needErrors skips what the lines of 2018 have no way to say.
func (r *Runtime) needErrors(t *T) {
	if r.manifest.Protocol == "" {
		t.Skipf("the lines of 2018 have no way to say an error but to exit")
	}
}

const failing = "no such order: \u00e4\U0001f9c0 \"7\""

func (r *Runtime) failed(t *T, s speaker) {
	event, err := json.Marshal(map[string]string{"message": failing})
	t.must(err)
	a := s.ask(r.turnOf("1", event))
	if a.failed == nil {
		t.Failf("answer with an error document when a handler fails", "the handler fail raised an error, and the answer is a response: %s", excerpt(a.payload))
	}
	if a.failed.Type == "" {
		t.Failf("name the error's class or type in errorType", "its error document has no errorType: %s", excerpt(a.failed.JSON()))
	}
	if !strings.Contains(a.failed.Message, failing) {
		t.Failf("give the error's own message in errorMessage", "its errorMessage is %q, and the handler's error says %q", a.failed.Message, failing)
	}
	var stack struct {
		StackTrace json.RawMessage `json:"stackTrace"`
		Trace      json.RawMessage `json:"trace"`
	}
	if err := json.Unmarshal(a.failed.JSON(), &stack); err == nil {
		for _, trace := range []json.RawMessage{stack.StackTrace, stack.Trace} {
			if trimmed := strings.TrimSpace(string(trace)); trimmed != "" && trimmed != "null" && trimmed[0] != '[' {
				t.Failf("give stackTrace as a list", "its stackTrace is no list: %s", excerpt(trace))
			}
		}
	}
}

func (r *Runtime) fail(t *T) {
	r.needErrors(t)
	s := r.speak(t, r.named(t, "fail"))
	r.failed(t, s)
	s.finish()
}

func (r *Runtime) failLives(t *T) {
	r.needErrors(t)
	s := r.speak(t, r.named(t, "fail"))
	for range 3 {
		r.failed(t, s)
	}
	s.finish()
}

func (r *Runtime) print(t *T) {
	if r.manifest.Protocol == "" {
		t.Skipf("in the lines of 2018 stdout is for responses")
	}
	s := r.speak(t, r.named(t, "print"))
	for i := range 3 {
		text := fmt.Sprintf("a line of the handler, number %d", i)
		a := s.ask(r.turnOf(fmt.Sprint(i), []byte(`{"text":"`+text+`"}`)))
		if a.failed != nil || !sameJSON(a.payload, []byte(`{"printed":true}`)) {
			t.Failf("answer with what the handler returned, whatever it prints", "the handler print made %s", excerpt(a.payload))
		}
	}
	stdout, stderr := s.streams()
	twice := func(data []byte) bool {
		const last = "a line of the handler, number 2"
		return strings.Count(string(data), last)+strings.Count(stderr.String(), last) > 1 // a shell's stdout is its response
	}
	if !stdout.await(r.Patience, twice) {
		t.Failf("pass stdout and stderr of the handler on as they are, at once",
			"what the handler printed on stdout and stderr is not in both: %s", excerpt([]byte(stdout.String()+stderr.String())))
	}
	s.finish()
}

func (r *Runtime) exit(t *T) {
	s := r.speak(t, r.named(t, "exit"))
	if status := s.dies(r.turnOf("1", []byte(`{"status":3}`))); status != "exit status 3" {
		t.Failf("end with the status that the handler ended the process with", "the handler ended the process with 3, and it ended with %s", status)
	}
}

func (r *Runtime) sleep(t *T) {
	s := r.speak(t, r.named(t, "sleep"))
	start := time.Now()
	a := s.ask(r.turnOf("1", []byte(`{"ms":300}`)))
	if a.failed != nil || !sameJSON(a.payload, []byte(`{"slept":true}`)) {
		t.Failf("wait for the handler", "the handler sleep made %s", excerpt(a.payload))
	}
	if took := time.Since(start); took < 300*time.Millisecond {
		t.Failf("wait for the handler", "the handler slept for 300 ms, and the answer came after %v", took)
	}
	s.finish()
}

// contextOf asks the handler context.
func (r *Runtime) contextOf(t *T, s speaker, turn turn) (about struct {
	RequestID   string  `json:"requestId"`
	FunctionARN string  `json:"functionArn"`
	RemainingMs float64 `json:"remainingMs"`
}) {
	turn.event = []byte(`{}`)
	a := s.ask(turn)
	if a.failed != nil {
		t.Failf("give the handler a context", "the handler context failed: %s", a.failed.Error())
	}
	if err := json.Unmarshal(a.payload, &about); err != nil {
		t.Failf("give the handler a context", "the handler context made %s: %v", excerpt(a.payload), err)
	}
	return about
}

// needContext skips what the lines of 2018 do not carry.
func (r *Runtime) needContext(t *T) {
	if r.manifest.Protocol == "" {
		t.Skipf("the lines of 2018 carry the event alone")
	}
}

func (r *Runtime) context(t *T) {
	r.needContext(t)
	s := r.speak(t, r.named(t, "context"))
	for i := range 2 {
		id := requestID(i)
		about := r.contextOf(t, s, r.turnOf(id, nil))
		if about.RequestID != id || about.FunctionARN != functionARN {
			t.Failf("take request ID and function ARN from each invocation", "the context says request ID %q and function ARN %q, and they are %q and %q", about.RequestID, about.FunctionARN, id, functionARN)
		}
	}
	s.finish()
}

// remaining holds the remaining time to the kit's own clock before and after.
func (r *Runtime) remaining(t *T) {
	r.needContext(t)
	s := r.speak(t, r.named(t, "context"))
	for i, timeout := range []time.Duration{7 * time.Second, 20 * time.Minute, 90 * time.Second} {
		deadline := time.Now().Add(timeout)
		about := r.contextOf(t, s, turn{id: requestID(i), deadline: deadline})
		least, most := time.Until(deadline).Milliseconds()-5, timeout.Milliseconds()+5
		if ms := int64(about.RemainingMs); ms < max(least, 0) || ms > most {
			t.Failf("count to deadlineMs (Lambda-Runtime-Deadline-Ms) of the invocation", "the deadline is in %v, and the context says that %d ms remain", timeout, ms)
		}
	}
	s.finish()
}

func (r *Runtime) missingHandler(t *T) {
	switch r.manifest.Protocol {
	case manifest.ProtocolFrames:
		r.framesMissing(t)
	case manifest.ProtocolRuntimeAPI:
		r.apiInitError(t)
	default:
		s := r.startLines(t, missing(r.any()))
		select {
		case <-s.process.exited():
		case <-t.after(r.Patience):
			t.Failf("exit with a status other than 0 when the handler can't be loaded", "its handler is not there, and it was still running after %v", r.Patience)
		}
		if _, ok, _ := s.process.end(); ok {
			t.Failf("exit with a status other than 0 when the handler can't be loaded", "its handler is not there, and it exited with 0")
		}
	}
}
