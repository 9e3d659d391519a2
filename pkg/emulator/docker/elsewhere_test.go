//go:build linux

package docker_test

import (
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/docker/docker/api/types/volume"

	"github.com/serverless/open-runtime/pkg/emulator/sandboxtest"
)

const envElsewhere = "SOR_TEST_ELSEWHERE"

// TestContractElsewhere runs the contract from where the engine does not see our files, as when it is remote or in a
// virtual machine: in a mount namespace with a file system of its own for all that the test makes, and under another host name.
func TestContractElsewhere(t *testing.T) {
	if os.Getenv(envElsewhere) != "" {
		sandboxtest.Run(t, sandboxtest.Subject{Sandbox: connect(t), Image: testImage(), Left: containersOf, Nameless: true})
		return
	}
	if os.Geteuid() != 0 {
		t.Skip("root is needed to hide files from the engine")
	}
	connect(t)
	before := volumes(t)
	const script = `mount -t tmpfs tmpfs /mnt && cp -r "$SOR_TEST_PROGRAMS" /mnt/programs && chmod 755 /mnt && hostname elsewhere &&
TMPDIR=/mnt SOR_TEST_PROGRAMS=/mnt/programs exec "$0" -test.run '^TestContractElsewhere$' -test.v`
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	again := exec.CommandContext(t.Context(), "/bin/sh", "-c", script, self)
	again.Env = append(os.Environ(), envElsewhere+"=1", "SOR_TEST_PROGRAMS="+sandboxtest.Programs())
	again.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWUTS, Unshareflags: syscall.CLONE_NEWNS}
	out, err := again.CombinedOutput()
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	if !strings.Contains(string(out), "--- PASS: TestContractElsewhere") {
		t.Errorf("the contract was not run:\n%s", out)
	}
	if left := volumes(t) - before; left > 0 {
		t.Errorf("%d volumes are left behind", left)
	}
}

func volumes(t *testing.T) int {
	t.Helper()
	found, err := engine(t).VolumeList(t.Context(), volume.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return len(found.Volumes)
}
