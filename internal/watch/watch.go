// Package watch says when something in folders or files may have changed.
//
// It promises that a change is noticed, however many come at once, whatever editor makes it: by a rename, by writing twice,
// in a folder that was not there before. It may say so when nothing changed: whoever is told looks by content. Where the
// system watches no more, it looks itself, by names, sizes and times.
package watch

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
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
	// Ignored says of a path below a folder that it does not matter, nor what is below it; nil for none.
	Ignored func(path string) bool
	// Noticed is called at the first sign of a change, before it has settled; nil for nobody.
	Noticed func()
	// Changed is called when it has settled, and once when watching has begun: what came before was not seen. Changes
	// meanwhile are noticed after it.
	Changed func(context.Context)
	// Say tells that there are no more watches, and what is done instead.
	Say func(format string, args ...any)

	Poll bool // do not ask the system to watch
}

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
	roots []root
}

// A root is one of the paths: where it is after links, since that is how the system names what is in it.
type root struct{ path, real string }

func byEvents(ctx context.Context, o Options, begin func()) (err error) {
	system, err := fsnotify.NewWatcher()
	if err != nil {
		return fmt.Errorf("watching: %w", err)
	}
	defer func() { _ = system.Close() }() // whoever watches no more has no use for what it says
	w := &watcher{Watcher: system, o: o}
	if err = w.addRoots(); err == nil {
		o.Changed(ctx)
		begin()
	}
	for err == nil {
		var sign bool
		if sign, err = w.await(ctx); !sign {
			return err
		}
		if err == nil {
			o.Noticed()
			err = w.settle(ctx)
			o.Changed(ctx)
		}
		if err == nil {
			err = w.addRoots()
		}
	}
	return err
}

// addRoots watches all paths, and the folders that they are in, where they may come or be replaced.
func (w *watcher) addRoots() error {
	w.roots = nil
	for _, path := range w.o.Paths() {
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
		if err := w.addTree(r.real); err != nil {
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
	return nil
}

// addTree watches all folders of a tree but those that are ignored.
func (w *watcher) addTree(top string) error {
	return filepath.WalkDir(top, func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil || !entry.IsDir():
			return nil // what is gone, or can't be read, tells nothing
		case path != top && w.o.Ignored(path):
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
			return true, nil // who was not told of everything looks at everything
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
		case <-quiet.C:
			return nil
		case <-most.C:
			return nil
		case <-ctx.Done():
			return nil
		}
	}
}

// take says whether an event matters, and watches folders that are new.
func (w *watcher) take(event fsnotify.Event) (bool, error) {
	for _, r := range w.roots {
		inside := within(event.Name, r.real)
		if event.Name != r.path && !inside || inside && event.Name != r.real && w.ignoredIn(event.Name, r.real) {
			continue
		}
		if event.Has(fsnotify.Create) {
			return true, w.addTree(event.Name)
		}
		return true, nil
	}
	return false, nil
}

// ignoredIn says whether a path, or a folder between it and the root, is ignored.
func (w *watcher) ignoredIn(path, top string) bool {
	for ; path != top && len(path) > len(top); path = filepath.Dir(path) {
		if w.o.Ignored(path) {
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
	o.Changed(ctx)
	begin()
	for {
		start := time.Now()
		now := cache.Stat(paths...)
		if now != known {
			o.Noticed()
			known = now
			o.Changed(ctx)
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
