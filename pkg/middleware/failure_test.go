//go:build linux

package middleware_test

// What a failure says, who is skipped, and what an output may be.

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/serverless/open-runtime/internal/runtimeapi"
)

// The text names the middleware, the hook, the exit status or signal, and the last lines of stderr.
func TestFailureText(t *testing.T) {
	for _, test := range []struct{ script, want string }{
		{`exit 3`, "middleware a.sh, HOOK: exit status 3"},
		{`echo '{"good":1}'; exit 255`, "middleware a.sh, HOOK: exit status 255"},
		{`kill -9 $$`, "middleware a.sh, HOOK: signal: killed"},
		{`kill -SEGV $$`, "middleware a.sh, HOOK: signal: segmentation fault"},
		{`echo one >&2; printf 'two\n\nthree' >&2; exit 1`, "middleware a.sh, HOOK: exit status 1\nlast lines of its stderr:\none\ntwo\nthree"},
		{`seq 1 12 >&2; exit 1`, "middleware a.sh, HOOK: exit status 1\nlast lines of its stderr:\n3\n4\n5\n6\n7\n8\n9\n10\n11\n12"},
		{`printf '\xff\n' >&2; exit 1`, "middleware a.sh, HOOK: exit status 1\nlast lines of its stderr:\n\ufffd"},
		{`printf '%01000d\n' 0 >&2; exit 1`, "middleware a.sh, HOOK: exit status 1\nlast lines of its stderr:\n" + strings.Repeat("0", 300)},
	} {
		for _, hook := range []string{"before", "after"} {
			l := newLayer(t)
			l.script("a.sh", `[ $1 = `+hook+` ] || exit 0; `+test.script)
			_, err := l.invoke("a.sh", echo, `{}`)
			wantError(t, err, runtimeapi.ErrorMiddleware)
			if got, want := err.(*runtimeapi.Error).Message, strings.ReplaceAll(test.want, "HOOK", hook); got != want {
				t.Errorf("%s: got %q, want %q", test.script, got, want)
			}
		}
	}
}

// stderr goes to the log, whole lines, tagged with the name, whether the run fails or not.
func TestStderrIsLogged(t *testing.T) {
	l := newLayer(t)
	l.manifest("a", `{"hooks":["before"]}`)
	l.script("a", `printf 'on' >&2; /bin/sleep 0.05; printf 'e\r\n\ntwo\n' >&2; printf '%070000d\nlast' 0 >&2`)
	l.mustInvoke("a", echo, `{}`)
	want := "a: one\na: \na: two\na: " + strings.Repeat("0", 65536) + "\na: " + strings.Repeat("0", 70000-65536) + "\na: last"
	if got := l.logs(); got != want {
		t.Errorf("got %.200q, want %.200q", got, want)
	}
}

func TestOptional(t *testing.T) {
	for _, how := range []struct{ entry, manifest string }{{"b?", all}, {"b", `{"required":false}`}} {
		l := newLayer(t)
		l.script("a", trace)
		l.manifest("b", how.manifest)
		l.script("b", trace+`; echo why >&2; echo '{"b":1}'; echo x >&3; exit 7`)
		if got := l.mustInvoke("a,"+how.entry, echo, `{"event":1}`); got != `{"event":1}` {
			t.Errorf("got %s", got)
		}
		l.wantOrder("a.before b.before a.after") // it is skipped for the whole invocation
		if want := `sor: warning optional middleware skipped middleware=b hook=before request_id=request-1 cause="exit status 7"`; !strings.Contains(l.logs(), want) {
			t.Errorf("logged %q, want %q", l.logs(), want)
		}
	}
}

func TestOptionalAfter(t *testing.T) {
	l := newLayer(t)
	l.script("a", trace+`; [ $1 = before ] || cat`)
	l.script("b", trace+`; [ $1 = before ] || { echo changed; exit 7; }`)
	if got := l.mustInvoke("a,b?", echo, `{"event":1}`); got != `{"event":1}` {
		t.Errorf("got %s", got)
	}
	l.wantOrder("a.before b.before b.after a.after")
	if !strings.Contains(l.logs(), "optional middleware skipped middleware=b hook=after") {
		t.Errorf("logged %q", l.logs())
	}
}

// Whatever is a failure is skipped: a bad output, its own time limit.
func TestOptionalSkipsAnyFailure(t *testing.T) {
	for script, cause := range map[string]string{
		"echo hello": "not JSON", "sleep 1000": "timed out after 300 ms", "head -c 6291557 /dev/zero": "6291557", "kill -9 $$": "signal: killed",
	} {
		l := newLayer(t)
		l.manifest("a", `{"hooks":["before"]}`)
		if strings.HasPrefix(script, "sleep") {
			l.manifest("a", `{"hooks":["before"],"timeoutMs":300}`)
		}
		l.script("a", script)
		if got := l.mustInvoke("a?", echo, `{}`); got != `{}` || !strings.Contains(l.logs(), cause) {
			t.Errorf("%s: got %q, logged %q", script, got, l.logs())
		}
	}
}

