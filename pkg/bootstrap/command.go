//go:build linux

package bootstrap

// Which program the language runtime is: what is started, in which protocol, and who is put before it.

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/serverless/open-runtime/internal/executable"
	"github.com/serverless/open-runtime/internal/manifest"
	"github.com/serverless/open-runtime/internal/process"
	"github.com/serverless/open-runtime/internal/runtimeapi"
)

// findRuntime finds the language runtime of the layer and how it is spoken to. A layer without one runs the command line
// of a managed runtime, when the bootstrap was started as its wrapper.
func (b *bootstrap) findRuntime() (*languageRuntime, *runtimeapi.Error) {
	const name = "language-runtime"
	r := &languageRuntime{
		handler: b.settings.handler, dir: b.options.Task, environ: b.settings.environ, concurrency: b.settings.concurrency,
		stdout: b.options.Stdout, stderr: b.options.Stderr, log: b.log, upstream: b.source.client, named: b.source.named,
	}
	var wrong []error
	spoken, err := b.runtimeManifest(filepath.Join(b.options.Opt, name+".json"))
	if err != nil {
		wrong = append(wrong, err)
	}
	r.protocol = spoken.Protocol
	var findings []executable.Finding
	exe, missing := executable.Locate(b.options.Opt, "", name)
	switch {
	case len(spoken.Command) > 0:
		r.command = b.expand(spoken.Command)
		if !filepath.IsAbs(r.command[0]) {
			wrong = append(wrong, fmt.Errorf("its command names %s, which is no absolute path, and it is looked for nowhere else", r.command[0]))
			break
		}
		findings = b.checkProgram(r.command[0])
	case exe != "":
		r.command = []string{exe, b.settings.handler}
		findings = b.checkProgram(exe)
	case len(b.options.Args) > 0:
		r.command, r.protocol, r.telemetry = b.options.Args, manifest.ProtocolRuntimeAPI, b.settings.telemetry
	default:
		findings = missing
	}
	for _, finding := range findings {
		wrong = append(wrong, finding)
	}
	if err := b.putWrapper(r); err != nil {
		wrong = append(wrong, err)
	}
	if b.settings.debug == name && b.settings.debugger != "" {
		r.command = append([]string{b.settings.debugger}, r.command...)
	}
	if len(wrong) > 0 {
		message := "language runtime: " + errors.Join(wrong...).Error()
		return nil, &runtimeapi.Error{Type: runtimeapi.ErrorRuntimeStart, Message: message}
	}
	return r, nil
}

func (b *bootstrap) checkProgram(exe string) []executable.Finding {
	return executable.CheckFile(exe, machine, executable.OnPath(b.settings.path))
}

// expand puts the handler's name into a command of the manifest, and the folders that code and layer are in.
func (b *bootstrap) expand(command []string) []string {
	var words []string
	for _, word := range command {
		for _, folder := range []struct{ standard, here string }{{"/var/task/", b.options.Task}, {"/opt/", b.options.Opt}} {
			if rest, ok := strings.CutPrefix(word, folder.standard); ok {
				word = filepath.Join(folder.here, rest)
				break
			}
		}
		words = append(words, strings.ReplaceAll(word, "{handler}", b.settings.handler))
	}
	return words
}

// putWrapper puts a wrapper before the command: an APM vendor's, for example. On an OS-only runtime it is that of
// AWS_LAMBDA_EXEC_WRAPPER, as AWS's own runtimes honour it. Where the bootstrap is that wrapper, the next one has a variable
// of its own. https://docs.aws.amazon.com/lambda/latest/dg/runtimes-modify.html#runtime-wrapper
func (b *bootstrap) putWrapper(r *languageRuntime) error {
	variable, wrapper := envExecWrapper, b.settings.execWrapper
	if wrapper == "" || len(b.options.Args) > 0 || isSelf(wrapper) {
		variable, wrapper = envNextWrapper, b.settings.nextWrapper
	}
	if wrapper == "" || isSelf(wrapper) {
		return nil
	}
	if findings := b.checkProgram(wrapper); len(findings) > 0 {
		return fmt.Errorf("%s: %w", variable, findings[0])
	}
	r.command = append([]string{wrapper}, r.command...)
	return nil
}

// isSelf says whether a path is this very program.
func isSelf(path string) bool {
	if path == "" {
		return false
	}
	own, err := os.Stat("/proc/self/exe")
	if err != nil {
		return false
	}
	other, err := os.Stat(path)
	return err == nil && os.SameFile(own, other)
}

func (b *bootstrap) runtimeManifest(path string) (manifest.Runtime, error) {
	wrong := func(cause, fix string) error {
		return executable.Finding{Rule: executable.RuleManifest, Path: path, Cause: cause, Fix: fix}
	}
	data, err := manifest.ReadIn(b.options.Opt, path)
	if err != nil {
		return manifest.Runtime{}, wrong(err.Error(), "")
	}
	if data == nil {
		return manifest.Runtime{}, nil
	}
	spoken, warnings, err := manifest.ParseRuntime(data)
	for _, warning := range warnings {
		b.log.warning("manifest of the language runtime", "cause", warning)
	}
	switch {
	case err != nil:
		return spoken, wrong(err.Error(), "mend it, or take it away for the lines of 2018")
	case len(spoken.Command) > 0 && spoken.Protocol != manifest.ProtocolRuntimeAPI:
		return spoken, wrong("command belongs to the protocol runtime-api", "take it away")
	}
	return spoken, nil
}

// passTelemetry gives a managed runtime's client the descriptor that Lambda opened for its log, under its own number, and to
// nobody else: who has it can forge records.
func (r *languageRuntime) passTelemetry(spec *process.Spec) {
	if r.telemetry == nil {
		return
	}
	number := int(r.telemetry.Fd())
	for len(spec.Extra) < number-2 {
		spec.Extra = append(spec.Extra, nil)
	}
	spec.Extra[number-3] = r.telemetry
	spec.Env = withVariable(spec.Env, envTelemetryFD, fmt.Sprint(number))
}
