package cache_test

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/serverless/open-runtime/internal/cache"
)

// TestMain lets the test binary play another sor process: it takes an entry, says so, and holds it until its stdin ends.
func TestMain(m *testing.M) {
	if os.Getenv("CACHE_TEST_ROLE") == "" {
		os.Exit(m.Run())
	}
	if err := other(os.Getenv("CACHE_TEST_ROLE"), os.Args[1]); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}

func other(role, root string) error {
	c, err := cache.Open(root)
	if err != nil {
		return err
	}
	end := func() error {
		_, err := bufio.NewReader(os.Stdin).ReadString('\n')
		if err == nil {
			return errors.New("told to fail")
		}
		return nil
	}
	if role == "hold" {
		if _, err := c.File("kind", "held", write("x")); err != nil {
			return err
		}
		fmt.Println("ready")
		return end()
	}
	if role == "live" {
		dir, _, err := c.Live()
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, "one"), nil, 0o644); err != nil {
			return err
		}
		fmt.Println("ready")
		return end()
	}
	_, err = c.Dir("kind", "half", func(dir string) error {
		if err := os.WriteFile(filepath.Join(dir, "one"), nil, 0o644); err != nil {
			return err
		}
		fmt.Println("ready")
		if err := end(); err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(dir, "two"), nil, 0o644)
	})
	return err
}

// start starts another process and waits until it is in its role.
func start(t *testing.T, role, root string) (cmd *exec.Cmd, finish func()) {
	t.Helper()
	cmd = exec.CommandContext(t.Context(), os.Args[0], root)
	cmd.Env = append(os.Environ(), "CACHE_TEST_ROLE="+role)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(stdout).ReadString('\n'); line != "ready\n" {
		t.Fatalf("%s: %q, %v", role, line, err)
	}
	return cmd, func() {
		stdin.Close()
		if err := cmd.Wait(); err != nil {
			t.Errorf("%s: %v", role, err)
		}
	}
}

func write(data string) func(string) error {
	return func(path string) error { return os.WriteFile(path, []byte(data), 0o644) }
}

func mustNot(t *testing.T) func(string) error {
	return func(string) error {
		t.Error("made again")
		return nil
	}
}