// Output of before must be JSON, and the failure shows the place.
func TestOutputOfBefore(t *testing.T) {
	for printed, place := range map[string]string{
		`hello`:             `line 1, column 1: invalid character 'h' looking for beginning of value, at "hello"`,
		`{"a":1,}`:          `line 1, column 8: invalid character '}'`,
		`{\n  "ä": x}`:      `line 2, column 8: invalid character 'x'`,
		`{} {}`:             `line 1, column 4: invalid character '{' after top-level value`,
		`{"a":`:             `line 1, column 6: it ends too early`,
		`\n\n`:              `it ends too early`,
		` `:                 `it ends too early`,
		`\xef\xbb\xbf{}`:    `line 1, column 1: it begins with a byte order mark`,
		`"a\xff"`:           `line 1, column 3: it is not UTF-8`,
		`"\xed\xa0\x80"`:    `line 1, column 2: it is not UTF-8`, // half a surrogate pair
		`{"a":1}\x00`:       `line 1, column 8: invalid character '\x00' after top-level value`,
		`NaN`:               `line 1, column 1`,
		`\x1f\x8b`:          `line 1, column 2: it is not UTF-8`, // gzip
		`{"a":"line\none"}`: `invalid character '\n' in string literal`,
	} {
		l := newLayer(t)
		l.Environ = append(l.Environ, "PRINT="+printed)
		l.script("a", `printf "$PRINT"`)
		_, err := l.invoke("a", unreached(t), `{}`)
		wantError(t, err, runtimeapi.ErrorMiddleware, "middleware a, before: what it printed is not JSON: ", place)
	}
	for _, printed := range []string{`null`, `"x"`, `1e400`, ` [1]\r\n`, `{"a":"ä😀"}`, `"\\ud800"`, `0`} {
		l := newLayer(t)
		l.Environ = append(l.Environ, "PRINT="+printed)
		l.script("a", `[ $1 = after ] || printf "$PRINT"`)
		if got := l.mustInvoke("a", echo, `{}`); got == `{}` {
			t.Errorf("%s did not replace the event", printed)
		}
	}
}

// Output of after may be any bytes.
func TestOutputOfAfter(t *testing.T) {
	l := newLayer(t)
	l.script("a", `[ $1 = before ] || printf '\xef\xbb\xbf\x00\xff hello\n'`)
	if got, want := l.mustInvoke("a", echo, `{}`), "\xef\xbb\xbf\x00\xff hello"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// outputs are the three that have a limit; each prints $SIZE bytes that are JSON, and perhaps a newline.
var outputs = []struct{ hook, stream, script string }{
	{"before", "stdout", `[ $1 = after ] || { head -c $SIZE /dev/zero | tr '\0' 1; printf "$NEWLINE"; }`},
	{"after", "stdout", `[ $1 = before ] || { head -c $SIZE /dev/zero; printf "$NEWLINE"; }`},
	{"before", "fd 3", `[ $1 = after ] || { head -c $SIZE /dev/zero; printf "$NEWLINE"; } >&3`},
}

func TestLargestOutput(t *testing.T) {
	for _, output := range outputs {
		for _, newline := range []string{"", `\n`} {
			l := newLayer(t)
			l.Environ = append(l.Environ, "SIZE=6291556", "NEWLINE="+newline)
			l.script("a", output.script)
			if got := l.mustInvoke("a", echo, `{}`); len(got) != 6291556 {
				t.Errorf("%s on %s: %d bytes got through", output.hook, output.stream, len(got))
			}
			l.Environ = append(l.Environ, "SIZE=6291557")
			_, err := l.invoke("a", echo, `{}`)
			wantError(t, err, runtimeapi.ErrorMiddleware,
				fmt.Sprintf("middleware a, %s: it printed 6291557 bytes on %s; 6291556 are allowed", output.hook, output.stream))
		}
	}
}

// One newline more than the trimmed one counts.
func TestTwoNewlinesAtTheLimit(t *testing.T) {
	l := newLayer(t)
	l.script("a", `[ $1 = before ] || { head -c 6291556 /dev/zero; echo; echo; }`)
	_, err := l.invoke("a", echo, `{}`)
	wantError(t, err, runtimeapi.ErrorMiddleware, "6291557 bytes on stdout; 6291556 are allowed")
}

// One that prints without end is ended, soon, with both numbers.
func TestFlood(t *testing.T) {
	for _, script := range []string{
		`head -c 10G /dev/zero`, `cat /dev/zero >&3`, `trap '' TERM PIPE; while :; do head -c 1M /dev/zero; done`,
		`cat /dev/zero >&3 & cat /dev/zero`, `yes & sleep 1000`,
	} {
		l := newLayer(t)
		l.script("a", script)
		done := within(t, 30*time.Second)
		_, err := l.invoke("a", unreached(t), `{}`)
		done()
		wantError(t, err, runtimeapi.ErrorMiddleware, "middleware a, before: it printed more than ", " 6291556 are allowed")
	}
}

// A log has no limit but the time.
func TestFloodOfStderr(t *testing.T) {
	l := newLayer(t)
	lines := 0
	l.Log = func(string, []byte) { lines++ }
	l.manifest("a", `{"timeoutMs":300}`)
	l.script("a", `exec yes "$(printf '%01000d' 0)" >&2`)
	_, err := l.invoke("a", unreached(t), `{}`)
	wantError(t, err, runtimeapi.ErrorMiddleware, "timed out after 300 ms")
	if lines == 0 {
		t.Error("nothing reached the log")
	}
}

// 100 MB of log pass whole, and hold nothing else up.
func TestLargeStderr(t *testing.T) {
	l := newLayer(t)
	var bytes int
	l.Log = func(_ string, line []byte) { bytes += len(line) + 1 }
	l.script("a", `[ $1 = after ] || { yes $(printf '%099d' 0) | head -c 100000000 >&2; echo '{"a":1}'; }`)
	if got := l.mustInvoke("a", echo, `{}`); got != `{"a":1}` || bytes != 100_000_000 {
		t.Errorf("got %q and %d bytes of log", got, bytes)
	}
}
