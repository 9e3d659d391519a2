// Package watch says when something in folders or files may have changed, and what.
//
// It promises that a change is noticed, however many come at once, whatever editor makes it: by a rename, by writing twice,
// in a folder that was not there before. It may say so when nothing changed: whoever is told looks by content. Where the
// system watches no more, it looks itself, by names, sizes and times, and does not say what changed.
package watch

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/fsnotify/fsnotify"

	"github.com/serverless/open-runtime/internal/cache"
)

// Options say what is watched.
type Options struct {
	// Paths are files and folders, absolute; one that is not there may come. It is asked again after each change.
	Paths func() []string
	// Ignored says of a path below a folder that it does not matter, nor what is below it; nil for none. It is spelled as the
	// folder was, whatever links lead there.
	Ignored func(path string) bool
	// Noticed is called at the first sign of a change, before it has settled; nil for nobody.
	Noticed func()
	// Changed is called when it has settled, and once when watching has begun: what came before was not seen. Changes
	// meanwhile are noticed after it.
	Changed func(context.Context, Changes)
	// Say tells that there are no more watches, and what is done instead.
	Say func(format string, args ...any)

	Poll bool // do not ask the system to watch
}

// Changes are what may have changed.
type Changes struct {
	All   bool     // anything: it was not seen what
	Paths []string // sorted, spelled as the Paths that they are in; a folder stands for all that is in it, or was
}

// mostPaths is how many paths are told one by one. A checkout of more is a look at everything.
const mostPaths = 4096

const (
	settled   = 10 * time.Millisecond  // of silence: an editor that writes twice has done so
	unsettled = 500 * time.Millisecond // after which silence is not waited for
	pollEvery = 500 * time.Millisecond // at least; a look may take a twentieth of the time
)

// Run watches until ctx ends. When ready is closed, watching has begun and Changed was called once.
func Run(ctx context.Context, o Options, ready chan<- struct{}) error {
	begin := sync.OnceFunc(func() { close(ready) })
	defer begin() // whoever waits for it is not kept waiting by an error
	if o.Ignored == nil {
		o.Ignored = func(string) bool { return false }
	}
	if o.Noticed == nil {
		o.Noticed = func() {}
	}
	if !o.Poll {
		err := byEvents(ctx, o, begin)
		if err == nil || !noMore(err) {
			return err
		}
		o.Say("looking for changes every %s instead of being told: %v", pollEvery, err)
	}
	poll(ctx, o, begin)
	return nil
}

// noMore says whether the system has no more watches to give: inotify(7), and what else it may run out of.
func noMore(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE) || errors.Is(err, syscall.ENOSYS)
}

// watcher is the state of being told by the system.
type watcher struct {
	*fsnotify.Watcher
	o     Options
	paths []string // that the roots are of
	roots []root

	folders map[string]bool // that are watched

	changed map[string]bool // since Changed was called last
	all     bool
	moved   bool // a root, or what one is in, is another: its watches are to be had anew
}

// A root is one of the paths: where it is after links, since that is how the system names what is in it.
type root struct{ path, real string }

// spelled gives a path in the root as the root was spelled.
func (r root) spelled(path string) string { return r.path + strings.TrimPrefix(path, r.real) }

func byEvents(ctx context.Context, o Options, begin func()) (err error) {
	system, err := fsnotify.NewWatcher()
	if err != nil {
		return fmt.Errorf("watching: %w", err)
	}
	defer func() { _ = system.Close() }() // whoever watches no more has no use for what it says
	w := &watcher{Watcher: system, o: o, folders: map[string]bool{}, all: true, moved: true}
	for {
		if err := w.tell(ctx); err != nil {
			return err
		}
		begin()
		sign, err := w.await(ctx)
		if !sign || err != nil {
			return err
		}
		o.Noticed()
		if err := w.settle(ctx); err != nil {
			return err
		}
	}
}

// tell tells what has changed. The watches come first, so that a change during it is seen, and again after it when there are
// other paths now: what came in those before was not seen.
func (w *watcher) tell(ctx context.Context) error {
	for {
		if w.moved || w.all {
			if err := w.addRoots(); err != nil {
				return err
			}
		}
		told := Changes{All: w.all}
		if !w.all {
			told.Paths = slices.Sorted(maps.Keys(w.changed))
		}
		w.changed, w.all, w.moved = map[string]bool{}, false, false
		w.o.Changed(ctx, told)
		if slices.Equal(w.o.Paths(), w.paths) || ctx.Err() != nil {
			return nil
		}
		w.all = true
	}
}

// addRoots watches all paths, and the folders that they are in, where they may come or be replaced.
func (w *watcher) addRoots() error {
	w.paths, w.roots = w.o.Paths(), nil
	for _, path := range w.paths {
		r := root{path: path, real: path}
		if real, err := filepath.EvalSymlinks(path); err == nil {
			r.real = real
		}
		w.roots = append(w.roots, r)
		for _, place := range []string{filepath.Dir(path), filepath.Dir(r.real)} {
			if err := w.add(place); err != nil {
				return err
			}
		}
		if err := w.addTree(r, r.real); err != nil {
			return err
		}
	}
	return nil
}