func open(t *testing.T, root string) *cache.Cache {
	t.Helper()
	c, err := cache.Open(root)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestMadeOnce(t *testing.T) {
	root := t.TempDir()
	var made atomic.Int32
	var wg sync.WaitGroup
	for range 4 { // as many processes
		c := open(t, root)
		for range 8 {
			wg.Go(func() {
				dir, err := c.Dir("opt", "key", func(dir string) error {
					made.Add(1)
					return os.WriteFile(filepath.Join(dir, "file"), []byte("text"), 0o644)
				})
				if err != nil {
					t.Error(err)
				}
				if data, err := os.ReadFile(filepath.Join(dir, "file")); string(data) != "text" {
					t.Errorf("%q, %v", data, err)
				}
			})
		}
	}
	wg.Wait()
	if made.Load() != 1 {
		t.Errorf("made %d times", made.Load())
	}
}

func TestOtherProcessIsWaitedFor(t *testing.T) {
	root := t.TempDir()
	_, finish := start(t, "fill", root)
	c := open(t, root)
	done := make(chan error, 1)
	go func() {
		dir, err := c.Dir("kind", "half", mustNot(t))
		if err == nil {
			_, err = os.Stat(filepath.Join(dir, "two"))
		}
		done <- err
	}()
	finish()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// TestUsersKeepNobodyWaiting: many processes that ask for the same new entry at once each get it, though the first of them
// uses it for as long as it runs.
func TestUsersKeepNobodyWaiting(t *testing.T) {
	root := t.TempDir()
	for range 20 {
		var wg sync.WaitGroup
		for range 6 {
			wg.Go(func() {
				if _, err := open(t, root).File("kind", "key", write("x")); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if err := os.RemoveAll(root); err != nil {
			t.Fatal(err)
		}
	}
}

func TestKilledProcessLeavesNothing(t *testing.T) {
	root := t.TempDir()
	cmd, _ := start(t, "fill", root)
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // killed, as wanted
	c := open(t, root)
	if _, err := c.Trim(1 << 30); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(filepath.Join(root, "parts", "kind", "half")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("what it was making is still there: %v", err)
	}
	dir, err := c.Dir("kind", "half", func(dir string) error {
		if entries, err := os.ReadDir(dir); err != nil || len(entries) > 0 {
			t.Errorf("not empty: %v, %v", entries, err)
		}
		return nil
	})
	if err != nil {
		t.Errorf("%s, %v", dir, err)
	}
}

func TestFailedFill(t *testing.T) {
	root := t.TempDir()
	c := open(t, root)
	sentinel := errors.New("no luck")
	_, err := c.Dir("kind", "key", func(dir string) error {
		return errors.Join(os.MkdirAll(filepath.Join(dir, "a/b"), 0o755), os.Chmod(filepath.Join(dir, "a"), 0o555), sentinel)
	})
	if !errors.Is(err, sentinel) {
		t.Errorf("got %v", err)
	}
	var left []string
	_ = filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
		if !d.IsDir() && d.Name() != "CACHEDIR.TAG" || d.Name() == "key" {
			left = append(left, path)
		}
		return err
	})
	if len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	if _, err := c.File("kind", "key", write("now")); err != nil {
		t.Error(err)
	}
	if _, err := c.File("locks", "key", write("now")); err == nil {
		t.Error("an entry may lie among the locks")
	}
}

func TestTrim(t *testing.T) {
	root := t.TempDir()
	_, finish := start(t, "hold", root)
	earlier := open(t, root)
	for _, key := range []string{"old", "middle", "new"} {
		if _, err := earlier.File("kind", key, write(strings.Repeat("x", 100))); err != nil {
			t.Fatal(err)
		}
	}
	now := time.Now()
	for key, age := range map[string]time.Duration{"held": 9, "old": 3, "middle": 2, "new": 1} {
		at := now.Add(-age * time.Hour)
		if err := os.Chtimes(filepath.Join(root, "locks/kind", key), at, at); err != nil {
			t.Fatal(err)
		}
	}
	own := open(t, root)
	if freed, err := own.Trim(0); freed != 0 || err != nil {
		t.Errorf("removed %d bytes that are in use, %v", freed, err)
	}
	earlier.Close()
	if freed, err := own.Trim(150); freed != 200 || err != nil {
		t.Errorf("freed %d, %v", freed, err)
	}
	if got, want := keys(t, root), []string{"held", "new"}; !slices.Equal(got, want) {
		t.Errorf("left are %v, want %v", got, want)
	}
	finish()
	if freed, err := own.Clean(); freed != 101 || err != nil {
		t.Errorf("freed %d, %v", freed, err)
	}
	if size, err := own.Size(); size != 0 || err != nil {
		t.Errorf("size %d, %v", size, err)
	}
}

func keys(t *testing.T, root string) []string {
	t.Helper()
	entries, err := os.ReadDir(filepath.Join(root, "kind"))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, entry := range entries {
		names = append(names, entry.Name())
	}
	return names
}

func TestCleanTouchesNothingElse(t *testing.T) {
	root := t.TempDir()
	stranger := filepath.Join(root, "photos", "cat.jpg")
	if err := os.MkdirAll(filepath.Dir(stranger), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(stranger, []byte("cat"), 0o644); err != nil {
		t.Fatal(err)
	}
	c := open(t, root)
	if err := c.SetMemo("own", "a", []byte("12345")); err != nil {
		t.Fatal(err)
	}
	if freed, err := c.Clean(); freed != 5 || err != nil {
		t.Errorf("freed %d, %v", freed, err)
	}
	if _, ok := c.Memo("own", "a"); ok {
		t.Error("the memo is still there")
	}
	if _, err := os.Stat(stranger); err != nil {
		t.Error(err)
	}
}

func TestRemovedByHand(t *testing.T) {
	root := t.TempDir()
	c := open(t, root)
	for range 2 {
		path, err := c.File("kind", "key", write("x"))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.RemoveAll(root); err != nil {
		t.Fatal(err)
	}
	if _, err := c.File("kind", "key", write("x")); err != nil {
		t.Error(err)
	}
}

func TestMemo(t *testing.T) {
	c := open(t, t.TempDir())
	if _, ok := c.Memo("own", "any key: /a\nb"); ok {
		t.Error("a memo that nobody set")
	}
	for _, text := range []string{"first", "second", ""} {
		if err := c.SetMemo("own", "any key: /a\nb", []byte(text)); err != nil {
			t.Fatal(err)
		}
		if data, ok := c.Memo("own", "any key: /a\nb"); !ok || string(data) != text {
			t.Errorf("%q, %v; want %q", data, ok, text)
		}
	}
}

func TestDefaultFolder(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("SOR_CACHE", dir)
	if c := open(t, ""); c.Root() != dir {
		t.Errorf("got %s", c.Root())
	}
	t.Setenv("SOR_CACHE", "")
	t.Setenv("XDG_CACHE_HOME", dir)
	t.Setenv("HOME", dir)
	if c := open(t, ""); filepath.Base(c.Root()) != "sor" {
		t.Errorf("got %s", c.Root())
	}
	if err := os.WriteFile(filepath.Join(dir, "file"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := cache.Open(filepath.Join(dir, "file", "below")); err == nil {
		t.Error("a folder in a file")
	}
}

func BenchmarkDirThere(b *testing.B) {
	root := b.TempDir()
	for b.Loop() {
		c, err := cache.Open(root)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := c.Dir("kind", "key", func(string) error { return nil }); err != nil {
			b.Fatal(err)
		}
		if _, err := c.Trim(1 << 20); err != nil {
			b.Fatal(err)
		}
		c.Close()
	}
}
