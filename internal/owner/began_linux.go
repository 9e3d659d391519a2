package owner

import (
	"os"
	"strconv"
	"strings"
)

// began is when a process began, in ticks since boot (field 22 of proc_pid_stat(5)); "" when there is no such process.
func began(pid int) string {
	data, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return ""
	}
	text := string(data)
	fields := strings.Fields(text[strings.LastIndexByte(text, ')')+1:]) // the name, in parentheses, may hold anything
	if len(fields) < 20 {
		return ""
	}
	return fields[19]
}
