package main

// Watching: what has changed in a project is staged again and comes into the sandboxes that are there, each when no
// invocation is under way in it.

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/serverless/open-runtime/internal/mirror"
	"github.com/serverless/open-runtime/internal/watch"
	"github.com/serverless/open-runtime/pkg/emulator"
	"github.com/serverless/open-runtime/pkg/project"
)

// watch watches all functions until ctx ends.
func (s *served) watch(ctx context.Context) *sync.WaitGroup {
	var watching sync.WaitGroup
	for _, f := range s.functions {
		if !f.o.watches() {
			continue
		}
		ready := make(chan struct{})
		watching.Go(func() {
			o := watch.Options{Paths: f.watched, Ignored: f.ignored, Noticed: f.noticed, Changed: f.reload, Say: f.warn}
			if err := watch.Run(ctx, o, ready); err != nil {
				f.warn("%schanges are not seen any more: %v", f.prefix, err)
			}
		})
		<-ready
	}
	return &watching
}

// showsChanges says whether a sandbox sees what changes in folders of this machine that are mounted in it.
func showsChanges(ctx context.Context, run *session) bool {
	if far, ok := run.box.(interface {
		Sees(ctx context.Context, image, dir string) bool
	}); ok {
		return far.Sees(ctx, run.options.Spec.Image, run.cache.Root())
	}
	return true
}

// place makes folders for one sandbox: they hold what is staged now, and what will be.
func (f *servedFunction) place(context.Context) (emulator.Placement, error) {
	dir, drop, err := f.cache.Live()
	if err != nil {
		return emulator.Placement{}, err
	}
	release := func() {
		if err := drop(); err != nil {
			f.detail("removing %s: %v", dir, err)
		}
	}
	task, opt := filepath.Join(dir, "task"), filepath.Join(dir, "opt")
	update := func(context.Context) error {
		f.laying.RLock()
		defer f.laying.RUnlock()
		f.mu.Lock()
		now := f.now
		f.mu.Unlock()
		return errors.Join(mirror.Update(task, now.task.Dir), mirror.Update(opt, now.opt.Dir))
	}
	f.mu.Lock()
	spec := f.now.options.Spec
	f.mu.Unlock()
	for _, folder := range []string{task, opt} {
		if err == nil {
			err = os.Mkdir(folder, 0o755)
		}
		if err == nil {
			err = os.Chmod(folder, 0o755) // whatever the umask
		}
	}
	if err == nil {
		err = update(nil)
	}
	if err != nil {
		release()
		return emulator.Placement{}, fmt.Errorf("laying out the sandbox's folders: %w", err)
	}
	spec.Task, spec.Opt = task, opt
	return emulator.Placement{Spec: spec, Update: update, Release: release}, nil
}

// watched are the files and folders that the function is made of.
func (f *servedFunction) watched() []string {
	f.mu.Lock()
	p := f.now.project
	f.mu.Unlock()
	paths := []string{filepath.Join(p.Dir, "sor.yaml"), p.Code}
	for _, own := range ownPrograms(p) {
		paths = append(paths, own.Path, own.Path+".json")
	}
	if p.RuntimePath != "" {
		paths = append(paths, p.RuntimePath, p.RuntimePath+".json")
	}
	if p.Extra != "" {
		paths = append(paths, p.Extra)
	}
	for _, file := range []string{f.o.envFile, f.o.layer} {
		if file != "" {
			paths = append(paths, f.absolute(file))
		}
	}
	return append(paths, p.Layers...)
}

func (f *servedFunction) absolute(path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(f.wd, path)
}

// neverWatched are names of what tools write for themselves: no function's code, or none that matters before something
// else has changed.
var neverWatched = []string{
	".git", ".hg", ".svn", ".DS_Store", ".idea", ".vscode", "__pycache__", ".pytest_cache", ".mypy_cache", ".ruff_cache",
	".cache", ".nyc_output", "*~", "*.swp", "*.swx", "*.swpx", ".#*", "#*#", "4913",
}

// ignored says whether a change at a path is none: tools' own files, what is not packed, and what sor itself writes.
func (f *servedFunction) ignored(path string) bool {
	f.mu.Lock()
	p := f.now.project
	f.mu.Unlock()
	name := filepath.Base(path)
	if slices.ContainsFunc(neverWatched, func(pattern string) bool { ok, _ := filepath.Match(pattern, name); return ok }) {
		return true
	}
	if path == f.cache.Root() || p.IsUnwatched(path) {
		return true
	}
	rel, err := filepath.Rel(p.Code, path)
	return err == nil && slices.Contains(p.CodeExcludes, filepath.ToSlash(rel)) && !f.isNamed(path)
}

