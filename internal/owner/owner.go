// Package owner marks things that outlive a process that is killed (a cgroup, a container) with the process that made
// them, so that a later one can tell whether that process is gone and remove them.
//
// A mark means something only to processes that see each other: on one machine, in one PID namespace.
package owner

import (
	"os"
	"strconv"
	"strings"
)

// Mark is this process's: its ID and when it began, since IDs come again. It holds digits and one dash.
func Mark() string {
	pid := os.Getpid()
	return strconv.Itoa(pid) + "-" + began(pid)
}

// Gone says that the process of a mark surely no longer runs. What is no mark, or can't be known here, is not gone.
func Gone(mark string) bool {
	id, start, ok := strings.Cut(mark, "-")
	pid, err := strconv.Atoi(id)
	if !ok || err != nil || pid <= 0 || start == "" {
		return false
	}
	return began(pid) != start
}
