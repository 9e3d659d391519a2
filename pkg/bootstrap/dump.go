//go:build linux

package bootstrap

// Where a process hangs: the language's own stacks, where there is a signal for them, and for any process what the kernel
// knows: the state of its threads, the system call that each waits in, its open connections.

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"syscall"
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
	terms := at.Terms()
	if terms.DumpSignal == 0 {
		return lines
	}
	// To the process alone: in its children the signal would do what it does by default.
	if syscall.Kill(pid, terms.DumpSignal) != nil {
		return lines
	}
	timer := time.NewTimer(patience)
	defer timer.Stop()
	if terms.DumpReport == "" {
		select {
		case <-timer.C:
		case <-at.Ended():
		}
		return lines
	}
	stack := r.awaitReport(terms.DumpReport, timer.C)
	for _, line := range stack {
		r.log.line("sor", fmt.Appendf(nil, "timeout request_id=%q %s", requestID, line))
	}
	return append(stack, lines...)
}

// awaitReport waits for a report of Node and takes the stack from it. The rest of it, the environment for one, is nobody's
// business: the file is removed.
func (r *languageRuntime) awaitReport(path string, patience <-chan time.Time) []string {
	defer os.Remove(path)
	look := time.NewTicker(2 * time.Millisecond)
	defer look.Stop()
	for {
		if stack, ok := readReport(path); ok {
			return stack
		}
		select {
		case <-look.C:
		case <-patience:
			return nil
		}
	}
}

// mostReport is more than a report has, in bytes.
const mostReport = 4 * 1024 * 1024

func readReport(path string) (stack []string, ok bool) {
	info, err := os.Lstat(path)
	if err != nil || !info.Mode().IsRegular() || info.Size() > mostReport {
		return nil, false
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, false
	}
	var report struct {
		JavascriptStack struct {
			Message string
			Stack   []string
		}
	}
	if json.Unmarshal(data, &report) != nil { // it is being written
		return nil, false
	}
	for _, line := range report.JavascriptStack.Stack {
		stack = append(stack, strings.TrimSpace(line))
	}
	return stack, true
}
