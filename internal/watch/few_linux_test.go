package watch_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

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
