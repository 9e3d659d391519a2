package executable_test

import (
	"bytes"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/serverless/open-runtime/internal/executable"
)

func TestCheckScripts(t *testing.T) {
	there := func(program string) bool {
		return program == "/bin/bash" || program == "/usr/bin/env" || program == "node"
	}
	tests := []struct{ text, rule string }{
		{"#!/bin/bash\n", ""},
		{"#! /bin/bash -e\necho", ""},
		{"#!/usr/bin/env node\n", ""},
		{"#!/usr/bin/env -S node --x\n", ""},
		{"#!/bin/bash", ""},
		{"#!/bin/bash\r\n", executable.RuleCRLF},
		{"#!/usr/bin/env node\r\n", executable.RuleCRLF},
		{"\xef\xbb\xbf#!/bin/bash\n", executable.RuleBOM},
		{"#!/usr/bin/python3\n", executable.RuleInterpreter},
		{"#!/usr/bin/env python3\n", executable.RuleInterpreter},
		{"#!\n", executable.RuleNoShebang},
		{"echo hello\n", executable.RuleNoShebang},
		{"", executable.RuleNoShebang},
	}
	for _, test := range tests {
		info, err := executable.Inspect(strings.NewReader(test.text), int64(len(test.text)))
		if err != nil {
			t.Errorf("%q: %v", test.text, err)
		}
		findings := executable.Check("/opt/x", info, "amd64", there)
		rule := ""
		if len(findings) > 0 {
			rule = findings[0].Rule
		}
		if rule != test.rule || len(findings) > 1 {
			t.Errorf("%q: got %v, want rule %q", test.text, findings, test.rule)
		}
	}
}

func TestCheckELF(t *testing.T) {
	self, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	info, err := executable.Inspect(bytes.NewReader(self), int64(len(self)))
	if err != nil || info.Kind != executable.ELF || info.Arch != runtime.GOARCH {
		t.Fatalf("%+v, %v", info, err)
	}
	other := map[string]string{"amd64": "arm64", "arm64": "amd64"}[runtime.GOARCH]
	findings := executable.Check("/opt/x", info, other, nil)
	if len(findings) != 1 || findings[0].Rule != executable.RuleArchitecture {
		t.Errorf("%v", findings)
	}
	broken := self[:100]
	if _, err := executable.Inspect(bytes.NewReader(broken), 100); err == nil {
		t.Error("a cut ELF is taken for one")
	}
}

func TestLocate(t *testing.T) {
	root := t.TempDir()
	opt := filepath.Join(root, "opt")
	write := func(name string, mode os.FileMode) {
		t.Helper()
		path := filepath.Join(opt, "middlewares", name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte("#!/bin/sh\n"), mode); err != nil {
			t.Fatal(err)
		}
	}
	write("plain", 0o755)
	write("data", 0o644)
	write("folder/folder", 0o755)
	write("empty/other", 0o755)
	if err := os.WriteFile(filepath.Join(root, "secret"), nil, 0o755); err != nil {
		t.Fatal(err)
	}
	for link, target := range map[string]string{"in": "plain", "out": "../../secret", "dangling": "nowhere"} {
		if err := os.Symlink(target, filepath.Join(opt, "middlewares", link)); err != nil {
			t.Fatal(err)
		}
	}
	tests := map[string]string{
		"plain": "", "folder": "", "in": "",
		"data": executable.RuleNotExecutable, "empty": executable.RuleNotFound, "none": executable.RuleNotFound,
		"out": executable.RuleSymlink, "dangling": executable.RuleSymlink,
	}
	for name, rule := range tests {
		exe, findings := executable.Locate(opt, "middlewares", name)
		got := ""
		if len(findings) > 0 {
			got = findings[0].Rule
		}
		if got != rule || (exe == "") != (rule != "") {
			t.Errorf("%s: got %q, %v; want rule %q", name, exe, findings, rule)
		}
	}
}

// A tab parts the interpreter from its argument as a space does: the kernel takes both.
func TestTabInShebang(t *testing.T) {
	text := "#!\t/bin/bash\t-e\necho\n"
	info, err := executable.Inspect(strings.NewReader(text), int64(len(text)))
	if err != nil || info.Interpreter != "/bin/bash" || info.Argument != "-e" {
		t.Errorf("got %+v, %v", info, err)
	}
}
