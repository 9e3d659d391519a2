package main

// The code of a function that is watched: staged whole once, and then file by file as they change. What a change costs
// follows from what changed, however many files lie beside it.

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/serverless/open-runtime/internal/cache"
	"github.com/serverless/open-runtime/internal/mirror"
	"github.com/serverless/open-runtime/pkg/layer"
	"github.com/serverless/open-runtime/pkg/project"
)

// liveCode is what /var/task holds now. Whoever watches is the only one who changes it.
type liveCode struct {
	view  *mirror.View
	dir   string       // of this process, with what was staged since; "" before the first
	drop  func() error // removes it
	stage int          // how often
	whole bool         // what there is to know was not understood: the next look is at everything

	unwatched map[string]bool // paths in the code that the user doesn't want watched, and wants in it
	look      string          // at those that are folders, when they were staged last
}

// mostChanges is how many files may lie over those that were staged whole, before all are again.
const mostChanges = 20_000

// errWhole says that a change is one of more than some files of the code.
var errWhole = errors.New("everything is to be looked at")

// A codeChange is one that is staged and not yet in the code.
type codeChange struct {
	files map[string]string // by name in the code, "" for what is gone
	dir   string            // what came is in it
}

// changedNames gives the slash paths in the code that changed, less those below others; errWhole when something else did.
func (f *servedFunction) changedNames(p *project.Project, paths []string) ([]string, error) {
	others := slices.DeleteFunc(f.watched(), func(path string) bool { return path == p.Code })
	changed := map[string]bool{}
	for _, place := range paths {
		rel, err := filepath.Rel(p.Code, place)
		name := filepath.ToSlash(rel)
		if err != nil || name == "." || name == ".." || strings.HasPrefix(name, "../") {
			return nil, errWhole
		}
		if slices.ContainsFunc(others, func(other string) bool { return isWithin(place, other) || isWithin(other, place) }) {
			return nil, errWhole // a middleware in the folder of the code, say
		}
		if top, _, _ := strings.Cut(name, "/"); top == "bootstrap" {
			return nil, errWhole // it decides what Lambda starts
		}
		if !cache.Excluded(name, p.CodeExcludes) {
			changed[name] = true
		}
	}
	var names []string
	for name := range changed {
		below := false
		for folder := path.Dir(name); folder != "."; folder = path.Dir(folder) {
			below = below || changed[folder]
		}
		if !below {
			names = append(names, name)
		}
	}
	return names, nil
}

// isWithin says whether a path is another one, or below it.
func isWithin(path, dir string) bool {
	return path == dir || strings.HasPrefix(path, strings.TrimSuffix(dir, string(filepath.Separator))+string(filepath.Separator))
}

// stageNames stages what is at names in the code now. What comes to the same as before is not in the change.
func (c *liveCode) stageNames(w *workspace, p *project.Project, names []string) (change *codeChange, err error) {
	tree := layer.New()
	known := map[string]bool{}
	for _, name := range names {
		for _, file := range c.view.Below(name) {
			known[file] = true
		}
		if err := addNamed(tree, p, name); err != nil {
			return nil, fail(exitUsage, "", fmt.Errorf("reading code: %w", err))
		}
	}
	if c.dir == "" {
		if c.dir, c.drop, err = w.cache.Live(); err != nil {
			return nil, err
		}
	}
	c.stage++
	change = &codeChange{files: map[string]string{}, dir: filepath.Join(c.dir, fmt.Sprint(c.stage))}
	if err := os.Mkdir(change.dir, 0o755); err != nil {
		return nil, fmt.Errorf("staging code: %w", err)
	}
	if err := tree.Stage(change.dir); err != nil {
		return nil, errors.Join(err, os.RemoveAll(change.dir))
	}
	for _, name := range tree.Paths() {
		delete(known, name)
		if file := filepath.Join(change.dir, filepath.FromSlash(name)); c.view.Differs(name, file) {
			change.files[name] = file
		} else if err := os.Remove(file); err != nil {
			return nil, fmt.Errorf("staging code: %w", err)
		}
	}
	for name := range known {
		change.files[name] = ""
	}
	w.tellStaged(staged{}, staged{Mended: tree.Mended()})
	if len(change.files) == 0 {
		return change, os.RemoveAll(change.dir)
	}
	return change, nil
}

// addNamed adds what is at a name in the code, with what is below it; nothing when there is nothing.
func addNamed(tree *layer.Tree, p *project.Project, name string) error {
	place := filepath.Join(p.Code, filepath.FromSlash(name))
	for folder := filepath.Dir(place); isWithin(folder, p.Code) && folder != p.Code; folder = filepath.Dir(folder) {
		if info, err := os.Lstat(folder); err == nil && !info.IsDir() {
			return nil // no folder leads there any more
		}
	}
	info, err := os.Lstat(place)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case !info.IsDir():
		return tree.AddEntry(name, place)
	}
	var excludes []string
	for _, exclude := range p.CodeExcludes {
		if below, ok := strings.CutPrefix(exclude, name+"/"); ok {
			excludes = append(excludes, below)
		}
	}
	return tree.AddDir(name, place, excludes...)
}

// take has the code hold a change.
func (c *liveCode) take(change *codeChange) {
	for name, file := range change.files {
		if before := c.view.Put(name, file); before != "" {
			_ = os.Remove(before) // sandboxes have links of their own, or copies; at the latest it goes with all
		}
	}
}

// restart has the code be what was staged whole.
func (c *liveCode) restart(dir string) {
	c.view, c.whole = mirror.NewView(dir), false
	if c.dir == "" {
		return
	}
	for i := range c.stage {
		_ = os.RemoveAll(filepath.Join(c.dir, fmt.Sprint(i+1))) // at the latest it goes with all
	}
	c.stage = 0
}

// close removes what was staged.
func (c *liveCode) close() error {
	if c.drop == nil {
		return nil
	}
	return c.drop()
}

// noteUnwatched remembers a path that isn't watched: what changed there comes with the next change of something else.
func (c *liveCode) noteUnwatched(path string) {
	if c.unwatched == nil {
		c.unwatched = map[string]bool{}
	}
	if c.unwatched[path] = true; len(c.unwatched) > mostChanges {
		c.unwatched, c.whole = nil, true
	}
}

// takeUnwatched gives those paths that are not watched and may have changed since it did so before.
func (c *liveCode) takeUnwatched() (changed []string) {
	var folders []string
	for path := range c.unwatched {
		if isDir(path) {
			folders = append(folders, path)
			continue
		}
		changed = append(changed, path)
		delete(c.unwatched, path)
	}
	slices.Sort(folders)
	if look := cache.Stat(folders...); look != c.look {
		c.look = look
		changed = append(changed, folders...)
	}
	return changed
}
