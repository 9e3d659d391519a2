package main

// From a folder to a session: its sor.yaml with the flags over it, a sandbox, and the two folders that it shows.

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/spf13/pflag"

	"github.com/serverless/open-runtime/internal/executable"
	"github.com/serverless/open-runtime/pkg/emulator"
	"github.com/serverless/open-runtime/pkg/layer"
	"github.com/serverless/open-runtime/pkg/project"
)

// loadProject reads sor.yaml of this folder or one above; what is wrong with it is exit 2, all at once.
func (w *workspace) loadProject() (*project.Project, error) { return loadProjectAt(w.wd) }

func loadProjectAt(dir string) (*project.Project, error) {
	p, err := project.Load(dir, project.Options{
		Targets: layer.Targets(), DefaultTarget: layer.DefaultTarget, CheckTarget: layer.CheckTarget, Architecture: runtime.GOARCH,
	})
	if err != nil {
		hint := ""
		if errors.Is(err, project.ErrNoProject) {
			hint = "go to a folder with a sor.yaml, or make one: sor init hello"
		}
		return nil, fail(exitUsage, hint, err)
	}
	return p, nil
}

// overrideProject lays the flags that were given over sor.yaml.
func overrideProject(p *project.Project, flags *pflag.FlagSet, o invokeOptions) error {
	if flags.Changed("timeout") {
		if o.timeout < 1 || o.timeout > 900 {
			return fail(exitUsage, "Lambda allows 1 to 900 seconds", fmt.Errorf("--timeout %d is not possible", o.timeout))
		}
		p.Timeout = o.timeout
	}
	if flags.Changed("memory") {
		if o.memory < 128 || o.memory > 10240 {
			return fail(exitUsage, "Lambda allows 128 to 10240 MB", fmt.Errorf("--memory %d is not possible", o.memory))
		}
		p.Memory = o.memory
	}
	if o.image != "" {
		p.Image = o.image
	}
	var err error
	if p.Environment, err = functionEnvironment(p.Environment, o.envFile, o.env); err != nil {
		return err
	}
	for name, value := range p.Environment {
		if err := p.CheckVariable(name, value); err != nil {
			return fail(exitUsage, project.WrapperHint, fmt.Errorf("--env or --env-file: %w", err))
		}
	}
	return nil
}

// prepare brings the project up to date and finds a sandbox.
func (w *workspace) prepare(ctx context.Context, p *project.Project, o invokeOptions) (*session, error) {
	if err := p.CheckHandler(); err != nil {
		return nil, fail(exitUsage, "", err)
	}
	if err := o.debug.check(); err != nil {
		return nil, err
	}
	if err := o.debug.checkPort(ctx); err != nil {
		return nil, err
	}
	box, err := w.chooseSandbox(ctx, w.settings.Sandbox, imageFor(p), p.Runtime == project.Managed)
	if err != nil {
		return nil, err
	}
	if o.image != "" && box.Name() != "docker" {
		w.warn("--image is for the docker sandbox, and this is the %s one", box.Name())
	}
	return w.stage(ctx, p, box, o)
}

// stage brings the project's folders up to date, for a sandbox.
func (w *workspace) stage(ctx context.Context, p *project.Project, box emulator.Sandbox, o invokeOptions) (*session, error) {
	if o.layer != "" {
		o.layer = absoluteIn(w.wd, o.layer)
	}
	w.hereOnly(p, o.layer)
	var debugged debuggee
	if o.debug.port > 0 {
		var err error
		if debugged, err = o.debug.debuggee(p); err != nil {
			return nil, err
		}
		own := *w // the others that share it are not debugged
		own.debugged = debugged.name
		w = &own
	}
	task, err := w.stageTask(ctx, p)
	if err != nil {
		return nil, err
	}
	if openRuntime(p) {
		if err := w.codeVerdict(task.Findings); err != nil {
			return nil, err
		}
	}
	opt, err := w.stageOpt(ctx, p, p.Architecture, o.layer)
	if err != nil {
		return nil, err
	}
	w.tellStaged(opt, task)
	// An image may bring a /var/runtime/bootstrap; on this machine there is none.
	if box.Name() == "namespace" && !openRuntime(p) && !hasBootstrap(task.Dir) && !hasBootstrap(opt.Dir) {
		return nil, fail(exitUsage, "put an executable `bootstrap` into "+w.displayPath(p.Code),
			errors.New("runtime: provided starts the function's own bootstrap, and there is none in the code or the layers"))
	}
	s, err := w.newSession(ctx, p, box, &session{opt: opt, task: task, network: w.settings.Network, trace: o.trace, json: o.json, passCredentials: o.awsCredentials, loose: o.loose})
	if err != nil {
		return nil, err
	}
	return s, s.debug(ctx, o.debug, debugged)
}

// codeVerdict stops at what is wrong with the code here too, and warns of what is wrong on the target alone.
func (w *workspace) codeVerdict(findings []executable.Finding) error {
	for _, f := range findings {
		switch f.Rule {
		case layer.RuleGLIBC, executable.RuleInterpreter:
			w.warn("%s", findingText(f))
		case layer.RuleOwnBootstrap:
			return fail(exitLimit, f.Fix, errors.New(f.Cause))
		default:
			return fail(exitLimit, f.Fix, fmt.Errorf("%s of the code: %s", f.Path, f.Cause))
		}
	}
	return nil
}

// tellStaged warns of what would be otherwise on Lambda. What fails here too, the sandbox shows as Lambda would.
func (w *workspace) tellStaged(opt, task staged) {
	for _, f := range opt.Findings {
		w.warn("%s", findingText(f))
	}
	for _, name := range opt.Mended {
		w.warn("%s is executable in the sandbox, as sor build-layer packs it; here it is not: chmod +x it", name)
	}
	for _, name := range task.Mended {
		w.warn("%s is executable in the sandbox; here it is not, and zip would keep that: chmod +x it", name)
	}
	if total := opt.Size + task.Size; total > layer.MaxUnzipped {
		w.warn("code and layers have %d bytes unzipped; Lambda allows %d [%s]", total, int64(layer.MaxUnzipped), layer.RuleSize)
	}
}

// hasBootstrap says whether Lambda would find a program to start in a folder.
func hasBootstrap(dir string) bool {
	info, err := os.Stat(filepath.Join(dir, "bootstrap"))
	return dir != "" && err == nil && !info.IsDir()
}

// hereOnly has a function that is deployed on another architecture run on this machine's, and says so. A built layer is
// taken as it is.
func (w *workspace) hereOnly(p *project.Project, zip string) {
	if p.Architecture == runtime.GOARCH || zip != "" {
		return
	}
	w.say("architecture: %s of sor.yaml is not this machine's; it runs here as %s", p.Architecture, runtime.GOARCH)
	p.Architecture = runtime.GOARCH
}

// findingText is one finding as a person reads it.
func findingText(f executable.Finding) string {
	text := fmt.Sprintf("%s: %s [%s]", f.Path, f.Cause, f.Rule)
	if f.Fix != "" {
		text += "\n    fix: " + strings.ReplaceAll(f.Fix, "\n", "\n         ")
	}
	return text
}
