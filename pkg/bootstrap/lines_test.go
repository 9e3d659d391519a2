//go:build linux

package bootstrap_test

// Language runtimes of 2018: no manifest, lines on stdin and stdout. The proof of concept hung, or cut, on most of this.

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/serverless/open-runtime/internal/runtimeapi"
)

// lines makes a script the language runtime of 2018.
func (l *layer) lines(text string) *layer {
	l.t.Helper()
	return l.file("language-runtime", "#!/bin/bash\n"+text+"\n")
}

func TestLinesEcho(t *testing.T) {
	t.Parallel()
	f := newLayer(t).lines(`echo ready >&2; exec cat`).begin(options{})
	big := `"` + strings.Repeat("é🧀x\\n", (runtimeapi.MaxEvent-2)/9) + `"`
	for _, event := range []string{`{"a":1}`, "{\n  \"a\": \"b\\nc\",\r\n  \"list\": [ 1,\t2 ]\n}\n", "\"\u2028 🧀 \\ud83e\\uddc0\"", `"` + strings.Repeat("x", 65536) + `"`, big} {
		got := f.answers(event)
		if strings.ContainsAny(got, "\n\r\t") {
			t.Errorf("%.100q is not one line", got)
		}
		if diff := cmp.Diff(decoded(t, event), decoded(t, got)); diff != "" {
			t.Errorf("%.100q: %.300s", event, diff)
		}
	}
	f.log.wants(t, "ready\n") // stderr is the log
}

func TestLinesKeepState(t *testing.T) {
	t.Parallel()
	f := newLayer(t).lines(`while read -r event; do printf '{"count":%d,"event":%s,"handler":"%s"}\n' $((++n)) "$event" "$1"; done`).begin(options{})
	for n := range 3 {
		f.says(fmt.Sprint(n), fmt.Sprintf(`{"count":%d,"event":%d,"handler":"handler.hello"}`, n+1, n))
	}
}

func TestLinesLargeResponses(t *testing.T) {
	t.Parallel()
	f := newLayer(t).lines(`while read -r n; do head -c "$n" /dev/zero | tr '\0' x; echo; done`).begin(options{})
	for _, size := range []int{65535, 65536, 65537, 1_000_000, runtimeapi.MaxResponse} {
		if got := len(f.answers(fmt.Sprint(size))); got != size {
			t.Errorf("got %d bytes, want %d", got, size)
		}
	}
	for _, size := range []int{runtimeapi.MaxResponse + 1, 5 * runtimeapi.MaxResponse} {
		f.fails(fmt.Sprint(size), "Function.ResponseSizeTooLarge", fmt.Sprintf("Response payload size (%d bytes)", size))
	}
	f.says("3", "xxx")
}

func TestLinesMoreThanAsked(t *testing.T) {
	t.Parallel()
	f := newLayer(t).lines(`while read -r event; do printf '%s\nmore\n' "$event"; done`).begin(options{})
	for _, event := range []string{"1", "2", "3"} {
		f.says(event, event)
	}
	f.log.wants(t, `dropping an answer that nobody waits for id="" answer="more"`)
}

func TestLinesEnds(t *testing.T) {
	t.Parallel()
	f := newLayer(t).lines(`while read -r event; do case $event in
		1) printf half; exit 3 ;;
		2) exit 0 ;;
		3) exec >&-; sleep 300 ;;
		4) sleep 300 & setsid sleep 300 & kill -KILL $$ ;;
		5) sleep 300 ;;
		6) echo '"last words"'; exit 1 ;;
		*) echo "$$" ;;
	esac; done`).begin(options{timeout: 2 * time.Second})
	for _, test := range []struct{ event, errorType, text string }{
		{"1", "Runtime.ExitError", "exit status 3"}, // a line without its newline may be half an answer
		{"2", "Runtime.ExitError", "without providing a reason"},
		{"3", "Runtime.ProtocolError", "closed its end of the pipe"},
		{"4", "Runtime.ExitError", "signal: killed"},
		{"5", "Function.Timeout", "did not answer within "},
	} {
		before := f.answers("0")
		f.fails(test.event, test.errorType, test.text)
		if after := f.answers("0"); after == before {
			t.Errorf("%s: it is still the same process", test.event)
		}
	}
	f.says("6", `"last words"`)
	f.answers("0")
}

func TestLinesNoJSON(t *testing.T) {
	t.Parallel()
	f := newFake(t, newLayer(t).lines(`exec cat`)).start()
	for _, event := range []string{"not JSON", "", "{", "\"a\nb\"", "1 2"} {
		f.fails("bad", event, "Runtime.UnmarshalError")
	}
	if got := f.invoke("good", ` 1 `); got != "1" {
		t.Errorf("got %s", got)
	}
	f.next()
	f.stop()
}
