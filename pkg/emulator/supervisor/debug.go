//go:build linux

package supervisor

// Time while somebody debugs does not count. Somebody can, as soon as the debugger listens.

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"strconv"
	"time"

	"github.com/serverless/open-runtime/internal/frames"
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

// awaitExpiry waits until a time limit is over; what passes while a debugger holds time is not counted. It is false when ctx
// ended before.
func (s *supervisor) awaitExpiry(ctx context.Context, left time.Duration) bool {
	for left > 0 {
		step, held := left, false
		if s.config.Debug != nil {
			step, held = min(left, lookEvery), s.isHeld()
		}
		begun := time.Now()
		timer := time.NewTimer(step)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return false
		}
		if !held {
			left -= time.Since(begun)
		}
	}
	return true
}

// isHeld says whether a debugger holds time now: somebody is connected to it, or it waits for that.
func (s *supervisor) isHeld() bool {
	d := s.config.Debug
	connected := socketOf(d.Port, socketEstablished) != ""
	if connected {
		s.debugged.Store(true)
	}
	return connected || d.Wait && !s.debugged.Load()
}

// tellDebugger tells the host each time that a debugger begins to listen, until the environment ends: a runtime is started
// once, a middleware perhaps for each invocation.
func (e *environment) tellDebugger(port int) {
	look := time.NewTicker(lookEvery)
	defer look.Stop()
	for last := ""; ; {
		listener := socketOf(port, socketListening)
		if listener != "" && listener != last {
			e.supervisor.debugged.Store(false)
			_ = e.supervisor.out.Write(frames.Log{Type: frames.TypeLog, Source: frames.SourceDebugger}, strconv.AppendInt(nil, int64(port), 10))
		}
		last = listener
		select {
		case <-look.C:
		case <-e.gone:
			return
		}
	}
}

// States of a socket, as proc_pid_net(5) has them.
const (
	socketEstablished = "01"
	socketListening   = "0A"
)

// socketOf gives the inode of a socket that a port here has in a state; "" for none.
func socketOf(port int, state string) string {
	for _, table := range []string{"/proc/self/net/tcp", "/proc/self/net/tcp6"} {
		data, err := os.ReadFile(table)
		if err != nil {
			continue
		}
		local := fmt.Appendf(nil, ":%04X", port)
		for line := range bytes.Lines(data) {
			// sl local_address rem_address st tx_queue:rx_queue tr:tm->when retrnsmt uid timeout inode …
			fields := bytes.Fields(line)
			if len(fields) > 9 && bytes.HasSuffix(fields[1], local) && string(fields[3]) == state {
				return string(fields[9])
			}
		}
	}
	return ""
}
