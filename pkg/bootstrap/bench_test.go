//go:build linux

package bootstrap_test

// What every cold start pays: from exec to the first GET /next, against the least that a static Go program needs for it.

import (
	"bufio"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/serverless/open-runtime/internal/paired"
)

// BenchmarkColdStart has a language runtime that is ready at once: what it loads is its own.
func BenchmarkColdStart(b *testing.B) {
	dir := b.TempDir()
	bootstrap, floor := buildStripped(b, dir, "bootstrap", "../../cmd/bootstrap"), buildStripped(b, dir, "floor", "./testdata/cold/floor")
	runtime := buildStripped(b, dir, "runtime", "./testdata/cold/runtime")
	for _, protocol := range []string{"frames", "lines"} {
		b.Run(protocol, func(b *testing.B) {
			l := newLayer(b)
			if protocol == "frames" {
				l.file("language-runtime.json", `{"protocol":"frames/1"}`)
			}
			if err := os.Link(runtime, filepath.Join(l.opt, "language-runtime")); err != nil {
				b.Fatal(err)
			}
			listener, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				b.Fatal(err)
			}
			defer listener.Close()
			environ := []string{"AWS_LAMBDA_RUNTIME_API=" + listener.Addr().String(), "_HANDLER=handler.hello", "LAMBDA_TASK_ROOT=" + l.task, "PATH=/usr/bin:/bin"}
			starts := func(program string, environ ...string) func(*testing.B) time.Duration {
				return func(b *testing.B) time.Duration { return coldStart(b, listener, program, environ) }
			}
			// The program has Lambda's folders built in: a mount would put the layer there, and cost more than it measures.
			paired.CompareTimes(b, starts(bootstrap, environ...), starts(floor, environ...))
		})
	}
}

// coldStart gives the time from exec to the first request.
func coldStart(b *testing.B, listener net.Listener, program string, environ []string) time.Duration {
	b.Helper()
	cmd := exec.Command(program)
	cmd.Env = environ
	var log testLog
	cmd.Stderr = &log
	start := time.Now()
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	exited := sync.OnceFunc(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	defer exited()
	if err := listener.(*net.TCPListener).SetDeadline(start.Add(patience)); err != nil {
		b.Fatal(err)
	}
	conn, err := listener.Accept()
	if err != nil {
		b.Fatal(err, log.String())
	}
	defer conn.Close()
	line, err := bufio.NewReader(conn).ReadString('\n')
	took := time.Since(start)
	if err != nil || !strings.HasPrefix(line, "GET "+pathNext+" ") {
		b.Fatalf("got %q, %v", line, err)
	}
	return took
}
