package main

// sor conform: puts a middleware, a language runtime or a bootstrap, whoever made it, through the conformance kit.

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"time"

	"github.com/spf13/cobra"

	"github.com/serverless/open-runtime/internal/executable"
	"github.com/serverless/open-runtime/internal/jsontext"
	"github.com/serverless/open-runtime/internal/manifest"
	"github.com/serverless/open-runtime/internal/wholefile"
	"github.com/serverless/open-runtime/pkg/conform"
)

// conformOptions are the flags of all three.
type conformOptions struct {
	junit, run string
	json, list bool
	patience   time.Duration

	events, responses, env []string // of a middleware
	task, prefix, handler  string   // of a language runtime
	image                  string   // of a bootstrap's sandbox
}

const conformExits = `Exit codes: 0 every case passed, 2 there is no such program, 3 this machine can't run it, 7 a case failed.`

func newConformCommand(screen *ui) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "conform",
		Short: "Put a middleware, a language runtime or a bootstrap through the conformance kit",
		Long: `Put a middleware, a language runtime or a bootstrap through the conformance kit.

Each case holds the program to one sentence of the contracts in docs/protocol; docs/conform.md lists them all.`,
		Example: "  sor conform middleware ./middlewares/redact\n  sor conform bootstrap ./bin/bootstrap --run onion --junit report.xml",
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newConformMiddlewareCommand(screen), newConformRuntimeCommand(screen), newConformBootstrapCommand(screen))
	return cmd
}

func newConformMiddlewareCommand(screen *ui) *cobra.Command {
	var o conformOptions
	cmd := o.command("middleware", "Put a middleware through the conformance kit", `PATH is the middleware, a file or a folder, with its manifest beside it, as in a layer. A folder with Go source
is compiled. What it makes of an event is its own business: it is judged by the contract alone, on events of
every kind, or on those of --event and --response.

`+conformExits, `  sor conform middleware ./middlewares/redact
  sor conform middleware ./middlewares/redact --event event.json --run exec.hook`,
		func(ctx context.Context, out io.Writer, path string) error {
			return runConformMiddleware(ctx, screen, out, o, path)
		})
	f := cmd.Flags()
	f.StringArrayVar(&o.events, "event", nil, "file with an event for before; may be repeated")
	f.StringArrayVar(&o.responses, "response", nil, "file with a response for after; may be repeated")
	f.StringArrayVar(&o.env, "env", nil, "environment variable KEY=VALUE, or KEY from this shell; may be repeated")
	return cmd
}

func newConformRuntimeCommand(screen *ui) *cobra.Command {
	var o conformOptions
	cmd := o.command("runtime", "Put a language runtime through the conformance kit", `PATH is the language runtime, a file or a folder, with its manifest beside it, as in a layer. It is tried with handlers
that do what docs/conform.md says, in the folder --task: PREFIXecho, PREFIXfail and so on. With --handler NAME in
their place, a handler of any kind, the cases that need the others are skipped.

`+conformExits, `  sor conform runtime ./language-runtime --task ./function --handler-prefix handler.on_ --run 'handshake|invoke'
  sor conform runtime ./language-runtime --task ./function --handler handler.on_echo --run handshake`,
		func(ctx context.Context, out io.Writer, path string) error {
			return runConformRuntime(ctx, screen, out, o, path)
		})
	f := cmd.Flags()
	f.StringVar(&o.task, "task", ".", "folder with the function's code")
	f.StringVar(&o.prefix, "handler-prefix", "", "what the names of the kit's handlers begin with there")
	f.StringVar(&o.handler, "handler", "", "one handler of any kind, in place of --handler-prefix")
	f.StringArrayVar(&o.env, "env", nil, "environment variable KEY=VALUE, or KEY from this shell; may be repeated")
	return cmd
}

func newConformBootstrapCommand(screen *ui) *cobra.Command {
	var o conformOptions
	cmd := o.command("bootstrap", "Put a bootstrap through the conformance kit", `PATH is the bootstrap, or a folder with a program bootstrap and what it needs beside it. It becomes /opt/bootstrap
of a layer with middlewares and a language runtime of the kit's own (in bash), and runs in the sandbox.

`+conformExits, `  sor conform bootstrap ./bin/bootstrap --run 'onion|early'
  sor conform bootstrap ./bin/bootstrap --sandbox namespace --run onion --junit report.xml`,
		func(ctx context.Context, out io.Writer, path string) error {
			return runConformBootstrap(ctx, screen, out, o, path)
		})
	f := cmd.Flags()
	f.String("sandbox", "auto", "auto, docker or namespace [SOR_SANDBOX]")
	f.StringVar(&o.image, "image", "public.ecr.aws/lambda/provided:al2023", "image for the docker sandbox")
	completes(cmd, "sandbox", sandboxNames)
	return cmd
}

