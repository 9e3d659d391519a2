package cache_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/serverless/open-runtime/internal/cache"
)

func TestStat(t *testing.T) {
	root := t.TempDir()
	file := filepath.Join(root, "dir", "file")
	excluded := filepath.Join(root, "dist", "out.zip")
	put := func(path, text string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	put(file, "one")
	put(excluded, "zip")
	// settled looks until the last change is long enough ago to tell it from another.
	settled := func() string {
		t.Helper()
		for {
			if a, b := cache.StatDir(root, "dist"), cache.StatDir(root, "dist"); a == b {
				return a
			}
			if t.Context().Err() != nil {
				t.Fatal("never settles")
			}
		}
	}
	last := settled()
	if last != settled() {
		t.Error("differs without a change")
	}
	old := time.Unix(1_000_000, 0)
	changes := []struct {
		name string
		do   func() error
		want bool // a change
	}{
		{"what is excluded", func() error { put(excluded, "another"); return nil }, false},
		{"content of the same size", func() error { put(file, "two"); return nil }, true},
		{"time", func() error { return os.Chtimes(file, old, old) }, true},
		{"content, time set back", func() error { put(file, "six"); return os.Chtimes(file, old, old) }, true},
		{"mode", func() error { return os.Chmod(file, 0o755) }, true},
		{"new file", func() error { put(file+"2", ""); return nil }, true},
		{"renamed file", func() error { return os.Rename(file+"2", file+"3") }, true},
		{"link", func() error { return os.Symlink("file", filepath.Join(root, "link")) }, true},
		{"removed file", func() error { return os.Remove(file) }, true},
	}
	for _, change := range changes {
		if err := change.do(); err != nil {
			t.Fatal(err)
		}
		now := settled()
		if (now != last) != change.want {
			t.Errorf("%s: seen %v, want %v", change.name, now != last, change.want)
		}
		last = now
	}
	if cache.Stat(filepath.Join(root, "nowhere")) == cache.Stat(root) {
		t.Error("a missing path looks like one that is there")
	}
}

func TestStatRacy(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, []byte("a"), 0o644); err != nil {
		t.Fatal(err)
	}
	future := time.Now().Add(time.Hour) // a clock that is ahead must not make it racy for an hour: the kernel's time counts
	if err := os.Chtimes(file, future, future); err != nil {
		t.Fatal(err)
	}
	deadline := time.Now().Add(10 * time.Second)
	for first := cache.Stat(file); first != cache.Stat(file); first = cache.Stat(file) {
		if time.Now().After(deadline) {
			t.Fatal("never settles")
		}
	}
}
