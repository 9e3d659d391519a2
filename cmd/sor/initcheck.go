package main

// What sor init refuses before it writes, and what it warns of: names, languages, folders, interpreters.

import (
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/serverless/open-runtime/internal/manifest"
	"github.com/serverless/open-runtime/internal/spelling"
	"github.com/serverless/open-runtime/pkg/layer"
	"github.com/serverless/open-runtime/pkg/project"
	"github.com/serverless/open-runtime/templates"
)

// newMiddleware checks name and language. A plain one has no kit.
func newMiddleware(name, language string, plain bool) (templates.Middleware, error) {
	m := templates.Middleware{Name: name, Language: language, Plain: plain}
	if !slices.Contains(templates.Languages(), language) {
		return m, unknownWord("middleware", language, templates.Languages())
	}
	if err := manifest.CheckName(name); err != nil {
		return m, fail(exitUsage, "", fmt.Errorf("naming a middleware: %w", err))
	}
	if other, ok := strings.CutSuffix(name, ".event"); ok {
		return m, fail(exitUsage, "", fmt.Errorf("naming a middleware: %s.json would be the test event of %s, and the manifest of %s", name, other, name))
	}
	if _, err := m.Files(); err != nil {
		return m, fail(exitUsage, "", err)
	}
	return m, nil
}

// functionName is what Lambda takes as the name of a function; that of a layer is the same but for the length.
// https://docs.aws.amazon.com/lambda/latest/api/API_CreateFunction.html
const functionName = `^[A-Za-z0-9_-]{1,64}$`

func checkFunctionName(name string) error {
	if manifest.CheckName(name) == nil && regexp.MustCompile(functionName).MatchString(name) {
		return nil
	}
	hint := strings.Trim(regexp.MustCompile(`[^A-Za-z0-9_]+`).ReplaceAllString(name, "-"), "-_")
	if hint == "" || len(hint) > 64 {
		hint = "hello"
	}
	return fail(exitUsage, "--name gives it another than its folder's: --name "+hint,
		fmt.Errorf("%q is no name for a function on Lambda: letters, digits, dash and underscore, 64 at most, a letter or digit first", name))
}

// systems are how targets begin, and the runtime here that runs on them.
var systems = [][2]string{{"nodejs", "node"}, {"python", "python"}, {"ruby", "ruby"}, {"go1", "go"}, {"provided", "bash"}}

// withoutTemplate are the runtimes of sor.yaml for functions that are there already.
var withoutTemplate = []string{project.Executable, project.Managed, project.Provided}

// unknownRuntime tells a target, which people write where AWS would call it a runtime, from a slip of the pen.
func unknownRuntime(word string) error {
	for _, system := range systems {
		if strings.HasPrefix(word, system[0]) && strings.ContainsAny(word, "0123456789") {
			hint := "take --runtime " + system[1]
			if err := layer.CheckTarget(word); err != nil {
				hint += "\n" + err.Error()
			} else if word != layer.DefaultTarget(system[1]) {
				hint += ", then `target: " + word + "` in sor.yaml"
			}
			return fail(exitUsage, hint, fmt.Errorf("%s is a target, and a runtime is a language", word))
		}
	}
	if slices.Contains(withoutTemplate, word) {
		return fail(exitUsage, "docs/sor.yaml.md says under `runtime` what it takes; the least is a sor.yaml with `runtime: "+word+"`\nthere are templates for: "+
			strings.Join(templates.Runtimes(), ", "), fmt.Errorf("there is no template of a function in %q", word))
	}
	return unknownWord("function", word, templates.Runtimes())
}

func unknownWord(what, word string, known []string) error {
	hint := "there are: " + strings.Join(known, ", ")
	if near := spelling.Nearest(word, known); near != "" {
		hint = "did you mean " + near + "?\n" + hint
	}
	return fail(exitUsage, hint, fmt.Errorf("there is no template of a %s in %q", what, word))
}

// checkEmpty refuses a folder that has anything but a repository's .git.
func checkEmpty(root, dir string) error {
	entries, err := os.ReadDir(root)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fail(exitUsage, "name a new folder", err)
	}
	var names []string
	for _, entry := range entries {
		if entry.Name() != ".git" {
			names = append(names, entry.Name())
		}
	}
	if len(names) == 0 {
		return nil
	}
	more := ""
	if n := len(names) - 3; n > 0 {
		names, more = names[:3], fmt.Sprintf(" and %d more", n)
	}
	if dir == "." {
		dir = "this folder"
	}
	return fail(exitUsage, "", fmt.Errorf("%s is not empty, it has %s%s: name a new folder", dir, strings.Join(names, ", "), more))
}

// programs run the handlers of a runtime; one that is not here needs none.
var programs = map[string]string{"node": "node", "python": "python3", "ruby": "ruby", "bash": "bash"}

// warnInterpreter says at once what build-layer would stop at: a middleware whose interpreter the target lacks.
func warnInterpreter(screen *ui, m templates.Middleware, runtime, target string) {
	program := templates.Interpreter(m.Language)
	if known, has := layer.HasInterpreter(target, program); program == "" || !known || has {
		return
	}
	ways := "write it in Go or bash"
	other := layer.DefaultTarget(m.Language)
	handlers, needed := programs[runtime]
	if _, has := layer.HasInterpreter(other, handlers); has || !needed {
		ways += "; or take `target: " + other + "`"
	}
	screen.warn("middleware %s: its interpreter %s is not on %s: it runs here at most, and build-layer stops at it\n    fix: %s; or pack %s into the layer (bin/%s in the folder of `extra:`)",
		m.Name, program, target, ways, program, program)
}
