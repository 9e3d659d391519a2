//go:build linux

package middleware

// Daemons: what a middleware left behind in a group of its own. As on Lambda it lives until the sandbox ends, so the
// bootstrap must be able to tell it from what a language runtime left behind, which dies with it.

import (
	"slices"
	"sync"

	"github.com/serverless/open-runtime/internal/privilege"
	"github.com/serverless/open-runtime/internal/process"
)

type daemons struct {
	mu   sync.Mutex
	pids map[int]bool
}

// watch returns a function that, called after a run, takes the orphans that came in between for the middleware's.
func (d *daemons) watch() (after func()) {
	before := orphans()
	return func() {
		now := orphans()
		d.mu.Lock()
		defer d.mu.Unlock()
		for pid := range d.pids {
			if !slices.Contains(now, pid) {
				delete(d.pids, pid)
			}
		}
		for _, pid := range now {
			if !slices.Contains(before, pid) {
				if d.pids == nil {
					d.pids = map[int]bool{}
				}
				d.pids[pid] = true
			}
		}
	}
}

// has asks the record, and for one that became an orphan only after its run, its environment.
func (d *daemons) has(pid int) bool {
	d.mu.Lock()
	known := d.pids[pid]
	d.mu.Unlock()
	if known {
		return true
	}
	return process.Variable(pid, privilege.MiddlewareMark) != ""
}

// orphans lists live orphans; those that ended are reaped.
func orphans() []int {
	if !process.Adopted() {
		return nil
	}
	process.ReapOrphans()
	return process.Orphans()
}
