//go:build linux

package middleware_test

// Init: what is found, what is refused, and in which words.

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/serverless/open-runtime/internal/manifest"
	"github.com/serverless/open-runtime/internal/runtimeapi"
	"github.com/serverless/open-runtime/pkg/middleware"
)

func (l *layer) link(target, name string) {
	l.t.Helper()
	if err := os.Symlink(target, filepath.Join(l.root, "middlewares", name)); err != nil {
		l.t.Fatal(err)
	}
}

// elfHeader is all of a program that can be looked at without starting it.
func elfHeader(t *testing.T, machine elf.Machine) string {
	t.Helper()
	header := elf.Header64{Type: uint16(elf.ET_EXEC), Machine: uint16(machine), Version: 1, Ehsize: 64}
	copy(header.Ident[:], elf.ELFMAG)
	header.Ident[elf.EI_CLASS], header.Ident[elf.EI_DATA], header.Ident[elf.EI_VERSION] = 2, 1, 1
	var out bytes.Buffer
	if err := binary.Write(&out, binary.LittleEndian, header); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// A file, a folder with a file of its name in it, and links to either inside the root.
func TestPlaces(t *testing.T) {
	l := newLayer(t)
	says := func(what string) string { return "#!/bin/bash\n[ $1 = after ] || echo '\"" + what + "\"'\n" }
	l.file("file.sh", says("file"), 0o755)
	l.file("folder/folder", says("folder"), 0o755)
	l.file("../lib/tool", says("tool"), 0o755)
	l.link("../lib/tool", "relative")
	l.link(filepath.Join(l.root, "lib/tool"), "absolute")
	l.link("relative", "chain")
	l.file("../lib/home/home", says("home"), 0o755)
	l.link("../lib/home", "home")
	l.file("inner/real", says("inner"), 0o755)
	l.link("real", "inner/inner")
	l.file("setuid", says("setuid"), 0o755|os.ModeSetuid|os.ModeSetgid)
	l.file("mine", says("mine"), 0o700)
	l.file("A1.b-c_D", says("name"), 0o755)
	l.file(strings.Repeat("x", 64), says("long"), 0o755)
	l.file("env", "#!/usr/bin/env bash\necho '\"env\"'\n", 0o755)
	l.file("flags", "#! /bin/bash -e\necho '\"flags\"'\n", 0o755)
	for name, want := range map[string]string{
		"file.sh": "file", "folder": "folder", "relative": "tool", "absolute": "tool", "chain": "tool", "home": "home", "inner": "inner",
		"setuid": "setuid", "mine": "mine", "A1.b-c_D": "name", strings.Repeat("x", 64): "long", "env": "env", "flags": "flags",
	} {
		if got := l.mustInvoke(name, echo, `{}`); got != `"`+want+`"` {
			t.Errorf("%s: got %s, want %q", name, got, want)
		}
	}
}

// Lambda's /opt may itself be behind a link.
func TestRootBehindALink(t *testing.T) {
	l := newLayer(t)
	l.script("a", "exit 0")
	opt := filepath.Join(t.TempDir(), "opt")
	if err := os.Symlink(l.root, opt); err != nil {
		t.Fatal(err)
	}
	l.Root = opt
	l.mustInvoke("a", echo, `{}`)
}

func TestFolderManifestIsNextToIt(t *testing.T) {
	l := newLayer(t)
	l.file("a/a", "#!/bin/bash\n"+trace+"\n", 0o755)
	l.file("a/a.json", `{"hooks":[]}`, 0o644) // belongs to nobody
	l.manifest("a", `{"hooks":["after"]}`)
	l.mustInvoke("a", echo, `{}`)
	l.wantOrder("a.after")
}

// A name that is none never becomes a path, whoever asks.
func TestNames(t *testing.T) {
	l := newLayer(t)
	l.file("../outside", "#!/bin/bash\n", 0o755)
	bad := []string{
		"../outside", "../../bin/true", "/bin/true", "a/a", ".", "..", "", "a\x00", "a\n", "a\nb", "a b", ".a", "-a", "_a", "ä", "a;b", "$(true)", "*",
		strings.Repeat("x", 65), "a.json", "a.wasm", "x\r",
	}
	for _, name := range bad {
		_, err := middleware.Load([]manifest.Ref{{Name: name}}, l.Options)
		if err == nil {
			t.Errorf("%q was taken for a name", name)
			continue
		}
		wantError(t, err, runtimeapi.ErrorMiddleware, "name")
		if _, err := manifest.ParseRef(name); err == nil && !strings.ContainsAny(name, "\n\r") { // what stands around a name is trimmed
			t.Errorf("%q was taken for a name in a list", name)
		}
	}
	if _, err := manifest.ParseList("a, b ,a?"); err == nil || !strings.Contains(err.Error(), `"a" is listed twice`) {
		t.Errorf("got %v", err)
	}
}

func TestBuiltIn(t *testing.T) {
	l := newLayer(t)
	l.script("http", "exit 0")
	_, err := l.tryLoad("sor:http")
	wantError(t, err, runtimeapi.ErrorMiddleware, "middleware sor:http: there is no such built-in middleware in this version")
	if names := l.load("sor:http?").Names(); len(names) > 0 {
		t.Errorf("loaded %v", names)
	}
}

// wrong makes a middleware for everything that can be known at init; all are told at once, each with its cause.
func wrong(t *testing.T, l *layer) map[string]string {
	other, machine := "arm64", elf.EM_AARCH64
	if runtime.GOARCH == "arm64" {
		other, machine = "amd64", elf.EM_X86_64
	}
	l.file("mode", "#!/bin/bash\n", 0o644)
	l.file("crlf", "#!/bin/bash\r\nexit 0\r\n", 0o755)
	l.file("bom", "\xef\xbb\xbf#!/bin/bash\n", 0o755)
	l.file("interpreter", "#!/opt/bin/python9\n", 0o755)
	l.file("env", "#!/usr/bin/env python9\n", 0o755)
	l.file("other", elfHeader(t, machine), 0o755)
	l.file("riscv", elfHeader(t, elf.EM_RISCV), 0o755)
	l.file("text", "echo hello\n", 0o755)
	l.file("empty", "", 0o755)
	l.file("bare", "#!\n", 0o755)
	l.file("cut", "\x7fELF", 0o755)
	l.file("folder/other", "#!/bin/bash\n", 0o755)
	l.file("nested/nested/x", "", 0o755)
	l.file("module.wasm", "\x00asm", 0o644)
	l.link("nowhere", "dangling")
	l.link("loop", "loop")
	l.link("/bin/true", "out")
	l.link("/bin", "outfolder")
	l.link("../../../../../../../../bin/true", "climbs")
	outside := t.TempDir()
	if err := os.WriteFile(filepath.Join(outside, "away"), []byte("#!/bin/bash\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	l.link(outside, "away")
	if err := syscall.Mkfifo(filepath.Join(l.root, "middlewares", "fifo"), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"manifest": `{"hooks":`, "hook": `{"hooks":["befor"]}`, "protocol": `{"protocol":"grpc"}`, "frames": `{"response":"half"}`,
		"wasm": `{"protocol":"wasm"}`, "list": `[]`, "type": `{"timeoutMs":"1"}`, "negative": `{"timeoutMs":-1}`, "huge": strings.Repeat(" ", 64*1024) + "{}",
		"marked": "\xef\xbb\xbf{}",
	} {
		l.script(name, "exit 0")
		l.manifest(name, text)
	}
	l.script("dir", "exit 0")
	if err := os.Mkdir(filepath.Join(l.root, "middlewares", "dir.json"), 0o755); err != nil {
		t.Fatal(err)
	}
	return map[string]string{
		"absent": "it is not there", "mode": "it is not executable; chmod +x", "crlf": "its #! line ends in CR LF", "bom": "a byte order mark stands before its #!",
		"interpreter": "its interpreter /opt/bin/python9 is not there", "env": "its interpreter python9 is not on PATH",
		"other": "it is built for " + other + ", and this is " + runtime.GOARCH, "riscv": "it is built for riscv",
		"text": "neither a program for Linux nor a script", "empty": "neither a program for Linux nor a script", "bare": "its #! line names no interpreter",
		"cut": "reading its ELF header", "folder": "it is a folder without an executable folder in it", "nested": "it is no regular file",
		"module": "it is WebAssembly, which this version does not run", "dangling": "it is a symlink to something that is not there", "loop": "symlink",
		"out": "it is a symlink that leads out of " + l.root, "outfolder": "", "climbs": "it is a symlink that leads out of " + l.root,
		"away": "it is a symlink that leads out of " + l.root, "fifo": "it is no regular file",
		"manifest": "manifest.json: it is not a JSON object", "hook": `there is no hook "befor"`, "protocol": `there is no protocol "grpc"`,
		"frames": `response is "half"; there are buffer, head and none`, "wasm": "this version does not speak the protocol wasm",
		"list": "it is not a JSON object", "type": "timeoutMs", "negative": "timeoutMs is -1", "huge": "at most 65536 bytes", "marked": "it is not a JSON object",
		"dir": "it is no regular file",
	}
}

func TestAllThatIsWrongIsTold(t *testing.T) {
	l := newLayer(t)
	l.script("good", "exit 0")
	causes := wrong(t, l)
	list := []string{"good"}
	for name := range causes {
		list = append(list, name)
	}
	_, err := l.tryLoad(strings.Join(list, ","))
	wantError(t, err, runtimeapi.ErrorMiddleware)
	lines := strings.Split(err.(*runtimeapi.Error).Message, "\n")
	for name, cause := range causes {
		found := false
		for _, line := range lines {
			found = found || strings.HasPrefix(line, "middleware "+name+": ") && strings.Contains(line, cause)
		}
		if !found {
			t.Errorf("%s: no line says %q", name, cause)
		}
	}
	if strings.Contains(err.Error(), "middleware good") {
		t.Error("the good one is told as well")
	}
	if t.Failed() {
		t.Log(err)
	}
}

// One middleware can be wrong in two ways.
func TestTwoCauses(t *testing.T) {
	l := newLayer(t)
	l.file("a", "#!/bin/bash\n", 0o644)
	l.manifest("a", `{"hooks":5}`)
	_, err := l.tryLoad("a")
	wantError(t, err, runtimeapi.ErrorMiddleware, "it is not executable", "a.json: ")
}

// An optional one that is wrong, in any way, is left out with a warning.
func TestOptionalIsLeftOut(t *testing.T) {
	l := newLayer(t)
	l.script("good", trace)
	list := "good"
	for name := range wrong(t, l) {
		list += "," + name + "?"
	}
	l.manifest("gone", `{"required":false}`)
	set := l.load(list + ",gone")
	if diff := cmp.Diff([]string{"good"}, set.Names()); diff != "" {
		t.Errorf("names (-want +got):\n%s", diff)
	}
	for _, want := range []string{
		"sor: warning optional middleware is left out middleware=absent cause=", "middleware=crlf cause=", "middleware=gone cause=",
	} {
		if !strings.Contains(l.logs(), want) {
			t.Errorf("the log does not say %q", want)
		}
	}
	l.mustInvoke(list+",gone", echo, `{}`)
	l.wantOrder("good.before good.after")
}

func TestUnknownKeyIsAWarning(t *testing.T) {
	l := newLayer(t)
	l.script("a", "exit 0")
	l.manifest("a", `{"hook":["after"],"timeout":1,"required":true}`)
	l.load("a")
	want := []string{
		`sor: warning manifest of a middleware middleware=a cause="unknown key \"hook\"; known are protocol, hooks, timeoutMs, required, env, credentials, response"`,
		`sor: warning manifest of a middleware middleware=a cause="unknown key \"timeout\"; known are protocol, hooks, timeoutMs, required, env, credentials, response"`,
	}
	if diff := cmp.Diff(want, l.log); diff != "" {
		t.Errorf("log (-want +got):\n%s", diff)
	}
}

func TestNoMiddlewares(t *testing.T) {
	set, err := middleware.Load(nil, middleware.Options{Root: t.TempDir()})
	if err != nil || len(set.Names()) > 0 {
		t.Fatal(set.Names(), err)
	}
	response, err := set.Chain(echo)(t.Context(), invocation(), []byte("x"))
	if err != nil || string(response.Payload) != "x" {
		t.Errorf("got %q, %v", response.Payload, err)
	}
}

func TestLogMayBeNil(t *testing.T) {
	l := newLayer(t)
	l.Log = nil
	l.script("a", "echo x >&2; exit 1")
	_, err := l.invoke("a,b?", echo, `{}`)
	wantError(t, err, runtimeapi.ErrorMiddleware, "exit status 1")
}
