package main

// What becomes /var/task, and what is compiled on the way: functions, middlewares and sidecars in Go.

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/serverless/open-runtime/internal/cache"
	"github.com/serverless/open-runtime/internal/gobuild"
	"github.com/serverless/open-runtime/pkg/layer"
	"github.com/serverless/open-runtime/pkg/project"
)

// codeTree gives the function's code as it will be deployed on arch. Of a function in Go that is the program, and what
// lies beside its source.
func (w *workspace) codeTree(ctx context.Context, p *project.Project, arch string) (*layer.Tree, error) {
	tree, excludes := layer.New(), p.CodeExcludes
	if p.Runtime == project.Go {
		excludes = append(slices.Clone(excludes), p.Handler) // what somebody built there by hand
	}
	if err := tree.AddDir("", p.Code, excludes...); err != nil {
		return nil, fail(exitUsage, "", fmt.Errorf("reading code: %w", err))
	}
	if p.Runtime != project.Go {
		return tree, nil
	}
	tree.Drop(isGoSource)
	program, err := w.compileFunction(ctx, p, arch)
	if err != nil {
		return nil, err
	}
	return tree, tree.AddFile(p.Handler, program)
}

func (w *workspace) compileFunction(ctx context.Context, p *project.Project, arch string) (string, error) {
	return w.compile(ctx, "function "+p.Name, p.Code, arch)
}

// isGoSource says whether a file of the code is for the compiler and its tests, and of no use in /var/task.
func isGoSource(name string) bool {
	folders := strings.Split(path.Dir(name), "/")
	return path.Ext(name) == ".go" || slices.Contains([]string{"go.mod", "go.sum", "go.work", "go.work.sum"}, path.Base(name)) ||
		slices.Contains(folders, "vendor") || slices.Contains(folders, "testdata")
}

// codeLint says what the code is meant for.
func codeLint(p *project.Project, arch string) layer.LintOptions {
	o := layer.LintOptions{Arch: arch, Target: p.Target}
	if p.HasProgram() {
		o.Program = p.Handler
	}
	return o
}

// stageTask gives /var/task: the function's code with the modes it will be deployed with.
func (w *workspace) stageTask(ctx context.Context, p *project.Project) (staged, error) {
	lint := codeLint(p, p.Architecture)
	fingerprint := fmt.Sprint(cache.StatDir(p.Code, p.CodeExcludes...), p.CodeExcludes, lint)
	if p.Runtime == project.Go {
		program, err := w.compileFunction(ctx, p, p.Architecture)
		if err != nil {
			return staged{}, err
		}
		fingerprint += "\n" + program
	}
	return w.remembered("task", p.Dir, fingerprint, func(previous staged) (staged, error) {
		tree, err := w.codeTree(ctx, p, p.Architecture)
		if err != nil {
			return staged{}, err
		}
		s, err := w.stageTree("task", tree, previous)
		s.Findings, s.Mended = tree.LintCode(lint), tree.Mended()
		return s, err
	})
}

// isGo says whether a middleware or sidecar is a folder with Go source in it.
func isGo(path string) bool {
	entries, err := os.ReadDir(path)
	return err == nil && slices.ContainsFunc(entries, func(e os.DirEntry) bool {
		return strings.HasSuffix(e.Name(), ".go") && !strings.HasSuffix(e.Name(), "_test.go")
	})
}

// compile gives the program of Go source, compiled if it was not before. what is as a person calls it.
func (w *workspace) compile(ctx context.Context, what, dir, arch string) (string, error) {
	start := time.Now()
	path, now, err := layer.CompileGo(ctx, w.cache, dir, arch, what == w.debugged)
	if err != nil {
		return "", compileError(what, err)
	}
	if now {
		w.step(start, "compiled %s for %s", what, arch)
	}
	return path, nil
}

func compileError(what string, err error) error {
	if errors.Is(err, gobuild.ErrNoGo) {
		hint := "install Go (https://go.dev/dl/)"
		if strings.HasPrefix(what, "middleware ") {
			hint += ", or write the middleware as a script"
		}
		return fail(exitMissing, hint, fmt.Errorf("compiling %s: %w", what, err))
	}
	if old, ok := errors.AsType[*layer.GoVersionError](err); ok {
		return fail(exitMissing, old.Fix(), err)
	}
	if missing, ok := errors.AsType[*layer.ModulesError](err); ok {
		return fail(exitMissing, missing.Fix(), err)
	}
	if compile, ok := errors.AsType[*gobuild.CompileError](err); ok {
		if strings.Contains(compile.Output, "build cache") { // Go's own words for a GOCACHE that it can't use
			return fail(exitMissing, "name a folder for Go's build cache that can be written: GOCACHE=DIR", err)
		}
		return fail(exitUsage, "", err)
	}
	return fmt.Errorf("compiling %s: %w", what, err)
}
