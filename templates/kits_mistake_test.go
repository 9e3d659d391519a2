//go:build linux

package templates_test

// A hook that is misspelt would let every event pass: it ends the start.

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/serverless/open-runtime/internal/frames"
	"github.com/serverless/open-runtime/internal/runtimeapi"
)

// mistaken is the head and the end of a program in each language, around its hooks.
var mistaken = map[string][2]string{
	"node": {"#!/usr/bin/env node\nrequire('./kit').run(", ")\n"},
	"ruby": {"#!/usr/bin/env ruby\nrequire_relative 'kit'\n", "\nKit.run\n"},
	"bash": {"#!/bin/bash\nset -euo pipefail\nsource \"${BASH_SOURCE%/*}/kit.sh\"\n", "\nkit_run \"$@\"\n"},
}

func TestMisspeltHooks(t *testing.T) {
	cases := []struct {
		language, hooks string
		want            []string // of the sentence; none for a program that is right
	}{
		{"node", `{ befor () {} }`, []string{`"befor"`, "before, after and error", "shutdown and raw"}},
		{"node", `{ before () {}, onError () {} }`, []string{`"onError"`}},
		{"node", `new class { befor () {} after () {} }()`, []string{`"befor"`}},
		{"node", `{ before: 'no function' }`, []string{"before, which is no function but string"}},
		{"node", `{ raw: true, shutdown () {} }`, []string{"no hook", "before, after and error"}},
		{"node", ``, []string{"no hook"}},
		{"node", `null`, []string{"got null"}},
		{"node", `new class { #n = 1; before () {} }()`, nil},
		{"node", `{ before () {}, error: undefined, raw: false }`, nil},
		{"ruby", "def befor(_, _); end", []string{"befor is", "before, after and error", "if before is meant"}},
		{"ruby", "def befroe(_, _); end\ndef after(_, _); end", []string{"befroe is", "if before is meant"}},
		{"ruby", "def filter(_, _); end", []string{"no hook", "before, after or error"}},
		{"ruby", "def before(_, _); end\ndef errors; end\ndef error?; end", nil},
		{"bash", "befor() { :; }", []string{"befor is", "before, after and error", "if before is meant"}},
		{"bash", "befroe() { :; }\nafter() { :; }", []string{"befroe is", "if before is meant"}},
		{"bash", "filter() { :; }", []string{"no hook", "before, after or error"}},
		{"bash", "before() { :; }\nerrors() { :; }\nbefore_all() { :; }", nil},
	}
	for language, around := range mistaken {
		t.Run(language, func(t *testing.T) {
			t.Parallel()
			program := installed(t, language, "echo")
			for _, test := range cases {
				if test.language != language {
					continue
				}
				if err := os.WriteFile(program, []byte(around[0]+test.hooks+around[1]), 0o755); err != nil {
					t.Fatal(err)
				}
				exec, _ := once(t, program, "before", `{}`)
				if test.want == nil {
					if stays := converse(t, program).ask("before", `{}`); exec.kind != "unchanged" || stays.kind != "unchanged" {
						t.Errorf("%s: got %+v and %+v", test.hooks, exec, stays)
					}
					continue
				}
				stays := refused(t, program)
				for how, got := range map[string]outcome{"exec": exec, "frames/1": stays} {
					for _, part := range test.want {
						if got.kind != "failed" || !strings.Contains(got.document, part) {
							t.Errorf("%s %s: got %+v, want %q in it", how, test.hooks, got, part)
						}
					}
				}
				if exec.document != stays.document+"\n" {
					t.Errorf("%s: exec says %q, frames/1 %q", test.hooks, exec.document, stays.document)
				}
			}
		})
	}
}

// refused is what a middleware says in the place of ready. It ends with status 1 then.
func refused(t *testing.T, program string) outcome {
	t.Helper()
	c := start(t, program)
	c.send(frames.Hello{
		Type: frames.TypeHello, Versions: []int{frames.Version}, Role: frames.RoleMiddleware, Name: "witness",
		Capabilities: []string{"cancel"}, MaxPayload: runtimeapi.MaxResponse,
	}, nil)
	f := c.read()
	var document struct{ ErrorType, ErrorMessage string }
	if err := json.Unmarshal(f.Payload, &document); err != nil || f.Type != frames.TypeError || f.ID != "" {
		t.Fatalf("%s %s came (%v)\n%s", f.Header, f.Payload, err, &c.log)
	}
	if err := c.cmd.Wait(); c.cmd.ProcessState.ExitCode() != 1 {
		t.Errorf("%s: it ended with %v", filepath.Base(program), err)
	}
	return outcome{"failed", document.ErrorMessage, document.ErrorType}
}

// A dump takes no lock, which a trap may not, also where the program has put a writer of its own in the place of $stderr.
func TestRubyDumpsWhileItPrints(t *testing.T) {
	program := installed(t, "ruby", "echo")
	hooks := "def before(_, _)\n  loop { $stderr.write(\"line\\n\") }\nend\n" +
		"$stderr = Class.new { define_method(:lock) { @lock ||= Mutex.new }\n def write(*all) = lock.synchronize { STDERR.write(*all) }\n def sync=(_); end\n def fileno = 2\n def to_io = STDERR }.new"
	if err := os.WriteFile(program, []byte(mistaken["ruby"][0]+hooks+mistaken["ruby"][1]), 0o755); err != nil {
		t.Fatal(err)
	}
	c := converse(t, program)
	c.begin("busy", "before", `{}`)
	c.log.wait(t, "line\n")
	for range 20 {
		_ = c.cmd.Process.Signal(syscall.SIGUSR2)
	}
	c.log.wait(t, "in `converse'")
	if err := c.cmd.Process.Kill(); err != nil || strings.Contains(c.log.String(), "ThreadError") {
		t.Errorf("%v: %.2000s", err, &c.log)
	}
}
