//go:build linux

package process

// Orphans: processes that a child left behind and that the kernel gave to this process, the subreaper.

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

const prSetChildSubreaper = 36

// Subreap makes this process the parent of what its descendants leave behind.
func Subreap() error {
	if _, _, errno := syscall.RawSyscall(syscall.SYS_PRCTL, prSetChildSubreaper, 1, 0); errno != 0 {
		return fmt.Errorf("becoming a subreaper: %w", errno)
	}
	return nil
}

// Adopted says whether this process may have orphans. The kernel gives an orphan to the first thread of a process, and what
// Start starts belongs to another one: an empty list there, at a tenth of the price of Orphans, is the answer nearly always.
func Adopted() bool {
	own := os.Getpid()
	list, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", own, own))
	return err != nil || len(bytes.TrimSpace(list)) > 0
}

// Orphans lists this process's children that Start did not start.
func Orphans() []int {
	children.Lock()
	defer children.Unlock()
	var orphans []int
	for _, pid := range childrenOf(os.Getpid()) {
		if !children.pids[pid] {
			orphans = append(orphans, pid)
		}
	}
	return orphans
}

// KillOrphans kills and reaps orphans, with their groups, until none is left but those that except names. What a killed
// orphan leaves behind becomes an orphan itself, so it looks again.
func KillOrphans(except func(pid int) bool) {
	for {
		found := false
		for _, pid := range Orphans() {
			if except != nil && except(pid) {
				continue
			}
			found = true
			if group, err := syscall.Getpgid(pid); err == nil && group == pid {
				syscall.Kill(-pid, syscall.SIGKILL)
			}
			syscall.Kill(pid, syscall.SIGKILL)
			reap(pid)
		}
		if !found {
			return
		}
	}
}

func reap(pid int) {
	for {
		_, err := syscall.Wait4(pid, nil, 0, nil)
		if !errors.Is(err, syscall.EINTR) {
			return
		}
	}
}

// Descendants lists the children of pid, their children, and so on.
func Descendants(pid int) []int {
	var all []int
	for _, child := range childrenOf(pid) {
		all = append(all, child)
		all = append(all, Descendants(child)...)
	}
	return all
}

// childrenOf asks the kernel; where it has no such list, it looks at every process's parent.
func childrenOf(pid int) []int {
	lists, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	if err != nil || len(lists) == 0 {
		return scanChildren(pid)
	}
	var found []int
	for _, list := range lists {
		data, err := os.ReadFile(list)
		if err != nil {
			continue // the thread ended
		}
		for _, field := range strings.Fields(string(data)) {
			if child, err := strconv.Atoi(field); err == nil {
				found = append(found, child)
			}
		}
	}
	return found
}

func scanChildren(pid int) []int {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil
	}
	var found []int
	for _, entry := range entries {
		child, err := strconv.Atoi(entry.Name())
		if err != nil {
			continue
		}
		stat, err := os.ReadFile("/proc/" + entry.Name() + "/stat")
		if err != nil {
			continue
		}
		// pid (name) state ppid …: the name may hold spaces and parentheses
		text := string(stat)
		fields := strings.Fields(text[strings.LastIndexByte(text, ')')+1:])
		if len(fields) > 1 && fields[1] == strconv.Itoa(pid) {
			found = append(found, child)
		}
	}
	return found
}

// ReapOrphans reaps the orphans that have ended, and waits for none.
func ReapOrphans() {
	if !Adopted() {
		return
	}
	for _, pid := range Orphans() {
		_, _ = syscall.Wait4(pid, nil, syscall.WNOHANG, nil) // it may be alive
	}
}
