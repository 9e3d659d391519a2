package main

// Watching: what has changed in a project is staged again and comes into the sandboxes that are there, each when no
// invocation is under way in it.

import (
	"context"
	"fmt"
	"maps"
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

// placed are the folders of one sandbox, and in what they differ from what is staged.
type placed struct {
	task, opt string
	shown     string          // what opt shows, "" for nobody knows
	whole     bool            // nobody knows what task shows
	files     map[string]bool // of task that are otherwise by now
}

// place makes folders for one sandbox: they hold what is staged now, and what will be.
func (f *servedFunction) place(context.Context) (emulator.Placement, error) {
	dir, drop, err := f.cache.Live()
	if err != nil {
		return emulator.Placement{}, err
	}
	p := &placed{task: filepath.Join(dir, "task"), opt: filepath.Join(dir, "opt"), whole: true}
	f.mu.Lock()
	spec := f.now.options.Spec
	f.placed[p] = true
	f.mu.Unlock()
	release := func() {
		f.mu.Lock()
		delete(f.placed, p)
		f.mu.Unlock()
		if err := drop(); err != nil {
			f.detail("removing %s: %v", dir, err)
		}
	}
	for _, folder := range []string{p.task, p.opt} {
		if err == nil {
			err = os.Mkdir(folder, 0o755)
		}
		if err == nil {
			err = os.Chmod(folder, 0o755) // whatever the umask
		}
	}
	if err == nil {
		err = f.bringUpToDate(p)
	}
	if err != nil {
		release()
		return emulator.Placement{}, fmt.Errorf("laying out the sandbox's folders: %w", err)
	}
	spec.Task, spec.Opt = p.task, p.opt
	f.keepPlace(spec)
	return emulator.Placement{Spec: spec, Update: func(context.Context) error { return f.bringUpToDate(p) }, Release: release}, nil
}

// bringUpToDate has a sandbox's folders hold what is staged now.
func (f *servedFunction) bringUpToDate(p *placed) error {
	f.laying.RLock()
	defer f.laying.RUnlock()
	f.mu.Lock()
	opt, shown, whole, files := f.now.opt.Dir, p.shown, p.whole, slices.Collect(maps.Keys(p.files))
	p.shown, p.whole, p.files = "", true, nil // until it is done
	f.mu.Unlock()
	var err error
	if whole {
		err = f.code.view.Update(p.task)
	} else {
		err = f.code.view.UpdateFiles(p.task, files)
	}
	if err == nil && (shown != opt || opt == "") {
		err = mirror.Update(p.opt, opt)
	}
	if err == nil { // while laying is held for reading, nothing is staged anew
		f.mu.Lock()
		p.shown, p.whole = opt, false
		f.mu.Unlock()
	}
	return err
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
			paths = append(paths, absoluteIn(f.wd, file))
		}
	}
	return append(paths, p.Layers...)
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
	if path == f.cache.Root() || slices.Contains(f.outputs, path) {
		return true
	}
	if p.IsUnwatched(path) {
		if isWithin(path, p.Code) {
			f.code.noteUnwatched(path)
		}
		return true
	}
	rel, err := filepath.Rel(p.Code, path)
	return err == nil && slices.Contains(p.CodeExcludes, filepath.ToSlash(rel)) && !f.isNamed(path)
}

