//go:build linux

package supervisor

// Time while somebody debugs: a limit that has passed counts only when nobody is connected to the debugger any more. And when
// somebody can: as soon as the debugger listens.

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

// tellDebugger tells the host each time that a debugger begins to listen, until the environment ends: a runtime is started
// once, a middleware perhaps for each invocation.
func (e *environment) tellDebugger(port int) {
	look := time.NewTicker(lookEvery)
	defer look.Stop()
	for listened := false; ; {
		listens := hasSocket(port, socketListening)
		if listens && !listened {
			_ = e.supervisor.out.Write(frames.Log{Type: frames.TypeLog, Source: frames.SourceDebugger}, strconv.AppendInt(nil, int64(port), 10))
		}
		listened = listens
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

// isConnected says whether anybody is connected to a port here.
func isConnected(port int) bool { return hasSocket(port, socketEstablished) }

// hasSocket says whether a port here has a socket in a state.
func hasSocket(port int, state string) bool {
	for _, table := range []string{"/proc/self/net/tcp", "/proc/self/net/tcp6"} {
		data, err := os.ReadFile(table)
		if err != nil {
			continue
		}
		local := fmt.Appendf(nil, ":%04X", port)
		for line := range bytes.Lines(data) {
			// sl local_address rem_address st …
			fields := bytes.Fields(line)
			if len(fields) > 3 && bytes.HasSuffix(fields[1], local) && string(fields[3]) == state {
				return true
			}
		}
	}
	return false
}
