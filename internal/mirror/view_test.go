package mirror_test

import (
	"fmt"
	"maps"
	"math/rand"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/serverless/open-runtime/internal/mirror"
)

// change has the view hold what the tree does, file by file, and gives the names of those that differ.
func change(v *mirror.View, tree string) (changed []string) {
	next := mirror.NewView(tree)
	names := map[string]bool{}
	for _, name := range append(v.Below("."), next.Below(".")...) {
		names[name] = true
	}
	for name := range names {
		if file := next.File(name); v.Differs(name, file) {
			v.Put(name, file)
			changed = append(changed, name)
		}
	}
	return changed
}

// Any tree becomes any other by its changes alone, and a view is laid out anew as it was brought up to date.
func TestViewOfRandomTrees(t *testing.T) {
	r := rand.New(rand.NewSource(1))
	random := func() string {
		tree := map[string]string{}
		for _, top := range []string{"a", "b", "c", "d", "e"} {
			switch r.Intn(5) {
			case 0:
				tree[top] = fmt.Sprint(r.Intn(3))
			case 1:
				tree[top] = "->" + string(rune('a'+r.Intn(5)))
			case 2:
				tree[top+"/x"] = fmt.Sprint(r.Intn(3))
				tree[top+"/y/z"] = "#!" + fmt.Sprint(r.Intn(2))
			case 3:
				tree[top+"/y"] = "->../" + string(rune('a'+r.Intn(5)))
			}
		}
		return write(t, tree)
	}
	for range 20 {
		base := random()
		v, dir := mirror.NewView(base), folder(t)
		if err := v.Update(dir); err != nil {
			t.Fatal(err)
		}
		for range 10 {
			next := random()
			held := v.Holds(next)
			changed := change(v, next)
			if held != (len(changed) == 0) {
				t.Errorf("the view held the tree: %t, and of it differ %q", held, changed)
			}
			if err := v.UpdateFiles(dir, changed); err != nil {
				t.Fatal(err)
			}
			anew := folder(t)
			if err := v.Update(anew); err != nil {
				t.Fatal(err)
			}
			want := read(t, next)
			for what, got := range map[string]string{"brought up to date": dir, "laid out anew": anew} {
				if diff := cmp.Diff(want, read(t, got)); diff != "" {
					t.Fatalf("%s (-want +got):\n%s", what, diff)
				}
			}
			if !v.Holds(next) {
				t.Error("the view does not hold what it was made to")
			}
		}
	}
}

// A view names what is at a path and below it, through no link.
func TestViewBelow(t *testing.T) {
	base := write(t, map[string]string{"a/b/c": "1", "a/d": "1", "ab": "1", "link": "->a", "gone": "1"})
	other := write(t, map[string]string{"file": "2"})
	v := mirror.NewView(base)
	if before := v.Put("a/b/new", filepath.Join(other, "file")); before != "" {
		t.Errorf("before it there was %q", before)
	}
	v.Put("gone", "")
	for name, want := range map[string][]string{
		".": {"a/b/c", "a/b/new", "a/d", "ab", "link"}, "a": {"a/b/c", "a/b/new", "a/d"}, "a/b": {"a/b/c", "a/b/new"}, "ab": {"ab"},
		"link": {"link"}, "link/d": nil, "gone": nil, "none": nil, "ab/c": nil,
	} {
		got := v.Below(name)
		slices.Sort(got)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	if before := v.Put("a/b/new", ""); before != filepath.Join(other, "file") || v.Changes() != 2 {
		t.Errorf("before it there was %q, and %d changes are", before, v.Changes())
	}
	if v.File("link/d") != "" || v.File("a") != "" || v.File("ab") != filepath.Join(base, "ab") {
		t.Error("what is at names is otherwise")
	}
	if !mirror.NewView("").Holds(t.TempDir()) || mirror.NewView("").Holds(base) {
		t.Error("nothing is something")
	}
}

// What is removed through a link that took a folder's place stays.
func TestViewRemovesNothingElsewhere(t *testing.T) {
	elsewhere := write(t, map[string]string{"x": "1"})
	dir := folder(t)
	v := mirror.NewView(write(t, map[string]string{"a/x": "1"}))
	if err := v.Update(dir); err != nil {
		t.Fatal(err)
	}
	link := write(t, map[string]string{"a": "->" + elsewhere})
	if err := v.UpdateFiles(dir, change(v, link)); err != nil {
		t.Fatal(err)
	}
	if err := v.UpdateFiles(dir, []string{"a/x", "a"}); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(elsewhere, "x")); err != nil {
		t.Error(err)
	}
	if got := slices.Collect(maps.Keys(read(t, dir))); len(got) != 1 {
		t.Errorf("there are %q", got)
	}
}
