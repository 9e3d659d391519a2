//go:build linux

package middleware

// What can be known of a middleware at init: its name, its manifest, its program.

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/serverless/open-runtime/internal/executable"
	"github.com/serverless/open-runtime/internal/manifest"
	"github.com/serverless/open-runtime/internal/privilege"
)

// folder is where middlewares are, under the root.
const folder = "middlewares"

// inspect makes the program that ref names, or says all that is wrong with it. optional is what the list and the manifest
// say together: either may.
func inspect(ref manifest.Ref, o Options) (p *program, optional bool, causes []error) {
	if ref.BuiltIn {
		return nil, ref.Optional, []error{errors.New("there is no such built-in middleware in this version")}
	}
	if err := manifest.CheckName(ref.Name); err != nil {
		return nil, ref.Optional, []error{err}
	}
	m, err := readManifest(filepath.Join(o.Root, folder, ref.Name+".json"), ref.Name, o)
	optional = ref.Optional
	if err == nil {
		optional = optional || m.Optional()
	} else { // what a broken manifest says makes nothing optional
		causes = append(causes, err)
	}
	exe, findings := executable.Locate(o.Root, folder, ref.Name)
	if exe != "" {
		findings = executable.CheckFile(exe, o.Arch, executable.OnPath(privilege.Variable(o.Environ, "PATH")))
	} else if isWasm(o.Root, ref.Name) {
		findings = nil
		causes = append(causes, errors.New("it is WebAssembly, which this version does not run"))
	}
	for _, finding := range findings {
		causes = append(causes, finding)
	}
	if len(causes) > 0 {
		return nil, optional, causes
	}
	prepared := &program{
		name:     ref.Name,
		exe:      exe,
		manifest: m,
		optional: optional,
		environ:  environment(o.Environ, ref.Name, m),
		options:  o,
	}
	if o.Debug == ref.Name {
		prepared.debugger, prepared.manifest.TimeoutMs = o.Debugger, 0
	}
	return prepared, optional, nil
}

func readManifest(path, name string, o Options) (manifest.Middleware, error) {
	wrong := func(cause, fix string) error {
		return executable.Finding{Rule: executable.RuleManifest, Path: path, Cause: cause, Fix: fix}
	}
	data, err := manifest.ReadIn(o.Root, path)
	if err != nil {
		return manifest.DefaultMiddleware(), wrong(err.Error(), "")
	}
	if data == nil {
		return manifest.DefaultMiddleware(), nil
	}
	m, warnings, err := manifest.ParseMiddleware(data)
	for _, warning := range warnings {
		warn(o, "manifest of a middleware", "middleware", name, "cause", warning)
	}
	if err != nil {
		return m, wrong(err.Error(), "mend it, or take it away to use the defaults")
	}
	if m.Protocol == manifest.ProtocolWasm {
		return m, wrong(fmt.Sprintf("this version does not speak the protocol %s", m.Protocol), "use the protocol exec or frames/1")
	}
	return m, nil
}

// isWasm says whether a middleware is there as NAME.wasm only.
func isWasm(root, name string) bool {
	info, err := os.Stat(filepath.Join(root, folder, name+".wasm"))
	return err == nil && info.Mode().IsRegular()
}
