//go:build linux

package runtimes_test

// What every language runtime does. What one of them alone does is in the file of its language.

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/serverless/open-runtime/internal/frames"
)

func TestPayloads(t *testing.T) {
	whole := 6 * 1024 * 1024
	cases := map[string]string{
		"object":     `{"a":1,"b":[true,null,"x"]}`,
		"empty":      `{}`,
		"null":       `null`,
		"string":     `"text"`,
		"number":     `42`,
		"unicode":    `{"k":"héllo 🧀 日本 \u2028 \u0000 \\ \" \/"}`,
		"raw":        "{\"k\":\"\u2028 \u00a0 \U0001F9C0 \x7f\"}",
		"newlines":   "{\n\t\"k\" :\r\n [ 1 ,\n 2 ] }\n",
		"header":     `{"type":"shutdown","length":3}` + "\n",
		"65535 B":    `"` + strings.Repeat("x", 65533) + `"`,
		"65537 B":    `"` + strings.Repeat("x", 65535) + `"`,
		"6 MB":       `"` + strings.Repeat("x", whole-2) + `"`,
		"6 MB lines": "[" + strings.Repeat("\"\\n\",\n", whole/6-1) + "0]",
	}
	everyLanguage(t, func(t *testing.T, language string) {
		r := start(t, language, "handler.same").ready()
		for name, event := range cases {
			if got := r.result(name, event); !sameJSON(t, got, event) {
				t.Errorf("%s: got %.200q (%d bytes), want %.200q (%d bytes)", name, got, len(got), event, len(event))
			}
		}
		r.shutdown()
	})
}

// sameJSON compares values, since a language may write the same one differently.
func sameJSON(t *testing.T, got, want string) bool {
	t.Helper()
	var short, wanted bytes.Buffer
	if json.Compact(&short, []byte(got)) == nil && json.Compact(&wanted, []byte(want)) == nil && bytes.Equal(short.Bytes(), wanted.Bytes()) {
		return true // which is soon seen, of 6 MB too
	}
	var a, b any
	if err := json.Unmarshal([]byte(got), &a); err != nil {
		t.Errorf("the answer is no JSON: %v", err)
		return false
	}
	if err := json.Unmarshal([]byte(want), &b); err != nil {
		t.Fatal(err)
	}
	x, _ := json.Marshal(a)
	y, _ := json.Marshal(b)
	return string(x) == string(y)
}

func TestContext(t *testing.T) {
	want := map[string]string{
		"requestId": "request-1", "arn": "arn:aws:lambda:eu-west-1:1:function:demo", "name": "demo", "version": "$LATEST",
		"memory": "128", "logGroup": "/aws/lambda/demo", "logStream": "stream", "tenant": "blue <&> 🧀", "client": "vé",
		"identity": "who", "traceId": "Root=1-2-3;Sampled=0", "handler": "handler.context",
	}
	everyLanguage(t, func(t *testing.T, language string) {
		r := start(t, language, "handler.context").ready()
		var got map[string]any
		text := r.result("1", `{}`)
		if err := json.Unmarshal([]byte(text), &got); err != nil {
			t.Fatalf("%v: %s", err, text)
		}
		for key, value := range want {
			if got[key] != value && (language != "bash" || got[key] != strings.ReplaceAll(value, "vé", `v\u00e9`)) {
				t.Errorf("%s is %q, want %q", key, got[key], value)
			}
		}
		if left, _ := got["remaining"].(float64); left < 15000 || left > 21000 {
			t.Errorf("remaining is %v, want a little less than 20000", got["remaining"])
		}
		r.shutdown()
	})
}

