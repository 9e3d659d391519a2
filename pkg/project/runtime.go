package project

// runtime and handler: which language runtime, and the shape of the handler that it needs.

import (
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"github.com/serverless/open-runtime/internal/spelling"
)

// provided is the runtime of a function that brings its own bootstrap.
const provided = "provided"

var runtimes = []string{"node", "python", "ruby", "bash", provided}

// later are runtimes that are decided and not built.
var later = map[string]string{
	"go":         "runtime: go, a Go program that sor builds, comes with a later version",
	"executable": "runtime: executable, a program that was built before, comes with a later version",
	"managed":    "runtime: managed, AWS's own client of the target, comes with a later version",
}

// hintLater is what works already.
const hintLater = "a program that speaks the Runtime API itself runs with `runtime: provided`, named bootstrap in the code"

// languages are what people call the runtimes.
var languages = map[string]string{
	"nodejs": "node", "node.js": "node", "js": "node", "javascript": "node", "ts": "node", "typescript": "node",
	"python3": "python", "py": "python", "rb": "ruby", "sh": "bash", "shell": "bash", "zsh": "bash",
	"golang": "go", "custom": provided,
}

// identifiers tell a Lambda runtime identifier by its language.
var identifiers = []struct {
	form    *regexp.Regexp
	runtime string
}{
	{regexp.MustCompile(`^nodejs\d+\.x$`), "node"},
	{regexp.MustCompile(`^python\d\.\d+$`), "python"},
	{regexp.MustCompile(`^ruby\d\.\d+$`), "ruby"},
	{regexp.MustCompile(`^provided\.al\d+$`), provided},
	{regexp.MustCompile(`^go1\.x$`), "go"},
	{regexp.MustCompile(`^(java\d+(\.al2)?|dotnet(core)?\d+(\.\d)?)$`), "managed"},
}

// isIdentifier says whether a word has the form of a Lambda runtime identifier. Of those that are not to be had, another
// version is no spelling.
func isIdentifier(word string) bool {
	for _, known := range identifiers {
		if known.form.MatchString(word) {
			return true
		}
	}
	return false
}

// languageOf gives the runtime that a word is the name of, in any case of letters, or "".
func languageOf(word string) string {
	word = strings.ToLower(word)
	if slices.Contains(runtimes, word) || later[word] != "" {
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
	case later[word] != "":
		d.wrong(at, hintLater, "%s", later[word])
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
	for _, known := range identifiers {
		if known.form.MatchString(word) {
			return d.meantTarget(word, known.runtime)
		}
	}
	runtime = languageOf(word)
	if runtime == "" {
		runtime = spelling.Nearest(word, runtimes)
	}
	switch {
	case later[runtime] != "":
		return "", later[runtime] + "\n" + hintLater
	case runtime != "":
		return runtime, "did you mean " + runtime + "?"
	case strings.Contains(word, "/"):
		return "", "did you mean ./" + word + "?"
	}
	return "", ""
}

// meantTarget is the hint for a Lambda runtime identifier where the language runtime belongs.
func (d *decoder) meantTarget(id, runtime string) (string, string) {
	if later[runtime] != "" {
		return "", later[runtime] + "\n" + hintLater
	}
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

var handlerForms = map[string]handlerForm{
	"node":   {regexp.MustCompile(`^(.*/)?[^./]+\.[^/]+$`), "FILE.EXPORT"},
	"python": {regexp.MustCompile(`^[^./]+([./][^./]+)*\.[^./]+$`), "MODULE.FUNCTION"},
	"ruby":   {regexp.MustCompile(`^[^.]+\.[^.]+(\.[^.]+)?$`), "FILE.METHOD or FILE.MODULE.METHOD"},
	"bash":   {regexp.MustCompile(`^.+\.[^./]+$`), "FILE.FUNCTION"},
}

const maxHandler = 128 // characters, of Lambda

// handler reads `handler`. A function with its own bootstrap need not have one.
func (d *decoder) handler() {
	p := d.project
	handler, at := d.word("handler")
	if at == nil {
		switch {
		case d.values["handler"] != nil:
		case p.Runtime == provided:
			p.Handler = "bootstrap"
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
	form, ours := handlerForms[p.Runtime]
	if ours && (strings.Contains(handler, "..") || !form.form.MatchString(handler)) {
		d.wrong(at, d.meantHandler(handler), "handler is %s; %s needs %s, as in handler.hello", quote(handler), p.Runtime, form.words)
	}
}

// meantHandler guesses at a path, or a file alone.
func (d *decoder) meantHandler(handler string) string {
	if rest, ok := strings.CutPrefix(handler, "./"); ok && handlerForms[d.project.Runtime].form.MatchString(rest) {
		return "did you mean " + rest + "?"
	}
	return ""
}

func isSpace(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }

// isPath tells ./a, ../a and /a from a name.
func isPath(word string) bool {
	return word == "." || word == ".." || strings.HasPrefix(word, "./") || strings.HasPrefix(word, "../") || filepath.IsAbs(word)
}