// add watches one folder or file. What has gone meanwhile needs no watch: the folder that it was in tells.
func (w *watcher) add(path string) error {
	if err := w.Add(path); err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, fs.ErrPermission) {
		return fmt.Errorf("watching %s: %w", path, err)
	}
	w.folders[path] = true
	return nil
}

// forget stops watching a folder that is gone from where it was, and what is below it: the system's watches go with a folder
// that was renamed, and would name what is in it as before.
func (w *watcher) forget(path string) {
	if !w.folders[path] {
		return
	}
	for folder := range w.folders {
		if within(folder, path) {
			_ = w.Remove(folder) // one that is removed has no watch any more
			delete(w.folders, folder)
		}
	}
}

// addTree watches all folders of a tree in a root but those that are ignored.
func (w *watcher) addTree(r root, top string) error {
	return filepath.WalkDir(top, func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil || !entry.IsDir():
			return nil // what is gone, or can't be read, tells nothing
		case path != top && w.o.Ignored(r.spelled(path)):
			return fs.SkipDir
		}
		return w.add(path)
	})
}

// await waits for a sign of a change; false when ctx ended.
func (w *watcher) await(ctx context.Context) (bool, error) {
	for {
		select {
		case event := <-w.Events:
			if matters, err := w.take(event); matters || err != nil {
				return true, err
			}
		case err := <-w.Errors:
			if !errors.Is(err, fsnotify.ErrEventOverflow) {
				return true, fmt.Errorf("watching: %w", err)
			}
			w.all = true // who was not told of everything looks at everything
			return true, nil
		case <-ctx.Done():
			return false, nil
		}
	}
}

// settle waits until nothing has come for a moment, but not for ever.
func (w *watcher) settle(ctx context.Context) error {
	quiet, most := time.NewTimer(settled), time.NewTimer(unsettled)
	defer quiet.Stop()
	defer most.Stop()
	for {
		select {
		case event := <-w.Events:
			matters, err := w.take(event)
			if err != nil {
				return err
			}
			if matters {
				quiet.Reset(settled)
			}
		case <-w.Errors: //nolint:errcheck // what is wrong with watching is seen by looking
			w.all = true
		case <-quiet.C:
			return nil
		case <-most.C:
			return nil
		case <-ctx.Done():
			return nil
		}
	}
}

// take says whether an event matters, notes what changed, and watches folders that are new or can be read now.
func (w *watcher) take(event fsnotify.Event) (matters bool, err error) {
	for _, r := range w.roots {
		inside := within(event.Name, r.real)
		if event.Name != r.path && !inside || inside && event.Name != r.real && w.ignoredIn(event.Name, r) {
			continue
		}
		matters = true
		w.note(event.Name, r)
		if inside && (event.Has(fsnotify.Rename) || event.Has(fsnotify.Remove)) {
			w.forget(event.Name)
		}
		if inside && (event.Has(fsnotify.Create) || event.Has(fsnotify.Chmod)) {
			if err := w.addTree(r, event.Name); err != nil {
				return true, err
			}
		}
	}
	return matters, nil
}

// note remembers a path that changed.
func (w *watcher) note(path string, r root) {
	if path == r.path || path == r.real {
		w.changed[r.path], w.moved = true, true
	} else {
		w.changed[r.spelled(path)] = true
	}
	for _, other := range w.roots {
		w.moved = w.moved || within(other.path, path) || within(other.real, path)
	}
	if len(w.changed) > mostPaths {
		w.changed, w.all = map[string]bool{}, true
	}
}

// ignoredIn says whether a path, or a folder between it and the root, is ignored.
func (w *watcher) ignoredIn(path string, r root) bool {
	for ; path != r.real && len(path) > len(r.real); path = filepath.Dir(path) {
		if w.o.Ignored(r.spelled(path)) {
			return true
		}
	}
	return false
}

func within(path, dir string) bool {
	return path == dir || strings.HasPrefix(path, strings.TrimSuffix(dir, string(filepath.Separator))+string(filepath.Separator))
}

// poll looks at everything again and again.
func poll(ctx context.Context, o Options, begin func()) {
	paths := o.Paths()
	known := cache.Stat(paths...)
	o.Changed(ctx, Changes{All: true})
	begin()
	for {
		start := time.Now()
		now := cache.Stat(paths...)
		if now != known {
			o.Noticed()
			known = now
			o.Changed(ctx, Changes{All: true})
			paths = o.Paths()
			continue
		}
		select {
		case <-time.After(max(pollEvery, 20*time.Since(start))):
		case <-ctx.Done():
			return
		}
	}
}
