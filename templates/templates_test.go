package templates_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/serverless/open-runtime/templates"
)

func TestProjectFiles(t *testing.T) {
	handlers := map[string][]string{
		"node": {"handler.js"}, "python": {"handler.py"}, "ruby": {"handler.rb"}, "bash": {"handler.sh"}, "go": {"go.mod", "go.sum", "main.go"},
	}
	for _, runtime := range templates.Runtimes() {
		p := templates.Project{
			Name: "hello", Runtime: runtime, Target: "provided.al2023", Managed: runtime != "bash", Architecture: "arm64",
			Middlewares: []templates.Middleware{{Name: "stamp", Language: "go", Plain: true}, {Name: "audit", Language: "bash", Plain: true}},
		}
		files, err := p.Files()
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, file := range files {
			name := file.Path
			if file.Executable {
				name += "*"
			}
			got = append(got, name)
			if text := string(file.Data); strings.Contains(text, "{{") || strings.Contains(text, "<no value>") || strings.Contains(text, "\r") {
				t.Errorf("%s: %s is not rendered whole:\n%s", runtime, file.Path, text)
			}
			if strings.HasSuffix(file.Path, ".json") && !json.Valid(file.Data) {
				t.Errorf("%s: %s is not JSON", runtime, file.Path)
			}
		}
		want := []string{".gitattributes", ".gitignore", "README.md", "events/hello.json"}
		for _, name := range handlers[runtime] {
			want = append(want, "function/"+name)
		}
		want = append(want,
			"middlewares/audit*", "middlewares/audit.event.json",
			"middlewares/stamp.event.json", "middlewares/stamp/go.mod", "middlewares/stamp/main.go", "sor.yaml")
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: files (-want +got):\n%s", runtime, diff)
		}
	}
}

func TestUnknownLanguages(t *testing.T) {
	if _, err := (templates.Project{Name: "x", Runtime: "perl"}).Files(); err == nil || !strings.Contains(err.Error(), "node, python") {
		t.Errorf("got %v", err)
	}
	if _, err := (templates.Middleware{Name: "x", Language: "perl"}).Files(); err == nil || !strings.Contains(err.Error(), "bash, python") {
		t.Errorf("got %v", err)
	}
}

func TestProjectTexts(t *testing.T) {
	text := func(p templates.Project, path string) string {
		t.Helper()
		files, err := p.Files()
		if err != nil {
			t.Fatal(err)
		}
		i := slices.IndexFunc(files, func(f templates.File) bool { return f.Path == path })
		if i < 0 {
			t.Fatalf("there is no %s", path)
		}
		return string(files[i].Data)
	}
	p := templates.Project{Name: "hello", Runtime: "node", Target: "nodejs24.x", Managed: true, Architecture: "amd64"}
	yaml := text(p, "sor.yaml")
	for _, want := range []string{"\nname: hello\n", "\nruntime: node ", "\ntarget: nodejs24.x ", "\narchitecture: amd64 ", "\nhandler: handler.hello "} {
		if !strings.Contains(yaml, want) {
			t.Errorf("sor.yaml has no %q:\n%s", want, yaml)
		}
	}
	if strings.Contains(yaml, "middlewares:") {
		t.Error("sor.yaml decides for no middlewares, where it should leave that to the layers")
	}
	if readme := text(p, "README.md"); !strings.Contains(readme, "AWS_LAMBDA_EXEC_WRAPPER") || !strings.Contains(readme, "x86_64") {
		t.Errorf("README.md of a managed target:\n%s", readme)
	}
	p.Runtime, p.Target, p.Managed = "go", "provided.al2023", false
	if yaml := text(p, "sor.yaml"); !strings.Contains(yaml, "\nhandler: hello ") || !strings.Contains(yaml, "\narchitecture: amd64 ") {
		t.Errorf("sor.yaml of a function in Go:\n%s", yaml)
	}
	readme := text(p, "README.md")
	if !strings.Contains(readme, "--handler hello ") || !strings.Contains(readme, "fileb://dist/hello-function-amd64.zip") || strings.Contains(readme, "zip -r") {
		t.Errorf("README.md of a function in Go:\n%s", readme)
	}
	p.Runtime, p.Managed, p.Middlewares = "node", false, []templates.Middleware{{Name: "b", Language: "node"}, {Name: "a", Language: "bash"}}
	if readme := text(p, "README.md"); strings.Contains(readme, "AWS_LAMBDA_EXEC_WRAPPER") {
		t.Errorf("README.md of an OS-only target:\n%s", readme)
	}
	if yaml := text(p, "sor.yaml"); !strings.HasSuffix(yaml, "\nmiddlewares:\n  - ./middlewares/b\n  - ./middlewares/a\n") {
		t.Errorf("sor.yaml:\n%s", yaml)
	}
	for name, want := range map[string]string{"007": `"007"`, "True": `"True"`, "no": `"no"`, "1e3": `"1e3"`, "no-1": "no-1"} {
		p.Name = name
		if yaml := text(p, "sor.yaml"); !strings.Contains(yaml, "\nname: "+want+"\n") {
			t.Errorf("name %s is not spelled %s:\n%s", name, want, yaml)
		}
	}
}

// TestHandlersParse asks each language about its handler; that it answers is tested through sor.
func TestHandlersParse(t *testing.T) {
	commands := map[string][]string{
		"node":   {"node", "--check", "function/handler.js"},
		"python": {"python3", "-c", "import ast; ast.parse(open('function/handler.py').read())"},
		"ruby":   {"ruby", "-wc", "function/handler.rb"},
		"bash":   {"bash", "-n", "function/handler.sh"},
		"go":     {"gofmt", "-e", "function/main.go"}, // that it builds is tested through sor
	}
	for _, runtime := range templates.Runtimes() {
		t.Run(runtime, func(t *testing.T) {
			t.Parallel()
			need(t, commands[runtime][0])
			files, err := templates.Project{Name: "x", Runtime: runtime, Target: "x", Architecture: "arm64"}.Files()
			dir := write(t, files, err)
			cmd := exec.CommandContext(t.Context(), commands[runtime][0], commands[runtime][1:]...)
			cmd.Dir = dir
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
}

// write puts files into a new folder.
func write(t testing.TB, files []templates.File, err error) (dir string) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	dir = t.TempDir()
	for _, file := range files {
		path := filepath.Join(dir, filepath.FromSlash(file.Path))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		mode := os.FileMode(0o644)
		if file.Executable {
			mode = 0o755
		}
		if err := os.WriteFile(path, file.Data, mode); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func need(t testing.TB, program string) {
	t.Helper()
	if _, err := exec.LookPath(program); err != nil {
		t.Skipf("no %s on this machine", program)
	}
}
