package watch_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/serverless/open-runtime/internal/watch"
)

// A tree with more folders than the system gives watches for is looked at instead, and that is said. A user namespace has
// a bound of its own: user_namespaces(7), namespaces(7) on /proc/sys/user.
func TestMoreFoldersThanWatches(t *testing.T) {
	if os.Getenv("WATCH_TEST_FEW") == "" {
		cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestMoreFoldersThanWatches$", "-test.v")
		cmd.Env = append(os.Environ(), "WATCH_TEST_FEW=1")
		ids := func(own int) []syscall.SysProcIDMap { return []syscall.SysProcIDMap{{HostID: own, Size: 1}} }
		cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWUSER, UidMappings: ids(os.Getuid()), GidMappings: ids(os.Getgid())}
		out, err := cmd.CombinedOutput()
		if err != nil && cmd.ProcessState == nil {
			t.Skip("no user namespace can be had here: ", err)
		}
		if err != nil {
			t.Errorf("%v\n%s", err, out)
		}
		if bytes.Contains(out, []byte("--- SKIP")) {
			t.Skipf("%s", out)
		}
		return
	}
	if err := os.WriteFile("/proc/sys/user/max_inotify_watches", []byte("8"), 0o644); err != nil {
		t.Skip("watches can't be bounded here: ", err)
	}
	dir := t.TempDir()
	for i := range 20 {
		must(t, os.Mkdir(filepath.Join(dir, fmt.Sprint(i)), 0o755))
	}
	said := make(chan string, 1)
	await := watched(t, watch.Options{
		Paths: func() []string { return []string{dir} },
		Say:   func(format string, args ...any) { said <- fmt.Sprintf(format, args...) },
	})
	must(t, os.WriteFile(filepath.Join(dir, "19", "a"), []byte("1"), 0o644))
	await("writing where there is no watch")
	if text := <-said; len(text) == 0 {
		t.Error("nothing was said")
	}
}

// An overflow of the system's own list is a change of anything: inotify(7) on IN_Q_OVERFLOW.
func TestOverflow(t *testing.T) {
	data, err := os.ReadFile("/proc/sys/fs/inotify/max_queued_events")
	if err != nil {
		t.Skip(err)
	}
	most, err := strconv.Atoi(strings.TrimSpace(string(data)))
	if err != nil || most > 100_000 {
		t.Skipf("%d events are too many to be many for a test, %v", most, err)
	}
	code := filepath.Join(t.TempDir(), "code")
	must(t, os.Mkdir(code, 0o755), os.WriteFile(filepath.Join(code, "a"), nil, 0o644), os.WriteFile(filepath.Join(code, "b"), nil, 0o644))
	busy, free, after := make(chan struct{}), make(chan struct{}), make(chan watch.Changes, 100)
	ready, ended := make(chan struct{}), make(chan error, 1)
	calls := 0
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		ended <- watch.Run(ctx, watch.Options{
			Paths: func() []string { return []string{code} },
			Changed: func(_ context.Context, c watch.Changes) {
				switch calls++; {
				case calls == 2:
					close(busy)
					<-free
				case calls > 2:
					after <- c
				}
			},
		}, ready)
	}()
	<-ready
	must(t, os.Chmod(filepath.Join(code, "a"), 0o600))
	<-busy
	for range most { // no two in a row are the same, or they would be one
		must(t, os.Chmod(filepath.Join(code, "a"), 0o600), os.Chmod(filepath.Join(code, "b"), 0o600))
	}
	close(free)
	for c := (watch.Changes{}); !c.All; {
		select {
		case c = <-after:
		case <-time.After(20 * time.Second):
			t.Fatal("all was never told")
		}
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
