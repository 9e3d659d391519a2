package main

import (
	"errors"
	"io"
	"math/rand"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/serverless/open-runtime/internal/cache"
	"github.com/serverless/open-runtime/internal/mirror"
	"github.com/serverless/open-runtime/pkg/layer"
	"github.com/serverless/open-runtime/pkg/project"
)

// stagedWhole stages code as a start does.
func stagedWhole(t *testing.T, p *project.Project) string {
	t.Helper()
	tree, dir := layer.New(), t.TempDir()
	if err := tree.AddDir("", p.Code, p.CodeExcludes...); err != nil {
		t.Fatal(err)
	}
	if err := tree.Stage(dir); err != nil {
		t.Fatal(err)
	}
	return dir
}

// edit does one of the things to a folder that people and tools do, and gives the paths that the system would name.
func edit(t *testing.T, r *rand.Rand, code string) (changed []string) {
	t.Helper()
	one := func(names ...string) string { return filepath.Join(code, names[r.Intn(len(names))]) }
	place := one("a", "b", "c", "c/d", "c/d/e", "c/f", "dist/x", "dist", "bin/tool")
	texts := []string{"", "1", "2", "#!/bin/sh\n", strings.Repeat("x", 100_000)}
	must := func(errs ...error) {
		if err := errors.Join(errs...); err != nil {
			t.Fatal(err)
		}
	}
	clear := func(place string) { // so that a file or folder can be there
		for above := filepath.Dir(place); above != code; above = filepath.Dir(above) {
			if info, err := os.Lstat(above); err == nil && !info.IsDir() {
				must(os.Remove(above))
				changed = append(changed, above)
			}
		}
		if _, err := os.Lstat(filepath.Dir(place)); err != nil {
			changed = append(changed, filepath.Dir(place))
			for above := filepath.Dir(filepath.Dir(place)); isWithin(above, code) && above != code; above = filepath.Dir(above) {
				changed = append(changed, above)
			}
		}
		must(os.MkdirAll(filepath.Dir(place), 0o755), os.RemoveAll(place))
		changed = append(changed, place)
	}
	switch r.Intn(6) {
	case 0, 1:
		clear(place)
		must(os.WriteFile(place, []byte(texts[r.Intn(len(texts))]), 0o644))
	case 2:
		clear(place)
		must(os.Symlink([]string{"a", "c", "../b", "/etc"}[r.Intn(4)], place))
	case 3:
		if info, err := os.Lstat(filepath.Dir(place)); err == nil && info.IsDir() {
			must(os.RemoveAll(place))
		}
		changed = append(changed, place)
	case 4:
		other := one("a", "b", "g", "c/d")
		if _, err := os.Lstat(place); err != nil || isWithin(other, place) || isWithin(place, other) {
			return nil
		}
		clear(other)
		if _, err := os.Lstat(place); err != nil {
			return changed // it was behind what had to go
		}
		must(os.Rename(place, other))
		changed = append(changed, place)
	default:
		clear(place)
		must(os.MkdirAll(filepath.Join(place, "x", "y"), 0o755), os.WriteFile(filepath.Join(place, "x", "y", "z"), []byte("1"), 0o644))
		changed = append(changed, filepath.Join(place, "x"))
	}
	return changed
}

// Whatever happens to the files of a function, one thing after the other or many at once: what a sandbox has by their changes
// alone is what it would have if all of the code were staged anew.
func TestLiveCodeIsWhatStagingGives(t *testing.T) {
	store, err := cache.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	w := &workspace{ui: newUI(io.Discard), cache: store}
	r := rand.New(rand.NewSource(1))
	for range 8 {
		p := &project.Project{Dir: t.TempDir(), CodeExcludes: []string{"dist", "c/f"}}
		p.Code = p.Dir
		f := &servedFunction{workspace: w, now: &session{project: p}}
		c := &f.code
		c.restart(stagedWhole(t, p))
		task := filepath.Join(t.TempDir(), "task")
		if err := errors.Join(os.Mkdir(task, 0o755), c.view.Update(task)); err != nil {
			t.Fatal(err)
		}
		for range 40 {
			var paths []string
			for range 1 + r.Intn(3) {
				paths = append(paths, edit(t, r, p.Code)...)
			}
			names, err := f.changedNames(p, paths)
			if err != nil {
				t.Fatal(err, paths)
			}
			change, err := c.stageNames(w, p, names)
			if err != nil {
				t.Fatal(err)
			}
			c.take(change)
			var files []string
			for name := range change.files {
				files = append(files, name)
			}
			if err := c.view.UpdateFiles(task, files); err != nil {
				t.Fatal(err)
			}
			want := stagedWhole(t, p)
			if !c.view.Holds(want) {
				t.Fatalf("after changes of %q the code is not what it would be when staged whole", paths)
			}
			if !mirror.NewView(task).Holds(want) {
				t.Fatalf("after changes of %q of %q the sandbox has something else", paths, files)
			}
			if change, err := c.stageNames(w, p, names); err != nil || len(change.files) > 0 {
				t.Fatalf("a second look at the same found %q, %v", change.files, err)
			}
		}
		if err := c.close(); err != nil {
			t.Fatal(err)
		}
	}
	if left, err := filepath.Glob(filepath.Join(store.Root(), "parts", "live", "*")); err != nil || len(left) > 0 {
		t.Errorf("left are %q, %v", left, err)
	}
}

// What is more than a change of some files of the code is looked at whole.
func TestChangedNames(t *testing.T) {
	dir := t.TempDir()
	p := &project.Project{
		Dir: dir, Code: filepath.Join(dir, "code"), CodeExcludes: []string{"dist"},
		Middlewares: []project.Middleware{{Name: "m", Path: filepath.Join(dir, "code", "middlewares", "m")}},
	}
	f := &servedFunction{now: &session{project: p}}
	for _, test := range []struct {
		changed, want string
		whole         bool
	}{
		{changed: "code/a code/b/c", want: "a b/c"},
		{changed: "code/b code/b/c code/b/c/d code/bc", want: "b bc"},
		{changed: "code/dist/a code/dist code/a", want: "a"},
		{changed: "code", whole: true},
		{changed: "sor.yaml", whole: true},
		{changed: "code/a code/middlewares/m", whole: true},
		{changed: "code/middlewares/m/x", whole: true},
		{changed: "code/middlewares", whole: true},
		{changed: "code/middlewares/m.json", whole: true},
		{changed: "code/bootstrap", whole: true},
		{changed: "code/bootstrap/x", whole: true},
		{changed: "code/..a", want: "..a"},
	} {
		var paths []string
		for _, name := range strings.Fields(test.changed) {
			paths = append(paths, filepath.Join(dir, name))
		}
		got, err := f.changedNames(p, paths)
		slices.Sort(got)
		if strings.Join(got, " ") != test.want || errors.Is(err, errWhole) != test.whole {
			t.Errorf("%s: %q, %v", test.changed, got, err)
		}
	}
}
