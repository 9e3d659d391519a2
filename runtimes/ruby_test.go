//go:build linux

package runtimes_test

// What only the Ruby runtime does: methods of modules, gems of the function's bundle.

import (
	"encoding/json"
	"os/exec"
	"strings"
	"testing"

	"github.com/serverless/open-runtime/internal/frames"
)

func TestRubyAnswers(t *testing.T) {
	cases := map[string]string{
		"own.Adapter.handler": `"of a module"`,
		"own.nothing":         `null`,
		"own.event_only":      `{}`,
		"own.log":             `true`,
	}
	for handler, want := range cases {
		t.Run(handler, func(t *testing.T) {
			t.Parallel()
			r := start(t, "ruby", handler).ready()
			if got := r.result("1", `{}`); got != want {
				t.Errorf("got %s, want %s", got, want)
			}
			if log := r.shutdown(); handler == "own.log" && !strings.Contains(log, "INFO -- : an info line\n") {
				t.Errorf("got %q", log)
			}
		})
	}
}

func TestRubyErrors(t *testing.T) {
	cases := map[string]struct{ kind, message string }{
		"own.stock":          {"Function<NotInStock>", "no cheese"},
		"own.missing_method": {"Function<NoMethodError>", "upcase"},
		"own.nan":            {"Function<JSON::GeneratorError>", "NaN"},
	}
	for handler, want := range cases {
		t.Run(handler, func(t *testing.T) {
			t.Parallel()
			r := start(t, "ruby", handler).ready()
			for _, id := range []string{"1", "2"} {
				if e := r.failure(id, `{}`); e.Type != want.kind || !strings.Contains(e.Message, want.message) {
					t.Errorf("got %q %q, want %q with %q", e.Type, e.Message, want.kind, want.message)
				}
			}
			r.shutdown()
		})
	}
}

func TestRubyHandlersThatCannotBe(t *testing.T) {
	cases := map[string]struct{ kind, message string }{
		"own.Nowhere.handler":        {"Runtime.HandlerNotFound", "own.rb: Nowhere is not defined"},
		"own.Adapter.nope":           {"Runtime.HandlerNotFound", "own.rb: nope is not defined; own.Adapter exports: handler"},
		"own.test":                   {"Runtime.HandlerNotFound", "own.rb: test is not defined"}, // Kernel has one
		"own.Adapter.Deeper.handler": {"Runtime.MalformedHandlerName", "Bad handler"},
	}
	for handler, want := range cases {
		r := start(t, "ruby", handler)
		if e := r.document(r.read()); e.Type != want.kind || !strings.HasPrefix(e.Message, want.message) {
			t.Errorf("%s: got %q %q, want %q %q", handler, e.Type, e.Message, want.kind, want.message)
		}
		r.end("exit status 1")
	}
}

func TestRubyBytes(t *testing.T) {
	r := start(t, "ruby", "own.raw").ready()
	f := r.invoke("1", []byte(`{}`))
	var answer frames.Answer
	if err := f.Decode(&answer); err != nil || answer.ContentType != "application/unknown" || string(f.Payload) != "\x00\xffraw" {
		t.Errorf("got %s %q", f.Header, f.Payload)
	}
	r.shutdown()
}

// A bundle in the function's code is found without Bundler, as by AWS's runtime.
func TestRubyBundle(t *testing.T) {
	program, task := install(t, "ruby"), t.TempDir()
	version, err := exec.CommandContext(t.Context(), "ruby", "-e", `print RbConfig::CONFIG["ruby_version"]`).Output()
	if err != nil {
		t.Fatal(err)
	}
	bundle := "vendor/bundle/ruby/" + string(version) + "/"
	writeFiles(t, task, map[string]string{
		"handler.rb": "require 'cheddar'\nrequire 'json'\ndef age(event:, context:)\n  [Cheddar::AGE, Gem.loaded_specs.key?('cheddar')]\nend\n",
		bundle + "specifications/cheddar-1.0.0.gemspec": "Gem::Specification.new { |s| s.name = 'cheddar'; s.version = '1.0.0'; " +
			"s.summary = 's'; s.authors = ['a']; s.require_paths = ['lib'] }\n",
		bundle + "gems/cheddar-1.0.0/lib/cheddar.rb": "module Cheddar; AGE = 3; end\n",
	})
	r := startIn(t, program, task, "handler.age").ready()
	var got []any
	if err := json.Unmarshal([]byte(r.result("1", `{}`)), &got); err != nil || got[0] != 3.0 || got[1] != true {
		t.Errorf("got %v, %v", got, err)
	}
	r.shutdown()
}
