package project

// runtime and handler: which language runtime, and the shape of the handler that it needs.

import (
	"io/fs"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"unicode"

	"go.yaml.in/yaml/v3"

	"github.com/serverless/open-runtime/internal/spelling"
)

// Runtimes that are no language runtime of the open runtime's own.
const (
	Go         = "go"         // a Go program in the code, which sor builds
	Executable = "executable" // a program in the code that was built before
	Managed    = "managed"    // AWS's own client of the target
	Provided   = "provided"   // the function's own bootstrap, without the open runtime
)

var runtimes = []string{"node", "python", "ruby", "bash", Go, Executable, Managed, Provided}

// languages are what people call the runtimes. A program in a language that is none of them is built by its own tools.
var languages = map[string]string{
	"nodejs": "node", "node.js": "node", "js": "node", "javascript": "node", "ts": "node", "typescript": "node",
	"python3": "python", "py": "python", "rb": "ruby", "sh": "bash", "shell": "bash", "zsh": "bash",
	"golang": Go, "rust": Executable, "c": Executable, "c++": Executable, "cpp": Executable, "zig": Executable, "binary": Executable,
	"java": Managed, "kotlin": Managed, "dotnet": Managed, "c#": Managed, "csharp": Managed, "custom": Provided,
}

// An identifier is a form of Lambda runtime identifiers, and the language it tells.
type identifier struct {
	form    *regexp.Regexp
	runtime string
}

// identifiers are made when they are asked for: few commands do.
var identifiers = sync.OnceValue(func() []identifier {
	return []identifier{
		{regexp.MustCompile(`^nodejs\d+\.x$`), "node"},
		{regexp.MustCompile(`^python\d\.\d+$`), "python"},
		{regexp.MustCompile(`^ruby\d\.\d+$`), "ruby"},
		{regexp.MustCompile(`^provided\.al\d+$`), Provided},
		{regexp.MustCompile(`^go1\.x$`), Go},
		{regexp.MustCompile(`^(java\d+(\.al2)?|dotnet(core)?\d+(\.\d)?)$`), Managed},
	}
})

// isIdentifier says whether a word has the form of a Lambda runtime identifier. Of those that are not to be had, another
// version is no spelling.
func isIdentifier(word string) bool {
	for _, known := range identifiers() {
		if known.form.MatchString(word) {
			return true
		}
	}
	return false
}

// languageOf gives the runtime that a word is the name of, in any case of letters, or "".
func languageOf(word string) string {
	word = strings.ToLower(word)
	if slices.Contains(runtimes, word) {
		return word
	}
	return languages[word]
}

// runtime reads `runtime`. After a mistake the one that was probably meant is gone on with, so that its rules are checked.
func (d *decoder) runtime() {
	word, at := d.word("runtime")
	p := d.project
	switch {
	case at == nil:
		if d.values["runtime"] == nil {
			d.missing("runtime", "there are "+strings.Join(runtimes, ", ")+", and ./PATH for a language runtime of this project")
		}
	case slices.Contains(runtimes, word):
		p.Runtime = word
	case isPath(word):
		p.Runtime = word
		if path, info := d.existing(at, "runtime", word); info != nil {
			p.RuntimePath = path
			d.notProject(at, "runtime", path)
		}
	default:
		var hint string
		p.Runtime, hint = d.meantRuntime(word)
		if hint == "" {
			hint = "there are " + strings.Join(runtimes, ", ") + ", and ./PATH for a language runtime of this project"
		}
		d.wrong(at, hint, "there is no runtime %s", quote(word))
	}
}

// meantRuntime guesses which runtime an unknown word means, and gives the hint.
func (d *decoder) meantRuntime(word string) (runtime, hint string) {
	for _, known := range identifiers() {
		if known.form.MatchString(word) {
			return d.meantTarget(word, known.runtime)
		}
	}
	runtime = languageOf(word)
	if runtime == "" {
		runtime = spelling.Nearest(word, runtimes)
	}
	switch {
	case runtime != "":
		return runtime, "did you mean " + runtime + "?"
	case strings.Contains(word, "/"):
		return "", "did you mean ./" + word + "?"
	}
	return "", ""
}

// meantTarget is the hint for a Lambda runtime identifier where the language runtime belongs.
func (d *decoder) meantTarget(id, runtime string) (string, string) {
	d.meant["target"] = true
	if err := d.checkTarget(id); err != nil {
		return runtime, "did you mean `runtime: " + runtime + "`? " + id + " is a target: " + err.Error()
	}
	return runtime, "did you mean `target: " + id + "` (and `runtime: " + runtime + "`)?"
}

