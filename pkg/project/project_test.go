package project_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/serverless/open-runtime/pkg/project"
)

// options are those of a machine with few targets.
var options = project.Options{
	Targets: []string{"nodejs24.x", "nodejs22.x", "python3.13", "provided.al2023"},
	DefaultTarget: func(runtime string) string {
		return map[string]string{"node": "nodejs24.x", "python": "python3.13"}[runtime]
	},
	CheckTarget: func(id string) error {
		switch {
		case slices.Contains([]string{"nodejs24.x", "nodejs22.x", "python3.13", "provided.al2023"}, id):
			return nil
		case id == "nodejs18.x":
			return errors.New("AWS deprecated nodejs18.x on 2025-09-01; take nodejs24.x")
		}
		return fmt.Errorf("there is no target %q; there are nodejs24.x, nodejs22.x, python3.13, provided.al2023", id)
	},
	Architecture: "amd64",
}

// files are names with contents; a name that ends in / is a folder.
type files map[string]string

// write makes a project's folder with the name hello.
func write(t *testing.T, list files) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "hello")
	for name, content := range list {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if strings.HasSuffix(name, "/") {
			if err := os.MkdirAll(path, 0o755); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// least is a sor.yaml with nothing but what it must have.
const least = "runtime: node\nhandler: handler.hello\n"

func TestLoadEverything(t *testing.T) {
	dir := write(t, files{
		"sor.yaml": `
name: orders_1
runtime: node
target: nodejs22.x
handler: handler.hello
code: src
architecture: aarch64
image: registry.example/node:22
middlewares:
  - ./middlewares/redact
  - ./middlewares/stamp?
  - audit?
  - sor:http
layers: [../platform.zip, vendored]
sidecars: [proxy]
interpreters: {}
extra: layer
memory: 1024
timeout: 30
tmp: 1024
environment: { TABLE_NAME: orders, PORT: 8080, ON: true, RATIO: 1.50, DAY: 2026-01-02, EMPTY: "", OCT: 0o17, NO: no }
`,
		"src/handler.js": "", "middlewares/redact": "", "middlewares/stamp/main.go": "", "vendored/": "", "layer/": "",
		"../platform.zip": "PK\x03\x04",
	})
	got, err := project.Load(dir, options)
	if err != nil {
		t.Fatal(err)
	}
	want := &project.Project{
		Dir: dir, Name: "orders_1", Runtime: "node", Target: "nodejs22.x", Handler: "handler.hello",
		Image: "registry.example/node:22", Architecture: "arm64", Code: filepath.Join(dir, "src"),
		HasMiddlewares: true,
		Middlewares: []project.Middleware{
			{Name: "redact", Path: filepath.Join(dir, "middlewares", "redact")},
			{Name: "stamp", Path: filepath.Join(dir, "middlewares", "stamp"), Optional: true},
			{Name: "audit", Optional: true},
			{Name: "sor:http", BuiltIn: true},
		},
		HasSidecars: true, Sidecars: []project.Sidecar{{Name: "proxy"}},
		Layers: []string{filepath.Join(filepath.Dir(dir), "platform.zip"), filepath.Join(dir, "vendored")},
		Extra:  filepath.Join(dir, "layer"),
		Memory: 1024, Timeout: 30, Tmp: 1024,
		Environment: map[string]string{
			"TABLE_NAME": "orders", "PORT": "8080", "ON": "true", "RATIO": "1.50", "DAY": "2026-01-02", "EMPTY": "", "OCT": "0o17", "NO": "no",
		},
	}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreUnexported(project.Project{})); diff != "" {
		t.Error(diff)
	}
}

func TestLoadDefaults(t *testing.T) {
	dir := write(t, files{"sor.yaml": least, "function/handler.js": ""})
	got, err := project.Load(dir, options)
	if err != nil {
		t.Fatal(err)
	}
	want := &project.Project{
		Dir: dir, Name: "hello", Runtime: "node", Target: "nodejs24.x", Handler: "handler.hello", Architecture: "amd64",
		Code: filepath.Join(dir, "function"), Memory: 128, Timeout: 3, Tmp: 512, Environment: map[string]string{},
	}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreUnexported(project.Project{})); diff != "" {
		t.Error(diff)
	}
}

