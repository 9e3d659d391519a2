//go:build linux

package supervisor

// Memory: the sum of the proportional set sizes of the sandbox's processes, this one aside, sampled while something runs
// and at an invocation's end when that was long ago. It is the same in every sandbox, which what cgroups count is not.

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"strconv"
	"sync"
	"time"

	"github.com/serverless/open-runtime/internal/process"
)

const sampleEvery = 100 * time.Millisecond

// meter watches one sandbox.
type meter struct {
	mu     sync.Mutex
	limit  int64 // bytes
	peak   int64 // since the environment began
	active int   // how many INITs and invocations are under way
	last   time.Time
}

func (m *meter) setLimit(megabytes int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.limit = int64(megabytes) << 20
}

// begin turns sampling on, for each begin until its end.
func (m *meter) begin() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.active++
}

// note takes what the kernel counted of a process that ended: one that was short may never have been looked at.
func (m *meter) note(bytes int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.peak = max(m.peak, bytes)
}

// pause turns it off; the maximum stays.
func (m *meter) pause() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.active--
}

// end turns it off and gives the maximum so far in MB. alive says whether there is something left to sample.
func (m *meter) end(alive bool) int {
	m.mu.Lock()
	due := alive && time.Since(m.last) >= sampleEvery // looking at every page costs more than a short invocation
	m.mu.Unlock()
	if due {
		m.sample()
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.active--
	peak := m.peak
	if !alive {
		m.peak, m.last = 0, time.Time{} // the next environment begins anew
	}
	megabytes := int((peak + 1<<20 - 1) >> 20)
	if m.limit > 0 { // as a cgroup would have it: between two samples there may be more
		megabytes = min(megabytes, int(m.limit>>20))
	}
	return megabytes
}

// peek takes the highest resident set of any process that there is: what ends before the first sample has been seen then.
func (m *meter) peek() {
	var highest int64
	for _, pid := range sandboxProcesses() {
		highest = max(highest, highestSet(pid))
	}
	m.note(highest)
}

// nearLimit says whether a kill by the kernel may have been for memory.
func (m *meter) nearLimit() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.limit > 0 && m.peak > m.limit/10*9
}

// watch samples and calls over when the function has more than its memory, until ctx ends.
func (m *meter) watch(ctx context.Context, over func()) {
	ticker := time.NewTicker(sampleEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		m.mu.Lock()
		active, limit := m.active > 0, m.limit
		m.mu.Unlock()
		if active && m.sample() > limit && limit > 0 {
			over()
		}
	}
}

// sample measures now, keeps the maximum and gives the sum.
func (m *meter) sample() int64 {
	var sum, highest int64
	for _, pid := range sandboxProcesses() {
		pss, high := memoryOf(pid)
		sum, highest = sum+pss, max(highest, high)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.peak, m.last = max(m.peak, sum, highest), time.Now()
	return sum
}

// sandboxProcesses lists everything but the supervisor.
func sandboxProcesses() []int {
	self := os.Getpid()
	if self != 1 {
		return process.Descendants(self)
	}
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil
	}
	var pids []int
	for _, entry := range entries {
		if pid, err := strconv.Atoi(entry.Name()); err == nil && pid != self {
			pids = append(pids, pid)
		}
	}
	return pids
}

// memoryOf gives a process's proportional set size and its highest resident set, in bytes; 0 when it is gone.
func memoryOf(pid int) (pss, highest int64) {
	rollup, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	if err != nil {
		return 0, 0
	}
	return kilobytes(rollup, "Pss:"), highestSet(pid)
}

func highestSet(pid int) int64 {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	return kilobytes(status, "VmHWM:")
}

func kilobytes(text []byte, key string) int64 {
	for line := range bytes.Lines(text) {
		fields := bytes.Fields(line)
		if len(fields) >= 2 && string(fields[0]) == key {
			n, _ := strconv.ParseInt(string(fields[1]), 10, 64) // the kernel writes numbers
			return n << 10
		}
	}
	return 0
}
