package carried

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"

	"github.com/serverless/open-runtime/internal/gobuild"
)

// repository is the checkout that this test is in.
func repository(t *testing.T) string {
	t.Helper()
	wd, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	root := findCheckout(wd)
	if root == "" || root != filepath.Dir(filepath.Dir(wd)) {
		t.Fatalf("the checkout of %s is %q", wd, root)
	}
	return root
}

// A folder that is missing in sourceDirs is a change that nobody's cache would notice.
func TestSourceDirsAreWhatTheProgramsLink(t *testing.T) {
	linked := map[string]bool{}
	for _, arch := range []string{"amd64", "arm64"} {
		list, err := gobuild.List(t.Context(), repository(t), arch, "-deps", "-f",
			"{{if not .Standard}}{{.ImportPath}} {{.EmbedFiles}} {{.SFiles}} {{.CFiles}}{{end}}", "./cmd/"+Bootstrap, "./cmd/"+Supervisor)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(list) {
			path, others, _ := strings.Cut(strings.TrimSpace(line), " ")
			if dir, ok := strings.CutPrefix(path, Module+"/"); ok {
				linked[dir] = true
				if others != "[] [] []" {
					t.Errorf("%s has sources besides Go files, which SourceHash does not see: %s", dir, others)
				}
			}
		}
	}
	listed := map[string]bool{}
	for _, dir := range sourceDirs {
		listed[dir] = true
	}
	if diff := cmp.Diff(linked, listed); diff != "" {
		t.Errorf("sourceDirs (+) and what the two programs link (-) differ:\n%s", diff)
	}
}

// checkout writes a small checkout of this module, whose bootstrap says hello.
func checkout(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	for name, text := range map[string]string{
		"go.mod":                            "module " + Module + "\n\ngo 1.26\n",
		"go.sum":                            "",
		"cmd/bootstrap/main.go":             "package main\n\nfunc main() { println(\"hello\") }\n",
		"internal/frames/frames.go":         "package frames\n",
		"internal/frames/frames_test.go":    "package frames\n",
		"internal/gobuild/gobuild.go":       "package gobuild\n",
		"internal/process/process_linux.go": "package process\n",
	} {
		put(t, filepath.Join(root, name), text)
	}
	return root
}