// command is what the three have in common.
func (o *conformOptions) command(kind, short, long, example string, run func(ctx context.Context, out io.Writer, path string) error) *cobra.Command {
	cmd := &cobra.Command{
		Use: kind + " PATH", Short: short, Long: short + ".\n\n" + long, Example: example,
		Args: func(cmd *cobra.Command, args []string) error {
			if o.list && len(args) == 0 {
				return nil
			}
			return cobra.ExactArgs(1)(cmd, args)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return o.printList(cmd.OutOrStdout(), map[string]func() []conform.Case{
					"middleware": conform.MiddlewareCases, "runtime": conform.RuntimeCases, "bootstrap": conform.BootstrapCases,
				}[kind]())
			}
			return run(cmd.Context(), cmd.OutOrStdout(), args[0])
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.junit, "junit", "", "also write the report to this file, as JUnit's XML")
	f.StringVar(&o.run, "run", "", "only the cases whose names match this regular expression")
	f.BoolVar(&o.json, "json", false, "the report as one JSON object on stdout")
	f.BoolVar(&o.list, "list", false, "say which cases there are, and run none; without PATH those of every protocol")
	f.DurationVar(&o.patience, "patience", conform.DefaultPatience, "how long to wait for what no contract bounds")
	return cmd
}

func runConformMiddleware(ctx context.Context, screen *ui, out io.Writer, o conformOptions, path string) error {
	p, err := locateMiddleware(ctx, screen, path)
	if err != nil {
		return err
	}
	if p.Env, err = o.environment(); err != nil {
		return err
	}
	p.Patience = o.patience
	m, err := conform.NewMiddleware(p)
	if err != nil {
		return fail(exitUsage, "", err)
	}
	if m.Events, err = readDocuments(o.events); err != nil {
		return err
	}
	for i, event := range m.Events {
		if problem := jsontext.Check(event); problem != nil {
			return fail(exitUsage, "an event is JSON; a response for after may be any bytes: --response", fmt.Errorf("%s: %w", o.events[i], problem))
		}
	}
	if m.Responses, err = readDocuments(o.responses); err != nil {
		return err
	}
	return o.conform(ctx, screen, out, "middleware", path, m.Cases())
}

// locateMiddleware finds the program, and compiles one in Go.
func locateMiddleware(ctx context.Context, screen *ui, path string) (conform.Program, error) {
	if !isGo(path) {
		p, err := conform.Locate(path)
		return p, locateError(err)
	}
	w, err := openWorkspace(screen)
	if err != nil {
		return conform.Program{}, err
	}
	source, err := filepath.Abs(path)
	if err != nil {
		return conform.Program{}, err
	}
	exe, err := w.compile(ctx, "middleware "+filepath.Base(source), source, runtime.GOARCH)
	if err != nil {
		return conform.Program{}, err
	}
	p, err := conform.Locate(exe)
	if err != nil {
		return p, locateError(err)
	}
	p.Name = filepath.Base(source)
	if p.Manifest, err = manifest.Read(source + ".json"); err != nil {
		return p, fail(exitUsage, "", fmt.Errorf("reading the manifest of %s: %w", path, err))
	}
	return p, nil
}

// locateError gives what is wrong with a program its exit status.
func locateError(err error) error {
	if finding, ok := errors.AsType[executable.Finding](err); ok {
		code, fix := exitUsage, finding.Fix
		switch finding.Rule {
		case executable.RuleInterpreter:
			code = exitMissing
		case executable.RuleNotFound:
			fix = "name the program: a file, or a folder with a program of its name in it"
		}
		return fail(code, fix, fmt.Errorf("%s: %s", finding.Path, finding.Cause))
	}
	if err != nil {
		return fail(exitUsage, "", err)
	}
	return nil
}

func runConformRuntime(ctx context.Context, screen *ui, out io.Writer, o conformOptions, path string) error {
	if o.handler != "" && o.prefix != "" {
		return fail(exitUsage, "name the kit's handlers by their prefix, or one of any kind", errors.New("--handler and --handler-prefix are both given"))
	}
	r, err := conform.LocateRuntime(path)
	if err != nil {
		if inside := filepath.Join(path, "language-runtime"); isThere(inside) || isThere(inside+".json") {
			return fail(exitUsage, "did you mean "+shellWord(inside)+"?", fmt.Errorf("%s is a folder around a language runtime", path))
		}
		return locateError(err)
	}
	if !o.list {
		if err := r.At(o.task, o.prefix, o.handler); err != nil {
			return fail(exitUsage, "docs/conform.md says what the kit's handlers do", err)
		}
	}
	if r.Env, err = o.environment(); err != nil {
		return err
	}
	r.Patience = o.patience
	return o.conform(ctx, screen, out, "runtime", path, r.Cases())
}

