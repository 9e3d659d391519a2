package namespace

import (
	"fmt"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// supervisorCapabilities are what a supervisor that is root needs: to start children as user 993, to signal them, to read
// how much memory they use, and to tidy /tmp. A user namespace's root keeps its own, which are worth nothing outside.
var supervisorCapabilities = []uint{
	unix.CAP_SETUID, unix.CAP_SETGID, unix.CAP_KILL, unix.CAP_SYS_PTRACE,
	unix.CAP_CHOWN, unix.CAP_FOWNER, unix.CAP_DAC_OVERRIDE, unix.CAP_DAC_READ_SEARCH,
}

// dropPrivileges makes sure that nothing started from here gains any, and with drop keeps but a few capabilities. Both
// are attributes of threads, of which a Go program has several.
func dropPrivileges(drop bool) error {
	if _, _, errno := syscall.AllThreadsSyscall6(unix.SYS_PRCTL, unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0, 0); errno != 0 {
		return fmt.Errorf("setting no_new_privs: %w", errno)
	}
	if !drop {
		return nil
	}
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&header, &data[0]); err != nil {
		return fmt.Errorf("reading capabilities: %w", err)
	}
	var keep [2]uint32
	for _, capability := range supervisorCapabilities {
		keep[capability/32] |= 1 << (capability % 32)
	}
	for i := range data { // never more than there is: asking for it is an error
		data[i].Permitted &= keep[i]
		data[i].Effective = data[i].Permitted
		data[i].Inheritable = 0
	}
	header.Pid = 0
	_, _, errno := syscall.AllThreadsSyscall(unix.SYS_CAPSET, uintptr(unsafe.Pointer(&header)), uintptr(unsafe.Pointer(&data[0])), 0)
	if errno != 0 {
		return fmt.Errorf("giving up capabilities: %w", errno)
	}
	return nil
}