// A handlerForm is what a language runtime of ours takes for a handler: see runtimes/.
type handlerForm struct {
	form  *regexp.Regexp
	words string
}

var handlerForms = sync.OnceValue(func() map[string]handlerForm {
	return map[string]handlerForm{
		"node":   {regexp.MustCompile(`^(.*/)?[^./]+\.[^/]+$`), "FILE.EXPORT"},
		"python": {regexp.MustCompile(`^[^./]+([./][^./]+)*\.[^./]+$`), "MODULE.FUNCTION"},
		"ruby":   {regexp.MustCompile(`^[^.]+\.[^.]+(\.[^.]+)?$`), "FILE.METHOD or FILE.MODULE.METHOD"},
		"bash":   {regexp.MustCompile(`^.+\.[^./]+$`), "FILE.FUNCTION"},
	}
})

const maxHandler = 128 // characters, of Lambda

// handler reads `handler`. A function with its own bootstrap need not have one.
func (d *decoder) handler() {
	p := d.project
	handler, at := d.word("handler")
	if at == nil {
		switch {
		case d.values["handler"] != nil:
		case p.Runtime == Provided:
			p.Handler = bootstrap
		case p.HasProgram():
			d.missing("handler", "as in `handler: "+p.Name+"`: the name of the program in /var/task")
		default:
			d.missing("handler", "as in `handler: handler.hello`: hello of handler.js, handler.py, handler.rb or handler.sh")
		}
		return
	}
	p.Handler = handler
	p.handlerAt = d.text.at(at.Line, at.Column, "", "")
	if strings.ContainsFunc(handler, isSpace) || len(handler) > maxHandler {
		d.wrong(at, "", "handler is %s; Lambda allows %d characters and no spaces", quote(handler), maxHandler)
		return
	}
	if p.HasProgram() {
		d.programHandler(at, handler)
		return
	}
	form, known := handlerForms()[p.language()]
	if known && (strings.Contains(handler, "..") || !form.form.MatchString(handler)) {
		d.wrong(at, d.meantHandler(handler), "handler is %s; %s needs %s, as in handler.hello", quote(handler), p.language(), form.words)
	}
}

// bootstrap is the program that Lambda looks for in the code before it looks into the layers.
const bootstrap = "bootstrap"

// programHandler checks a handler that names a program in the code.
func (d *decoder) programHandler(at *yaml.Node, handler string) {
	switch {
	case handler == bootstrap:
		d.wrong(at, "name it after what it does: `handler: "+d.project.Name+"`",
			"handler is %s; Lambda would start /var/task/bootstrap itself, and the open runtime would silently not be there", quote(handler))
	case !fs.ValidPath(handler) || handler == ".":
		hint := ""
		if rest, ok := strings.CutPrefix(path.Clean(handler), "/var/task/"); ok {
			hint = "did you mean " + rest + "?"
		} else if clean := path.Clean(handler); fs.ValidPath(clean) && clean != "." {
			hint = "did you mean " + clean + "?"
		}
		d.wrong(at, hint, "handler is %s; runtime: %s needs the name of the program in /var/task", quote(handler), d.project.Runtime)
	}
}

// HasProgram says whether the handler names a program in the code, which speaks the Runtime API itself.
func (p *Project) HasProgram() bool { return p.Runtime == Go || p.Runtime == Executable }

// language is what finds the handler: the language runtime, or for AWS's own client that of the target.
func (p *Project) language() string {
	if p.Runtime != Managed {
		return p.Runtime
	}
	for _, known := range identifiers() {
		if known.form.MatchString(p.Target) {
			return known.runtime
		}
	}
	return ""
}

// meantHandler guesses at a path, or a file alone.
func (d *decoder) meantHandler(handler string) string {
	if rest, ok := strings.CutPrefix(handler, "./"); ok && handlerForms()[d.project.language()].form.MatchString(rest) {
		return "did you mean " + rest + "?"
	}
	return ""
}

func isSpace(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }

// isPath tells ./a, ../a and /a from a name.
func isPath(word string) bool {
	return word == "." || word == ".." || strings.HasPrefix(word, "./") || strings.HasPrefix(word, "../") || filepath.IsAbs(word)
}
