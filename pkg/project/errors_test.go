package project_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/serverless/open-runtime/pkg/project"
)

// TestAllAtOnce is what a person sees of a sor.yaml that has everything wrong.
func TestAllAtOnce(t *testing.T) {
	dir := write(t, files{"middlewares/redact": "", "middlewares/audit": "", "sor.yaml": `runtime: nodejs22.x
handlr: handler.hello
timeout: three
memory: "128"
Environment: {}
middlewares:
  - ./middlewares/redat
  - "a b"
colour: red
`})
	_, err := project.Load(dir, options)
	list, ok := errors.AsType[project.Errors](err)
	if !ok || len(list) != 8 {
		t.Fatalf("got %d errors: %v", len(list), err)
	}
	want := `sor.yaml:1:10: there is no runtime "nodejs22.x"
  1 | runtime: nodejs22.x
    |          ^
    did you mean ` + "`target: nodejs22.x` (and `runtime: node`)?" + `
sor.yaml:2:1: there is no key "handlr"
  2 | handlr: handler.hello
    | ^
    did you mean handler?
sor.yaml:3:10: timeout is the text "three"; it must be a whole number of seconds, 1 to 900
  3 | timeout: three
    |          ^
sor.yaml:4:9: memory is the text "128"; it must be a whole number of MB, 128 to 10240
  4 | memory: "128"
    |         ^
    a number without quotes: ` + "`memory: 128`" + `
sor.yaml:5:1: there is no key "Environment"
  5 | Environment: {}
    | ^
    did you mean environment?
sor.yaml:7:5: middlewares: there is no ./middlewares/redat
  7 |   - ./middlewares/redat
    |     ^
    did you mean ./middlewares/redact?
sor.yaml:8:5: middlewares: "a b" is no name: letters, digits, dot, dash and underscore, 64 at most, a letter or digit first
  8 |   - "a b"
    |     ^
    a file or folder of this project is ./PATH; a name is one of a layer
sor.yaml:9:1: there is no key "colour"
  9 | colour: red
    | ^
    the keys are name, runtime, target, handler, code, architecture, middlewares, layers, sidecars, interpreters, extra, memory, timeout, tmp, environment, image, unwatched`
	if diff := cmp.Diff(want, err.Error()); diff != "" {
		t.Error(diff)
	}
}

func TestSyntax(t *testing.T) {
	tests := []struct{ yaml, want string }{
		{"name: a: b\n", `sor.yaml:1:8: a ` + "`:`" + ` where none can be
  1 | name: a: b
    |        ^
    is the line indented as the ones before it? A text that has ` + "`: `" + ` in it needs quotes`},
		{"name: x\n\ttimeout: 3\n", `sor.yaml:2:1: a tab; YAML is indented with spaces
  2 |  timeout: 3
    | ^`},
		{"layers:\n\t- x\n", `sor.yaml:2:1: a tab; YAML is indented with spaces
  2 |  - x
    | ^`},
		{"runtime: node\nname: \"x\nfoo: 1\n", `sor.yaml:2:7: this quote is never closed
  2 | name: "x
    |       ^`},
		{"name: 'x\nfoo: 1\n", `sor.yaml:1:7: this quote is never closed
  1 | name: 'x
    |       ^`},
		{"a: 1\nlayers: [x, y\nc: 2\n", `sor.yaml:2:13: this ` + "`[`" + ` list is not closed, or lacks a comma
  2 | layers: [x, y
    |             ^`},
		{"a: 1\nruntime\nb: 2\n", `sor.yaml:2:1: a line without ` + "`:`" + `
  2 | runtime
    | ^
    a line is ` + "`key: value`, or `- entry`" + ` in a list`},
		{"a:\n  b: 1\n c: 2\n", `sor.yaml:3:2: this fits nowhere
  3 |  c: 2
    |  ^
    is the line indented as the ones before it? Is a quote inside of quotes?`},
		{"name: @x\n", `sor.yaml:1:7: no text can begin with this character
  1 | name: @x
    |       ^
    put the text in quotes`},
		{"name: *x\n", `sor.yaml:1:8: this ` + "`*`" + ` names nothing
  1 | name: *x
    |        ^
    ` + "`&NAME`" + ` before a value gives it a name; a text that begins with * needs quotes`},
		{"name: \x1b[2J\n", `sor.yaml:1:7: a control character
  1 | name: ` + "\ufffd" + `[2J
    |       ^
    write it as an escape in a "text"`},
		{"name: [\n", `sor.yaml:1:7: a value is missing, or a ` + "`[` or `{`" + ` is not closed
  1 | name: [
    |       ^`},
		{"%YAML 9.9\n---\na: 1\n", `sor.yaml:1:9: this is no YAML: found incompatible YAML document
  1 | %YAML 9.9
    |         ^`},
		{least + "---\nname: x\n", `sor.yaml:3:1: a second document begins; one sor.yaml is one function, and one document
  3 | ---
    | ^`},
		{least + "name: caf\xe9\n", `sor.yaml:3:10: this is not UTF-8
  3 | name: caf` + "\ufffd" + `
    |          ^
    save it as UTF-8`},
		{"\xff\xfer\x00u\x00", `sor.yaml:1:1: this is not UTF-8
  1 | ` + "\ufffd\ufffdr\ufffdu\ufffd" + `
    | ^
    save it as UTF-8`},
		{"", `sor.yaml:1:1: it is empty
    the least is ` + "`runtime: node` and `handler: handler.hello`" + `, a line each`},
		{"# nothing\n", `sor.yaml:1:1: it is empty
    the least is ` + "`runtime: node` and `handler: handler.hello`" + `, a line each`},
		{"- a\n", `sor.yaml:1:1: sor.yaml is a list; it must be keys with values
  1 | - a
    | ^
    the least is ` + "`runtime: node` and `handler: handler.hello`" + `, a line each`},
	}
	for _, test := range tests {
		_, err := project.Load(write(t, files{"sor.yaml": test.yaml}), options)
		if err == nil {
			t.Errorf("%q is taken for a sor.yaml", test.yaml)
		} else if diff := cmp.Diff(test.want, err.Error()); diff != "" {
			t.Errorf("%q: %s", test.yaml, diff)
		}
	}
}

