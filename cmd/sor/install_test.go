package main

// `go install github.com/serverless/open-runtime/cmd/sor@VERSION`, as a user does it: from a module zip, which holds only
// what git knows and nothing that was built, and far from any checkout.

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/serverless/open-runtime/internal/carried"
)

func TestGoInstall(t *testing.T) {
	if testing.Short() {
		t.Skip("compiles sor and what it carries: not with -short")
	}
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("no git on this machine, which says what a module zip holds")
	}
	proxy := t.TempDir()
	version := publish(t, proxy, filepath.Join("..", ".."))
	env := userEnvironment(t, proxy)

	elsewhere := t.TempDir()
	command(t, env, elsewhere, "go", "install", carried.Module+"/cmd/sor@"+version)
	sor := filepath.Join(env["GOBIN"], "sor")
	if out := command(t, env, elsewhere, sor, "version"); !strings.HasPrefix(out, "sor "+version+" ") {
		t.Errorf("got %q, want the version %s", out, version)
	}
	out, _ := output(t, env, elsewhere, sor, "doctor") // its status is about the sandboxes of this machine
	if strings.Count(out, "go build ("+version+")") != 2 {
		t.Errorf("doctor does not say where bootstrap and supervisor come from: %s", out)
	}

	// What it carries none of is built with the user's Go, once.
	command(t, env, elsewhere, sor, "init", "hello", "--runtime", "bash", "--middleware", "audit:bash")
	project := filepath.Join(elsewhere, "hello")
	const built = "built bootstrap for linux/"
	if out := command(t, env, project, sor, "build-layer"); strings.Count(out, built) != 1 || !strings.Contains(out, "go build ("+version+")") {
		t.Errorf("build-layer does not say that it built the bootstrap: %s", out)
	}
	if out := command(t, env, project, sor, "build-layer", "-o", "again"); strings.Contains(out, built) {
		t.Errorf("the bootstrap is built again: %s", out)
	}
	layers, err := filepath.Glob(filepath.Join(project, "dist", "*.zip"))
	if err != nil || len(layers) != 1 {
		t.Fatalf("got %q, %v; want one layer", layers, err)
	}
	checkBootstrap(t, layers[0])
}

// publish makes a module zip of what git knows in the checkout root, new files that are not ignored too, lays it out as a
// proxy in dir, and gives its version, which is another for other content.
func publish(t *testing.T, dir, root string) string {
	t.Helper()
	names := tracked(t, root)
	sum := sha256.New()
	for _, name := range names {
		io.WriteString(sum, name+"\n")
		sum.Write(read(t, filepath.Join(root, name)))
	}
	version := "v0.0.0-20260101000000-" + hex.EncodeToString(sum.Sum(nil))[:12]

	var packed bytes.Buffer
	archive := zip.NewWriter(&packed)
	for _, name := range names {
		w, err := archive.Create(carried.Module + "@" + version + "/" + name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(read(t, filepath.Join(root, name))); err != nil {
			t.Fatal(err)
		}
	}
	if err := archive.Close(); err != nil {
		t.Fatal(err)
	}
	versions := filepath.Join(dir, filepath.FromSlash(carried.Module), "@v")
	if err := os.MkdirAll(versions, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string][]byte{
		"list": []byte(version + "\n"), version + ".info": []byte(`{"Version":"` + version + `","Time":"2026-01-01T00:00:00Z"}`),
		version + ".mod": read(t, filepath.Join(root, "go.mod")), version + ".zip": packed.Bytes(),
	} {
		if err := os.WriteFile(filepath.Join(versions, name), data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return version
}

// tracked lists what a module zip of the checkout holds: regular files that git knows, less those of modules within it.
func tracked(t *testing.T, root string) []string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
	cmd.Dir = root
	out, err := cmd.Output()
	if err != nil {
		t.Skipf("this is no git checkout, which says what a module zip holds: %v", err)
	}
	var names, modules []string
	for name := range strings.SplitSeq(strings.TrimSuffix(string(out), "\x00"), "\x00") {
		info, err := os.Lstat(filepath.Join(root, name))
		if err != nil || !info.Mode().IsRegular() { // deleted and not yet committed, or a link
			continue
		}
		names = append(names, name)
		if dir, file := path.Split(name); file == "go.mod" && dir != "" {
			modules = append(modules, dir)
		}
	}
	names = slices.DeleteFunc(names, func(name string) bool {
		return slices.ContainsFunc(modules, func(dir string) bool { return strings.HasPrefix(name, dir) })
	})
	slices.Sort(names)
	return slices.Compact(names)
}

// userEnvironment is that of somebody who has Go and nothing of this project. Other modules are taken from where this
// machine already has them. Only the compiler's cache is shared.
func userEnvironment(t *testing.T, proxy string) map[string]string {
	t.Helper()
	home := t.TempDir()
	have := filepath.ToSlash(filepath.Join(goEnv("GOMODCACHE"), "cache", "download"))
	env := map[string]string{
		"PATH": os.Getenv("PATH"), "HOME": home, "GOBIN": filepath.Join(home, "bin"), "GOCACHE": goEnv("GOCACHE"),
		"GOMODCACHE": filepath.Join(home, "mod"), "GOFLAGS": "-trimpath", "GOTOOLCHAIN": "local",
		"GOPROXY":   "file://" + filepath.ToSlash(proxy) + ",file://" + have + "," + goEnv("GOPROXY"),
		"GOSUMDB":   "off", // nobody has published this version, and the rest this machine has checked before
		"SOR_CACHE": filepath.Join(home, "cache"), "XDG_CONFIG_HOME": filepath.Join(home, "config"),
	}
	t.Cleanup(func() { // the module cache is read-only
		cmd := exec.Command("go", "clean", "-modcache")
		cmd.Dir, cmd.Env = home, environ(env)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("cleaning: %v\n%s", err, out)
		}
	})
	return env
}

func environ(env map[string]string) []string {
	var list []string
	for key, value := range env {
		list = append(list, key+"="+value)
	}
	return list
}

// output runs a program and gives what it printed.
func output(t *testing.T, env map[string]string, dir, program string, args ...string) (string, error) {
	cmd := exec.CommandContext(t.Context(), program, args...)
	cmd.Dir, cmd.Env = dir, environ(env)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// command runs a program that must succeed and gives what it printed.
func command(t *testing.T, env map[string]string, dir, program string, args ...string) string {
	t.Helper()
	out, err := output(t, env, dir, program, args...)
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", filepath.Base(program), strings.Join(args, " "), err, out)
	}
	return out
}

func read(t *testing.T, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// checkBootstrap wants a program for Linux as the layer's bootstrap.
func checkBootstrap(t *testing.T, name string) {
	t.Helper()
	archive, err := zip.OpenReader(name)
	if err != nil {
		t.Fatal(err)
	}
	defer archive.Close()
	file, err := archive.Open("bootstrap")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	magic := make([]byte, 4)
	if _, err := io.ReadFull(file, magic); err != nil || string(magic) != "\x7fELF" {
		t.Errorf("the bootstrap of %s (%s) begins with %q, %v", name, runtime.GOARCH, magic, err)
	}
}
