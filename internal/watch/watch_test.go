package watch_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/serverless/open-runtime/internal/watch"
)

// watched runs a watch and gives a function that waits for the next change.
func watched(t *testing.T, o watch.Options) (await func(what string)) {
	t.Helper()
	changes, ready, ended := make(chan struct{}, 1), make(chan struct{}), make(chan error, 1)
	o.Changed = func(context.Context) {
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
