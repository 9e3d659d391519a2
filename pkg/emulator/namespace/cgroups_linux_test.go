package namespace

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/serverless/open-runtime/internal/process"
)

func TestCgroupPlaces(t *testing.T) {
	const (
		v1Mounts = "31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw,mode=755\n" +
			"32 31 0:29 / /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu\n" +
			"35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory\n"
		v2Mounts     = "35 31 0:32 / /sys/fs/cgroup rw,nosuid,nodev shared:4 - cgroup2 cgroup2 rw,nsdelegate\n"
		hybridMounts = v1Mounts + "41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n"
	)
	for _, test := range []struct {
		name, own, mounts string
		want              []cgroupPlace
	}{
		{"version 1", "5:cpuset:/\n4:memory:/user/1000\n1:name=systemd:/\n", v1Mounts,
			[]cgroupPlace{{"/sys/fs/cgroup/memory/user/1000", limitV1}}},
		{"version 1, several controllers", "4:cpu,memory:/\n", v1Mounts,
			[]cgroupPlace{{"/sys/fs/cgroup/memory", limitV1}}},
		{"version 2, nearest first", "0::/user.slice/user-1000.slice/session-2.scope\n", v2Mounts, []cgroupPlace{
			{"/sys/fs/cgroup/user.slice/user-1000.slice/session-2.scope", limitV2},
			{"/sys/fs/cgroup/user.slice/user-1000.slice", limitV2},
			{"/sys/fs/cgroup/user.slice", limitV2},
			{"/sys/fs/cgroup", limitV2},
		}},
		{"both", "4:memory:/a\n0::/\n", hybridMounts,
			[]cgroupPlace{{"/sys/fs/cgroup/memory/a", limitV1}, {"/sys/fs/cgroup/unified", limitV2}}},
		{"a container that knows the path of the host", "4:memory:/docker/abc\n",
			"35 31 0:32 /docker/abc /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n",
			[]cgroupPlace{{"/sys/fs/cgroup/memory", limitV1}}},
		{"a path outside of what is mounted", "0::/../../other\n", v2Mounts, []cgroupPlace{{"/sys/fs/cgroup/other", limitV2}, {"/sys/fs/cgroup", limitV2}}},
		{"no cgroups", "", "", nil},
		{"nonsense", "x\n::\n", "y\n", nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := cgroupPlaces(test.own, test.mounts)
			if diff := cmp.Diff(test.want, got, cmp.AllowUnexported(cgroupPlace{})); diff != "" {
				t.Errorf("cgroupPlaces (-want +got):\n%s", diff)
			}
		})
	}
}

func TestBackstopSweep(t *testing.T) {
	places, err := memoryCgroups()
	if err != nil || len(places) == 0 {
		t.Skip("there is no memory cgroup here: ", err)
	}
	stale := &backstop{dir: places[0].dir + "/" + backstopPrefix + "999999999-1-1", limit: places[0].limit}
	if err := stale.create(64 << 20); err != nil {
		t.Skip("no memory cgroup may be made here: ", err)
	}
	b, err := newBackstop(128, 64, false)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(stale.dir); !os.IsNotExist(err) {
		t.Errorf("a stale cgroup is still there: %v", err)
	}
	sweepBackstops(places[0].dir)
	if err := b.add(1 << 30); err == nil { // the cgroup is there, the process is not
		t.Error("a process that does not exist was added")
	}
	if err := b.remove(); err != nil {
		t.Error(err)
	}
	if err := b.remove(); err != nil {
		t.Errorf("removing twice: %v", err)
	}
}

// Who is born in the cgroups is in all of them, and who is started after that in none.
func TestBackstopAround(t *testing.T) {
	b, err := newBackstop(64, 0, false)
	if err != nil {
		t.Skip("no memory cgroup may be made here: ", err)
	}
	name := filepath.Base(b.dir)
	count := func(around func(func())) int {
		child, err := process.Start(process.Spec{Path: "/bin/sleep", Args: []string{"sleep", "60"}, Around: around})
		if err != nil {
			t.Fatal(err)
		}
		cgroups, err := os.ReadFile(fmt.Sprintf("/proc/%d/cgroup", child.PID()))
		child.Kill()
		<-child.Exited()
		if err != nil {
			t.Fatal(err)
		}
		return strings.Count(string(cgroups), "/"+name+"\n")
	}
	want := 0
	if b.limit == limitV1 {
		want = len(b.dirs())
	}
	if got := count(b.around); got != want || b.born != (want > 0) {
		t.Errorf("it is in %d of %d cgroups, born there: %v", got, want, b.born)
	}
	if got := count(nil); got != 0 {
		t.Errorf("the next is in %d of its cgroups", got)
	}
	if err := removeSoon(b); err != nil {
		t.Error(err)
	}
}

// What the kernel ends for memory is known to have been ended for that.
func TestBackstopKills(t *testing.T) {
	b, err := newBackstop(1, 0, false)
	if err != nil {
		t.Skip("no memory cgroup may be made here: ", err)
	}
	if b.killed() {
		t.Error("nothing has run yet")
	}
	cmd := exec.Command("sh", "-c", "read go; exec tail /dev/zero") // which waits for the end of a line
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if err := b.add(cmd.Process.Pid); err != nil {
		t.Fatal(err)
	}
	stdin.Close()
	if err := cmd.Wait(); err == nil || err.Error() != "signal: killed" {
		t.Errorf("it ended with %v", err)
	}
	if !b.killed() {
		t.Error("nobody knows why it was killed")
	}
	if err := removeSoon(b); err != nil {
		t.Error(err)
	}
}
