package main

// sor init middleware: one middleware more in a project, its files and its line in sor.yaml.

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/serverless/open-runtime/pkg/project"
	"github.com/serverless/open-runtime/templates"
)

type initMiddlewareOptions struct {
	language string
	optional bool
	exec     bool
}

func newInitMiddlewareCommand(screen *ui) *cobra.Command {
	var o initMiddlewareOptions
	cmd := &cobra.Command{
		Use:   "middleware NAME [--language LANGUAGE]",
		Short: "Add a middleware to the project of this folder",
		Long: `Add a middleware to the project of this folder: middlewares/NAME, its test event, and the innermost place in sor.yaml.

It is two functions and the kit that calls them. Its manifest middlewares/NAME.json has it started once and not for each
invocation, which costs a tenth and less; without that file the same program is started for each, as one in bash is. With
--exec it is a program that reads stdin and prints, and no kit.

Nothing is ever overwritten, and sor.yaml keeps all that is in it, comments too. (A new project in a folder of the name
middleware: sor init ./middleware.)

Exit codes: 0 it is there, 1 sor.yaml is written so that it has to be added by hand, 2 there is such a middleware, or the
name or the language is not possible.`,
		Example: `  sor init middleware redact
  sor init middleware trace --language go
  sor init middleware audit --language python --optional
  sor init middleware count --exec`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return runInitMiddleware(cmd.Context(), screen, cmd, o, args[0])
		},
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	f := cmd.Flags()
	f.StringVar(&o.language, "language", defaultLanguage, strings.Join(templates.Languages(), ", "))
	f.BoolVar(&o.exec, "exec", false, "a plain program, started for each invocation, without a kit")
	f.BoolVar(&o.optional, "optional", false, "skip it, with a warning in the log, when it fails")
	completes(cmd, "language", templates.Languages())
	return cmd
}

// runInitMiddleware works out the new sor.yaml before it writes anything.
func runInitMiddleware(ctx context.Context, screen *ui, cmd *cobra.Command, o initMiddlewareOptions, name string) error {
	if plain, language, ok := strings.Cut(name, ":"); ok && slices.Contains(templates.Languages(), language) {
		return fail(exitUsage, fmt.Sprintf("sor init middleware %s --language %s", plain, language), fmt.Errorf("%q is no name", name))
	}
	m, err := newMiddleware(name, o.language, o.exec)
	if err != nil {
		return err
	}
	wd, err := os.Getwd()
	if err != nil {
		return err
	}
	w := &workspace{ui: screen, wd: wd}
	p, err := w.loadProject()
	if err != nil {
		return err
	}
	if err := checkNew(p, name); err != nil {
		return err
	}
	entry := "./middlewares/" + name
	if o.optional {
		entry += "?"
	}
	if err := w.addToProject(ctx, p, m, entry); err != nil {
		return err
	}
	if !cmd.Flags().Changed("language") {
		w.say("language: %s (--language takes %s)", m.Language, strings.Join(templates.Languages(), ", "))
	}
	w.say("created %s in %s, and its test event; it is the innermost in sor.yaml", w.displayPath(filepath.Join(p.Dir, "middlewares", name)), m.Language)
	warnInterpreter(screen, m, p.Runtime, p.Target)
	w.say("next:\n  sor middleware run %s before", name)
	return nil
}

// checkNew refuses what would be the second of its name, and files that are there.
func checkNew(p *project.Project, name string) error {
	if !openRuntime(p) {
		return fail(exitUsage, "say another `runtime:` in sor.yaml", errors.New("runtime: provided has no open runtime, so no middleware would run"))
	}
	for _, other := range p.Middlewares {
		if other.Name == name {
			return fail(exitUsage, "choose another name", fmt.Errorf("sor.yaml has a middleware %s", name))
		}
	}
	for _, ending := range []string{"", ".event.json", ".json"} {
		path := filepath.Join(p.Dir, "middlewares", name+ending)
		if _, err := os.Lstat(path); err == nil {
			return fail(exitUsage, "choose another name; `- ./middlewares/"+name+"` in sor.yaml uses what is there",
				fmt.Errorf("middlewares/%s is there, and nothing is overwritten", name+ending))
		}
	}
	return nil
}

// addToProject writes the files, then sor.yaml, and asks the project whether it says now what it should; else all is as
// it was.
func (w *workspace) addToProject(ctx context.Context, p *project.Project, m templates.Middleware, entry string) error {
	path := filepath.Join(p.Dir, "sor.yaml")
	before, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	byHand := fail(exitFailure, "add it by hand to `middlewares:`, and write the program: - "+entry,
		errors.New("sor.yaml is written in a way that sor does not change; nothing was written"))
	after, ok := appendMiddleware(string(before), entry, p.HasMiddlewares)
	if !ok {
		return byHand
	}
	files, err := m.Files()
	if err != nil {
		return err
	}
	made, err := writeNew(ctx, p.Dir, files)
	if err != nil {
		return fmt.Errorf("writing the middleware: %w", err)
	}
	if err := replaceFile(path, []byte(after)); err != nil {
		made.undo()
		return fmt.Errorf("writing sor.yaml: %w", err)
	}
	if w.listsLast(p, m.Name, strings.HasSuffix(entry, "?")) {
		return nil
	}
	if err := replaceFile(path, before); err != nil {
		return fmt.Errorf("putting sor.yaml back: %w", err)
	}
	made.undo()
	return byHand
}

// listsLast reads the project again: its middlewares must be those it had, and the new one.
func (w *workspace) listsLast(before *project.Project, name string, optional bool) bool {
	after, err := w.loadProject()
	if err != nil {
		return false
	}
	n := len(before.Middlewares)
	return len(after.Middlewares) == n+1 && slices.Equal(after.Middlewares[:n], before.Middlewares) &&
		after.Middlewares[n].Name == name && after.Middlewares[n].Optional == optional
}
