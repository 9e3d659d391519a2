package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/serverless/open-runtime/pkg/layer"
	"github.com/serverless/open-runtime/pkg/project"
	"github.com/serverless/open-runtime/templates"
)

func TestAppendMiddleware(t *testing.T) {
	const entry = "./middlewares/new"
	cases := map[string]struct {
		text, want string // want "": it is not changed
		has        bool
	}{
		"lines": {has: true,
			text: "name: x\nmiddlewares: # outermost first\n  - ./middlewares/a # one\n\n  # two\n  - b?\n\n# memory\nmemory: 128\n",
			want: "name: x\nmiddlewares: # outermost first\n  - ./middlewares/a # one\n\n  # two\n  - b?\n  - ./middlewares/new\n\n# memory\nmemory: 128\n"},
		"lines without indent": {has: true,
			text: "middlewares:\n- a\n-   b\nname: x\n", want: "middlewares:\n- a\n-   b\n- ./middlewares/new\nname: x\n"},
		"a comment without indent": {has: true,
			text: "middlewares:\n    - a\n# b is off\n    - c\nname: x\n", want: "middlewares:\n    - a\n# b is off\n    - c\n    - ./middlewares/new\nname: x\n"},
		"no newline at the end": {has: true,
			text: "name: x\nmiddlewares:\n  - a", want: "name: x\nmiddlewares:\n  - a\n  - ./middlewares/new"},
		"CRLF": {has: true,
			text: "name: x\r\nmiddlewares:\r\n  - a\r\nmemory: 128\r\n", want: "name: x\r\nmiddlewares:\r\n  - a\r\n  - ./middlewares/new\r\nmemory: 128\r\n"},
		"a value on its own line": {has: true, text: "middlewares:\n  [a]\n"},
		"nothing after the key": {has: true,
			text: "middlewares:\nmemory: 128\n", want: "middlewares:\n  - ./middlewares/new\nmemory: 128\n"},
		"the key at the end": {has: true, text: "name: x\nmiddlewares:", want: "name: x\nmiddlewares:\n  - ./middlewares/new"},
		"brackets": {has: true,
			text: "middlewares: [ a , './middlewares/b' ] # two\nname: x\n", want: "middlewares: [ a , './middlewares/b', ./middlewares/new ] # two\nname: x\n"},
		"a comma at the end": {has: true, text: "middlewares: [a,]\n", want: "middlewares: [a, ./middlewares/new]\n"},
		"empty":              {has: true, text: "name: x\nmiddlewares: []\n", want: "name: x\nmiddlewares: [./middlewares/new]\n"},
		"empty with space":   {has: true, text: "middlewares : [ ]  # none\n", want: "middlewares : [./middlewares/new ]  # none\n"},
		"brackets on lines": {has: true,
			text: "middlewares: [\n  a,\n  b # last [one]\n]\nname: x\n", want: "middlewares: [\n  a,\n  b, # last [one]\n  ./middlewares/new\n]\nname: x\n"},
		"brackets on lines, comma, CRLF": {has: true,
			text: "middlewares: [\r\n    a,\r\n    b,\r\n]\r\n", want: "middlewares: [\r\n    a,\r\n    b,\r\n    ./middlewares/new,\r\n]\r\n"},
		"no key": {
			text: "name: x\nruntime: node\n\n# the end\n", want: "name: x\nruntime: node\n\n# the end\nmiddlewares:\n  - ./middlewares/new\n"},
		"no key, no newline": {text: "name: x", want: "name: x\nmiddlewares:\n  - ./middlewares/new\n"},
		"no key, CRLF":       {text: "name: x\r\nruntime: node", want: "name: x\r\nruntime: node\r\nmiddlewares:\r\n  - ./middlewares/new\r\n"},
		"a marked document":  {text: "---\nname: x\n", want: "---\nname: x\nmiddlewares:\n  - ./middlewares/new\n"},
		"two documents":      {text: "name: x\n---\nname: y\n"},
		"braces":             {text: "{name: x}\n"},
		"an alias":           {has: true, text: "sidecars: &s [a]\nmiddlewares: *s\n"},
		"null":               {has: true, text: "middlewares: null\n"},
		"quoted":             {has: true, text: "\"middlewares\":\n  - a\n"},
		"twice":              {has: true, text: "middlewares: []\nmiddlewares: []\n"},
		"not closed":         {has: true, text: "middlewares: [a\n"},
	}
	for title, c := range cases {
		got, ok := appendMiddleware(c.text, entry, c.has)
		if ok != (c.want != "") {
			t.Errorf("%s: changed is %v: %q", title, ok, got)
			continue
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", title, diff)
		}
	}
}

