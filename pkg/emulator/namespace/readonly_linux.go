package namespace

import (
	"bufio"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// readOnly makes the mount at target and every mount below it read-only. The flag of a bind alone is not recursive: the
// machine's /usr may well have a file system of its own mounted in it, writable.
func readOnly(target string) error {
	attr := unix.MountAttr{Attr_set: unix.MOUNT_ATTR_RDONLY | unix.MOUNT_ATTR_NOSUID}
	if unix.MountSetattr(unix.AT_FDCWD, target, unix.AT_RECURSIVE, &attr) == nil {
		return nil
	}
	return remountEach(target) // before Linux 5.12, or refused by a container's list of system calls that is older
}

// remountEach does the same mount by mount.
func remountEach(target string) error {
	table, err := os.Open("/proc/self/mountinfo")
	if os.IsNotExist(err) {
		table, err = os.Open(hostRoot + "/proc/thread-self/mountinfo")
	}
	if err != nil {
		return err
	}
	defer table.Close()
	lines := bufio.NewScanner(table)
	lines.Buffer(nil, 64*1024)
	for lines.Scan() {
		point, flags, ok := parseMount(lines.Text())
		if !ok || point != target && !strings.HasPrefix(point, strings.TrimSuffix(target, "/")+"/") {
			continue
		}
		flags |= unix.MS_REMOUNT | unix.MS_BIND | unix.MS_RDONLY | unix.MS_NOSUID
		if err := mount("", point, "", flags, ""); err != nil {
			return err
		}
	}
	return lines.Err()
}

// lockedFlags are those that a user namespace inherits locked: a remount that leaves one out is refused with EPERM.
var lockedFlags = map[string]uintptr{
	"ro": unix.MS_RDONLY, "nosuid": unix.MS_NOSUID, "nodev": unix.MS_NODEV, "noexec": unix.MS_NOEXEC,
	"noatime": unix.MS_NOATIME, "nodiratime": unix.MS_NODIRATIME, "relatime": unix.MS_RELATIME,
}

// parseMount reads the mount point and the flags of one line of mountinfo (proc_pid_mountinfo(5)).
func parseMount(line string) (point string, flags uintptr, ok bool) {
	fields := strings.Fields(line)
	if len(fields) < 6 {
		return "", 0, false
	}
	for option := range strings.SplitSeq(fields[5], ",") {
		flags |= lockedFlags[option]
	}
	return unescapeMount.Replace(fields[4]), flags, true
}

// unescapeMount undoes the octal escapes of mountinfo.
var unescapeMount = strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`)