func put(t *testing.T, name, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func hash(t *testing.T, root string) string {
	t.Helper()
	sum, err := SourceHash(root)
	if err != nil {
		t.Fatal(err)
	}
	return sum
}

func TestSourceHash(t *testing.T) {
	root := checkout(t)
	first := hash(t, root)
	if hash(t, checkout(t)) != first {
		t.Error("where a checkout is changes the hash")
	}
	tests := []struct {
		name    string
		changes bool
	}{
		{"internal/frames/frames_test.go", false},
		{"internal/frames/README.md", false},
		{"internal/gobuild/gobuild.go", false}, // of sor, not of the two
		{"internal/frames/frames.go", true},
		{"internal/frames/new.go", true},
		{"internal/process/process_linux.go", true},
		{"cmd/supervisor/main.go", true},
		{"go.mod", true},
		{"go.sum", true},
	}
	for _, test := range tests {
		put(t, filepath.Join(root, test.name), "// another\n")
		next := hash(t, root)
		if (next != first) != test.changes {
			t.Errorf("after a change of %s the hash is another: %t, want %t", test.name, next != first, test.changes)
		}
		first = next
	}
	if _, err := SourceHash(t.TempDir()); err == nil {
		t.Error("an empty folder has a hash")
	}
}

func TestFindCheckout(t *testing.T) {
	root, elsewhere := checkout(t), t.TempDir()
	put(t, filepath.Join(elsewhere, "go.mod"), "module "+Module+"-else\n")
	for dir, want := range map[string]string{
		root: root, filepath.Join(root, "cmd", "bootstrap"): root, filepath.Join(root, "not", "there"): root,
		filepath.Dir(root): "", elsewhere: "", "": "",
	} {
		if got := findCheckout(dir); got != want {
			t.Errorf("%q: got %q, want %q", dir, got, want)
		}
	}
}

// carrying makes what a sor has inside that was built from sources.
func carrying(t *testing.T, sources string) fstest.MapFS {
	t.Helper()
	encoder, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	return fstest.MapFS{
		"bin/.gitkeep":                      {},
		"bin/manifest.json":                 {Data: []byte(`{"sources":"` + sources + `","go":"go1.26.8"}`)},
		"bin/bootstrap-linux-amd64.zst":     {Data: encoder.EncodeAll([]byte("the program"), nil)},
		"bin/supervisor-linux-amd64.zst":    {Data: []byte("no zstd")},
		"bin/something-else-linux-riscv.md": {},
	}
}

func TestEmbedded(t *testing.T) {
	root := checkout(t)
	sources := hash(t, root)
	broken := carrying(t, sources)
	broken["bin/manifest.json"] = &fstest.MapFile{Data: []byte("{")}
	tests := []struct {
		why            string
		files          fstest.MapFS
		arch, checkout string
	}{
		{"", carrying(t, sources), "amd64", ""},
		{"", carrying(t, sources), "amd64", root},
		{"nothing is embedded", fstest.MapFS{"bin/.gitkeep": {}}, "amd64", ""},
		{"the embedded manifest is broken", broken, "amd64", ""},
		{"embedded are other architectures only", carrying(t, sources), "arm64", ""},
		{"what is embedded was built from other sources than those of " + root, carrying(t, "older"), "amd64", root},
		{"", carrying(t, "older"), "amd64", ""},
	}
	for _, test := range tests {
		p, why := embedded(test.files, Bootstrap, test.arch, test.checkout)
		if why != test.why || (p != nil) != (test.why == "") {
			t.Errorf("got %v, %q; want %q", p, why, test.why)
			continue
		}
		if p == nil {
			continue
		}
		path := filepath.Join(t.TempDir(), "program")
		if err := p.Write(t.Context(), path); err != nil {
			t.Fatal(err)
		}
		data, err := os.ReadFile(path)
		info, _ := os.Stat(path)
		if err != nil || string(data) != "the program" || p.Source != "embedded" || info.Mode().Perm()&0o100 == 0 && runtime.GOOS != "windows" {
			t.Errorf("got %q, %v, %v from %s", data, err, info.Mode(), p.Source)
		}
	}
	one, _ := embedded(carrying(t, "one"), Bootstrap, "amd64", "")
	two, _ := embedded(carrying(t, "two"), Bootstrap, "amd64", "")
	if one.Key == two.Key {
		t.Error("programs of different sources have one key")
	}
	damaged, _ := embedded(carrying(t, sources), Supervisor, "amd64", "")
	if err := damaged.Write(t.Context(), filepath.Join(t.TempDir(), "x")); err == nil || !strings.HasPrefix(err.Error(), "unpacking embedded supervisor-linux-amd64.zst: ") {
		t.Errorf("got %v", err)
	}
}

// In a checkout the programs are those of its sources, whatever this binary has inside.
func TestFindInCheckout(t *testing.T) {
	root := checkout(t)
	p, err := Find(t.Context(), Bootstrap, "amd64", filepath.Join(root, "cmd"))
	if err != nil || p.Source != "go build (checkout)" {
		t.Fatalf("got %+v, %v", p, err)
	}
	path := filepath.Join(t.TempDir(), "program")
	if err := p.Write(t.Context(), path); err != nil {
		t.Fatal(err)
	}
	if data, err := os.ReadFile(path); err != nil || !strings.HasPrefix(string(data), "\x7fELF") {
		t.Errorf("got %d bytes, %v", len(data), err)
	}
	put(t, filepath.Join(root, "internal", "frames", "frames.go"), "package frames\n\nconst more = 1\n")
	if q, err := Find(t.Context(), Bootstrap, "amd64", root); err != nil || q.Key == p.Key {
		t.Errorf("other sources, the same key: %v", err)
	}
	put(t, filepath.Join(root, "cmd", "bootstrap", "main.go"), "package main\n\nfunc main() { nowhere() }\n")
	p, err = Find(t.Context(), Bootstrap, "amd64", root)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Write(t.Context(), path); err == nil {
		t.Error("what does not compile is written")
	} else if _, ok := errors.AsType[*gobuild.CompileError](err); !ok {
		t.Errorf("got %v", err)
	}
}

// Outside of a checkout, a binary of no version that has nothing inside says all that it tried.
func TestFindNothing(t *testing.T) {
	p, err := Find(t.Context(), Bootstrap, "riscv64", t.TempDir())
	missing, ok := errors.AsType[*MissingError](err)
	if !ok || p != nil || len(missing.Tried) != 2 || missing.Tried[1] != "it was not installed from a module version, so its sources are unknown" {
		t.Fatalf("got %+v, %v", p, err)
	}
	const want = "this sor carries no bootstrap for linux/riscv64: "
	if !strings.HasPrefix(err.Error(), want) || !strings.HasSuffix(err.Error(), strings.Join(missing.Tried, "; ")) {
		t.Errorf("got %v", err)
	}
}

func TestCancelledBuild(t *testing.T) {
	p, err := Find(t.Context(), Bootstrap, "amd64", checkout(t))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := p.Write(ctx, filepath.Join(t.TempDir(), "program")); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}
