//go:build linux

package process

// What the kernel knows of a process that hangs.

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// mostDescribed is how many different threads, and connections, of a process are told.
const mostDescribed = 8

// Describe says of a process and its descendants, a line each, what every thread does, and after it what the process is
// connected to. What the kernel does not tell is left out.
func Describe(pid int) []string {
	var lines []string
	for _, one := range append([]int{pid}, Descendants(pid)...) {
		lines = append(lines, describe(one)...)
	}
	return lines
}

func describe(pid int) []string {
	tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*", pid))
	if err != nil {
		return nil
	}
	var order []string
	count := map[string]int{}
	for _, task := range tasks {
		line := thread(task)
		if line != "" && count[line] == 0 {
			order = append(order, line)
		}
		count[line]++
	}
	var lines []string
	for _, line := range order[:min(len(order), mostDescribed)] {
		several := ""
		if count[line] > 1 {
			several = fmt.Sprintf("%d threads of ", count[line])
		}
		lines = append(lines, fmt.Sprintf("process %d: %s%s", pid, several, line))
	}
	if peers := connections(pid); len(peers) > 0 {
		lines = append(lines, fmt.Sprintf("process %d: connected to %s", pid, strings.Join(peers, ", ")))
	}
	return lines
}

// thread says "node: sleeping in futex_wait, system call 202".
func thread(task string) string {
	stat, err := os.ReadFile(task + "/stat")
	if err != nil {
		return ""
	}
	// tid (name) state …: the name may hold spaces and parentheses
	open, end := bytes.IndexByte(stat, '('), bytes.LastIndexByte(stat, ')')
	if open < 0 || end < open || end+2 >= len(stat) {
		return ""
	}
	line := string(stat[open+1:end]) + ": " + stateName(stat[end+2])
	if channel, err := os.ReadFile(task + "/wchan"); err == nil && len(channel) > 0 && string(channel) != "0" {
		line += " in " + string(channel)
	}
	if call, err := os.ReadFile(task + "/syscall"); err == nil {
		number, _, _ := strings.Cut(strings.TrimSpace(string(call)), " ")
		if _, err := strconv.Atoi(number); err == nil && number != "-1" {
			line += ", system call " + number + callName(number)
		}
	}
	return line
}

func stateName(state byte) string {
	switch state {
	case 'R':
		return "running"
	case 'S':
		return "sleeping"
	case 'D':
		return "waiting for a device"
	case 'T', 't':
		return "stopped"
	case 'Z':
		return "ended, not reaped"
	}
	return "state " + string(state)
}

// callName names the system calls in which programs that wait are mostly found.
func callName(number string) string {
	if name := callNames[number]; name != "" {
		return " (" + name + ")"
	}
	return ""
}

// connections lists the other ends of a process's TCP connections.
func connections(pid int) []string {
	own := sockets(pid)
	if len(own) == 0 {
		return nil
	}
	var peers []string
	for _, table := range []string{"tcp", "tcp6"} {
		data, err := os.ReadFile(fmt.Sprintf("/proc/%d/net/%s", pid, table))
		if err != nil {
			continue
		}
		for _, row := range strings.Split(string(data), "\n")[1:] {
			// sl local remote state tx:rx tr:when retrnsmt uid timeout inode
			fields := strings.Fields(row)
			if len(fields) < 10 || !own[fields[9]] {
				continue
			}
			if state := connectionState(fields[3]); state != "" && len(peers) < mostDescribed {
				peers = append(peers, address(fields[2])+state)
			}
		}
	}
	return peers
}

// connectionState puts the states that say something of a hang into words, and gives "" for the rest.
func connectionState(code string) string {
	switch code {
	case "01":
		return " (established)"
	case "02":
		return " (connecting)"
	case "08":
		return " (closed by the other side)"
	}
	return ""
}

// sockets gives the inodes of a process's sockets.
func sockets(pid int) map[string]bool {
	dir := fmt.Sprintf("/proc/%d/fd", pid)
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil
	}
	found := map[string]bool{}
	for _, entry := range entries {
		target, err := os.Readlink(filepath.Join(dir, entry.Name()))
		if inode, ok := strings.CutPrefix(target, "socket:["); err == nil && ok {
			found[strings.TrimSuffix(inode, "]")] = true
		}
	}
	return found
}

// address reads "0100007F:1F90", whose words are in the byte order of the machine, which is little-endian on both of
// Lambda's architectures.
func address(text string) string {
	host, port, _ := strings.Cut(text, ":")
	raw, err := hex.DecodeString(host)
	number, perr := strconv.ParseUint(port, 16, 16)
	if err != nil || perr != nil {
		return text
	}
	for at := 0; at+4 <= len(raw); at += 4 {
		raw[at], raw[at+1], raw[at+2], raw[at+3] = raw[at+3], raw[at+2], raw[at+1], raw[at]
	}
	return hostText(raw) + ":" + strconv.FormatUint(number, 10)
}

// hostText spells an IP address. The package that does it better would be a tenth of a megabyte of every cold start.
func hostText(raw []byte) string {
	if len(raw) == 16 && string(raw[:12]) == "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\xff\xff" {
		raw = raw[12:]
	}
	if len(raw) == 4 {
		return fmt.Sprintf("%d.%d.%d.%d", raw[0], raw[1], raw[2], raw[3])
	}
	var groups []string
	for at := 0; at+2 <= len(raw); at += 2 {
		groups = append(groups, strconv.FormatUint(uint64(raw[at])<<8|uint64(raw[at+1]), 16))
	}
	return "[" + strings.Join(groups, ":") + "]"
}

// Variable gives a variable that a process was started with; "" when it has none of the name, or can't be asked. In the midst
// of an exec it has none at all: then it is asked again, soon and not for ever, since the dead have none either.
func Variable(pid int, name string) string {
	again := time.NewTicker(time.Millisecond)
	defer again.Stop()
	for range 5 {
		environ, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid))
		if err != nil {
			return ""
		}
		for entry := range bytes.SplitSeq(environ, []byte{0}) {
			if value, ok := bytes.CutPrefix(entry, []byte(name+"=")); ok {
				return string(value)
			}
		}
		if len(environ) > 0 {
			return ""
		}
		<-again.C
	}
	return ""
}
