package main

// From a project to what a sandbox mounts: the staged /opt, of its own layer and the others. Everything is remembered by a
// look at names, sizes and times, and made by content. What becomes /var/task is in code.go.

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/serverless/open-runtime/internal/cache"
	"github.com/serverless/open-runtime/internal/carried"
	"github.com/serverless/open-runtime/internal/executable"
	"github.com/serverless/open-runtime/pkg/layer"
	"github.com/serverless/open-runtime/pkg/project"
)

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
	return w.remembered("own", p.Dir+"\n"+arch, fingerprint, func(previous staged) (staged, error) {
		start := time.Now()
		tree, err := w.assemble(ctx, p, arch, others)
		if err != nil {
			return staged{}, err
		}
		s, err := w.stageTree("opt", tree, previous)
		if err != nil {
			return staged{}, err
		}
		s.Findings, s.Mended = tree.Lint(ownLint(p, arch, others)), tree.Mended()
		switch {
		case previous.Dir == "":
			w.step(start, "built the layer of %s for %s", p.Name, arch)
		case previous.Key != s.Key && !w.watching:
			w.step(start, "brought the layer of %s for %s up to date", p.Name, arch)
		}
		return s, nil
	})
}

// ownLint says what the project's own layer is meant for.
func ownLint(p *project.Project, arch string, others []staged) layer.LintOptions {
	return layer.LintOptions{Arch: arch, Target: p.Target, Layers: dirsOf(others), Client: p.Runtime == project.Managed}
}

// dirsOf gives the folders of layers, never nil: that there is none is known.
func dirsOf(layers []staged) []string {
	dirs := make([]string, len(layers))
	for i, s := range layers {
		dirs[i] = s.Dir
	}
	return dirs
}

// fingerprint is a look at everything that the project's own layer is made of. Of what is written in Go it is the
// program, which layer.CompileGo has a look of its own for.
func (w *workspace) fingerprint(ctx context.Context, p *project.Project, arch string) (string, error) {
	_, bootstrap, err := w.program(ctx, carried.Bootstrap, arch)
	if err != nil {
		return "", err
	}
	parts := []string{sorVersion(), bootstrap, p.Target}
	paths := []string{filepath.Join(p.Dir, "sor.yaml")}
	for _, own := range ownPrograms(p) {
		if !isGo(own.Path) {
			paths = append(paths, own.Path, own.Path+".json")
			continue
		}
		program, err := w.compile(ctx, own.What, own.Path, arch)
		if err != nil {
			return "", err
		}
		parts, paths = append(parts, program), append(paths, own.Path+".json")
	}
	for _, path := range []string{p.Extra, p.RuntimePath} {
		if path != "" {
			paths = append(paths, path)
		}
	}
	if p.RuntimePath != "" {
		paths = append(paths, p.RuntimePath+".json")
	}
	own, err := runtimeKey(p)
	if err != nil {
		return "", err
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
	look := fmt.Sprint(cache.Stat(path), lint.Arch, lint.Target, lint.Foreign, lint.Client, lint.Layers)
	return w.remembered("layer", path+"\n"+lint.Arch, look, func(previous staged) (staged, error) {
		start := time.Now()
		s, err := w.unpackLayer(path, info.IsDir(), previous)
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

func (w *workspace) unpackLayer(path string, isDir bool, previous staged) (staged, error) {
	if isDir {
		tree := layer.New()
		if err := tree.AddDir("", path); err != nil {
			return staged{}, fail(exitUsage, "", fmt.Errorf("reading layer %s: %w", path, err))
		}
		return w.stageTree("opt", tree, previous)
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
		lint := ownLint(p, arch, parts)
		lint.Foreign = !openRuntime(p)
		own, err = w.stageLayer(zip, lint)
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
