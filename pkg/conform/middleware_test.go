//go:build linux

package conform_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/serverless/open-runtime/pkg/conform"
	"github.com/serverless/open-runtime/templates"
)

func middleware(t *testing.T, path ...string) *conform.Middleware {
	t.Helper()
	m, err := conform.NewMiddleware(located(t, path...))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestOwnPersistentMiddlewares(t *testing.T) {
	t.Run("stamp.py", func(t *testing.T) {
		t.Parallel()
		m := middleware(t, "testdata", "middlewares", "stamp.py")
		passes(t, m.Name, m.Cases(), "frames.dump-signal", "frames.exec-too")
	})
	t.Run("plain.sh", func(t *testing.T) {
		t.Parallel()
		m := middleware(t, "testdata", "middlewares", "plain.sh")
		passes(t, m.Name, m.Cases(), "frames.dump-signal", "frames.hook.error", "frames.cancel.*", "frames.multiplex*")
	})
}

// TestTemplates: what sor init writes.
func TestTemplates(t *testing.T) {
	for _, language := range templates.Languages() {
		t.Run(language, func(t *testing.T) {
			t.Parallel()
			m := middleware(t, template(t, language))
			passes(t, m.Name, m.Cases(), "exec.hook.error", "exec.output.error-document", "exec.response.none", "exec.failure.says-why",
				"frames.hook.error", "frames.cancel.*", "frames.multiplex*", "frames.dump-signal")
		})
	}
}

// template writes a middleware of a language and gives its program.
func template(t *testing.T, language string) string {
	t.Helper()
	interpreter := templates.Interpreter(language)
	if interpreter == "" {
		interpreter = "go"
	}
	if _, err := exec.LookPath(interpreter); err != nil {
		t.Skipf("no %s on this machine", interpreter)
	}
	dir := t.TempDir()
	files, err := templates.Middleware{Name: "stamp", Language: language}.Files()
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		path := filepath.Join(dir, filepath.FromSlash(file.Path))
		mode := os.FileMode(0o644)
		if file.Executable {
			mode = 0o755
		}
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, file.Data, mode); err != nil {
			t.Fatal(err)
		}
	}
	program := filepath.Join(dir, "middlewares", "stamp")
	if language == "go" { // into a layer of its own, where its manifest is beside it as well
		if data, err := os.ReadFile(program + ".json"); err == nil {
			if err := os.WriteFile(filepath.Join(dir, "stamp.json"), data, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		cmd := exec.CommandContext(t.Context(), "go", "build", "-o", filepath.Join(dir, "stamp"), ".")
		cmd.Dir = program
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOWORK=off", "GOFLAGS=-mod=mod", "GOPROXY=off", "GOTOOLCHAIN=local")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("go build: %v\n%s", err, out)
		}
		return filepath.Join(dir, "stamp")
	}
	return program
}
