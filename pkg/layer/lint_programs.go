package layer

import (
	"debug/elf"
	"fmt"
	"io"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/serverless/open-runtime/internal/executable"
)

// programs asks of every ELF whether it fits, and of what is to be started whether it can be.
func (l *linter) programs() {
	for _, name := range l.paths {
		e := l.tree.entries[name]
		if e.isLink() {
			continue // what it leads to is asked
		}
		if err := l.program(name, e); err != nil {
			l.find(executable.RuleNotFound, name, fmt.Sprintf("it can't be read: %v", err), "make it readable")
		}
	}
}

func (l *linter) program(name string, e *entry) error {
	started := l.isStarted(name)
	if !started && e.mode&0o111 == 0 {
		return nil
	}
	file, err := e.open()
	if err != nil {
		return err
	}
	defer file.Close()
	info, err := executable.Inspect(file, e.size)
	if err != nil {
		if started {
			l.find(executable.RuleNoShebang, name, err.Error(), "compile it anew")
		}
		return nil
	}
	if started && e.mode&0o111 == 0 {
		l.find(executable.RuleNotExecutable, name, "it is not executable, and Lambda would say: permission denied",
			"chmod +x it before it is packed, or pack with sor build-layer, which does so by itself")
	}
	switch {
	case info.Kind == executable.ELF:
		l.elf(name, info, file)
	case !started && (info.Kind == executable.Other || inLibrary(name)):
	case isExtension(name) && info.Kind == executable.Other:
		l.find(RuleExtension, name, "Lambda starts every file in extensions, and this is no program", "move it elsewhere in the layer")
	default:
		l.findings = append(l.findings, executable.Check(name, info, l.o.Arch, nil)...)
		if info.Kind == executable.Script && !info.CRLF && !info.BOM && info.Interpreter != "" {
			l.interpreter(name, info)
		}
	}
	return nil
}

// isStarted says whether Lambda or the bootstrap starts the file, a file that a link in such a place leads to as well.
func (l *linter) isStarted(name string) bool {
	if name == l.o.Program {
		return true
	}
	if place, ok := strings.CutPrefix(name, languageRuntime); ok && len(l.command) > 0 && (place == "" || place == "/"+languageRuntime) {
		return l.command[0] == "/opt/"+name // the rest is what the command is given, a jar for example
	}
	if strings.HasPrefix(name, "bin/") {
		return isProgramPlace(name) && l.tree.entries[name].mode&0o111 != 0
	}
	return isProgramPlace(name)
}

func isExtension(name string) bool { return strings.HasPrefix(name, "extensions/") }

// libraryFolders hold packaged code that is loaded, not started: scripts in it are tools of its authors.
var libraryFolders = []string{"node_modules", "site-packages", "dist-packages", "gems", "vendor"}

func inLibrary(name string) bool {
	parts := strings.Split(path.Dir(name), "/")
	if slices.Contains([]string{"nodejs", "python", "ruby", "java", "lib"}, parts[0]) {
		return true
	}
	return slices.ContainsFunc(parts, func(part string) bool { return slices.Contains(libraryFolders, part) })
}

// elf asks about machine, dynamic loader and C library of a program or a shared library.
func (l *linter) elf(name string, info executable.Info, file io.ReaderAt) {
	if info.Arch != l.o.Arch && !forOtherArchitecture(name, l.o.Arch) {
		l.find(executable.RuleArchitecture, name, fmt.Sprintf("it is built for %s, and the layer is for %s", info.Arch, l.o.Arch),
			"build it for linux/"+l.o.Arch)
	}
	t, known := findTarget(l.o.Target)
	if info.Arch != l.o.Arch || !known {
		return
	}
	if loader := info.Interpreter; loader != "" && interpreterPath(t.id, loader) == "" && !l.inOpt(loader) {
		l.find(executable.RuleInterpreter, name, fmt.Sprintf("its dynamic loader %s is not on %s, and starting it would say: no such file", loader, t.id),
			"link it statically (Go: CGO_ENABLED=0; Rust: a musl target), or build it on Amazon Linux")
		return
	}
	if needs := neededGLIBC(file); newer(needs, glibcOf[t.system]) {
		l.find(RuleGLIBC, name, fmt.Sprintf("it needs GLIBC %s, and %s has %s", needs, t.id, glibcOf[t.system]),
			"build it on Amazon Linux (public.ecr.aws/lambda/"+strings.Replace(imageOf(t), ".", ":", 1)+"), or link it statically")
	}
}