// TestExcerpts has lines that a terminal would not show as they are.
func TestExcerpts(t *testing.T) {
	long := strings.Repeat("x", 300)
	tests := []struct{ yaml, want string }{
		{"name: é\nruntime: node\nhandler: handler.hello\nlayers: [é, ü]\n", "  4 | layers: [é, ü]\n    |             ^"},
		{least + "environment: { LONG: " + long + ", B: 1 }\n", "  3 | …" + strings.Repeat("x", 88) + ", B: 1 }\n    | " + strings.Repeat(" ", 91) + "^"},
		{least + "memory: \"1\\e[2J\"\n", `memory is the text "1\x1b[2J"`},
		{least + "layers: [\"\\e[2J\"]\n", "layers: there is no \ufffd[2J"},
		{least + "name: " + long + "\n", `name is "` + long[:60] + `…"`},
		{least + "memory:\t1\n", "  3 | memory: 1\n    |         ^"},
		{least + "name: \"a\u2028 b\"\nmemory: 1\n", "sor.yaml:5:9: "}, // a line break of YAML 1.1
	}
	for _, test := range tests {
		_, err := project.Load(write(t, files{"sor.yaml": test.yaml}), options)
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%q: got\n%v\nwant\n%s", test.yaml, err, test.want)
		}
	}
}

func TestManyErrors(t *testing.T) {
	var yaml strings.Builder
	for i := range 60 {
		yaml.WriteString(strings.Repeat("z", 10+i) + ": 1\n")
	}
	_, err := project.Load(write(t, files{"sor.yaml": least + yaml.String()}), options)
	if err == nil || !strings.HasSuffix(err.Error(), "\nand 10 errors more") {
		t.Errorf("got %v", err)
	}
}

// TestNoFile has what is no text that could be read.
func TestNoFile(t *testing.T) {
	tests := map[string]files{
		"sor.yaml is a folder; it must be a file":        {"sor.yaml/": ""},
		"sor.yaml is 1048577 bytes; 1048576 are allowed": {"sor.yaml": strings.Repeat("#", 1<<20+1)},
	}
	for want, list := range tests {
		if _, err := project.Load(write(t, list), options); err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	dir := write(t, files{"x": ""})
	if err := os.Symlink("gone", filepath.Join(dir, "sor.yaml")); err != nil {
		t.Fatal(err)
	}
	if _, err := project.Load(dir, options); err == nil || !strings.HasPrefix(err.Error(), "reading sor.yaml: ") {
		t.Errorf("a link that leads nowhere: got %v", err)
	}
	if err := os.Remove(filepath.Join(dir, "sor.yaml")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(os.DevNull, filepath.Join(dir, "sor.yaml")); err != nil {
		t.Fatal(err)
	}
	if _, err := project.Load(dir, options); err == nil || err.Error() != "sor.yaml is no regular file" {
		t.Errorf("a device: got %v", err)
	}
}

// TestLargeSyntaxError is one whose place is not searched for: the parser's own line has to do.
func TestLargeSyntaxError(t *testing.T) {
	_, err := project.Load(write(t, files{"sor.yaml": strings.Repeat("# a comment of some length\n", 6000) + "name: @x\n"}), options)
	if err == nil || !strings.Contains(err.Error(), "sor.yaml:6001:1: no text can begin with this character\n6001 | name: @x\n") {
		t.Errorf("got %.300v", err)
	}
}

func FuzzLoad(f *testing.F) {
	for _, seed := range []string{least, "a: [*a]\n", "&a [*a]: 1\n", "\"\\e\": \t", "<<: *x", "? {a: b}\n: - c", "name: |\n x\r\n\ty", "%TAG ! x\n---\n!a b", "environment: {A: !!int x}"} {
		f.Add([]byte(seed))
	}
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, data []byte) {
		if err := os.WriteFile(filepath.Join(dir, "sor.yaml"), data, 0o644); err != nil {
			t.Fatal(err)
		}
		_, err := project.Load(dir, options)
		list, _ := errors.AsType[project.Errors](err)
		for _, e := range list {
			if e.Line < 1 || e.Column < 1 || e.Line > len(data)+1 || e.Message == "" {
				t.Errorf("%q: %+v", data, e)
			}
		}
		if err != nil && strings.ContainsAny(err.Error(), "\x1b\r\x00") {
			t.Errorf("%q: %q is not fit for a terminal", data, err)
		}
	})
}
