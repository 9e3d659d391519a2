//go:build linux

package conform_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/serverless/open-runtime/pkg/conform"
	"github.com/serverless/open-runtime/runtimes"
)

var interpreters = map[string]string{"node": "node", "python": "python3", "ruby": "ruby", "bash": "bash"}

// languageRuntime is one that is judged with the kit's handlers in a language.
func languageRuntime(t *testing.T, path, language, prefix string) *conform.Runtime {
	t.Helper()
	r, err := conform.LocateRuntime(path)
	if err != nil {
		t.Fatal(err)
	}
	r.Patience, r.Grace, r.Env = patience, patience, []string{"PYTHONDONTWRITEBYTECODE=1"}
	if err := r.At(filepath.Join("testdata", "task", language), prefix, ""); err != nil {
		t.Fatal(err)
	}
	return r
}

// skips are what a runtime of this project does not want to speak.
var skips = map[string][]string{
	"node":   {"frames.dump-signal"},
	"python": {"frames.cancel.*", "frames.multiplex"},
	"ruby":   {"frames.cancel.*", "frames.multiplex"},
	"bash":   {"frames.cancel.*", "frames.multiplex", "frames.dump-signal", "frames.stream*"},
}

// TestOwnRuntimes: what this project ships.
func TestOwnRuntimes(t *testing.T) {
	for _, language := range runtimes.Names() {
		t.Run(language, func(t *testing.T) {
			t.Parallel()
			if _, err := exec.LookPath(interpreters[language]); err != nil {
				t.Skipf("no %s on this machine", interpreters[language])
			}
			r := languageRuntime(t, install(t, language), language, "handler.on_")
			passes(t, language, r.Cases(), skips[language]...)
		})
	}
}

// TestOtherRuntimes: one in each protocol that is not of this project.
func TestOtherRuntimes(t *testing.T) {
	for _, other := range []struct {
		name, language string
		skips          []string
	}{
		{"frames.py", "python", []string{"frames.cancel.*", "frames.multiplex", "frames.dump-signal"}},
		{"api.py", "python", nil},
		{"lines.py", "python", []string{"handler.fail*", "handler.context*", "handler.print"}},
	} {
		t.Run(other.name, func(t *testing.T) {
			t.Parallel()
			r := languageRuntime(t, filepath.Join("testdata", "runtimes", other.name), other.language, "handler.on_")
			passes(t, other.name, r.Cases(), other.skips...)
		})
	}
}

// TestOneHandler: what needs the kit's own handlers is skipped with another, and what is left passes.
func TestOneHandler(t *testing.T) {
	r, err := conform.LocateRuntime(filepath.Join("testdata", "runtimes", "frames.py"))
	if err != nil {
		t.Fatal(err)
	}
	r.Patience, r.Grace, r.Env = patience, patience, []string{"PYTHONDONTWRITEBYTECODE=1"}
	if err := r.At(filepath.Join("testdata", "task", "python"), "", "handler.on_echo"); err != nil {
		t.Fatal(err)
	}
	passes(t, "frames.py", r.Cases(), "handler.*", "frames.output.*", "frames.cancel.*", "frames.multiplex", "frames.dump-signal", "frames.stream*", "frames.shutdown.finishes")
}

// install writes a language runtime as it is in a layer.
func install(t *testing.T, language string) string {
	t.Helper()
	tree, err := runtimes.Files(language)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.CopyFS(dir, tree); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "language-runtime")
	if err := os.Chmod(filepath.Join(path, "language-runtime"), 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}
