package gobuild_test

import (
	"bytes"
	"context"
	"debug/elf"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/serverless/open-runtime/internal/gobuild"
)

// module writes a module with a program and gives its folder.
func module(t *testing.T, main string) string {
	t.Helper()
	dir := t.TempDir()
	write(t, filepath.Join(dir, "go.mod"), "module example.com/program\n\ngo 1.24\n")
	write(t, filepath.Join(dir, "main.go"), main)
	return dir
}

func write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

const program = "package main\n\nvar name = \"plain\"\n\nfunc main() { println(name) }\n"

func TestBuild(t *testing.T) {
	for arch, machine := range map[string]elf.Machine{"amd64": elf.EM_X86_64, "arm64": elf.EM_AARCH64} {
		out := filepath.Join(t.TempDir(), "program")
		if err := gobuild.Build(t.Context(), module(t, program), ".", out, arch); err != nil {
			t.Fatal(err)
		}
		file, err := elf.Open(out)
		if err != nil {
			t.Fatal(err)
		}
		if file.Machine != machine || file.Section(".interp") != nil || file.Section(".symtab") != nil {
			t.Errorf("%s: %v, or it is not static, or not stripped", arch, file.Machine)
		}
		file.Close()
	}
}

// The settings of a machine, and where the sources are, change nothing.
func TestBuildIsReproducible(t *testing.T) {
	build := func() []byte {
		dir := module(t, program)
		write(t, filepath.Join(dir, "mine.go"), "//go:build mine\n\npackage main\n\nfunc init() { name = \"mine\" }\n")
		out := filepath.Join(t.TempDir(), "program")
		if err := gobuild.Build(t.Context(), dir, ".", out, "amd64"); err != nil {
			t.Fatal(err)
		}
		data, err := os.ReadFile(out)
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	plain := build()
	settings := filepath.Join(t.TempDir(), "env")
	write(t, settings, "GOFLAGS=-tags=mine\nGOAMD64=v3\n")
	for _, env := range []string{"GOFLAGS=-tags=mine", "GOAMD64=v3", "GOOS=windows", "GOARCH=arm64", "CGO_ENABLED=1", "GOENV=" + settings} {
		t.Run(env, func(t *testing.T) {
			name, value, _ := strings.Cut(env, "=")
			t.Setenv(name, value)
			if !bytes.Equal(build(), plain) {
				t.Errorf("with %s it is another program", env)
			}
		})
	}
}

func TestCompileError(t *testing.T) {
	dir := module(t, "package main\n\nfunc main() { nowhere() }\n")
	out := filepath.Join(t.TempDir(), "program")
	err := gobuild.Build(t.Context(), dir, ".", out, "amd64")
	problem, ok := errors.AsType[*gobuild.CompileError](err)
	if !ok || problem.Dir != dir || !strings.Contains(problem.Output, "main.go:3:15: undefined: nowhere") {
		t.Errorf("got %v", err)
	}
	if _, err := os.Stat(out); err == nil {
		t.Error("there is a program nevertheless")
	}
}

func TestNoGo(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	if _, err := gobuild.Version(t.Context(), "."); !errors.Is(err, gobuild.ErrNoGo) {
		t.Errorf("got %v", err)
	}
}

func TestVersionAndList(t *testing.T) {
	version, err := gobuild.Version(t.Context(), module(t, program))
	if err != nil || version != runtime.Version() {
		t.Errorf("got %q, %v; want %s", version, err, runtime.Version())
	}
	dir := module(t, program)
	write(t, filepath.Join(dir, "x_arm64.go"), "package main\n")
	for arch, want := range map[string]string{"amd64": "[main.go]\n", "arm64": "[main.go x_arm64.go]\n"} {
		if got, err := gobuild.List(t.Context(), dir, arch, "-f", "{{.GoFiles}}", "."); err != nil || got != want {
			t.Errorf("%s: got %q, %v; want %q", arch, got, err, want)
		}
	}
}

func TestDownloadOfWhatIsNot(t *testing.T) {
	t.Setenv("GOPROXY", "off")
	_, err := gobuild.Download(t.Context(), "example.com/nowhere@v1.0.0")
	if problem, ok := errors.AsType[*gobuild.CompileError](err); !ok || problem.Output == "" {
		t.Errorf("got %v", err)
	}
}

func TestCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := gobuild.Build(ctx, module(t, program), ".", filepath.Join(t.TempDir(), "program"), "amd64"); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}