func TestThrownErrors(t *testing.T) {
	want := map[string]struct{ kind, message, frame string }{
		"node":   {"TypeError", "out of 🧀\n\"cheese\"", "testdata/node/handler.js:10:9"},
		"python": {"TypeError", "out of 🧀\n\"cheese\"", `testdata/python/handler.py", line 22, in fails`},
		"ruby":   {"Function<TypeError>", "out of 🧀\n\"cheese\"", "testdata/ruby/handler.rb:16:in"},
		"bash":   {"Function.ExitStatus", `out of 🧀 "cheese" \ `, ""},
	}
	everyLanguage(t, func(t *testing.T, language string) {
		r := start(t, language, "handler.fails").ready()
		e := r.failure("1", `{}`)
		w := want[language]
		if e.Type != w.kind || e.Message != w.message {
			t.Errorf("got %q %q, want %q %q", e.Type, e.Message, w.kind, w.message)
		}
		if stack := strings.Join(e.StackTrace, "\n"); !strings.Contains(stack, w.frame) {
			t.Errorf("the stack has no %q: %s", w.frame, stack)
		}
		if got := r.result("2", `{"fail":false}`); got != `"fine"` {
			t.Errorf("after an error it answers %s, want fine", got)
		}
		if log := r.shutdown(); !strings.Contains(log, "cheese") {
			t.Errorf("the error is not in the log: %q", log)
		}
	})
}

func TestEventThatIsNoJSON(t *testing.T) {
	want := map[string]string{"node": "SyntaxError", "python": "Runtime.UnmarshalError", "ruby": "Function<JSON::ParserError>"}
	everyLanguage(t, func(t *testing.T, language string) {
		if language == "bash" {
			return // a shell takes any text
		}
		r := start(t, language, "handler.same").ready()
		for i, event := range []string{`{"a":`, ``} {
			if e := r.failure(string(rune('1'+i)), event); e.Type != want[language] {
				t.Errorf("%q: got %s %q, want %s", event, e.Type, e.Message, want[language])
			}
		}
		if got := r.result("9", `1`); got != `1` {
			t.Errorf("after a bad event it answers %s", got)
		}
		r.shutdown()
	})
}

func TestPrints(t *testing.T) {
	everyLanguage(t, func(t *testing.T, language string) {
		r := start(t, language, "handler.prints").ready()
		if got := r.result("1", `{}`); got != `"printed"` {
			t.Errorf("got %s", got)
		}
		log := r.shutdown()
		for _, want := range []string{"from the handler: 1\n", "an error line\n", `{"type":"result","id":"1","length":0}` + "\n", "no newline"} {
			if !strings.Contains(log, want) {
				t.Errorf("the log has no %q: %q", want, log)
			}
		}
	})
}

func TestExits(t *testing.T) {
	everyLanguage(t, func(t *testing.T, language string) {
		r := start(t, language, "handler.leave").ready()
		r.send(invocation("1"), []byte(`{}`))
		if log := r.end("exit status 3"); !strings.Contains(log, "last words") {
			t.Errorf("what it printed before its exit is lost: %q", log)
		}
		r = start(t, language, "handler.crash").ready()
		r.send(invocation("1"), []byte(`{}`))
		if log := r.end("signal: killed"); !strings.Contains(log, "last words") {
			t.Errorf("what it printed before it was killed is lost: %q", log)
		}
	})
}

func TestHandlersThatCannotBe(t *testing.T) {
	const missing, syntax, lost, name = "Runtime.ImportModuleError", "Runtime.UserCodeSyntaxError", "Runtime.HandlerNotFound", "Runtime.MalformedHandlerName"
	exports := map[string]string{
		"node": "handler.js exports: same, count", "python": "handler.py exports: same, count", "ruby": "handler exports: same, count",
		"bash": "handler.sh exports: context, count",
	}
	cases := []struct {
		handler, kind string
		message       func(language string) string
	}{
		{"nofile.hello", missing, func(string) string { return "nofile" }},
		{"handler.nope", lost, func(language string) string { return exports[language] }},
		{"broken.handler", syntax, func(string) string { return "" }},
		{"needs.handler", missing, func(string) string { return "not" }},
		{"handler", name, func(string) string { return "Bad handler 'handler'" }},
	}
	everyLanguage(t, func(t *testing.T, language string) {
		for _, c := range cases {
			if language == "bash" && c.handler == "needs.handler" {
				continue
			}
			r := start(t, language, c.handler)
			f := r.read()
			e := r.document(f)
			if f.ID != "" || e.Type != c.kind || !strings.Contains(e.Message, c.message(language)) {
				t.Errorf("%s: got %s %s %q, want %s with %q", c.handler, f.Header, e.Type, e.Message, c.kind, c.message(language))
			}
			if c.handler == "broken.handler" && !strings.Contains(string(f.Payload), "broken.") {
				t.Errorf("the place of the syntax error is not told: %s", f.Payload)
			}
			if _, err := r.r.Read(); err == nil {
				t.Errorf("%s: more than an error came", c.handler)
			}
		}
	})
}