func TestLoadCases(t *testing.T) {
	tests := []struct {
		name  string
		files files
		check func(p *project.Project) bool
	}{
		{"byte order mark", files{"sor.yaml": "\ufeff" + least}, func(p *project.Project) bool { return p.Runtime == "node" }},
		{"CRLF", files{"sor.yaml": strings.ReplaceAll(least, "\n", "\r\n")}, func(p *project.Project) bool { return p.Handler == "handler.hello" }},
		{"document start and end", files{"sor.yaml": "# one\n---\n" + least + "...\n"}, func(p *project.Project) bool { return p.Runtime == "node" }},
		{"aliases", files{"sor.yaml": "name: &n orders\n" + least + "environment: &e { TABLE: *n }\n"},
			func(p *project.Project) bool { return p.Environment["TABLE"] == "orders" }},
		{"alias of a list", files{"sor.yaml": least + "sidecars: &l [audit]\nmiddlewares: *l\n"},
			func(p *project.Project) bool { return len(p.Middlewares) == 1 && p.Middlewares[0].Name == "audit" }},
		{"empty lists are a decision", files{"sor.yaml": least + "middlewares: []\nsidecars: []\n"},
			func(p *project.Project) bool { return p.HasMiddlewares && p.HasSidecars && len(p.Middlewares) == 0 }},
		{"all variables commented out", files{"sor.yaml": least + "environment:\n  # A1: x\n"},
			func(p *project.Project) bool { return len(p.Environment) == 0 }},
		{"variables that only look reserved", files{"sor.yaml": least + "environment: { AWS_LAMBDA_HTTP_IGNORE_STAGE_IN_PATH: 1, TZ: UTC, PATH: /bin }\n"},
			func(p *project.Project) bool { return len(p.Environment) == 3 }},
		{"a wrapper where Lambda has none", files{"sor.yaml": least + "target: provided.al2023\nenvironment: { AWS_LAMBDA_EXEC_WRAPPER: /x }\n"},
			func(p *project.Project) bool { return len(p.Environment) == 1 }},
		{"a wrapper without the open runtime", files{"sor.yaml": "runtime: provided\ntarget: nodejs24.x\nenvironment: { AWS_LAMBDA_EXEC_WRAPPER: /x }\n"},
			func(p *project.Project) bool { return len(p.Environment) == 1 }},
		{"the wrapper that we are", files{"sor.yaml": least + "environment: { AWS_LAMBDA_EXEC_WRAPPER: /opt/bootstrap }\n"},
			func(p *project.Project) bool { return len(p.Environment) == 1 }},
		{"a number as the name", files{"sor.yaml": least + "name: 123\n"}, func(p *project.Project) bool { return p.Name == "123" }},
		{"provided needs no handler", files{"sor.yaml": "runtime: provided\n"},
			func(p *project.Project) bool { return p.Handler == "bootstrap" && p.CheckHandler() == nil }},
		{"provided may have five layers", files{"sor.yaml": "runtime: provided\nlayers: [a, b, c, d, e]\n", "a/": "", "b/": "", "c/": "", "d/": "", "e/": ""},
			func(p *project.Project) bool { return len(p.Layers) == 5 }},
		{"code is the project less what is none", files{"sor.yaml": least, "handler.js": ""},
			func(p *project.Project) bool {
				return p.Code == p.Dir && cmp.Equal(p.CodeExcludes, []string{".git", "dist", "middlewares", "sidecars", "sor.yaml"})
			}},
		{"and less extra and a language runtime", files{"sor.yaml": "runtime: ./rt\nhandler: x\nextra: parts/layer\ncode: .\n", "rt/": "", "parts/layer/": ""},
			func(p *project.Project) bool {
				return p.RuntimePath == filepath.Join(p.Dir, "rt") &&
					cmp.Equal(p.CodeExcludes, []string{".git", "dist", "middlewares", "sidecars", "sor.yaml", "parts/layer", "rt", "rt.json"})
			}},
		{"extra from elsewhere", files{"sor.yaml": least + "extra: ../layer\n", "../layer/": ""},
			func(p *project.Project) bool { return len(p.CodeExcludes) == 5 }},
		{"sidecars of this project and of a layer", files{"sor.yaml": least + "layers: [a]\nsidecars: [\"./sidecars/proxy?\", agent]\n", "a/": "", "sidecars/proxy/main.go": ""},
			func(p *project.Project) bool {
				return cmp.Equal(p.Sidecars, []project.Sidecar{{Name: "proxy", Path: filepath.Join(p.Dir, "sidecars", "proxy"), Optional: true}, {Name: "agent"}})
			}},
		{"a program of the code", files{"sor.yaml": "runtime: executable\nhandler: bin/hello\n", "function/bin/hello": ""},
			func(p *project.Project) bool { return p.HasProgram() && p.CheckHandler() == nil }},
		{"AWS's own client", files{"sor.yaml": "runtime: managed\ntarget: python3.13\nhandler: app.hello\n", "function/app.py": ""},
			func(p *project.Project) bool { return !p.HasProgram() && p.CheckHandler() == nil }},
		{"a file named function", files{"sor.yaml": least, "function": ""}, func(p *project.Project) bool { return p.Code == p.Dir }},
		{"a middleware of extra", files{"sor.yaml": least + "extra: layer\nmiddlewares: [redact]\n", "layer/": "", "middlewares/redact": ""},
			func(p *project.Project) bool { return p.Middlewares[0].Path == "" }},
	}
	for _, test := range tests {
		p, err := project.Load(write(t, test.files), options)
		if err != nil {
			t.Errorf("%s: %v", test.name, err)
		} else if !test.check(p) {
			t.Errorf("%s: got %+v", test.name, p)
		}
	}
}

