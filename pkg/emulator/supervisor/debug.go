//go:build linux

package supervisor

// Time while somebody debugs: a limit that has passed counts only when nobody is connected to the debugger any more.

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"time"
)

// lookEvery is how often it is looked whether a debugger is still there.
const lookEvery = 100 * time.Millisecond

// debugger is the path of this program, as the sandbox has it: it starts what is debugged.
func debugger() string {
	if os.Getpid() != 1 { // in a test
		if path, err := os.Executable(); err == nil {
			return path
		}
	}
	return "/var/rapid/supervisor"
}

// awaitRelease waits while a debugger holds time. It is false when ctx ended before.
func (s *supervisor) awaitRelease(ctx context.Context) bool {
	d := s.config.Debug
	if d == nil {
		return true
	}
	look := time.NewTicker(lookEvery)
	defer look.Stop()
	for {
		connected := isConnected(d.Port)
		if connected {
			s.debugged.Store(true)
		}
		if !connected && (!d.Wait || s.debugged.Load()) {
			return true
		}
		select {
		case <-look.C:
		case <-ctx.Done():
			return false
		}
	}
}

// isConnected says whether anybody is connected to a port here.
func isConnected(port int) bool {
	for _, table := range []string{"/proc/self/net/tcp", "/proc/self/net/tcp6"} {
		data, err := os.ReadFile(table)
		if err != nil {
			continue
		}
		const established = "01"
		local := fmt.Appendf(nil, ":%04X", port)
		for line := range bytes.Lines(data) {
			// sl local_address rem_address st …
			fields := bytes.Fields(line)
			if len(fields) > 3 && bytes.HasSuffix(fields[1], local) && string(fields[3]) == established {
				return true
			}
		}
	}
	return false
}
