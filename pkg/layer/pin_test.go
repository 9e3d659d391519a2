package layer_test

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/serverless/open-runtime/pkg/layer"
)

// TestPins: what other layers bring of the programs that are named, as it will lie in /opt, and nothing of the layer's own.
func TestPins(t *testing.T) {
	first, second, own := t.TempDir(), t.TempDir(), t.TempDir()
	put(t, first, map[string]string{
		"middlewares/audit": "one", "middlewares/audit.json": "{}", "middlewares/other": "not named",
		"middlewares/folder/folder": "#!/bin/sh", "middlewares/folder/lib/a.txt": "a", "middlewares/folder/b.txt": "first",
		"middlewares/becomes/becomes": "a folder", "middlewares/w.wasm": "wasm",
		"shared/linked/linked": "behind a link", "sidecars/agent": "agent", "sidecars/agent.json": "{}",
		"language-runtime/language-runtime": "runtime", "language-runtime.json": "{}",
	})
	put(t, second, map[string]string{"middlewares/audit": "two", "middlewares/becomes": "a file"})
	put(t, own, map[string]string{"middlewares/folder/b.txt": "ours", "middlewares/mine": "mine", "language-runtime.json": "ours"})
	for name, target := range map[string]string{"middlewares/linked": "../shared/linked", "middlewares/one": "audit", "middlewares/out": "/etc/passwd"} {
		if err := os.Symlink(target, filepath.Join(first, name)); err != nil {
			t.Skipf("no symlinks here: %v", err)
		}
	}
	tree := layer.New()
	if err := tree.AddDir("", own); err != nil {
		t.Fatal(err)
	}
	got, err := tree.Pins([]string{first, second}, "middlewares/audit", "middlewares/folder", "middlewares/becomes", "middlewares/w",
		"middlewares/linked", "middlewares/one", "middlewares/out", "middlewares/mine", "middlewares/nowhere", "sidecars/agent", "language-runtime")
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{}
	for name, content := range map[string]string{
		"middlewares/audit": "two", "middlewares/audit.json": "{}",
		"middlewares/folder/folder": "#!/bin/sh", "middlewares/folder/lib/a.txt": "a", "middlewares/becomes": "a file",
		"middlewares/w.wasm": "wasm", "middlewares/linked/linked": "behind a link", "middlewares/one": "two",
		"sidecars/agent": "agent", "sidecars/agent.json": "{}", "language-runtime/language-runtime": "runtime",
	} {
		want[name] = hashOf([]byte(content))
	}
	for _, place := range []string{"folder", "becomes", "w", "linked", "one"} {
		want["middlewares/"+place+".json"] = "" // there is none
	}
	for place, names := range map[string]string{ // this layer's own are there too
		"middlewares/folder/": "b.txt\nfolder\nlib/a.txt\n", "middlewares/linked/": "linked\n", "language-runtime/": "language-runtime\n",
	} {
		want[place] = hashOf([]byte(names))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("pins (-want +got):\n%s", diff)
	}
}

func TestPinsInACircle(t *testing.T) {
	dir := t.TempDir()
	put(t, dir, map[string]string{"middlewares/a/a": "x"})
	if err := os.Symlink("..", filepath.Join(dir, "middlewares", "a", "up")); err != nil {
		t.Skipf("no symlinks here: %v", err)
	}
	if _, err := layer.New().Pins([]string{dir}, "middlewares/a"); err == nil {
		t.Error("a circle is followed")
	}
}

