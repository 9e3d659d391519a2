package main

// sor build-layer: the project's layer as a zip for each architecture, checked, with what CI needs beside it.

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/spf13/cobra"

	"github.com/serverless/open-runtime/internal/executable"
	"github.com/serverless/open-runtime/pkg/layer"
	"github.com/serverless/open-runtime/pkg/project"
)

type buildLayerOptions struct {
	archs []string
	out   string
	allow []string
	check bool
}

func newBuildLayerCommand(screen *ui) *cobra.Command {
	var o buildLayerOptions
	cmd := &cobra.Command{
		Use:   "build-layer [--arch amd64,arm64] [-o DIR]",
		Short: "Pack bootstrap, middlewares and language runtime into a Lambda layer zip",
		Long: `Pack bootstrap, middlewares and language runtime into a Lambda layer zip.

The same files give the same bytes on every machine. What AWS would refuse, or fail on, is refused here with the fix.
The paths of the zips are on stdout; sizes, limits and how to publish them are on stderr. A function that is a program
(runtime: go, executable) gets a zip of its own beside the layer's, NAME-function-ARCH.zip: its code, ready to deploy.

What the lists of sor.yaml take from other layers (layers:) is pinned in the layer's sor.json by its SHA-256: a layer
that changes later stops the function at init, until build-layer has seen it.

Exit codes: 0 written, 2 sor.yaml or Go source is wrong, 3 Go or a module is missing, 7 a rule or a limit of AWS is broken.`,
		Example: `  sor build-layer
  sor build-layer --arch amd64,arm64 -o dist
  sor build-layer --check`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return runBuildLayer(cmd.Context(), screen, cmd, o)
		},
	}
	f := cmd.Flags()
	f.StringSliceVar(&o.archs, "arch", nil, "amd64, arm64 or both (default: architecture of sor.yaml)")
	f.StringVarP(&o.out, "output", "o", "dist", "folder for the zip and the files beside it")
	f.StringSliceVar(&o.allow, "allow", nil, "waive a lint rule by its name")
	f.BoolVar(&o.check, "check", false, "only check, write nothing")
	completes(cmd, "arch", []string{"amd64", "arm64", "amd64,arm64"})
	completes(cmd, "allow", layer.Rules())
	return cmd
}

func runBuildLayer(ctx context.Context, screen *ui, cmd *cobra.Command, o buildLayerOptions) error {
	w, err := openWorkspace(screen)
	if err != nil {
		return err
	}
	p, err := w.loadProject()
	if err != nil {
		return err
	}
	if !openRuntime(p) {
		return fail(exitUsage, "`sor invoke --local` runs it; `runtime:` says which language runtime a layer would bring",
			errors.New("runtime: provided has no open runtime, so there is no layer to build"))
	}
	if err := p.CheckHandler(); err != nil {
		w.warn("%v", err)
	}
	if o.out == "" {
		return fail(exitUsage, "the default is dist", errors.New("--output names no folder"))
	}
	archs, err := architectures(o.archs, p)
	if err != nil {
		return err
	}
	defer w.trim()
	return w.buildAll(ctx, cmd.OutOrStdout(), p, archs, o)
}

// architectures gives the architectures to build for, in the order asked for.
func architectures(asked []string, p *project.Project) ([]string, error) {
	if len(asked) == 0 {
		return []string{p.Architecture}, nil
	}
	var archs []string
	for _, name := range asked {
		arch, ok := project.Architecture(name)
		if !ok {
			return nil, fail(exitUsage, "there are amd64 (x86_64) and arm64 (aarch64)", fmt.Errorf("there is no architecture %q", name))
		}
		if !slices.Contains(archs, arch) {
			archs = append(archs, arch)
		}
	}
	return archs, nil
}

// buildAll checks all architectures before it writes the first.
func (w *workspace) buildAll(ctx context.Context, stdout io.Writer, p *project.Project, archs []string, o buildLayerOptions) error {
	if err := checkRules(o.allow); err != nil {
		return err
	}
	layers, codes := map[string]*layer.Tree{}, map[string]*layer.Tree{}
	var findings []executable.Finding
	for _, arch := range archs {
		code, err := w.codeTree(ctx, p, arch)
		if err != nil {
			return err
		}
		tree, found, err := w.check(ctx, p, arch, code.Size())
		if err != nil {
			return err
		}
		layers[arch], codes[arch] = tree, code
		for _, f := range append(code.LintCode(codeLint(p, arch)), found...) {
			if !slices.Contains(findings, f) {
				findings = append(findings, f)
			}
		}
	}
	if err := w.lintVerdict(findings, o.allow); err != nil {
		return err
	}
	if o.check {
		w.say("%s: nothing to complain of", p.Name)
		return nil
	}
	out := absoluteIn(w.wd, o.out)
	var written, functions []layer.Output
	for _, arch := range archs {
		output, err := w.writeLayer(p, layers[arch], arch, out, o.allow)
		if err != nil {
			return err
		}
		written = append(written, output)
		if _, err := fmt.Fprintln(stdout, w.displayPath(output.Zip)); err != nil {
			return err
		}
	}
	if p.HasProgram() {
		for _, arch := range archs {
			output, err := w.writeCode(p, codes[arch], arch, out, o.allow)
			if err != nil {
				return err
			}
			functions = append(functions, output)
			if _, err := fmt.Fprintln(stdout, w.displayPath(output.Zip)); err != nil {
				return err
			}
		}
	}
	w.nextSteps(p, written, functions)
	return nil
}

// check assembles the layer for an architecture and finds what is wrong with it, and with the layers it comes after.
func (w *workspace) check(ctx context.Context, p *project.Project, arch string, codeSize int64) (*layer.Tree, []executable.Finding, error) {
	others, err := w.stageOthers(p, arch)
	if err != nil {
		return nil, nil, err
	}
	tree, err := w.assemble(ctx, p, arch, others)
	if err != nil {
		return nil, nil, err
	}
	for _, name := range tree.Mended() {
		w.warn("%s is packed executable; here it is not: chmod +x it", name)
	}
	var findings []executable.Finding
	beside := codeSize
	for _, other := range others {
		findings, beside = append(findings, other.Findings...), beside+other.Size
	}
	lint := ownLint(p, arch, others)
	lint.Beside = beside
	return tree, append(findings, tree.Lint(lint)...), nil
}

func checkRules(names []string) error {
	for _, rule := range names {
		if !slices.Contains(layer.Rules(), rule) {
			return fail(exitUsage, alternatives("rules", rule, layer.Rules()), fmt.Errorf("--allow: there is no rule %q", rule))
		}
	}
	return nil
}

// lintVerdict stops at findings that no --allow waives.
func (w *workspace) lintVerdict(findings []executable.Finding, allow []string) error {
	stand, waived := layer.Waive(findings, allow)
	for _, f := range waived {
		w.warn("%s (allowed)", findingText(f))
	}
	for _, f := range stand {
		w.line(w.paint("31", "lint: ") + findingText(f))
	}
	if len(stand) == 0 {
		return nil
	}
	noun := "finding"
	if len(stand) > 1 {
		noun = "findings"
	}
	return fail(exitLimit, "mend them, or waive a rule with --allow RULE", fmt.Errorf("%d %s; nothing was written", len(stand), noun))
}
