package watch_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/serverless/open-runtime/internal/watch"
)

// watched runs a watch and gives a function that waits for the next change.
func watched(t *testing.T, o watch.Options) (await func(what string)) {
	t.Helper()
	changes, ready, ended := make(chan struct{}, 1), make(chan struct{}), make(chan error, 1)
	o.Changed = func(context.Context, watch.Changes) {
		select {
		case changes <- struct{}{}:
		default:
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	go func() { ended <- watch.Run(ctx, o, ready) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	<-ready
	<-changes // what came before is not seen, so it may be one
	return func(what string) {
		t.Helper()
		select {
		case <-changes:
		case <-time.After(20 * time.Second):
			t.Fatalf("%s was not noticed", what)
		}
	}
}

// must is for what a test does to files.
func must(t *testing.T, errs ...error) {
	t.Helper()
	for _, err := range errs {
		if err != nil {
			t.Fatal(err)
		}
	}
}

// What editors, checkouts and builds do, one after the other, told by the system and found by looking.
func TestChanges(t *testing.T) {
	for _, poll := range []bool{false, true} {
		t.Run(fmt.Sprint("poll ", poll), func(t *testing.T) {
			dir := t.TempDir()
			code, file := filepath.Join(dir, "code"), filepath.Join(dir, "sor.yaml")
			write := func(name, text string) error { return os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644) }
			must(t, os.MkdirAll(filepath.Join(code, "deep", "er"), 0o755), write("code/a", "1"), write("sor.yaml", "1"))
			await := watched(t, watch.Options{Paths: func() []string { return []string{code, file, filepath.Join(dir, "later")} }, Poll: poll})
			for _, step := range []struct {
				what string
				do   func() error
			}{
				{"writing a file", func() error { return write("code/a", "22") }},
				{"writing a file deep down", func() error { return write("code/deep/er/b", "1") }},
				{"a rename over a file", func() error {
					must(t, write("code/.a.new", "333"))
					return os.Rename(filepath.Join(code, ".a.new"), filepath.Join(code, "a"))
				}},
				{"writing a file that was named", func() error { return write("sor.yaml", "22") }},
				{"a rename over a file that was named", func() error {
					must(t, write("sor.yaml~", "333"))
					return os.Rename(file+"~", file)
				}},
				{"a new folder with something in it", func() error {
					must(t, os.MkdirAll(filepath.Join(code, "new", "er"), 0o755))
					return write("code/new/er/c", "1")
				}},
				{"writing in the new folder", func() error { return write("code/new/er/c", "22") }},
				{"a mode", func() error { return os.Chmod(filepath.Join(code, "a"), 0o755) }},
				{"removing a file", func() error { return os.Remove(filepath.Join(code, "a")) }},
				{"removing a folder", func() error { return os.RemoveAll(filepath.Join(code, "new")) }},
				{"what was not there", func() error { return write("later", "1") }},
				{"another folder in place of one that was named", func() error {
					must(t, os.RemoveAll(code), os.Mkdir(code, 0o755))
					return write("code/a", "1")
				}},
				{"writing in that", func() error { return write("code/a", "22") }},
			} {
				must(t, step.do())
				await(step.what)
			}
		})
	}
}

// What is ignored, or beside what is watched, is no change.
func TestIgnored(t *testing.T) {
	dir := t.TempDir()
	code := filepath.Join(dir, "code")
	must(t, os.MkdirAll(filepath.Join(code, ".git", "objects"), 0o755), os.MkdirAll(filepath.Join(dir, "dist"), 0o755))
	noticed := 0
	await := watched(t, watch.Options{
		Paths:   func() []string { return []string{code, filepath.Join(dir, "sor.yaml")} },
		Ignored: func(path string) bool { return filepath.Base(path) == ".git" || strings.HasSuffix(path, "~") },
		Noticed: func() { noticed++ },
	})
	for _, name := range []string{"code/.git/index", "code/.git/objects/1", "code/a~", "dist/a.zip", "README"} {
		must(t, os.WriteFile(filepath.Join(dir, name), []byte("1"), 0o644))
	}
	must(t, os.MkdirAll(filepath.Join(code, ".git", "new"), 0o755))
	must(t, os.WriteFile(filepath.Join(code, "a"), []byte("1"), 0o644))
	await("the one that counts")
	if noticed != 1 { // the system tells in order: the others would have come before
		t.Errorf("%d changes were noticed", noticed)
	}
}

// A folder behind a link is watched where it is.
func TestLinks(t *testing.T) {
	dir := t.TempDir()
	must(t, os.Mkdir(filepath.Join(dir, "real"), 0o755), os.Symlink("real", filepath.Join(dir, "code")))
	await := watched(t, watch.Options{Paths: func() []string { return []string{filepath.Join(dir, "code")} }})
	must(t, os.WriteFile(filepath.Join(dir, "real", "a"), []byte("1"), 0o644))
	await("writing behind the link")
	must(t, os.Mkdir(filepath.Join(dir, "other"), 0o755), os.Symlink("other", filepath.Join(dir, "code.new")),
		os.Rename(filepath.Join(dir, "code.new"), filepath.Join(dir, "code")))
	await("another link")
	must(t, os.WriteFile(filepath.Join(dir, "other", "a"), []byte("1"), 0o644))
	await("writing behind the other link")
}

// told runs a watch and gives a function that collects what is told until all of the paths were.
func told(t *testing.T, o watch.Options) func(want ...string) watch.Changes {
	t.Helper()
	changes, ready, ended := make(chan watch.Changes, 100), make(chan struct{}), make(chan error, 1)
	o.Changed = func(_ context.Context, c watch.Changes) { changes <- c }
	ctx, cancel := context.WithCancel(t.Context())
	go func() { ended <- watch.Run(ctx, o, ready) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	<-ready
	if first := <-changes; !first.All {
		t.Errorf("at first it was told of %+v, want all", first)
	}
	return func(want ...string) watch.Changes {
		t.Helper()
		var sum watch.Changes
		for limit := time.After(20 * time.Second); ; {
			left := slices.DeleteFunc(slices.Clone(want), func(path string) bool { return slices.Contains(sum.Paths, path) })
			if sum.All || len(left) == 0 && len(want) > 0 {
				return sum
			}
			select {
			case c := <-changes:
				sum.All, sum.Paths = sum.All || c.All, append(sum.Paths, c.Paths...)
			case <-limit:
				t.Fatalf("%q was not told; what was is %+v", left, sum)
			}
		}
	}
}

// What changed is named, as the folder was spelled, and nothing else is.
func TestWhatChanged(t *testing.T) {
	dir := t.TempDir()
	must(t, os.MkdirAll(filepath.Join(dir, "real", "deep"), 0o755), os.Mkdir(filepath.Join(dir, "real", "still"), 0o755),
		os.Symlink("real", filepath.Join(dir, "code")))
	at := func(name string) string { return filepath.Join(dir, "code", name) }
	await := told(t, watch.Options{
		Paths:   func() []string { return []string{filepath.Join(dir, "code")} },
		Ignored: func(path string) bool { return path == at("ignored") },
	})
	must(t, os.WriteFile(at("still/a"), nil, 0o644))
	await(at("still/a"))
	for _, step := range []struct {
		what string
		do   func() error
		want []string
	}{
		{"writing", func() error { return os.WriteFile(at("deep/a"), nil, 0o644) }, []string{"deep/a"}},
		{"an atomic save", func() error {
			must(t, os.WriteFile(at("deep/a.new"), nil, 0o644))
			return os.Rename(at("deep/a.new"), at("deep/a"))
		}, []string{"deep/a", "deep/a.new"}},
		{"a mode", func() error { return os.Chmod(at("deep/a"), 0o700) }, []string{"deep/a"}},
		{"a rename of a folder", func() error { return os.Rename(at("deep"), at("else")) }, []string{"deep", "else"}},
		{"writing in it", func() error { return os.WriteFile(at("else/a"), []byte("1"), 0o644) }, []string{"else/a"}},
		{"making a folder in a folder", func() error {
			must(t, os.MkdirAll(at("else/x/y"), 0o755))
			return os.WriteFile(at("else/x/y/a"), nil, 0o644)
		}, []string{"else/x"}},
		{"a rename of that, and another in its place", func() error {
			must(t, os.Rename(at("else"), at("last")), os.MkdirAll(at("else/x"), 0o755))
			return os.WriteFile(at("else/x/b"), nil, 0o644)
		}, []string{"else", "last"}},
		{"writing deep in the one that moved", func() error { return os.WriteFile(at("last/x/y/a"), []byte("1"), 0o644) }, []string{"last/x/y/a"}},
		{"writing in the other", func() error { return os.WriteFile(at("else/x/b"), []byte("1"), 0o644) }, []string{"else/x/b"}},
		{"a link", func() error { return os.Symlink("a", at("else/link")) }, []string{"else/link"}},
		{"another link in its place", func() error {
			must(t, os.Symlink("b", at("else/.link")))
			return os.Rename(at("else/.link"), at("else/link"))
		}, []string{"else/.link", "else/link"}},
		{"removing", func() error { return os.RemoveAll(at("else")) }, []string{"else"}},
		{"what counts beside what is ignored", func() error {
			must(t, os.WriteFile(at("ignored"), nil, 0o644))
			return os.WriteFile(at("b"), nil, 0o644)
		}, []string{"b"}},
	} {
		must(t, step.do())
		var want []string
		for _, name := range step.want {
			want = append(want, at(name))
		}
		got := await(want...)
		if got.All || slices.ContainsFunc(got.Paths, func(path string) bool {
			return strings.HasPrefix(path, at("still")) || path == at("ignored") || strings.HasPrefix(path, filepath.Join(dir, "real"))
		}) {
			t.Errorf("%s: told was %+v", step.what, got)
		}
	}
	must(t, os.Mkdir(filepath.Join(dir, "other"), 0o755), os.Symlink("other", filepath.Join(dir, "new")),
		os.Rename(filepath.Join(dir, "new"), filepath.Join(dir, "code")))
	await(filepath.Join(dir, "code"))
	must(t, os.WriteFile(at("c"), nil, 0o644))
	await(at("c"))
}

// Who was away for more than the system keeps is told that anything may have changed; so is who would be told of too much.
func TestTooMuchChanged(t *testing.T) {
	dir := t.TempDir()
	code := filepath.Join(dir, "code")
	must(t, os.Mkdir(code, 0o755))
	await := told(t, watch.Options{Paths: func() []string { return []string{code} }})
	for i := range 6000 {
		must(t, os.WriteFile(filepath.Join(code, fmt.Sprint(i)), nil, 0o644))
	}
	for i := 0; ; i++ {
		if await(filepath.Join(code, fmt.Sprint(5999))).All {
			break
		}
		if i == 5 {
			t.Fatal("all was never told")
		}
		for i := range 6000 {
			must(t, os.Chmod(filepath.Join(code, fmt.Sprint(i)), 0o600))
		}
	}
}