// isNamed says whether something that is watched is at or below a path: a middleware may be in the code's folder.
func (f *servedFunction) isNamed(path string) bool {
	return slices.ContainsFunc(f.watched(), func(watched string) bool { return isWithin(watched, path) })
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

// A tool that changes several files that belong together has some time for each, and so many times.
const (
	secondLook = 100 * time.Millisecond
	mostLooks  = 30
)

// reload stages what has changed. What is wrong with it is told, and the function stays as it was.
func (f *servedFunction) reload(ctx context.Context, changes watch.Changes) {
	defer f.updated()
	start := time.Now()
	if f.reloadCode(ctx, start, changes) {
		return
	}
	f.code.whole = true // until all is well
	f.code.takeUnwatched()
	next, err := f.restage(ctx)
	for look, before := 1, ""; err != nil && err.Error() != before && look < mostLooks && ctx.Err() == nil; look++ {
		before = err.Error() // a tool may be in the middle of its work: then something else is wrong the next time
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
	last, what := f.become(next)
	defer f.release(last)
	if what == "" {
		return
	}
	f.function.Replace(ctx, f.config(next), next.options.Spec)
	f.step(start, "%s%s brought up to date", f.prefix, what)
	f.reattach(ctx)
}

// reloadCode is reload of nothing but files of the code; false when there is more to look at.
func (f *servedFunction) reloadCode(ctx context.Context, start time.Time, changes watch.Changes) bool {
	now := f.session()
	if changes.All || f.code.whole || !f.inPlace || now.project.HasProgram() || f.code.view.Changes() > mostChanges {
		return false
	}
	p, err := f.load()
	if err != nil || !reflect.DeepEqual(p, now.project) {
		return false
	}
	names, err := f.changedNames(p, append(changes.Paths, f.code.takeUnwatched()...))
	if err != nil {
		return false
	}
	change, err := f.code.stageNames(f.workspace, p, names)
	if err != nil {
		return false // it may be in the middle of being changed, or wrong
	}
	if len(change.files) == 0 {
		return true
	}
	f.laying.Lock()
	f.code.take(change)
	f.mu.Lock()
	for p := range f.placed {
		if p.files == nil {
			p.files = map[string]bool{}
		}
		for name := range change.files {
			p.files[name] = true
		}
	}
	f.mu.Unlock()
	f.laying.Unlock()
	f.function.Replace(ctx, f.config(now), now.options.Spec)
	f.step(start, "%scode brought up to date", f.prefix)
	f.reattach(ctx)
	return true
}

// become has the function be what was staged whole, and says what of it is another than before, "" for nothing.
func (f *servedFunction) become(next *session) (last *session, what string) {
	f.laying.Lock()
	defer f.laying.Unlock()
	f.mu.Lock()
	defer f.mu.Unlock()
	last = f.now
	sameCode := f.code.view.Holds(next.task.Dir)
	what = whatChanged(last, next, sameCode)
	f.now = next
	f.code.restart(next.task.Dir)
	for p := range f.placed {
		p.whole = p.whole || !sameCode
	}
	return last, what
}

// load reads the project as it is now.
func (f *servedFunction) load() (*project.Project, error) {
	p, err := loadProjectAt(f.dir)
	if err == nil {
		err = overrideProject(p, f.flags, f.o.invokeOptions)
	}
	if err != nil {
		return nil, err
	}
	excludeFiles(p, f.outputs)
	if err := p.CheckHandler(); err != nil {
		return nil, fail(exitUsage, "", err)
	}
	f.hereOnly(p, f.o.layer)
	return p, nil
}

// restage reads the project and brings its folders up to date.
func (f *servedFunction) restage(ctx context.Context) (*session, error) {
	p, err := f.load()
	if err != nil {
		return nil, err
	}
	if name := f.Config().FunctionName; p.Name != name {
		return nil, fail(exitUsage, "start sor anew", fmt.Errorf("the function is served as %s and now has the name %s", name, p.Name))
	}
	own := *f.workspace
	own.watching = true
	return own.stage(ctx, p, f.box, f.o.invokeOptions)
}

// release lets the cache have back what no sandbox needs: those with folders of their own have links to it.
func (f *servedFunction) release(last *session) {
	if !f.inPlace {
		return
	}
	for _, s := range []staged{last.task, last.opt} {
		if s.Dir != "" {
			f.cache.Release(s.Kind, s.Key)
		}
	}
	f.trim()
}

// whatChanged says it for a person, "" when two stagings come to the same.
func whatChanged(last, next *session, sameCode bool) string {
	var what []string
	if !sameCode {
		what = append(what, "code")
	}
	if last.opt.Dir != next.opt.Dir {
		what = append(what, "layers")
	}
	before, after := last.options.Spec, next.options.Spec
	before.Task, before.Opt = after.Task, after.Opt // those are code and layers
	sameRoom := reflect.DeepEqual(before, after)
	if !reflect.DeepEqual(last.options.Config, next.options.Config) || !sameRoom && !sameProject(last.project, next.project) {
		what = append(what, "configuration")
	}
	if len(what) == 0 && !sameRoom {
		what = []string{"sandbox"}
	}
	return strings.Join(what, ", ")
}

// sameProject compares what a sandbox is made from.
func sameProject(a, b *project.Project) bool {
	return a.Memory == b.Memory && a.Tmp == b.Tmp && a.Image == b.Image
}