// isNamed says whether something that is watched is at or below a path: a middleware may be in the code's folder.
func (f *servedFunction) isNamed(path string) bool {
	return slices.ContainsFunc(f.watched(), func(watched string) bool {
		return watched == path || strings.HasPrefix(watched, path+string(filepath.Separator))
	})
}

// noticed holds invocations back that come from now on: they are to see what has changed.
func (f *servedFunction) noticed() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.updating == nil {
		f.updating = make(chan struct{})
	}
}

func (f *servedFunction) updated() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.updating != nil {
		close(f.updating)
		f.updating = nil
	}
}

// awaitUpdate waits while a change is being brought up to date.
func (f *servedFunction) awaitUpdate(ctx context.Context) error {
	f.mu.Lock()
	updating := f.updating
	f.mu.Unlock()
	if updating == nil {
		return nil
	}
	select {
	case <-updating:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// secondLook is how long a tool has that changes several files that belong together.
const secondLook = 100 * time.Millisecond

// reload stages what has changed. What is wrong with it is told, and the function stays as it was.
func (f *servedFunction) reload(ctx context.Context) {
	defer f.updated()
	start := time.Now()
	next, err := f.restage(ctx)
	if err != nil { // a tool may be in the middle of its work
		select {
		case <-time.After(secondLook):
		case <-ctx.Done():
		}
		next, err = f.restage(ctx)
	}
	if ctx.Err() != nil {
		return
	}
	if err != nil {
		if f.prefix != "" {
			err = in(f.displayPath(f.dir), err)
		}
		f.failure(err)
		f.line(f.prefix + "it stays as it was until that is mended")
		return
	}
	f.mu.Lock()
	last := f.now
	f.now = next
	f.mu.Unlock()
	defer f.release(last)
	if sameFunction(last, next) {
		return
	}
	f.function.Replace(ctx, f.config(next), next.options.Spec)
	f.step(start, "%s%s", f.prefix, whatChanged(last, next))
}

// restage reads the project and brings its folders up to date.
func (f *servedFunction) restage(ctx context.Context) (*session, error) {
	p, err := loadProjectAt(f.dir)
	if err == nil {
		err = overrideProject(p, f.flags, f.o.invokeOptions)
	}
	if err != nil {
		return nil, err
	}
	if err := p.CheckHandler(); err != nil {
		return nil, fail(exitUsage, "", err)
	}
	if name := f.Config().FunctionName; p.Name != name {
		return nil, fail(exitUsage, "start sor anew", fmt.Errorf("the function is served as %s and now has the name %s", name, p.Name))
	}
	return f.stage(ctx, p, f.box, f.o.invokeOptions)
}

// release lets the cache have back what no sandbox needs: those with folders of their own have links to it.
func (f *servedFunction) release(last *session) {
	if !showsChanges(context.Background(), last) {
		return
	}
	f.laying.Lock() // who reads now from now on reads what came after last
	for _, s := range []staged{last.task, last.opt} {
		if s.Dir != "" {
			f.cache.Release(s.Kind, s.Key)
		}
	}
	f.laying.Unlock()
	f.trim()
}

// sameFunction says whether two stagings come to the same.
func sameFunction(a, b *session) bool {
	return a.task.Dir == b.task.Dir && a.opt.Dir == b.opt.Dir && reflect.DeepEqual(a.options.Config, b.options.Config) &&
		reflect.DeepEqual(a.options.Spec, b.options.Spec)
}

// whatChanged says it for a person.
func whatChanged(last, next *session) string {
	var what []string
	if last.task.Dir != next.task.Dir {
		what = append(what, "code")
	}
	if last.opt.Dir != next.opt.Dir {
		what = append(what, "layers")
	}
	if !reflect.DeepEqual(last.options.Config, next.options.Config) || !sameProject(last.project, next.project) {
		what = append(what, "configuration")
	}
	if len(what) == 0 {
		what = []string{"sandbox"}
	}
	return strings.Join(what, ", ") + " brought up to date"
}

// sameProject compares what a sandbox is made from.
func sameProject(a, b *project.Project) bool {
	return a.Memory == b.Memory && a.Tmp == b.Tmp && a.Image == b.Image
}
