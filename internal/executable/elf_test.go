package executable_test

import (
	"bytes"
	"debug/elf"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/serverless/open-runtime/internal/executable"
)

// The standard library's reader says the same of every program of this machine.
func TestELFAgreesWithTheStandardLibrary(t *testing.T) {
	programs, err := filepath.Glob("/usr/bin/*")
	if err != nil {
		t.Fatal(err)
	}
	if own, err := exec.LookPath("go"); err == nil {
		programs = append(programs, own)
	}
	seen := 0
	for _, name := range programs {
		data, err := os.ReadFile(name)
		if err != nil || !bytes.HasPrefix(data, []byte(elf.ELFMAG)) {
			continue
		}
		if seen++; seen > 40 {
			break
		}
		want := executable.Info{Kind: executable.ELF}
		file, err := elf.NewFile(bytes.NewReader(data))
		if err != nil {
			t.Fatal(err)
		}
		want.Arch = map[elf.Machine]string{elf.EM_X86_64: "amd64", elf.EM_AARCH64: "arm64", elf.EM_386: "386"}[file.Machine]
		for _, prog := range file.Progs {
			if prog.Type == elf.PT_INTERP {
				loader := make([]byte, prog.Filesz)
				if _, err := prog.ReadAt(loader, 0); err != nil {
					t.Fatal(err)
				}
				want.Interpreter = strings.TrimRight(string(loader), "\x00")
			}
		}
		got, err := executable.Inspect(bytes.NewReader(data), int64(len(data)))
		if err != nil || got != want {
			t.Errorf("%s: got %+v, %v, want %+v", name, got, err, want)
		}
	}
	if seen == 0 {
		t.Fatal("this machine has no program to compare")
	}
}

func FuzzInspect(f *testing.F) {
	self, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		f.Skip("needs /proc")
	}
	f.Add(self[:4096])
	f.Add(self[:80])
	f.Add([]byte("\x7fELF"))
	f.Add([]byte("#!/bin/sh\r\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		info, err := executable.Inspect(bytes.NewReader(data), int64(len(data)))
		if err == nil && info.Kind == executable.ELF && info.Arch == "" {
			t.Errorf("an architecture of no name")
		}
	})
}
