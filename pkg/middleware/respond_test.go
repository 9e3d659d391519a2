//go:build linux

package middleware_test

// fd 3: early responses, and errors that are handled.

import (
	"errors"
	"strings"
	"testing"

	"github.com/serverless/open-runtime/internal/runtimeapi"
)

func TestEarlyResponse(t *testing.T) {
	l := newLayer(t)
	for _, name := range []string{"a", "b", "c"} {
		l.script(name, trace)
		l.manifest(name, all)
	}
	l.script("b", trace+`; echo '{"status":401}' >&3`)
	got := l.mustInvoke("a,b,c", unreached(t), `{}`)
	if want := `{"status":401}`; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	l.wantOrder("a.before b.before a.after")
}

// The after of those entered sees the early response, and changes it.
func TestAfterOfAnEarlyResponse(t *testing.T) {
	l := newLayer(t)
	l.script("a", `[ $1 = before ] || { read -r response; echo "$response, signed"; }`)
	l.script("b", `echo early >&3`)
	if got := l.mustInvoke("a,b", unreached(t), `{}`); got != "early, signed" {
		t.Errorf("got %q", got)
	}
}

func TestEarlyResponseBytes(t *testing.T) {
	l := newLayer(t)
	for script, want := range map[string]string{
		`echo '{"a":1}' >&3`:                  `{"a":1}`,
		`printf 'x\n\n' >&3`:                  "x\n", // one newline is trimmed
		`printf '\xff\x00' >&3`:               "\xff\x00",
		`echo '{"b":1}'; echo '{"a":1}' >&3`:  `{"a":1}`, // fd 3 beats stdout
		`echo 'no JSON'; echo '{"a":1}' >&3`:  `{"a":1}`,
		`echo '{"a":1}' >&3; echo '{"b":1}'`:  `{"a":1}`,
		`exec >&3 3>&-; echo '{"a":1}'; exit`: `{"a":1}`,
	} {
		l.script("a", script)
		if got := l.mustInvoke("a", unreached(t), `{}`); got != want {
			t.Errorf("%s: got %q, want %q", script, got, want)
		}
	}
}

// Empty is no answer, and one newline is empty.
func TestEmptyIsNoAnswer(t *testing.T) {
	l := newLayer(t)
	for _, script := range []string{`echo >&3`, `printf '' >&3`, `exec 3>&-`} {
		l.script("a", `[ $1 = after ] || { `+script+`; echo '{"b":1}'; }`)
		if got := l.mustInvoke("a", echo, `{}`); got != `{"b":1}` {
			t.Errorf("%s: got %q", script, got)
		}
	}
}

func TestFailureBeatsEarlyResponse(t *testing.T) {
	l := newLayer(t)
	l.script("a", `echo '{"a":1}' >&3; echo '{"b":1}'; exit 3`)
	_, err := l.invoke("a", unreached(t), `{}`)
	wantError(t, err, runtimeapi.ErrorMiddleware, "middleware a, before: exit status 3")
}

// fd 3 is open in before and error only, and nothing else of ours is open anywhere.
func TestOpenDescriptors(t *testing.T) {
	l := newLayer(t)
	l.manifest("a", all)
	l.script("a", `for fd in {0..20}; do [ -e /proc/$$/fd/$fd ] && open+="$fd "; done; echo $open >"$DIR/$1"`)
	l.mustInvoke("a", echo, `{}`)
	_, err := l.invoke("a", fails(broken), `{}`)
	wantError(t, err, "Function.Broken")
	for hook, want := range map[string]string{"before": "0 1 2 3\n", "after": "0 1 2\n", "error": "0 1 2 3\n"} {
		if got := l.told(hook); got != want {
			t.Errorf("%s has the descriptors %s, want %s", hook, got, want)
		}
	}
}

func TestErrorHookSeesTheDocument(t *testing.T) {
	given := []byte(`{"errorMessage":"it broke","errorType":"Broken","trace":["at x"]}`)
	for _, test := range []struct {
		err  error
		want string
	}{
		{broken, `{"errorType":"Function.Broken","errorMessage":"it broke","stackTrace":[]}`},
		{&runtimeapi.Error{Type: "T", Message: "m", StackTrace: []string{"s"}}, `{"errorType":"T","errorMessage":"m","stackTrace":["s"]}`},
		{&runtimeapi.Error{Type: "Broken", Document: given}, string(given)},
		{errors.New("plain"), `{"errorType":"Runtime.Unknown","errorMessage":"plain","stackTrace":[]}`},
	} {
		l := newLayer(t)
		l.manifest("a", `{"hooks":["error"]}`)
		l.script("a", `cat >"$DIR/document"`)
		if _, err := l.invoke("a", fails(test.err), `{}`); !errors.Is(err, test.err) {
			t.Errorf("got %v, want %v itself", err, test.err)
		}
		if got := l.told("document"); got != test.want+"\n" {
			t.Errorf("got %s, want %s", got, test.want)
		}
	}
}

