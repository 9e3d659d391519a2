//go:build linux

package sidecar

// What can be known of a sidecar at init: its name, its manifest, its program, and the commands that it is asked with.

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/serverless/open-runtime/internal/executable"
	"github.com/serverless/open-runtime/internal/logline"
	"github.com/serverless/open-runtime/internal/manifest"
	"github.com/serverless/open-runtime/internal/privilege"
)

// folder is where sidecars are, under the root.
const folder = "sidecars"

// inspect makes the sidecar that ref names, or says all that is wrong with it. optional is what the list and the manifest
// say together: either may.
func inspect(ref manifest.Ref, o Options) (c *sidecar, optional bool, causes []error) {
	if ref.BuiltIn {
		return nil, ref.Optional, []error{errors.New("there are no built-in sidecars")}
	}
	if err := manifest.CheckName(ref.Name); err != nil {
		return nil, ref.Optional, []error{err}
	}
	m, err := readManifest(filepath.Join(o.Root, folder, ref.Name+".json"), ref.Name, o)
	optional = ref.Optional
	if err == nil {
		optional = optional || m.Optional()
		causes = findCommands(&m, o)
	} else { // what a broken manifest says makes nothing optional
		causes = append(causes, err)
	}
	path := privilege.Variable(o.Environ, "PATH")
	exe, findings := executable.Locate(o.Root, folder, ref.Name)
	if exe != "" {
		findings = executable.CheckFile(exe, o.Arch, executable.OnPath(path))
	}
	for _, finding := range findings {
		causes = append(causes, finding)
	}
	if len(causes) > 0 {
		return nil, optional, causes
	}
	return &sidecar{
		name: ref.Name, exe: exe, manifest: m, critical: !optional, environ: environment(o.Environ, ref.Name, m), options: o,
		first: make(chan error, 1), done: make(chan struct{}), changed: make(chan struct{}), cause: errors.New("it was not started"),
	}, optional, nil
}

func readManifest(path, name string, o Options) (manifest.Sidecar, error) {
	wrong := func(err error, fix string) error {
		return executable.Finding{Rule: executable.RuleManifest, Path: path, Cause: err.Error(), Fix: fix}
	}
	data, err := manifest.ReadIn(o.Root, path)
	if err != nil {
		return manifest.DefaultSidecar(), wrong(err, "")
	}
	if data == nil {
		return manifest.DefaultSidecar(), nil
	}
	m, warnings, err := manifest.ParseSidecar(data)
	for _, warning := range warnings {
		o.Log(logline.Own, logline.Warning("manifest of a sidecar", "sidecar", name, "cause", warning))
	}
	if err != nil {
		return m, wrong(err, "mend it, or take it away to use the defaults")
	}
	return m, nil
}

// findCommands puts the paths of programs in the place of their names.
func findCommands(m *manifest.Sidecar, o Options) (causes []error) {
	path := privilege.Variable(o.Environ, "PATH")
	for _, way := range []struct {
		key     string
		command *[]string
	}{{"ready", &m.Ready.Command}, {"flush", &m.Flush.Command}} {
		if len(*way.command) == 0 || filepath.IsAbs((*way.command)[0]) && executable.OnPath("")((*way.command)[0]) {
			continue
		}
		found := ""
		if name := (*way.command)[0]; !strings.Contains(name, "/") {
			found = executable.LookPath(path, name)
		}
		if found == "" {
			causes = append(causes, fmt.Errorf("%s: its command %s is not there; name a program on PATH, or one by its whole path", way.key, (*way.command)[0]))
			continue
		}
		*way.command = slices.Concat([]string{found}, (*way.command)[1:])
	}
	return causes
}

// never are variables of the bootstrap's own, or of one invocation: none that a sidecar has.
var never = []string{"SOR_TRACE", "_X_AMZN_TRACE_ID"}

func environment(environ []string, name string, m manifest.Sidecar) []string {
	view := privilege.View{Names: m.Env, Credentials: m.SeesCredentials(), Never: never}
	return slices.Clip(append(view.Of(environ), privilege.SidecarMark+"="+name))
}
