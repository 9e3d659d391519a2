package templates_test

// The middlewares as programs, started as the bootstrap starts them: the exec contract of docs/protocol/middleware.md.

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/serverless/open-runtime/templates"
)

// name has what a careless template would stumble over.
const name = "my-stamp.v1"

func TestMiddlewares(t *testing.T) {
	cases := map[string]struct {
		document  string
		unchanged bool
	}{
		"object":           {document: `{"name":"Ada"}`},
		"empty object":     {document: `{}`},
		"empty with space": {document: "{ \n }"},
		"nested":           {document: `{"a":{"b":[{},{"c":{}}]},"d":{}}`},
		"lines":            {document: "\n{\n\t\"name\": \"Ada\",\r\n\t\"list\": [\n1,\n2]\n}\n\n"},
		"braces in text":   {document: `{"a":"{ ","b":"}","c":"\"}{"}`},
		"unicode":          {document: `{"k":"héllo 🧀 日本 \u2028 \u0000 \\ \" \/","ключ":"\ud83e\uddc0"}`},
		"has the key":      {document: `{"my-stamp.v1":"old","z":1}`},
		"percent":          {document: `{"a":"100 %s %d $HOME \\n"}`},
		"large":            {document: `{"a":"` + strings.Repeat(`{ x\n`, 400_000) + `"}`},
		"array":            {document: `[{"a":1},{}]`, unchanged: true},
		"string":           {document: `"{}"`, unchanged: true},
		"number":           {document: `42`, unchanged: true},
		"null":             {document: `null`, unchanged: true},
		"false":            {document: `false`, unchanged: true},
	}
	everyLanguage(t, func(t *testing.T, program string) {
		for title, c := range cases {
			for _, hook := range []string{"before", "after"} {
				got, early := run(t, program, hook, c.document)
				if early != "" {
					t.Errorf("%s, %s: there is an early response: %s", title, hook, early)
				}
				if c.unchanged {
					if got != "" {
						t.Errorf("%s, %s: it made %.200q of what is no object", title, hook, got)
					}
					continue
				}
				want := decode(t, c.document)
				want[name] = hook
				if diff := cmp.Diff(want, decode(t, got)); diff != "" {
					t.Errorf("%s, %s (-want +got):\n%.2000s", title, hook, diff)
				}
			}
		}
		for _, response := range []string{"", "plain", "{{ no JSON", "\xff\xfe{}"} {
			if got, _ := run(t, program, "after", response); got != "" {
				t.Errorf("of a response that is no JSON, %q, it made %q", response, got)
			}
		}
	})
}

// TestExactNumbers: those that only pass a value on keep its digits. Node has none beyond 2^53, and Python's floats end.
func TestExactNumbers(t *testing.T) {
	everyLanguage(t, func(t *testing.T, program string) {
		document := `{"n":12345678901234567890}`
		if strings.HasPrefix(t.Name(), "TestExactNumbers/node") {
			document = `{"n":9007199254740991}`
		}
		got, _ := run(t, program, "before", document)
		if digits := strings.Trim(document[4:], ":}"); !strings.Contains(got, digits) {
			t.Errorf("%s became %s", document, got)
		}
	})
}

// TestEarlyResponse uncomments what the template shows.
func TestEarlyResponse(t *testing.T) {
	for title, m := range forms() {
		t.Run(title, func(t *testing.T) {
			t.Parallel()
			needLanguage(t, m.Language)
			files, err := m.Files()
			shown := false
			for i := range files {
				var text string
				if text, shown = uncomment(string(files[i].Data)); shown {
					files[i].Data = []byte(text)
					break
				}
			}
			if !shown {
				t.Fatal("the template shows no early response")
			}
			program := build(t, m, write(t, files, err))
			if output, early := run(t, program, "before", `{"name":"forbidden"}`); output != "" || strings.Join(strings.Fields(early), "") != `{"statusCode":403}` {
				t.Errorf("stdout %q, fd 3 %q", output, early)
			}
			if output, early := run(t, program, "before", `{"name":"Ada"}`); output == "" || early != "" {
				t.Errorf("stdout %q, fd 3 %q", output, early)
			}
		})
	}
}

