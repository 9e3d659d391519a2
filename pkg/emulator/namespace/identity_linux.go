package namespace

import (
	"fmt"
	"os"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/serverless/open-runtime/internal/frames"
)

// identity says how the function becomes user 993: a real change of user where this process is root and may do so, else
// a user namespace. Root never gets one: 993 inside would be root outside, who reads /etc/shadow.
func identity() (string, error) {
	if os.Geteuid() != 0 {
		return frames.IdentityNamespace, nil
	}
	if !mapped("/proc/self/uid_map", userID) || !mapped("/proc/self/gid_map", groupID) {
		return frames.IdentityNamespace, nil // root of a user namespace that has no 993, so an ordinary user
	}
	for _, needed := range []uint{unix.CAP_SYS_ADMIN, unix.CAP_SETUID, unix.CAP_SETGID, unix.CAP_KILL} {
		if !capable(needed) {
			return "", rootWithoutPower()
		}
	}
	return frames.IdentityDrop, nil
}

// attributes are those of the supervisor's process: which namespaces are fresh, and who it is in them.
func attributes(identity, network string) *syscall.SysProcAttr {
	attr := &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWNS | unix.CLONE_NEWPID | unix.CLONE_NEWIPC | unix.CLONE_NEWUTS}
	if network == networkNone {
		attr.Cloneflags |= unix.CLONE_NEWNET
	}
	if identity == frames.IdentityNamespace {
		attr.Cloneflags |= unix.CLONE_NEWUSER
		attr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Geteuid(), Size: 1}}
		attr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getegid(), Size: 1}}
	}
	return attr
}

// mapped says whether an ID of this user namespace exists, from lines of "first outside count".
func mapped(table string, id int) bool {
	data, err := os.ReadFile(table)
	if err != nil {
		return true // no /proc, or no user namespaces in this kernel
	}
	for line := range strings.Lines(string(data)) {
		var first, outside, count int
		if _, err := fmt.Sscan(line, &first, &outside, &count); err == nil && id >= first && id-first < count {
			return true
		}
	}
	return false
}

func capable(capability uint) bool {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&header, &data[0]); err != nil {
		return false
	}
	return data[capability/32].Effective&(1<<(capability%32)) != 0
}
