package main

// sor init: a new project, a function with its middlewares, from templates.

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/spf13/cobra"

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
		m, err := newMiddleware(name, language, false)
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