// uncomment takes the marks off the comment lines that follow the one about the early response.
func uncomment(text string) (string, bool) {
	const end = ": the handler and the middlewares further in do not run.\n"
	head, tail, ok := strings.Cut(text, "An early response, on fd 3"+end)
	if !ok {
		head, tail, ok = strings.Cut(text, "An early response"+end)
	}
	var lines []string
	inside := ok
	for line := range strings.Lines(tail) {
		trimmed := strings.TrimLeft(line, " \t")
		indent := line[:len(line)-len(trimmed)]
		code, comment := strings.CutPrefix(trimmed, "// ")
		if !comment {
			code, comment = strings.CutPrefix(trimmed, "# ")
		}
		inside = inside && comment
		if inside {
			line = indent + code
		}
		lines = append(lines, line)
	}
	return head + "\n" + strings.Join(lines, ""), ok
}

func TestMiddlewareTestEvents(t *testing.T) {
	everyLanguage(t, func(t *testing.T, program string) {
		place, _, _ := strings.Cut(program, "/middlewares/")
		event, err := os.ReadFile(filepath.Join(place, "middlewares", name+".event.json"))
		if err != nil {
			t.Fatal(err)
		}
		want := map[string]any{"name": "Ada", name: "before"}
		got, _ := run(t, program, "before", string(event))
		if diff := cmp.Diff(want, decode(t, got)); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

func TestModuleMiddlewareInNode(t *testing.T) {
	if _, err := (templates.Middleware{Name: "stamp.mjs", Language: "node"}).Files(); err == nil || !strings.Contains(err.Error(), "stamp.js") {
		t.Errorf("Node would take it for a module: got %v", err)
	}
}

// forms are the middlewares that there are: in each language with the kit, and plain.
func forms() map[string]templates.Middleware {
	all := map[string]templates.Middleware{}
	for _, language := range templates.Languages() {
		all[language] = templates.Middleware{Name: name, Language: language}
		all[language+" plain"] = templates.Middleware{Name: name, Language: language, Plain: true}
	}
	return all
}

// everyLanguage calls test with the middleware of each language, with the kit and plain, ready to start.
func everyLanguage(t *testing.T, test func(t *testing.T, program string)) {
	for title, m := range forms() {
		t.Run(title, func(t *testing.T) {
			t.Parallel()
			needLanguage(t, m.Language)
			files, err := m.Files()
			test(t, build(t, m, write(t, files, err)))
		})
	}
}

func needLanguage(t testing.TB, language string) {
	t.Helper()
	program := templates.Interpreter(language)
	if program == "" {
		program = "go"
	}
	need(t, program)
}

// build gives the program; Go is compiled, with no network.
func build(t testing.TB, m templates.Middleware, dir string) string {
	t.Helper()
	program := filepath.Join(dir, "middlewares", m.Name)
	if m.Language != "go" && m.Plain {
		return program
	}
	if m.Language != "go" {
		return filepath.Join(program, m.Name)
	}
	for _, args := range [][]string{{"vet", "./..."}, {"build", "-o", program + ".out", "."}} {
		cmd := exec.CommandContext(t.Context(), "go", args...)
		cmd.Dir = program
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOWORK=off", "GOFLAGS=-mod=mod", "GOPROXY=off", "GOTOOLCHAIN=local")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("go %s: %v\n%s", args[0], err, out)
		}
	}
	return program + ".out"
}

// run does the equivalent of echo "$document" | program hook, and gives what it printed, less a newline, and what it wrote
// on fd 3.
func run(t *testing.T, program, hook, document string) (output, early string) {
	t.Helper()
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(t.Context(), program, hook)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + os.Getenv("HOME"), "SOR_MIDDLEWARE=" + name, "SOR_HOOK=" + hook}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(document+"\n"), &stdout, &stderr
	if hook == "before" {
		cmd.ExtraFiles = []*os.File{writer}
	}
	err = cmd.Run()
	writer.Close()
	if err != nil || stderr.Len() > 0 {
		t.Fatalf("%s on %.100q: %v\n%s", hook, document, err, stderr.String())
	}
	answer, err := io.ReadAll(reader)
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSuffix(stdout.String(), "\n"), string(answer)
}

func decode(t *testing.T, text string) map[string]any {
	t.Helper()
	var value map[string]any
	if err := json.Unmarshal([]byte(text), &value); err != nil {
		t.Fatalf("it is no JSON: %v: %.200q", err, text)
	}
	return value
}
