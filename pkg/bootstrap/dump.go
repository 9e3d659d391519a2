//go:build linux

package bootstrap

// Where a process hangs: the language's own stacks, where there is a signal for them, and for any process what the kernel
// knows: the state of its threads, the system call that each waits in, its open connections.

import (
	"fmt"
	"time"

	"github.com/serverless/open-runtime/internal/peer"
	"github.com/serverless/open-runtime/internal/process"
)

// dump has at write its stacks to the log, for which it has as long as patience, and gives what the kernel says of it.
func (r *languageRuntime) dump(at *peer.Peer, requestID string, patience time.Duration) []string {
	pid := at.PID()
	if pid == 0 {
		return nil
	}
	lines := process.Describe(pid)
	for _, line := range lines {
		r.log.line("sor", fmt.Appendf(nil, "timeout request_id=%q %s", requestID, line))
	}
	at.WriteStacks(patience)
	return lines
}
