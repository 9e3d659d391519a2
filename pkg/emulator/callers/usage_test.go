//go:build linux

package callers_test

// What a server costs, seen from outside: the processor, the memory and the descriptors of it and all that it started.

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"
)

// stat is a line of /proc.
type stat struct {
	parent   int
	cpu      time.Duration // its own and that of the children it waited for
	resident int           // bytes
}

// https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html
const (
	fieldParent   = 4
	fieldUser     = 14 // then: system, and both of the children
	fieldResident = 24
	tick          = 10 * time.Millisecond
)

func readStat(pid int) (s stat, ok bool) {
	line, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return s, false // gone
	}
	fields := bytes.Fields(line[bytes.LastIndexByte(line, ')')+1:]) // from the third on
	number := func(field int) int {
		n, _ := strconv.Atoi(string(fields[field-3])) // the kernel's
		return n
	}
	s.parent, s.resident = number(fieldParent), number(fieldResident)*os.Getpagesize()
	for i := range 4 {
		s.cpu += time.Duration(number(fieldUser+i)) * tick
	}
	return s, true
}

// tree gives a process and all below it.
func tree(t testing.TB, root int) map[int]stat {
	t.Helper()
	entries, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		t.Fatal(err)
	}
	all := map[int]stat{}
	for _, entry := range entries {
		pid, _ := strconv.Atoi(filepath.Base(entry))
		if s, ok := readStat(pid); ok {
			all[pid] = s
		}
	}
	found := map[int]stat{}
	for pid := range all {
		for above := pid; above > 1; above = all[above].parent {
			if above == root {
				found[pid] = all[pid]
				break
			}
		}
	}
	return found
}

// cpu is what the server and its processes have used so far.
func (s *server) cpu() (sum time.Duration) {
	s.t.Helper()
	for _, one := range tree(s.t, s.cmd.Process.Pid) {
		sum += one.cpu
	}
	return sum
}

// resident is the memory of the server's own process, in bytes.
func (s *server) resident() int {
	s.t.Helper()
	own, ok := readStat(s.cmd.Process.Pid)
	if !ok {
		s.t.Fatalf("%s is gone: %v", s.cmd.Args, s.cmd.ProcessState)
	}
	return own.resident
}

// descriptors are those that the server's own process has open.
func (s *server) descriptors() int {
	s.t.Helper()
	open, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", s.cmd.Process.Pid))
	if err != nil {
		s.t.Fatal(err)
	}
	return len(open)
}