func TestErrorWhileLoading(t *testing.T) {
	want := map[string]string{"node": "RangeError", "python": "RuntimeError", "ruby": "Init<ArgumentError>", "bash": "Runtime.ImportModuleError"}
	everyLanguage(t, func(t *testing.T, language string) {
		r := start(t, language, "throws.handler")
		f := r.read()
		e := r.document(f)
		if f.ID != "" || e.Type != want[language] || !strings.Contains(e.Message, "at the top") {
			t.Errorf("got %s %s, want %s", f.Header, f.Payload, want[language])
		}
		if language != "bash" && !strings.Contains(strings.Join(e.StackTrace, "\n"), "throws.") {
			t.Errorf("the stack does not tell the place: %q", e.StackTrace)
		}
	})
}

func TestStateLasts(t *testing.T) {
	everyLanguage(t, func(t *testing.T, language string) {
		r := start(t, language, "handler.count").ready()
		for i, want := range []string{"1", "2", "3"} {
			if got := r.result(want, `{}`); got != want {
				t.Errorf("invocation %d: got %s, want %s", i, got, want)
			}
		}
		r.shutdown()
	})
}

func TestCancelIsNoEnd(t *testing.T) {
	everyLanguage(t, func(t *testing.T, language string) {
		r := start(t, language, "handler.count").ready()
		r.send(frames.Cancel{Type: frames.TypeCancel, ID: "0"}, nil)
		if got := r.result("1", `{}`); got != "1" {
			t.Errorf("got %s", got)
		}
		r.shutdown()
	})
}

func TestEndOfFramesEnds(t *testing.T) {
	everyLanguage(t, func(t *testing.T, language string) {
		r := start(t, language, "handler.same").ready()
		r.result("1", `{}`)
		r.in.Close()
		r.end("exit status 0")
	})
}

func TestStdinIsEmpty(t *testing.T) {
	want := map[string]string{"bash": `"the event"`}
	everyLanguage(t, func(t *testing.T, language string) {
		r := start(t, language, "handler.stdin").ready()
		if got := r.result("1", `{"a":1}`); got != want[language] && (language == "bash" || got != "0") {
			t.Errorf("got %s", got)
		}
		r.shutdown()
	})
}

func TestChildrenGetNoDescriptor(t *testing.T) {
	everyLanguage(t, func(t *testing.T, language string) {
		r := start(t, language, "handler.descriptors").ready()
		ours := map[string]bool{} // the pipes that both sides have
		for _, fd := range []string{"/3", "/4"} {
			ours[descriptor(t, r, fd)] = true
		}
		delete(ours, "")
		var list []string
		if err := json.Unmarshal([]byte(r.result("1", `{}`)), &list); err != nil {
			t.Fatal(err)
		}
		if len(list) == 0 || slices.ContainsFunc(list, func(fd string) bool { return ours[fd] }) {
			t.Errorf("a child of the handler has %q; ours are %v", list, ours)
		}
		r.shutdown()
	})
}

func TestResponseTooLarge(t *testing.T) {
	const want = "Response payload size (6291557 bytes) exceeded maximum allowed payload size (6291556 bytes)."
	everyLanguage(t, func(t *testing.T, language string) {
		r := start(t, language, "handler.large").ready()
		for _, id := range []string{"1", "2"} {
			if e := r.failure(id, `{}`); e.Type != "Function.ResponseSizeTooLarge" || e.Message != want {
				t.Errorf("got %s %q, want %q", e.Type, e.Message, want)
			}
		}
		r.shutdown()
	})
}

func TestWithoutBootstrap(t *testing.T) {
	everyLanguage(t, func(t *testing.T, language string) { wantsBootstrap(t, install(t, language)) })
}
