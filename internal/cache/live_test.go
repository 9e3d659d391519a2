package cache_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/serverless/open-runtime/internal/cache"
)

// live lists the live folders there are.
func live(t *testing.T, root string) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(root, "parts", "live", "*"))
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// A live folder stays until it is dropped, whatever is trimmed and cleaned; that of a process that was killed goes.
func TestLive(t *testing.T) {
	root := t.TempDir()
	cmd, _ := start(t, "live", root)
	_, finish := start(t, "live", root)
	c := open(t, root)
	dir, drop, err := c.Live()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "file"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := open(t, root).Clean(); err != nil {
		t.Fatal(err)
	}
	if got := live(t, root); len(got) != 3 {
		t.Errorf("there are %q, want those of three processes", got)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // killed, as wanted
	second, dropSecond, err := open(t, root).Live()
	if err != nil || second == dir {
		t.Fatal(second, err)
	}
	if got := live(t, root); len(got) != 3 {
		t.Errorf("there are %q, want what the living have", got)
	}
	finish()
	for _, drop := range []func() error{drop, dropSecond} {
		if err := drop(); err != nil {
			t.Error(err)
		}
	}
	if _, err := open(t, root).Clean(); err != nil {
		t.Fatal(err)
	}
	if got := live(t, root); len(got) != 0 {
		t.Errorf("left are %q", got)
	}
}

// An entry that was released as often as it was given may go.
func TestRelease(t *testing.T) {
	root := t.TempDir()
	c := open(t, root)
	for range 2 {
		if _, err := c.File("kind", "key", write("x")); err != nil {
			t.Fatal(err)
		}
	}
	other := func() *cache.Cache { return open(t, root) }
	c.Release("kind", "key")
	if freed, err := other().Clean(); freed != 0 || err != nil {
		t.Errorf("freed %d of what is in use, %v", freed, err)
	}
	c.Release("kind", "key")
	if freed, err := other().Clean(); freed != 1 || err != nil {
		t.Errorf("freed %d, %v", freed, err)
	}
	if _, err := c.File("kind", "key", write("x")); err != nil {
		t.Error(err)
	}
}