func TestAppendOptionalMiddleware(t *testing.T) {
	got, ok := appendMiddleware("middlewares: [a]\n", "./middlewares/new?", true)
	if want := "middlewares: [a, \"./middlewares/new?\"]\n"; !ok || got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestNewProjects: what is written is understood, for each runtime with a middleware in each language.
func TestNewProjects(t *testing.T) {
	for _, language := range templates.Runtimes() {
		dir := filepath.Join(t.TempDir(), "hello")
		args := []string{"init", dir, "--runtime", language}
		for _, m := range templates.Languages() {
			args = append(args, "--middleware", "m-"+m+":"+m)
		}
		var stdout, stderr bytes.Buffer
		if code := run(t.Context(), args, strings.NewReader(""), &stdout, &stderr); code != exitOK || stdout.Len() > 0 {
			t.Fatalf("exit status %d\n%s%s", code, stdout.String(), stderr.String())
		}
		p, err := project.Load(dir, project.Options{Targets: layer.Targets(), DefaultTarget: func(string) string { return "" }, Architecture: "other"})
		if err != nil {
			t.Fatal(err)
		}
		if err := p.CheckHandler(); err != nil {
			t.Error(err)
		}
		var names []string
		for _, m := range p.Middlewares {
			names = append(names, m.Name)
		}
		if diff := cmp.Diff([]string{"m-bash", "m-python", "m-node", "m-ruby", "m-go"}, names); diff != "" {
			t.Errorf("middlewares (-want +got):\n%s", diff)
		}
		if p.Name != "hello" || p.Runtime != language || p.Target != layer.DefaultTarget(language) || p.Architecture != runtime.GOARCH {
			t.Errorf("it is %s, %s, %s, %s", p.Name, p.Runtime, p.Target, p.Architecture)
		}
	}
}

// TestWriteNewLeavesNothing: a file in the way, and a write that is stopped, leave what was there and nothing else.
func TestWriteNewLeavesNothing(t *testing.T) {
	root := t.TempDir()
	if err := os.WriteFile(filepath.Join(root, "b"), []byte("mine"), 0o644); err != nil {
		t.Fatal(err)
	}
	stopped, stop := context.WithCancel(t.Context())
	stop()
	cases := map[string]struct {
		ctx   context.Context
		files []templates.File
	}{
		"a file is there":       {t.Context(), []templates.File{{Path: "a/deep/x"}, {Path: "b"}}},
		"a file for a folder":   {t.Context(), []templates.File{{Path: "a/deep/x"}, {Path: "b/y"}}},
		"a folder for a folder": {t.Context(), []templates.File{{Path: "a/deep/x"}, {Path: "a/deep"}}},
		"interrupted":           {stopped, []templates.File{{Path: "a/deep/x"}}},
	}
	for title, c := range cases {
		if _, err := writeNew(c.ctx, root, c.files); err == nil {
			t.Errorf("%s: it is written", title)
		} else if title == "interrupted" && !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", title, err)
		}
		entries, err := os.ReadDir(root)
		if err != nil {
			t.Fatal(err)
		}
		if len(entries) != 1 {
			t.Errorf("%s: it leaves %v", title, entries)
		}
	}
	if data, err := os.ReadFile(filepath.Join(root, "b")); string(data) != "mine" {
		t.Errorf("the file is %q now: %v", data, err)
	}
}

func TestShellWord(t *testing.T) {
	for word, want := range map[string]string{"a/b-1.2": "a/b-1.2", "a b": "'a b'", "": "''", "it's": `'it'\''s'`, "$x": "'$x'", "~a": "'~a'"} {
		if got := shellWord(word); got != want {
			t.Errorf("%q becomes %s, want %s", word, got, want)
		}
	}
}
