package mirror_test

import (
	"fmt"
	"io/fs"
	"math/rand"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/serverless/open-runtime/internal/mirror"
)

// write makes a tree: a name that ends in / is a folder, a text that begins with -> a link.
func write(t *testing.T, tree map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range tree {
		path := filepath.Join(dir, name)
		err := os.MkdirAll(filepath.Dir(path), 0o755)
		switch {
		case err != nil:
		case name[len(name)-1] == '/':
			err = os.MkdirAll(path, 0o755)
		case len(text) > 2 && text[:2] == "->":
			err = os.Symlink(text[2:], path)
		default:
			mode := fs.FileMode(0o644)
			if len(text) > 1 && text[:2] == "#!" {
				mode = 0o755
			}
			err = os.WriteFile(path, []byte(text), mode)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// read gives a tree as names, modes and texts.
func read(t *testing.T, dir string) map[string]string {
	t.Helper()
	tree := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || path == dir {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		var text string
		switch {
		case entry.Type()&fs.ModeSymlink != 0:
			text, err = os.Readlink(path)
		case entry.Type().IsRegular():
			var data []byte
			data, err = os.ReadFile(path)
			text = string(data)
		}
		name, _ := filepath.Rel(dir, path)
		tree[name] = fmt.Sprint(info.Mode(), " ", text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return tree
}

func update(t *testing.T, dir, from string) {
	t.Helper()
	if err := mirror.Update(dir, from); err != nil {
		t.Fatal(err)
	}
	want := map[string]string{}
	if from != "" {
		want = read(t, from)
	}
	if diff := cmp.Diff(want, read(t, dir)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if beside, err := filepath.Glob(filepath.Join(filepath.Dir(dir), ".*.making")); err != nil || len(beside) > 0 {
		t.Errorf("left are %q, %v", beside, err)
	}
}

// folder is one that a sandbox might have mounted.
func folder(t *testing.T) string {
	dir := filepath.Join(t.TempDir(), "task")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

// Any tree becomes any other, and the folder at the top stays the same one.
func TestUpdate(t *testing.T) {
	dir := folder(t)
	before, err := os.Stat(dir)
	if err != nil {
		t.Fatal(err)
	}
	first := map[string]string{"a": "1", "b/c": "2", "b/d/e": "3", "program": "#!x", "link": "->a", "empty/": ""}
	for _, tree := range []map[string]string{
		first,
		first, // again: other files with the same bytes
		{"a": "2", "b/c": "2", "program": "x", "link": "->b", "empty/now/full": "1"},
		{"a/b": "a folder now", "b": "a file now", "link": "a file now", "program": "->a"},
		{"a": "->b", "b/": ""},
		{},
		first,
	} {
		update(t, dir, write(t, tree))
	}
	update(t, dir, "")
	if after, err := os.Stat(dir); err != nil || !os.SameFile(before, after) {
		t.Errorf("another folder is there: %v", err)
	}
}

// A file that is the same is not touched, and one that is another is never written in place.
func TestUpdateTouchesWhatDiffers(t *testing.T) {
	dir, from := folder(t), write(t, map[string]string{"same": "1", "other": "1"})
	update(t, dir, from)
	stat := func(name string) os.FileInfo {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		return info
	}
	same, other := stat("same"), stat("other")
	update(t, dir, write(t, map[string]string{"same": "1", "other": "2"}))
	if !os.SameFile(same, stat("same")) || os.SameFile(other, stat("other")) {
		t.Error("what was the same was made anew, or what was another was written in place")
	}
	if data, err := os.ReadFile(filepath.Join(from, "other")); err != nil || string(data) != "1" {
		t.Errorf("the source has %q, %v", data, err)
	}
}

// What was interrupted is made good by the next.
func TestUpdateAfterAnInterruption(t *testing.T) {
	dir := folder(t)
	if err := os.WriteFile(filepath.Join(filepath.Dir(dir), ".task.making"), []byte("half"), 0o644); err != nil {
		t.Fatal(err)
	}
	update(t, dir, write(t, map[string]string{"a": "1"}))
}

func TestUpdateOfNothing(t *testing.T) {
	if err := mirror.Update(filepath.Join(t.TempDir(), "none"), ""); err == nil {
		t.Error("a folder that is not there was brought up to date")
	}
	if err := mirror.Update(folder(t), filepath.Join(t.TempDir(), "none")); err == nil {
		t.Error("a source that is not there was taken for an empty one")
	}
}

// Random trees, one after the other.
func TestUpdateOfRandomTrees(t *testing.T) {
	dir, r := folder(t), rand.New(rand.NewSource(1))
	for range 50 {
		tree := map[string]string{}
		taken := map[string]bool{}
		for range r.Intn(12) {
			top := string(rune('a' + r.Intn(5)))
			if taken[top] {
				continue
			}
			taken[top] = true
			switch r.Intn(4) {
			case 0:
				tree[top] = fmt.Sprint(r.Intn(3))
			case 1:
				tree[top] = "->" + string(rune('a'+r.Intn(5)))
			case 2:
				tree[top+"/x"] = fmt.Sprint(r.Intn(3))
				tree[top+"/y/z"] = "#!" + fmt.Sprint(r.Intn(2))
			default:
				tree[top+"/"] = ""
			}
		}
		update(t, dir, write(t, tree))
	}
}
