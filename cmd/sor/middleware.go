package main

// sor middleware run: one middleware alone, one hook, in the sandbox, on its test event.

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/serverless/open-runtime/internal/manifest"
	"github.com/serverless/open-runtime/pkg/project"
)

var hooks = []string{"before", "after", "error"}

func newMiddlewareCommand(screen *ui) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "middleware",
		Short:   "Work on one middleware",
		Example: "  sor middleware run redact before -e middlewares/redact.event.json",
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newMiddlewareRunCommand(screen))
	return cmd
}

func newMiddlewareRunCommand(screen *ui) *cobra.Command {
	var o invokeOptions
	cmd := &cobra.Command{
		Use:   "run NAME before|after|error [-e EVENT]",
		Short: "Run one hook of one middleware alone, in the sandbox",
		Long: `Run one hook of one middleware of this project, or of its layers, alone, in the sandbox.

Without -e it gets its test event, middlewares/NAME.event.json, where there is one. What it prints is on stdout; whether
it changed the event, answered early or failed is on stderr.

Exit codes: 0 it ran, 2 there is no such middleware or hook, or the event is wrong, 3 no sandbox here, 5 it failed, 6 it timed out.`,
		Example: `  sor middleware run redact before
  sor middleware run redact after -e '{"statusCode":200}'`,
		Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			return runMiddleware(cmd.Context(), screen, cmd, o, args[0], args[1])
		},
		ValidArgsFunction: completeMiddleware,
	}
	f := cmd.Flags()
	f.StringArrayVarP(&o.events, "event", "e", nil, "event, response or error document: JSON, a file, @FILE, or - for stdin")
	o.sandboxFlags(cmd)
	return cmd
}

func runMiddleware(ctx context.Context, screen *ui, cmd *cobra.Command, o invokeOptions, name, hook string) (err error) {
	if !slices.Contains(hooks, hook) {
		return fail(exitUsage, alternatives("hooks", hook, hooks), fmt.Errorf("there is no hook %q", hook))
	}
	w, err := openWorkspace(screen)
	if err != nil {
		return err
	}
	p, err := w.loadProject()
	if err != nil {
		return err
	}
	if len(o.events) == 0 {
		o.events = testEvent(p, name)
	}
	if len(o.events) > 1 {
		return fail(exitUsage, "", errors.New("a middleware is run on one event, and -e is given more than once"))
	}
	events, err := readEvents(ctx, o.events, cmd.InOrStdin())
	if err != nil {
		return err
	}
	if err := overrideProject(p, cmd.Flags(), o); err != nil {
		return err
	}
	session, err := w.prepare(ctx, p, o)
	if err != nil {
		return err
	}
	if err := w.checkMiddleware(p, session.opt.Dir, name); err != nil {
		return err
	}
	if err := checkHook(session.opt.Dir, name, hook); err != nil {
		return err
	}
	defer w.trim()
	session.bare = true
	session.options.Config.Environment["SOR_ONLY"] = name + "/" + hook
	if err := session.start(ctx); err != nil {
		return err
	}
	defer func() {
		if closeErr := session.close(); err == nil {
			err = closeErr
		}
	}()
	result, err := session.invoke(ctx, events[0])
	if err != nil {
		return err
	}
	if result.ErrorType != "" {
		session.tellError(result.Payload, session.project.Code, session.wd)
		return &exitError{code: exitOf(result), told: true}
	}
	return session.printHook(cmd, name, hook, result.Payload)
}

// printHook shows what the hook made: its output on stdout, what that means on stderr.
func (s *session) printHook(cmd *cobra.Command, name, hook string, answer []byte) error {
	var made struct {
		Unchanged, Respond bool
		Output             string
		OutputBase64       string
	}
	if err := json.Unmarshal(answer, &made); err != nil {
		return fmt.Errorf("reading what the bootstrap says of %s: %w", name, err)
	}
	output := []byte(made.Output)
	if made.OutputBase64 != "" {
		var err error
		if output, err = base64.StdEncoding.DecodeString(made.OutputBase64); err != nil {
			return fmt.Errorf("reading what the bootstrap says of %s: %w", name, err)
		}
	}
	switch {
	case made.Unchanged:
		s.say("%s %s: unchanged", name, hook)
		return nil
	case made.Respond:
		s.say("%s %s: early response, %d bytes", name, hook, len(output))
	default:
		s.say("%s %s: %d bytes", name, hook, len(output))
	}
	return writePayload(cmd.OutOrStdout(), output, false)
}

// testEvent gives the event file that comes with a middleware of the project, if there is one.
func testEvent(p *project.Project, name string) []string {
	path := filepath.Join(p.Dir, "middlewares", name+".event.json")
	if _, err := os.Stat(path); err != nil {
		return nil
	}
	return []string{"@" + path}
}

// checkMiddleware says which middlewares there are when the one asked for is not.
func (w *workspace) checkMiddleware(p *project.Project, opt, name string) error {
	known := middlewareNames(p, opt)
	if slices.Contains(known, name) {
		return nil
	}
	hint := "sor init middleware " + name + " makes one"
	if len(known) > 0 {
		hint = alternatives("middlewares", name, known)
	}
	return fail(exitUsage, hint, errors.New("there is no middleware "+name+" in this project or its layers"))
}

// checkHook says which hooks a middleware has when the one asked for is not among them.
func checkHook(opt, name, hook string) error {
	about, ok := middlewareManifest(opt, name)
	if !ok || about.Has(hook) {
		return nil
	}
	return fail(exitUsage, "it has "+strings.Join(about.Hooks, ", ")+"; `hooks` of its manifest says so: "+name+".json",
		fmt.Errorf("middleware %s has no hook %s", name, hook))
}

// middlewareManifest reads the manifest of a staged middleware. What is wrong with one the bootstrap says.
func middlewareManifest(opt, name string) (about manifest.Middleware, ok bool) {
	data, err := manifest.ReadIn(opt, filepath.Join(opt, "middlewares", name+".json"))
	if err != nil || data == nil {
		return manifest.DefaultMiddleware(), err == nil
	}
	about, _, err = manifest.ParseMiddleware(data)
	return about, err == nil
}

// middlewareNames lists the middlewares of sor.yaml and those of the staged layers.
func middlewareNames(p *project.Project, opt string) []string {
	var names []string
	for _, m := range p.Middlewares {
		names = append(names, m.Name)
	}
	entries, _ := os.ReadDir(filepath.Join(opt, "middlewares"))
	for _, entry := range entries {
		if !strings.HasSuffix(entry.Name(), ".json") && !slices.Contains(names, entry.Name()) {
			names = append(names, entry.Name())
		}
	}
	return names
}

// completeMiddleware completes NAME and the hook.
func completeMiddleware(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	switch len(args) {
	case 0:
		return middlewaresHere(), cobra.ShellCompDirectiveNoFileComp
	case 1:
		return hooks, cobra.ShellCompDirectiveNoFileComp
	}
	return nil, cobra.ShellCompDirectiveNoFileComp
}

// middlewaresHere are the middlewares of this folder's project, and functionsHere the functions of this folder and of those
// in it: what a shell completes.
func middlewaresHere() []string {
	p, err := loadProjectAt(".")
	if err != nil {
		return nil
	}
	return middlewareNames(p, "")
}

func functionsHere() []string {
	var names []string
	found, _ := filepath.Glob("*/sor.yaml")
	for _, file := range append([]string{"sor.yaml"}, found...) {
		if p, err := loadProjectAt(filepath.Dir(file)); err == nil {
			names = append(names, p.Name)
		}
	}
	return names
}
