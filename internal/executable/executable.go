// Package executable knows facts about programs: ELF or script, for which machine, with which interpreter. build-layer's
// lint and the bootstrap's init say with it, in the same words, why a program could not be started.
//
// It reads files and starts nothing: a program is never probed by running it.
package executable

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"
)

// A Finding is something wrong with a file, with what to do about it as data.
type Finding struct {
	Rule  string `json:"rule"`
	Path  string `json:"path"`
	Cause string `json:"cause"`
	Fix   string `json:"fix,omitempty"`
}

func (f Finding) Error() string {
	if f.Fix == "" {
		return f.Path + ": " + f.Cause
	}
	return f.Path + ": " + f.Cause + "; " + f.Fix
}

// Rules that this package finds against.
const (
	RuleNotFound      = "not-found"
	RuleNotExecutable = "not-executable"
	RuleCRLF          = "crlf"
	RuleBOM           = "bom"
	RuleInterpreter   = "interpreter"
	RuleArchitecture  = "architecture"
	RuleNoShebang     = "no-shebang"
	RuleSymlink       = "symlink"
	RuleName          = "name"
	RuleManifest      = "manifest"
)

// Kind is what starts a file.
type Kind string

const (
	ELF    Kind = "elf"
	Script Kind = "script"
	Other  Kind = "other"
)

// Info is what a program's first bytes tell.
type Info struct {
	Kind        Kind
	Arch        string // of ELF: amd64, arm64, or the machine's name
	Interpreter string // the path after #!, or the dynamic loader of ELF
	Argument    string // the rest of the #! line
	CRLF        bool   // the #! line ends in CR LF
	BOM         bool   // a byte order mark stands before #!
}

// longestShebang is how much of the first line the kernel reads.
const longestShebang = 256

// Inspect looks at a program. A file that is neither ELF nor script is Other, without an error.
func Inspect(r io.ReaderAt, size int64) (Info, error) {
	head := make([]byte, min(size, longestShebang))
	if _, err := r.ReadAt(head, 0); err != nil && !errors.Is(err, io.EOF) {
		return Info{}, fmt.Errorf("reading its first bytes: %w", err)
	}
	if bytes.HasPrefix(head, []byte(elfMagic)) {
		return inspectELF(r)
	}
	text, bom := bytes.CutPrefix(head, []byte("\xef\xbb\xbf"))
	if !bytes.HasPrefix(text, []byte("#!")) {
		return Info{Kind: Other}, nil
	}
	return inspectScript(text, bom), nil
}

func inspectScript(text []byte, bom bool) Info {
	line, _, _ := bytes.Cut(text[2:], []byte("\n"))
	trimmed := strings.TrimRight(string(line), "\r")
	info := Info{Kind: Script, BOM: bom, CRLF: len(trimmed) < len(line)}
	info.Interpreter = strings.Trim(trimmed, " \t")
	if end := strings.IndexAny(info.Interpreter, " \t"); end >= 0 {
		info.Interpreter, info.Argument = info.Interpreter[:end], info.Interpreter[end:]
	}
	info.Argument = strings.Trim(info.Argument, " \t")
	return info
}

// Program is what runs a script: its interpreter, or for /usr/bin/env NAME just NAME, to be looked for on PATH.
func (i Info) Program() string {
	if path.Base(i.Interpreter) != "env" {
		return i.Interpreter
	}
	for _, word := range strings.Fields(i.Argument) {
		if !strings.HasPrefix(word, "-") && !strings.Contains(word, "=") {
			return word
		}
	}
	return i.Interpreter
}

// Check says why the program at place could not be started on arch. find says whether an interpreter is there: a path, or
// a name to look for on PATH; nil does not ask.
func Check(place string, info Info, arch string, find func(program string) bool) []Finding {
	one := func(rule, cause, fix string) []Finding { return []Finding{{rule, place, cause, fix}} }
	switch {
	case info.Kind == Other:
		return one(RuleNoShebang, "it is neither a program for Linux nor a script that begins with #!",
			"begin a script with a line like #!/bin/bash, or compile the program for Linux")
	case info.BOM:
		return one(RuleBOM, "a byte order mark stands before its #!, so the kernel does not see a script", "save it as UTF-8 without a byte order mark")
	case info.CRLF:
		return one(RuleCRLF, fmt.Sprintf("its #! line ends in CR LF, so the kernel looks for an interpreter %q", info.Interpreter+"\r"),
			"run dos2unix on it, and keep it so with `* text=auto eol=lf` in .gitattributes")
	case info.Kind == ELF && info.Arch != arch:
		return one(RuleArchitecture, fmt.Sprintf("it is built for %s, and this is %s", info.Arch, arch), "build it for linux/"+arch)
	case info.Kind == Script && info.Interpreter != "" && !path.IsAbs(info.Interpreter):
		return one(RuleInterpreter, fmt.Sprintf("its #! line names %s, which is no absolute path, and the kernel looks nowhere else", info.Interpreter),
			"begin it with #!/usr/bin/env "+info.Interpreter)
	case info.Interpreter == "" && info.Kind == Script:
		return one(RuleNoShebang, "its #! line names no interpreter", "begin it with a line like #!/bin/bash")
	}
	if find == nil || info.Interpreter == "" {
		return nil
	}
	return checkInterpreter(place, info, find)
}

func checkInterpreter(place string, info Info, find func(program string) bool) []Finding {
	if !find(info.Interpreter) {
		cause, fix := fmt.Sprintf("its interpreter %s is not there", info.Interpreter), "use an interpreter that is there, or pack it"
		if info.Kind == ELF {
			cause, fix = fmt.Sprintf("its dynamic loader %s is not there", info.Interpreter), "link it statically"
		}
		return []Finding{{RuleInterpreter, place, cause, fix}}
	}
	if program := info.Program(); program != info.Interpreter && !find(program) {
		return []Finding{{RuleInterpreter, place, fmt.Sprintf("its interpreter %s is not on PATH", program), "use an interpreter that is there, or pack it"}}
	}
	return nil
}