func imageOf(t target) string {
	return "provided." + t.system
}

// architectureWords are how libraries that bring programs for several machines call them in paths.
var architectureWords = map[string][]string{
	"amd64": {"amd64", "x64", "x86_64", "x86-64"},
	"arm64": {"arm64", "aarch64", "armv8"},
}

// forOtherArchitecture says that a library brings the file on purpose for another machine, since its path says so.
func forOtherArchitecture(name, arch string) bool {
	if !inLibrary(name) {
		return false
	}
	for other, words := range architectureWords {
		if other != arch && slices.ContainsFunc(words, func(word string) bool { return strings.Contains(name, word) }) {
			return true
		}
	}
	return strings.Contains(name, "ia32") || strings.Contains(name, "armv7") || strings.Contains(name, "linux-arm/") || strings.Contains(name, "ppc64") || strings.Contains(name, "s390x")
}

// neededGLIBC gives the newest version of the C library that symbols ask for, or "".
func neededGLIBC(r io.ReaderAt) string {
	file, err := elf.NewFile(r)
	if err != nil {
		return ""
	}
	needs, err := file.DynamicVersionNeeds()
	if err != nil {
		return "" // static, or without versions
	}
	newest := ""
	for _, lib := range needs {
		for _, need := range lib.Needs {
			if version, ok := strings.CutPrefix(need.Dep, "GLIBC_"); ok && newer(version, newest) {
				newest = version
			}
		}
	}
	return newest
}

// newer compares versions of the C library: 2.34 is newer than 2.5.
func newer(a, b string) bool {
	if a == "" || b == "" {
		return a != ""
	}
	left, right := strings.Split(a, "."), strings.Split(b, ".")
	for i := range max(len(left), len(right)) {
		if one, two := numberAt(left, i), numberAt(right, i); one != two {
			return one > two
		}
	}
	return false
}

func numberAt(parts []string, i int) int {
	if i >= len(parts) {
		return 0
	}
	n, err := strconv.Atoi(parts[i])
	if err != nil { // GLIBC_PRIVATE: of no version
		return 0
	}
	return n
}

// interpreter asks whether the target, or a layer, has what runs a script.
func (l *linter) interpreter(name string, info executable.Info) {
	if _, known := findTarget(l.o.Target); !known {
		return
	}
	for _, program := range slices.Compact([]string{info.Interpreter, info.Program()}) {
		if interpreterPath(l.o.Target, program) != "" || l.inOpt(program) {
			continue
		}
		l.missingInterpreter(name, program)
		return
	}
}

// missingInterpreter says what is missing, and the ways out of it.
func (l *linter) missingInterpreter(name, program string) {
	base := path.Base(program)
	if there := interpreterPath(l.o.Target, base); path.IsAbs(program) && there != "" {
		l.find(executable.RuleInterpreter, name, fmt.Sprintf("its interpreter %s is not on %s, which has %s", program, l.o.Target, there),
			"begin it with #!/usr/bin/env "+base)
		return
	}
	if path.IsAbs(program) && l.inOpt(base) {
		l.find(executable.RuleInterpreter, name, fmt.Sprintf("its interpreter %s is not on %s; the layers have /opt/bin/%s", program, l.o.Target, base),
			"begin it with #!/usr/bin/env "+base)
		return
	}
	var ways []string
	if other := targetWith(base); other != "" {
		ways = append(ways, "take `target: "+other+"`")
	}
	ways = append(ways, fmt.Sprintf("pack %s into the layer (bin/%s in the folder of `extra:`)", base, base), "write it in Go or bash")
	l.find(executable.RuleInterpreter, name, fmt.Sprintf("its interpreter %s is not on %s", program, l.o.Target), strings.Join(ways, "; or "))
}

// inOpt says whether this layer or another one has a program: by its path below /opt, or by its name in /opt/bin.
func (l *linter) inOpt(program string) bool {
	place := "bin/" + program
	if path.IsAbs(program) {
		var ok bool
		if place, ok = strings.CutPrefix(path.Clean(program), "/opt/"); !ok {
			return false
		}
	}
	if e, _ := l.resolve(place); e != nil && e.mode&0o111 != 0 {
		return true
	}
	return slices.ContainsFunc(l.o.Layers, func(dir string) bool {
		return len(executable.CheckFile(filepath.Join(dir, filepath.FromSlash(place)), l.o.Arch, nil)) == 0
	})
}