func TestErrorReplaced(t *testing.T) {
	for _, test := range []struct{ script, wantType, wantDocument string }{
		{`echo '{"errorType":"Function.Other","errorMessage":"hidden"}'`, "Function.Other", `{"errorType":"Function.Other","errorMessage":"hidden"}`},
		{`echo '{"errorMessage":"hidden"}'`, "Function.Broken", `{"errorMessage":"hidden","errorType":"Function.Broken"}`},
		{`echo '{"errorType":"X","extra":[1]}'`, "X", `{"errorType":"X","extra":[1]}`},
		{`cat`, "Function.Broken", `{"errorType":"Function.Broken","errorMessage":"it broke","stackTrace":[]}`},
		{`exit 0`, "Function.Broken", `{"errorType":"Function.Broken","errorMessage":"it broke","stackTrace":[]}`},
		{`echo >&3`, "Function.Broken", `{"errorType":"Function.Broken","errorMessage":"it broke","stackTrace":[]}`},
	} {
		l := newLayer(t)
		l.manifest("a", `{"hooks":["error"]}`)
		l.script("a", test.script)
		_, err := l.invoke("a", fails(broken), `{}`)
		wantError(t, err, test.wantType)
		if got := string(err.(*runtimeapi.Error).JSON()); got != test.wantDocument {
			t.Errorf("%s: got %s, want %s", test.script, got, test.wantDocument)
		}
	}
}

// The one further out hears of the error as the one further in left it.
func TestErrorsPassOutwards(t *testing.T) {
	l := newLayer(t)
	l.manifest("a", all)
	l.manifest("b", all)
	l.script("a", `[ $1 != error ] || cat >"$DIR/document"`)
	l.script("b", `[ $1 != error ] || echo '{"errorType":"B","errorMessage":"b"}'`)
	_, err := l.invoke("a,b", fails(broken), `{}`)
	wantError(t, err, "B", "b")
	if got, want := l.told("document"), `{"errorType":"B","errorMessage":"b"}`+"\n"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// What is written on fd 3 handles the error: the after of those further out runs on it, its own doesn't.
func TestErrorHandled(t *testing.T) {
	l := newLayer(t)
	for _, name := range []string{"a", "b", "c"} {
		l.script(name, trace)
		l.manifest(name, all)
	}
	l.script("a", trace+`; [ $1 = before ] || cat`)
	l.script("b", trace+`; [ $1 = before ] || { echo '{"errorType":"X"}'; echo handled >&3; }`)
	if got := l.mustInvoke("a,b,c", fails(broken), `{}`); got != "handled" {
		t.Errorf("got %q", got)
	}
	l.wantOrder("a.before b.before c.before c.error b.error a.after")
}

// A hook that fails, or prints what is no error document, is logged and never hides the error it was given.
func TestErrorHookFails(t *testing.T) {
	for script, cause := range map[string]string{
		`echo handled >&3; echo '{"errorType":"X"}'; exit 9`: "exit status 9",
		`kill -9 $$`: "signal: killed",
		`echo hello`: "not JSON",
		`echo '[]'`:  "no error document",
		`echo '{}'`:  "no error document",
		`echo '{"errorType":5,"errorMessage":"x"}'`: "no error document",
		`sleep 1000`:            "timed out after 300 ms",
		`yes`:                   "6291556 are allowed",
		`printf '\xef\xbb\xbf'`: "byte order mark",
	} {
		l := newLayer(t)
		l.manifest("a", `{"hooks":["error"]}`)
		if strings.HasPrefix(script, "sleep") {
			l.manifest("a", `{"hooks":["error"],"timeoutMs":300}`)
		}
		l.script("a", script)
		if _, err := l.invoke("a", fails(broken), `{}`); err != broken {
			t.Errorf("%s: got %v, want the error that was given", script, err)
		}
		if logs := l.logs(); !strings.Contains(logs, "sor: warning error hook failed middleware=a request_id=request-1") || !strings.Contains(logs, cause) {
			t.Errorf("%s: logged %q, want %q", script, logs, cause)
		}
	}
}

// When a before or after fails, the error hooks of those outside it run, and its own doesn't.
func TestErrorHooksOfAFailure(t *testing.T) {
	for _, test := range []struct{ hook, want string }{
		{"before", "a.before b.before a.error"},
		{"after", "a.before b.before c.before c.after b.after a.error"},
	} {
		l := newLayer(t)
		for _, name := range []string{"a", "b", "c"} {
			l.script(name, trace)
			l.manifest(name, all)
		}
		l.script("b", trace+`; [ $1 != `+test.hook+` ]`)
		_, err := l.invoke("a,b,c", echo, `{}`)
		wantError(t, err, runtimeapi.ErrorMiddleware, "middleware b, "+test.hook+": exit status 1")
		l.wantOrder(test.want)
	}
}
