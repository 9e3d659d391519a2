package main

// From a project to what a sandbox mounts or a layer zip holds: the tree of the project's own layer, the staged /opt and
// the staged /var/task. Everything is remembered by a look at names, sizes and times, and made by content.

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/serverless/open-runtime/internal/cache"
	"github.com/serverless/open-runtime/internal/carried"
	"github.com/serverless/open-runtime/internal/executable"
	"github.com/serverless/open-runtime/internal/gobuild"
	"github.com/serverless/open-runtime/internal/manifest"
	"github.com/serverless/open-runtime/pkg/layer"
	"github.com/serverless/open-runtime/pkg/project"
	"github.com/serverless/open-runtime/runtimes"
)

// openRuntime says whether the project's function runs on the open runtime, and so has a layer of its own.
func openRuntime(p *project.Project) bool { return p.Runtime != "provided" }

// assemble makes the tree of the project's own layer for one architecture.
func (w *workspace) assemble(ctx context.Context, p *project.Project, arch string) (*layer.Tree, error) {
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
	for _, m := range p.Middlewares {
		if err := w.addMiddleware(ctx, tree, m, arch); err != nil {
			return nil, err
		}
	}
	if p.Extra != "" {
		if err := tree.AddDir("", p.Extra); err != nil {
			return nil, fail(exitUsage, "", fmt.Errorf("packing extra: %w", err))
		}
	}
	if !p.HasMiddlewares && !p.HasSidecars {
		return tree, nil // with nothing to say, what a platform's layer says holds
	}
	return tree, tree.AddBytes("sor.json", defaultsOf(p).JSON())
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
		d.Sidecars = append([]string{}, p.Sidecars...)
	}
	return d
}

