//go:build linux

package runtimes_test

// What only the bash runtime does: it is the shell that the handler runs in.

import (
	"strings"
	"testing"
)

func TestBashAnswers(t *testing.T) {
	cases := map[string]string{
		"own.shelf":    `"3"`, // declared in the file, not in a function of ours
		"own.kept":     `"kept open"`,
		"own.nothing":  ``,
		"own.children": `"waited"`,
		"own.locale":   `"unset"`,
		"own.newlines": "\"a\"\n", // one is trimmed, as by echo
		"own.number":   `1`,
		"own.json":     `"{"custom":{"k":"v\u00e9"}}"`,
		"strict.ok":    `1`,
	}
	for handler, want := range cases {
		t.Run(handler, func(t *testing.T) {
			t.Parallel()
			r := start(t, "bash", handler).ready()
			if got := r.result("1", "{\"a\":\n\"ü\"}"); got != want {
				t.Errorf("got %q, want %q", got, want)
			}
			r.shutdown()
		})
	}
}

func TestBashErrors(t *testing.T) {
	cases := map[string]string{"own.silent": "own.silent returned 4", "own.quiet": "own.quiet returned 3"}
	for handler, want := range cases {
		r := start(t, "bash", handler).ready()
		for _, id := range []string{"1", "2"} {
			if e := r.failure(id, `{}`); e.Type != "Function.ExitStatus" || e.Message != want {
				t.Errorf("%s: got %q %q, want %q", handler, e.Type, e.Message, want)
			}
		}
		r.shutdown()
	}
}

// An answer without a newline at its end once took bash's own pattern minutes to look at.
func TestBashLargeAnswer(t *testing.T) {
	r := start(t, "bash", "own.large").ready()
	if got := r.result("1", `{}`); len(got) != 4000002 {
		t.Errorf("got %d bytes", len(got))
	}
	r.shutdown()
}

// set -e and set -u end the shell: that is told as the status that it is, and the process ends.
func TestBashStrict(t *testing.T) {
	cases := map[string]string{"strict.falls": "about to fall", "strict.unbound": "nowhere: unbound variable"}
	for handler, want := range cases {
		r := start(t, "bash", handler).ready()
		if e := r.failure("1", `{}`); e.Type != "Function.ExitStatus" || !strings.Contains(e.Message, want) {
			t.Errorf("%s: got %q %q, want %q", handler, e.Type, e.Message, want)
		}
		if log := r.end("exit status 1"); strings.Contains(log, "never here") {
			t.Errorf("%s: got %q", handler, log)
		}
	}
	r := start(t, "bash", "strict.leaves").ready()
	r.send(invocation("1"), []byte(`{}`))
	r.end("exit status 5")
}

// What set -x shows is the handler's, and nothing of ours.
func TestBashTraced(t *testing.T) {
	r := start(t, "bash", "strict.traced").ready()
	for _, id := range []string{"1", "2"} {
		if got := r.result(id, `{}`); got != `"traced"` {
			t.Errorf("got %s", got)
		}
	}
	if log := r.shutdown(); !strings.Contains(log, "+ printf '\"traced\"'") || strings.Contains(log, "rt_status") {
		t.Errorf("got %q", log)
	}
}