// TestLintCommand: a language runtime that a command starts need not be a program itself, and the command's must be there.
func TestLintCommand(t *testing.T) {
	const runtimeAPI = `{"protocol":"runtime-api","command":`
	tests := []struct {
		title, target string
		files         map[string]string
		rules         []string
	}{
		{"a program of the code", "provided.al2023", map[string]string{"language-runtime.json": runtimeAPI + `["/var/task/{handler}"]}`}, nil},
		{"a jar", "java21", map[string]string{"language-runtime.json": runtimeAPI + `["/var/lang/bin/java","-jar","/opt/language-runtime"]}`, "language-runtime": "PK"}, nil},
		{"no java there", "provided.al2023", map[string]string{"language-runtime.json": runtimeAPI + `["/var/lang/bin/java"]}`}, []string{"interpreter"}},
		{"no path", "java21", map[string]string{"language-runtime.json": runtimeAPI + `["java"]}`}, []string{"interpreter"}},
		{"a folder with another program", "provided.al2023",
			map[string]string{"language-runtime.json": runtimeAPI + `["/opt/language-runtime/server"]}`, "language-runtime/server": "#!/bin/bash\n"}, nil},
		{"that is not there", "provided.al2023",
			map[string]string{"language-runtime.json": runtimeAPI + `["/opt/language-runtime/server"]}`, "language-runtime/data": ""}, []string{"not-found"}},
		{"the program itself", "provided.al2023",
			map[string]string{"language-runtime.json": runtimeAPI + `["/opt/language-runtime","--fast"]}`, "language-runtime": "no program"}, []string{"no-shebang"}},
	}
	for _, test := range tests {
		tree := layer.New()
		for name, text := range test.files {
			if err := tree.AddBytes(name, []byte(text)); err != nil {
				t.Fatal(err)
			}
		}
		var rules []string
		for _, f := range tree.Lint(layer.LintOptions{Arch: "amd64", Target: test.target, Layers: []string{}, Foreign: true}) {
			rules = append(rules, f.Rule)
		}
		if diff := cmp.Diff(test.rules, rules); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.title, diff)
		}
	}
}

// TestLintCodeProgram: the program that a handler names must be one, for the architecture that it is for.
func TestLintCodeProgram(t *testing.T) {
	bin, err := os.ReadFile(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	other := map[string]string{"amd64": "arm64", "arm64": "amd64"}
	tests := []struct {
		title, program, arch, rule string
		content                    []byte
	}{
		{"a script", "hello", "amd64", "", []byte("#!/bin/bash\n")},
		{"text", "hello", "amd64", "no-shebang", []byte("hello")},
		{"a folder", "bin", "amd64", "not-found", nil},
		{"not there", "helo", "amd64", "not-found", nil},
		{"another machine's", "hello", other[runtime.GOARCH], "architecture", bin},
	}
	for _, test := range tests {
		if len(test.content) > 100 && runtime.GOOS != "linux" {
			continue
		}
		tree := layer.New()
		for name, data := range map[string][]byte{"hello": test.content, "bin/x": nil} {
			if err := tree.AddBytes(name, data); err != nil {
				t.Fatal(err)
			}
		}
		findings := tree.LintCode(layer.LintOptions{Arch: test.arch, Target: "provided.al2023", Program: test.program})
		if (len(findings) > 0) != (test.rule != "") || test.rule != "" && (findings[0].Rule != test.rule || findings[0].Fix == "") {
			t.Errorf("%s: got %v, want %q", test.title, findings, test.rule)
		}
	}
}

// TestLintLinkedManifest: a manifest that is a link is read where it leads, and one that leads out is refused as a link.
func TestLintLinkedManifest(t *testing.T) {
	for target, want := range map[string][]string{"../shared/good.json": nil, "../shared/bad.json": {"manifest"}, "/etc/passwd": {"symlink"}} {
		dir := t.TempDir()
		put(t, dir, map[string]string{"middlewares/a": "#!/bin/bash\n", "shared/good.json": "{}", "shared/bad.json": "[]"})
		if err := os.Symlink(target, filepath.Join(dir, "middlewares", "a.json")); err != nil {
			t.Skipf("no symlinks here: %v", err)
		}
		tree := layer.New()
		if err := tree.AddDir("", dir); err != nil {
			t.Fatal(err)
		}
		var rules []string
		for _, f := range tree.Lint(layer.LintOptions{Arch: "amd64", Target: "provided.al2023", Foreign: true}) {
			rules = append(rules, f.Rule)
		}
		if diff := cmp.Diff(want, rules); diff != "" {
			t.Errorf("%s (-want +got):\n%s", target, diff)
		}
	}
}