func TestDefaultName(t *testing.T) {
	for folder, want := range map[string]string{
		"My Function": "My-Function", "été": "t", "日本": "function", "a.b": "a-b", strings.Repeat("x", 70): strings.Repeat("x", 64),
	} {
		dir := filepath.Join(t.TempDir(), folder)
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "sor.yaml"), []byte(least), 0o644); err != nil {
			t.Fatal(err)
		}
		p, err := project.Load(dir, options)
		if err != nil || p.Name != want {
			t.Errorf("%s: got %+v, %v; want %s", folder, p, err, want)
		}
	}
}

func TestLoadFromBelow(t *testing.T) {
	dir := write(t, files{"sor.yaml": least, "function/lib/": ""})
	p, err := project.Load(filepath.Join(dir, "function", "lib"), options)
	if err != nil || p.Dir != dir {
		t.Errorf("got %+v, %v", p, err)
	}
	bad := write(t, files{"sor.yaml": least + "memory: 1\n", "function/": ""})
	_, err = project.Load(filepath.Join(bad, "function"), options)
	if err == nil || !strings.HasPrefix(err.Error(), filepath.FromSlash("../sor.yaml:3:9: ")) {
		t.Errorf("got %v", err)
	}
}

func TestNoProject(t *testing.T) {
	dir := t.TempDir()
	_, err := project.Load(dir, options)
	if !errors.Is(err, project.ErrNoProject) || err.Error() != dir+" is not a sor project: neither it nor a folder above has a sor.yaml" {
		t.Errorf("got %v", err)
	}
	if err := os.WriteFile(filepath.Join(dir, "sor.yml"), []byte(least), 0o644); err != nil {
		t.Fatal(err)
	}
	_, err = project.Load(dir, options)
	if !errors.Is(err, project.ErrNoProject) || !strings.Contains(err.Error(), "it has a sor.yml, and the file must be named sor.yaml") {
		t.Errorf("got %v", err)
	}
}

func TestArchitecture(t *testing.T) {
	for name, want := range map[string]string{"amd64": "amd64", "x86_64": "amd64", "arm64": "arm64", "aarch64": "arm64", "x64": "", "": ""} {
		if got, ok := project.Architecture(name); got != want || ok != (want != "") {
			t.Errorf("%s: got %q, %t", name, got, ok)
		}
	}
}

func TestHasOwnBootstrap(t *testing.T) {
	for _, test := range []struct {
		files files
		want  bool
	}{
		{files{"sor.yaml": least}, false},
		{files{"sor.yaml": least, "bootstrap": ""}, true},
		{files{"sor.yaml": least, "bootstrap/": ""}, false},
		{files{"sor.yaml": least, "bootstrap": "", "function/": ""}, false},
	} {
		p, err := project.Load(write(t, test.files), options)
		if err != nil || p.HasOwnBootstrap() != test.want {
			t.Errorf("%v: got %t, %v", test.files, !test.want, err)
		}
	}
}

// A pattern without a slash is a name at any depth, one with a slash a path of the project.
func TestUnwatched(t *testing.T) {
	p := project.Project{Dir: "/p", Unwatched: []string{"*.log", "generated", "function/made/*.json"}}
	for name, want := range map[string]bool{
		"/p/a.log": true, "/p/function/deep/a.log": true, "/p/function/generated": true, "/p/function/made/a.json": true,
		"/p/a.txt": false, "/p/function/made/a.js": false, "/p/function/made/b/a.json": false, "/p/made/a.json": false,
	} {
		if got := p.IsUnwatched(filepath.FromSlash(name)); got != want {
			t.Errorf("%s: got %v", name, got)
		}
	}
}
