//go:build linux

package bootstrap_test

// What every cold start pays: from exec to the first GET /next, against the least that a static Go program needs for it.

import (
	"bufio"
	"bytes"
	"encoding/json"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/serverless/open-runtime/internal/paired"
)

// BenchmarkBootstrapColdStart has a language runtime that is ready at once: what it loads is its own.
func BenchmarkBootstrapColdStart(b *testing.B) {
	dir := b.TempDir()
	bootstrap := buildStripped(b, dir, "bootstrap", "../../cmd/bootstrap", "-overlay", overlay(b, dir))
	floor := buildStripped(b, dir, "floor", "./testdata/cold/floor")
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
			environ := []string{"AWS_LAMBDA_RUNTIME_API=" + listener.Addr().String(), "_HANDLER=handler.hello", "LAMBDA_TASK_ROOT=" + l.task, "PATH=/usr/bin:/bin", envOpt + "=" + l.opt}
			starts := func(program string) func(*testing.B) time.Duration {
				return func(b *testing.B) time.Duration { return coldStart(b, listener, program, environ) }
			}
			paired.CompareTimes(b, starts(bootstrap), starts(floor))
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
	if err := listener.(*net.TCPListener).SetDeadline(start.Add(patience)); err != nil {
		b.Fatal(err)
	}
	conn, err := listener.Accept()
	if err != nil {
		cmd.Process.Kill()
		cmd.Wait()
		b.Fatal(err, log.String())
	}
	line, err := bufio.NewReader(conn).ReadString('\n')
	took := time.Since(start)
	cmd.Process.Kill() // before it sees a closed connection, and dials again
	cmd.Wait()
	conn.Close()
	if err != nil || !strings.HasPrefix(line, "GET "+pathNext+" ") {
		b.Fatalf("got %q, %v", line, err)
	}
	return took
}

// buildStripped builds a program as it is in a layer.
func buildStripped(b *testing.B, dir, name, pkg string, flags ...string) string {
	b.Helper()
	program := filepath.Join(dir, name)
	build := exec.Command("go", append(append([]string{"build", "-trimpath", "-ldflags=-s -w", "-o", program}, flags...), pkg)...)
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=")
	if out, err := build.CombinedOutput(); err != nil {
		b.Fatalf("%v: %s", err, out)
	}
	return program
}

// overlay is for building cmd/bootstrap with a layer that is not at /opt: its main with that one option more.
func overlay(b *testing.B, dir string) string {
	b.Helper()
	place, err := filepath.Abs("../../cmd/bootstrap/main.go")
	if err != nil {
		b.Fatal(err)
	}
	source, err := os.ReadFile(place)
	if err != nil {
		b.Fatal(err)
	}
	const options = "bootstrap.Options{"
	if bytes.Count(source, []byte(options)) != 1 {
		b.Fatalf("%s has no %q", place, options)
	}
	source = bytes.Replace(source, []byte(options), []byte(options+`Opt: os.Getenv("`+envOpt+`"), `), 1)
	replaced := filepath.Join(dir, "main.go")
	list, err := json.Marshal(map[string]map[string]string{"Replace": {place: replaced}})
	if err == nil {
		err = os.WriteFile(replaced, source, 0o644)
	}
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "overlay.json"), list, 0o644)
	}
	if err != nil {
		b.Fatal(err)
	}
	return filepath.Join(dir, "overlay.json")
}