// addRuntime puts the language runtime in: one of ours, or one of the project with its manifest.
func addRuntime(tree *layer.Tree, p *project.Project) error {
	if p.RuntimePath == "" {
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

// addMiddleware adds a middleware of the project; those without a path are in one of the layers.
func (w *workspace) addMiddleware(ctx context.Context, tree *layer.Tree, m project.Middleware, arch string) error {
	if m.Path == "" {
		return nil
	}
	name := "middlewares/" + m.Name
	if !isGo(m.Path) {
		return addProgram(tree, name, m.Path)
	}
	path, err := w.compile(ctx, m, arch)
	if err != nil {
		return err
	}
	if err := tree.AddFile(name, path); err != nil {
		return err
	}
	return addManifest(tree, name, m.Path)
}

// isGo says whether a middleware is a folder with Go source in it.
func isGo(path string) bool {
	entries, err := os.ReadDir(path)
	return err == nil && slices.ContainsFunc(entries, func(e os.DirEntry) bool {
		return strings.HasSuffix(e.Name(), ".go") && !strings.HasSuffix(e.Name(), "_test.go")
	})
}

// compile gives the program of a middleware in Go, compiled if it was not before.
func (w *workspace) compile(ctx context.Context, m project.Middleware, arch string) (string, error) {
	start := time.Now()
	path, err := layer.CompileGo(ctx, w.cache, m.Path, arch)
	if err != nil {
		return "", compileError(m, err)
	}
	if took := time.Since(start); took > 100*time.Millisecond {
		w.step(start, "compiled middleware %s for %s", m.Name, arch)
	}
	return path, nil
}

func compileError(m project.Middleware, err error) error {
	if errors.Is(err, gobuild.ErrNoGo) {
		return fail(exitMissing, "install Go (https://go.dev/dl/), or write the middleware as a script",
			fmt.Errorf("compiling middleware %s: %w", m.Name, err))
	}
	if old, ok := errors.AsType[*layer.GoVersionError](err); ok {
		return fail(exitMissing, old.Fix(), err)
	}
	if compile, ok := errors.AsType[*gobuild.CompileError](err); ok {
		if strings.Contains(compile.Output, "build cache") { // Go's own words for a GOCACHE that it can't use
			return fail(exitMissing, "name a folder for Go's build cache that can be written: GOCACHE=DIR", err)
		}
		return fail(exitUsage, "", err)
	}
	return fmt.Errorf("compiling middleware %s: %w", m.Name, err)
}

// staged is a folder in the cache that a sandbox mounts, and what lint found in it.
type staged struct {
	Kind, Key string
	Dir       string
	Size      int64    // unzipped, in bytes
	Mended    []string // programs that are executable in it and not on this machine
	Findings  []executable.Finding
}

// stageOwn brings the project's own layer up to date as a folder, without a zip. others are the layers it comes after.
func (w *workspace) stageOwn(ctx context.Context, p *project.Project, arch string, others []staged) (staged, error) {
	fingerprint, err := w.fingerprint(ctx, p, arch)
	if err != nil {
		return staged{}, err
	}
	for _, other := range others {
		fingerprint += "\n" + other.Key
	}
	return w.remembered("own", p.Dir+"\n"+arch, fingerprint, func() (staged, error) {
		start := time.Now()
		tree, err := w.assemble(ctx, p, arch)
		if err != nil {
			return staged{}, err
		}
		s, err := w.stageTree("opt", tree)
		if err != nil {
			return staged{}, err
		}
		s.Findings, s.Mended = tree.Lint(layer.LintOptions{Arch: arch, Target: p.Target, Layers: dirsOf(others)}), tree.Mended()
		w.step(start, "layer of %s for %s is up to date", p.Name, arch)
		return s, nil
	})
}

// dirsOf gives the folders of layers, never nil: that there is none is known.
func dirsOf(layers []staged) []string {
	dirs := make([]string, len(layers))
	for i, s := range layers {
		dirs[i] = s.Dir
	}
	return dirs
}

// fingerprint is a look at everything that the project's own layer is made of. Of a middleware in Go it is the program,
// which layer.CompileGo has a look of its own for.
func (w *workspace) fingerprint(ctx context.Context, p *project.Project, arch string) (string, error) {
	_, bootstrap, err := w.program(ctx, carried.Bootstrap, arch)
	if err != nil {
		return "", err
	}
	parts := []string{sorVersion(), bootstrap, p.Target}
	paths := []string{filepath.Join(p.Dir, "sor.yaml")}
	for _, m := range p.Middlewares {
		switch {
		case m.Path == "":
		case isGo(m.Path):
			program, err := w.compile(ctx, m, arch)
			if err != nil {
				return "", err
			}
			parts, paths = append(parts, program), append(paths, m.Path+".json")
		default:
			paths = append(paths, m.Path, m.Path+".json")
		}
	}
	for _, path := range []string{p.Extra, p.RuntimePath} {
		if path != "" {
			paths = append(paths, path)
		}
	}
	own := p.RuntimePath
	if own == "" {
		if own, err = runtimesKey(p.Runtime); err != nil {
			return "", err
		}
	} else {
		paths = append(paths, own+".json")
	}
	return strings.Join(append(parts, own, cache.Stat(paths...)), "\n"), nil
}

// stageLayer unpacks a zip, or copies a folder with the modes it would have as a layer. own says that it is the project's
// own layer, which must have a bootstrap.
func (w *workspace) stageLayer(path string, lint layer.LintOptions) (staged, error) {
	info, err := os.Stat(path)
	if err != nil {
		return staged{}, fail(exitUsage, "", fmt.Errorf("reading layer: %w", err))
	}
	look := fmt.Sprint(cache.Stat(path), lint.Arch, lint.Target, lint.Foreign, lint.Layers)
	return w.remembered("layer", path+"\n"+lint.Arch, look, func() (staged, error) {
		start := time.Now()
		s, err := w.unpackLayer(path, info.IsDir())
		if err != nil {
			return staged{}, err
		}
		tree, err := layer.OpenDir(s.Dir)
		if err != nil {
			return staged{}, fmt.Errorf("reading layer %s: %w", path, err)
		}
		s.Size, s.Findings = tree.Size(), tree.Lint(lint)
		for i := range s.Findings {
			s.Findings[i].Path = filepath.Base(path) + ": " + s.Findings[i].Path
		}
		w.step(start, "unpacked layer %s", filepath.Base(path))
		return s, nil
	})
}

func (w *workspace) unpackLayer(path string, isDir bool) (staged, error) {
	if isDir {
		tree := layer.New()
		if err := tree.AddDir("", path); err != nil {
			return staged{}, fail(exitUsage, "", fmt.Errorf("reading layer %s: %w", path, err))
		}
		return w.stageTree("opt", tree)
	}
	key, err := layer.FileHash(path)
	if err != nil {
		return staged{}, fail(exitUsage, "", fmt.Errorf("reading layer: %w", err))
	}
	dir, err := w.cache.Dir("layer", key, func(dir string) error { return layer.Unpack(path, dir) })
	if err != nil {
		return staged{}, fail(exitUsage, "a layer is a zip whose top folder becomes /opt", fmt.Errorf("unpacking layer %s: %w", path, err))
	}
	return staged{Kind: "layer", Key: key, Dir: dir}, nil
}

// stageOthers gives the layers of sor.yaml in Lambda's order.
func (w *workspace) stageOthers(p *project.Project, arch string) ([]staged, error) {
	var others []staged
	for _, path := range p.Layers {
		s, err := w.stageLayer(path, layer.LintOptions{Arch: arch, Target: p.Target, Foreign: true})
		if err != nil {
			return nil, err
		}
		others = append(others, s)
	}
	return others, nil
}

// stageOpt gives /opt: the layers of sor.yaml in Lambda's order and the project's own last, or zip in its place.
func (w *workspace) stageOpt(ctx context.Context, p *project.Project, arch, zip string) (staged, error) {
	parts, err := w.stageOthers(p, arch)
	if err != nil {
		return staged{}, err
	}
	own := staged{}
	switch {
	case zip != "":
		own, err = w.stageLayer(zip, layer.LintOptions{Arch: arch, Target: p.Target, Layers: dirsOf(parts), Foreign: !openRuntime(p)})
	case openRuntime(p):
		own, err = w.stageOwn(ctx, p, arch, parts)
	}
	if err != nil {
		return staged{}, err
	}
	if own.Dir != "" {
		parts = append(parts, own)
	}
	switch len(parts) {
	case 0:
		return staged{}, nil
	case 1:
		return parts[0], nil
	}
	return w.mergeLayers(parts)
}

func (w *workspace) mergeLayers(parts []staged) (staged, error) {
	var keys, dirs []string
	merged := staged{Kind: "merged"}
	for _, part := range parts {
		keys, dirs = append(keys, part.Key), append(dirs, part.Dir)
		merged.Findings = append(merged.Findings, part.Findings...)
		merged.Size += part.Size
		merged.Mended = append(merged.Mended, part.Mended...)
	}
	merged.Key = hashText(strings.Join(keys, "\n"))
	var err error
	merged.Dir, err = w.cache.Dir("merged", merged.Key, func(dir string) error {
		overwritten, err := layer.Merge(dir, dirs...)
		for _, path := range overwritten {
			w.say("layers: %s comes from the later layer", path)
		}
		return err
	})
	return merged, err
}

// codeTree gives the function's code as it will be deployed.
func codeTree(p *project.Project) (*layer.Tree, error) {
	tree := layer.New()
	if err := tree.AddDir("", p.Code, p.CodeExcludes...); err != nil {
		return nil, fail(exitUsage, "", fmt.Errorf("reading code: %w", err))
	}
	return tree, nil
}

// stageTask gives /var/task: the function's code with the modes it will be deployed with.
func (w *workspace) stageTask(p *project.Project) (staged, error) {
	fingerprint := cache.StatDir(p.Code, p.CodeExcludes...) + strings.Join(p.CodeExcludes, "\n")
	return w.remembered("task", p.Dir, fingerprint, func() (staged, error) {
		tree, err := codeTree(p)
		if err != nil {
			return staged{}, err
		}
		s, err := w.stageTree("task", tree)
		s.Findings, s.Mended = tree.LintCode(), tree.Mended()
		return s, err
	})
}
