package main

// sor init: a new project, a function with its middlewares, from templates.

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/serverless/open-runtime/internal/manifest"
	"github.com/serverless/open-runtime/internal/spelling"
	"github.com/serverless/open-runtime/pkg/layer"
	"github.com/serverless/open-runtime/templates"
)

const (
	defaultRuntime  = "node"
	defaultLanguage = "bash" // every target has it
)

type initOptions struct {
	runtime     string
	middlewares []string // NAME[:language]
	name        string
	noInput     bool
}

func newInitCommand(screen *ui) *cobra.Command {
	var o initOptions
	cmd := &cobra.Command{
		Use:   "init [dir] [--runtime RUNTIME] [--middleware NAME[:LANGUAGE]]...",
		Short: "Make a new project: a function and the middlewares around it",
		Long: `Make a new project: a function and the middlewares around it.

Without dir it is made in this folder, which must be empty then. Nothing is ever overwritten, and when something fails
nothing is left. Only on a terminal, without --runtime, there is a question.

Exit codes: 0 it is there, 2 the folder is not empty, or a name, a runtime or a language is not possible.`,
		Example: `  sor init hello
  sor init orders --runtime python --middleware redact:go --middleware audit
  cd orders && sor init middleware trace --language go`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) < 2 {
				return nil
			}
			return fail(exitUsage, "sor init DIR makes a project, sor init middleware NAME adds a middleware to one",
				fmt.Errorf("sor init takes one folder, and these are %d: %s", len(args), strings.Join(args, ", ")))
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			return runInit(cmd.Context(), screen, cmd, o, append(args, ".")[0])
		},
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return nil, cobra.ShellCompDirectiveFilterDirs
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.runtime, "runtime", "", "language of the function: "+strings.Join(templates.Runtimes(), ", ")+" (default "+defaultRuntime+")")
	f.StringArrayVar(&o.middlewares, "middleware", nil,
		"NAME[:LANGUAGE], outermost first: "+strings.Join(templates.Languages(), ", ")+" (default "+defaultLanguage+"); may be repeated")
	f.StringVar(&o.name, "name", "", "name of the function (default: the folder's)")
	f.BoolVar(&o.noInput, "no-input", false, "ask nothing, also on a terminal")
	completes(cmd, "runtime", templates.Runtimes())
	cmd.AddCommand(newInitMiddlewareCommand(screen))
	return cmd
}

// runInit checks everything before it asks, and asks before it writes.
func runInit(ctx context.Context, screen *ui, cmd *cobra.Command, o initOptions, dir string) error {
	if dir == "" {
		return fail(exitUsage, "sor init . makes the project in this folder", errors.New("the name of the folder is empty"))
	}
	root, err := filepath.Abs(dir)
	if err != nil {
		return err
	}
	p, err := o.project(root)
	if err != nil {
		return err
	}
	if err := checkEmpty(root, dir); err != nil {
		return err
	}
	asked := false
	if p.Runtime == "" {
		if p.Runtime, asked, err = o.chooseRuntime(ctx, screen, cmd); err != nil {
			return err
		}
	}
	p.Target = layer.DefaultTarget(p.Runtime)
	p.Managed = layer.Managed(p.Target)
	files, err := p.Files()
	if err != nil {
		return err
	}
	made, err := writeNew(ctx, root, files)
	if err != nil {
		return fmt.Errorf("writing the project: %w", err)
	}
	for _, path := range made.paths {
		screen.detail("wrote %s", path)
	}
	tellProject(screen, p, dir)
	if asked {
		screen.say("the same without a question:\n  %s", o.command(dir, p.Runtime))
	}
	return nil
}

// tellProject says what was made, what of it will not work on Lambda, and what to do now.
func tellProject(screen *ui, p templates.Project, dir string) {
	with := ""
	if n := len(p.Middlewares); n == 1 {
		with = ", and a middleware"
	} else if n > 1 {
		with = fmt.Sprintf(", and %d middlewares", n)
	}
	screen.say("created %s: a function in %s for %s, %s%s", p.Name, p.Runtime, p.Target, p.Architecture, with)
	for _, m := range p.Middlewares {
		warnInterpreter(screen, m, p.Runtime, p.Target)
	}
	screen.say("next:")
	if dir != "." {
		screen.say("  cd %s", shellWord(dir))
	}
	screen.say("  sor invoke --local -e events/hello.json --trace\n  sor build-layer")
}

// project makes of the flags what can be made without a question; its runtime may be missing.
func (o initOptions) project(root string) (templates.Project, error) {
	p := templates.Project{Name: o.name, Runtime: o.runtime, Architecture: runtime.GOARCH}
	if p.Name == "" {
		p.Name = filepath.Base(root)
	}
	if err := checkFunctionName(p.Name); err != nil {
		return p, err
	}
	if p.Runtime != "" && !slices.Contains(templates.Runtimes(), p.Runtime) {
		return p, unknownRuntime(p.Runtime)
	}
	seen := map[string]bool{}
	for _, text := range o.middlewares {
		name, language, given := strings.Cut(text, ":")
		if !given {
			language = defaultLanguage
		}
		m, err := newMiddleware(name, language)
		if err != nil {
			return p, err
		}
		if seen[name] {
			return p, fail(exitUsage, "", fmt.Errorf("--middleware names %s twice", name))
		}
		seen[name] = true
		p.Middlewares = append(p.Middlewares, m)
	}
	return p, nil
}

// newMiddleware checks name and language.
func newMiddleware(name, language string) (templates.Middleware, error) {
	m := templates.Middleware{Name: name, Language: language}
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
var functionName = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

func checkFunctionName(name string) error {
	if manifest.CheckName(name) == nil && functionName.MatchString(name) {
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
var systems = [][2]string{{"nodejs", "node"}, {"python", "python"}, {"ruby", "ruby"}, {"provided", "bash"}}

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

// programs run the handlers of a runtime.
var programs = map[string]string{"node": "node", "python": "python3", "ruby": "ruby", "bash": "bash"}

// warnInterpreter says at once what build-layer would stop at: a middleware whose interpreter the target lacks.
func warnInterpreter(screen *ui, m templates.Middleware, runtime, target string) {
	program := templates.Interpreter(m.Language)
	if known, has := layer.HasInterpreter(target, program); program == "" || !known || has {
		return
	}
	ways := "write it in Go or bash"
	other := layer.DefaultTarget(m.Language)
	if _, has := layer.HasInterpreter(other, programs[runtime]); has {
		ways += "; or take `target: " + other + "`"
	}
	screen.warn("middleware %s: its interpreter %s is not on %s: it runs here at most, and build-layer stops at it\n    fix: %s; or pack %s into the layer (bin/%s in the folder of `extra:`)",
		m.Name, program, target, ways, program, program)
}
