package layer_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/serverless/open-runtime/internal/cache"
	"github.com/serverless/open-runtime/internal/executable"
	"github.com/serverless/open-runtime/internal/gobuild"
	"github.com/serverless/open-runtime/pkg/layer"
)

const program = "package main\n\nfunc main() { println(text) }\n"

func TestCompileGo(t *testing.T) {
	root := t.TempDir()
	dir := filepath.Join(root, "shout")
	put(t, dir, map[string]string{
		"go.mod": "module example.com/shout\n\ngo 1.22\n", "main.go": program, "text.go": "package main\n\nconst text = \"one\"\n",
		"main_test.go": "package main\n", "events/test.json": "{}",
	})
	c := openCache(t, filepath.Join(root, "cache"))
	compile := func(arch string) string {
		t.Helper()
		path, _, err := layer.CompileGo(t.Context(), c, dir, arch, false)
		if err != nil {
			t.Fatal(err)
		}
		return path
	}
	first := compile("amd64")
	for _, arch := range []string{"amd64", "arm64"} {
		if findings := executable.CheckFile(compile(arch), arch, nil); len(findings) > 0 {
			t.Errorf("for %s: %v", arch, findings)
		}
	}
	if again := compile("amd64"); again != first {
		t.Errorf("unchanged, and yet %s instead of %s", again, first)
	}
	put(t, dir, map[string]string{"events/test.json": `{"a": 1}`})
	if again := compile("amd64"); again != first {
		t.Errorf("an event changed, and it is compiled again")
	}
	put(t, dir, map[string]string{"text.go": "package main\n\nconst text = \"two\"\n"})
	second := compile("amd64")
	if second == first {
		t.Error("changed, and not compiled again")
	}
	put(t, dir, map[string]string{"text.go": "package main\n\nconst text = \"one\"\n"})
	if again := compile("amd64"); again != first {
		t.Error("changed back, and not found by its content")
	}

	t.Setenv("PATH", root)
	if again := compile("amd64"); again != first {
		t.Error("without Go, what is there is not used")
	}
	put(t, dir, map[string]string{"text.go": "package main\n\nconst text = \"three\"\n"})
	if _, _, err := layer.CompileGo(t.Context(), c, dir, "amd64", false); !errors.Is(err, gobuild.ErrNoGo) {
		t.Errorf("without Go: %v", err)
	}
}

func TestCompileGoErrors(t *testing.T) {
	c := openCache(t, t.TempDir())
	t.Setenv("GOTOOLCHAIN", "local")
	t.Setenv("GOFLAGS", "-mod=mod")
	dir := t.TempDir()
	put(t, dir, map[string]string{"broken/main.go": "package main\n\nfunc main() { nonsense }\n", "broken/go.mod": "module m\n\ngo 1.22\n"})
	_, _, err := layer.CompileGo(t.Context(), c, filepath.Join(dir, "broken"), "amd64", false)
	if compile, ok := errors.AsType[*gobuild.CompileError](err); !ok || !strings.Contains(compile.Output, "main.go:3") {
		t.Errorf("broken: %v", err)
	}
	put(t, dir, map[string]string{"new/main.go": "package main\n\nfunc main() {}\n", "new/go.mod": "module m\n\ngo 1.99\n"})
	_, _, err = layer.CompileGo(t.Context(), c, filepath.Join(dir, "new"), "amd64", false)
	if old, ok := errors.AsType[*layer.GoVersionError](err); !ok || old.Needs != "go1.99" || !strings.Contains(old.Fix(), "1.99") {
		t.Errorf("too new: %v", err)
	}
	put(t, dir, map[string]string{"library/main.go": "package library\n", "library/go.mod": "module m\n\ngo 1.22\n"})
	_, _, err = layer.CompileGo(t.Context(), c, filepath.Join(dir, "library"), "amd64", false)
	if compile, ok := errors.AsType[*gobuild.CompileError](err); !ok || !strings.Contains(compile.Output, "it is package library") {
		t.Errorf("no program: %v", err)
	}
	put(t, dir, map[string]string{"plain/main.go": "package main\n\nfunc main() {}\n"})
	if _, _, err = layer.CompileGo(t.Context(), c, filepath.Join(dir, "plain"), "amd64", false); err != nil {
		t.Errorf("without go.mod: %v", err)
	}
}

// TestCompileGoWithoutModules: a module that can't be had is named, with what to do; one that can, or is a folder, is not.
func TestCompileGoWithoutModules(t *testing.T) {
	c := openCache(t, t.TempDir())
	t.Setenv("GOTOOLCHAIN", "local")
	t.Setenv("GOPROXY", "off")
	dir := t.TempDir()
	put(t, dir, map[string]string{
		"here/go.mod": "module example.com/here\n\ngo 1.22\n", "here/here.go": "package here\n",
		"f/go.mod":  "module f\n\ngo 1.22\n\nrequire (\n\texample.com/here v1.0.0\n\texample.com/far v1.2.3\n)\n\nreplace example.com/here => ../here\n",
		"f/main.go": "package main\n\nimport (\n\t_ \"example.com/far\"\n\t_ \"example.com/here\"\n)\n\nfunc main() {}\n",
	})
	_, _, err := layer.CompileGo(t.Context(), c, filepath.Join(dir, "f"), "amd64", false)
	missing, ok := errors.AsType[*layer.ModulesError](err)
	if !ok || !slices.Equal(missing.Modules, []string{"example.com/far@v1.2.3"}) || !strings.Contains(missing.Fix(), "go mod download") {
		t.Errorf("got %v", err)
	}
}

func openCache(t *testing.T, dir string) *cache.Cache {
	t.Helper()
	c, err := cache.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// put writes files under dir with a mode that says nothing.
func put(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		place := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(place), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(place, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
