//go:build linux

package process_test

import (
	"fmt"
	"net"
	"os"
	"strings"
	"testing"

	"github.com/serverless/open-runtime/internal/process"
)

// What a process waits in is told, with the other ends of its connections, of both kinds of addresses.
func TestDescribe(t *testing.T) {
	for _, network := range []string{"tcp4", "tcp6"} {
		listener, err := net.Listen(network, map[string]string{"tcp4": "127.0.0.1:0", "tcp6": "[::1]:0"}[network])
		if err != nil {
			t.Logf("no %s here: %v", network, err)
			continue
		}
		conn, err := net.Dial(network, listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		want := strings.Replace(listener.Addr().String(), "[::1]", "[0:0:0:0:0:0:0:1]", 1) + " (established)"
		got := strings.Join(process.Describe(os.Getpid()), "\n")
		if !strings.Contains(got, want) {
			t.Errorf("got %s, want %s in it", got, want)
		}
		conn.Close()
		listener.Close()
	}
	child, err := process.Start(process.Spec{Path: "/bin/sleep", Args: []string{"sleep", "1000"}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		child.Kill()
		<-child.Exited()
	}()
	want := fmt.Sprintf("process %d: sleep: sleeping in ", child.PID())
	for { // until it has come to its sleep
		got := process.Describe(child.PID())
		if len(got) == 1 && strings.HasPrefix(got[0], want) && strings.Contains(got[0], "clock_nanosleep") {
			return
		}
		select {
		case <-t.Context().Done():
			t.Fatalf("got %q, want %q", got, want)
		default:
		}
	}
}

func TestDescribeNobody(t *testing.T) {
	if got := process.Describe(1 << 30); len(got) > 0 {
		t.Errorf("got %q", got)
	}
}