func isThere(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

func runConformBootstrap(ctx context.Context, screen *ui, out io.Writer, o conformOptions, path string) error {
	if info, err := os.Stat(path); err != nil || info.IsDir() && !hasBootstrap(path) {
		return fail(exitUsage, "name the program, or a folder with a program bootstrap in it", fmt.Errorf("there is no bootstrap at %s", path))
	}
	b, err := conform.LocateBootstrap(path)
	if own, ok := errors.AsType[conform.OwnLayerError](err); ok {
		return fail(exitUsage, "give the bootstrap alone: "+shellWord(filepath.Join(path, "bootstrap"))+", or a folder with what it needs and no more", own)
	}
	if err != nil {
		return locateError(err)
	}
	b.Patience = o.patience
	if !o.list && conform.Available() {
		w, err := openWorkspace(screen)
		if err != nil {
			return err
		}
		defer w.trim()
		if b.Launch, err = w.conformLaunch(ctx, o.image); err != nil {
			return err
		}
	}
	return o.conform(ctx, screen, out, "bootstrap", path, b.Cases())
}

// environment gives the variables of --env.
func (o *conformOptions) environment() ([]string, error) {
	variables, err := functionEnvironment(map[string]string{}, "", o.env)
	var env []string
	for key, value := range variables {
		env = append(env, key+"="+value)
	}
	return env, err
}

func readDocuments(paths []string) (documents [][]byte, err error) {
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			return nil, fail(exitUsage, "", fmt.Errorf("reading a document: %w", err))
		}
		documents = append(documents, data)
	}
	return documents, nil
}

// conform runs the cases and reports.
func (o *conformOptions) conform(ctx context.Context, screen *ui, out io.Writer, kind, subject string, cases []conform.Case) error {
	cases, err := o.choose(cases)
	if err != nil {
		return err
	}
	if o.list {
		return o.printList(out, cases)
	}
	if !conform.Available() {
		return fail(exitMissing, "run it on Linux, or in a container", errors.New("programs are put through the kit on Linux only: they are programs for Lambda"))
	}
	report, err := conform.Run(ctx, subject, cases, func(r conform.Result) {
		if !o.json {
			printResult(screen, out, r)
		}
	})
	if err != nil {
		return err
	}
	if err := o.finish(out, kind, report); err != nil {
		return err
	}
	if report.Count(conform.Failed) > 0 {
		return &exitError{code: exitLimit, told: true}
	}
	return nil
}

// choose gives the cases that --run names.
func (o *conformOptions) choose(cases []conform.Case) ([]conform.Case, error) {
	if o.run == "" {
		return cases, nil
	}
	pattern, err := regexp.Compile(o.run)
	if err != nil {
		return nil, fail(exitUsage, "", fmt.Errorf("reading --run: %w", err))
	}
	chosen := conform.Match(cases, pattern)
	if len(chosen) == 0 {
		return nil, fail(exitUsage, "--list says which cases there are", fmt.Errorf("no case matches %q", o.run))
	}
	return chosen, nil
}

func (o *conformOptions) printList(out io.Writer, cases []conform.Case) error {
	cases, err := o.choose(cases)
	if err != nil {
		return err
	}
	if o.json {
		type listed struct {
			Name string `json:"name"`
			Why  string `json:"why"`
			See  string `json:"see"`
		}
		list := []listed{}
		for _, c := range cases {
			list = append(list, listed{c.Name, c.Why, c.See})
		}
		return writeJSON(out, list)
	}
	for _, c := range cases {
		fmt.Fprintf(out, "%-34s %s\n", c.Name, c.Why)
	}
	return nil
}

func printResult(screen *ui, out io.Writer, r conform.Result) {
	if r.Status == conform.Passed && screen.quiet {
		return
	}
	fmt.Fprintln(out, r.Line())
	for _, line := range r.Details() {
		fmt.Fprintln(out, line)
	}
}

// finish writes what is left of the report.
func (o *conformOptions) finish(out io.Writer, kind string, report *conform.Report) error {
	if o.junit != "" {
		var page bytes.Buffer
		if err := report.WriteJUnit(&page, kind); err != nil {
			return fmt.Errorf("encoding the report: %w", err)
		}
		if err := wholefile.WriteBytes(o.junit, page.Bytes()); err != nil {
			return fail(exitUsage, "name a file in a folder that can be written", fmt.Errorf("writing the report: %w", err))
		}
	}
	if o.json {
		return report.WriteJSON(out)
	}
	_, err := fmt.Fprintln(out, report.Summary())
	return err
}
