package main

// From a project to the tree of its own layer: the bootstrap, the language runtime, middlewares and sidecars, sor.json.

import (
	"context"
	"fmt"
	"os"

	"github.com/serverless/open-runtime/internal/carried"
	"github.com/serverless/open-runtime/internal/manifest"
	"github.com/serverless/open-runtime/pkg/layer"
	"github.com/serverless/open-runtime/pkg/project"
	"github.com/serverless/open-runtime/runtimes"
)

// openRuntime says whether the project's function runs on the open runtime, and so has a layer of its own.
func openRuntime(p *project.Project) bool { return p.Runtime != project.Provided }

// assemble makes the tree of the project's own layer for one architecture. others are the layers it comes after.
func (w *workspace) assemble(ctx context.Context, p *project.Project, arch string, others []staged) (*layer.Tree, error) {
	tree := layer.New()
	bootstrap, _, err := w.program(ctx, carried.Bootstrap, arch)
	if err != nil {
		return nil, err
	}
	if err := tree.AddFile("bootstrap", bootstrap); err != nil {
		return nil, err
	}
	if err := addRuntime(tree, p); err != nil {
		return nil, err
	}
	for _, own := range ownPrograms(p) {
		if err := w.addOwn(ctx, tree, own, arch); err != nil {
			return nil, err
		}
	}
	if p.Extra != "" {
		if err := tree.AddDir("", p.Extra); err != nil {
			return nil, fail(exitUsage, "", fmt.Errorf("packing extra: %w", err))
		}
	}
	return tree, addDefaults(tree, p, others)
}

// addDefaults adds what /opt/sor.json says: the lists, and the hashes of what they name in other layers.
func addDefaults(tree *layer.Tree, p *project.Project, others []staged) error {
	if !p.HasMiddlewares && !p.HasSidecars {
		return nil // with nothing to say, what a platform's layer says holds
	}
	defaults := defaultsOf(p)
	if len(others) > 0 {
		pins, err := tree.Pins(dirsOf(others), foreignPrograms(p)...)
		if err != nil {
			return err
		}
		if len(pins) > 0 {
			defaults.SHA256 = pins
		}
	}
	return tree.AddBytes("sor.json", defaults.JSON())
}

// foreignPrograms are the places of what the function's lists take from other layers.
func foreignPrograms(p *project.Project) []string {
	var places []string
	for _, m := range p.Middlewares {
		if m.Path == "" && !m.BuiltIn {
			places = append(places, "middlewares/"+m.Name)
		}
	}
	for _, s := range p.Sidecars {
		if s.Path == "" {
			places = append(places, "sidecars/"+s.Name)
		}
	}
	if p.Runtime == project.Managed { // with any other, the language runtime is this layer's
		places = append(places, "language-runtime")
	}
	return places
}

// defaultsOf gives what /opt/sor.json says: only the keys that sor.yaml has, in the spelling of the variables.
func defaultsOf(p *project.Project) manifest.Defaults {
	var d manifest.Defaults
	if p.HasMiddlewares {
		d.Middlewares = []string{}
		for _, m := range p.Middlewares {
			d.Middlewares = append(d.Middlewares, manifest.Ref{Name: m.Name, Optional: m.Optional, BuiltIn: m.BuiltIn}.String())
		}
	}
	if p.HasSidecars {
		d.Sidecars = []string{}
		for _, s := range p.Sidecars {
			d.Sidecars = append(d.Sidecars, manifest.Ref{Name: s.Name, Optional: s.Optional}.String())
		}
	}
	return d
}

// addRuntime puts the language runtime in: one of ours, or one of the project with its manifest. A program of the code
// needs only to be named, and for AWS's own client nothing must be there.
func addRuntime(tree *layer.Tree, p *project.Project) error {
	switch {
	case p.HasProgram():
		return tree.AddBytes("language-runtime.json", []byte(`{"protocol":"runtime-api","command":["/var/task/{handler}"]}`+"\n"))
	case p.Runtime == project.Managed:
		return nil
	case p.RuntimePath == "":
		files, err := runtimes.Files(p.Runtime)
		if err != nil {
			return err
		}
		return tree.AddFS("", files)
	}
	return addProgram(tree, "language-runtime", p.RuntimePath)
}

// addProgram adds a file or a folder as name, and the manifest next to it.
func addProgram(tree *layer.Tree, name, path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return fail(exitUsage, "", fmt.Errorf("packing %s: %w", name, err))
	}
	if info.IsDir() {
		err = tree.AddDir(name, path)
	} else {
		err = tree.AddFile(name, path)
	}
	if err != nil {
		return fail(exitUsage, "", fmt.Errorf("packing %s: %w", name, err))
	}
	return addManifest(tree, name, path)
}

// addManifest adds the manifest next to path, if there is one.
func addManifest(tree *layer.Tree, name, path string) error {
	if _, err := os.Stat(path + ".json"); err != nil {
		return nil
	}
	return tree.AddFile(name+".json", path+".json")
}

// An ownProgram is a middleware or sidecar of the project.
type ownProgram struct {
	What string // as a person calls it
	Name string // its path in the layer
	Path string // on this machine
}

// ownPrograms lists those that are files or folders of this project; the others are in one of the layers.
func ownPrograms(p *project.Project) []ownProgram {
	var own []ownProgram
	for _, m := range p.Middlewares {
		if m.Path != "" {
			own = append(own, ownProgram{"middleware " + m.Name, "middlewares/" + m.Name, m.Path})
		}
	}
	for _, s := range p.Sidecars {
		if s.Path != "" {
			own = append(own, ownProgram{"sidecar " + s.Name, "sidecars/" + s.Name, s.Path})
		}
	}
	return own
}

// addOwn adds a program of the project, compiled when it is in Go, and its manifest.
func (w *workspace) addOwn(ctx context.Context, tree *layer.Tree, own ownProgram, arch string) error {
	if !isGo(own.Path) {
		return addProgram(tree, own.Name, own.Path)
	}
	path, err := w.compile(ctx, own.What, own.Path, arch)
	if err != nil {
		return err
	}
	if err := tree.AddFile(own.Name, path); err != nil {
		return err
	}
	return addManifest(tree, own.Name, own.Path)
}
