//go:build linux

package bootstrap_test

// What every cold start pays: from exec to the first GET /next, against the least that a static Go program needs for it.

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
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
			environ := []string{"_HANDLER=handler.hello", "LAMBDA_TASK_ROOT=" + l.task, "PATH=/usr/bin:/bin", envOpt + "=" + l.opt}
			starts := func(program string) func(*testing.B) time.Duration {
				return func(b *testing.B) time.Duration { return coldStart(b, program, environ) }
			}
			paired.CompareTimes(b, starts(bootstrap), starts(floor))
		})
	}
}

// coldStart gives the time from exec to the first request.
func coldStart(b *testing.B, program string, environ []string) time.Duration {
	b.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0") // of its own: the last one's connections are not this one's
	if err != nil {
		b.Fatal(err)
	}
	defer listener.Close()
	cmd := exec.Command(program)
	cmd.Env = append(slices.Clip(environ), "AWS_LAMBDA_RUNTIME_API="+listener.Addr().String())
	var log testLog
	cmd.Stderr = &log
	start := time.Now()
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	if err := listener.(*net.TCPListener).SetDeadline(start.Add(patience)); err != nil {
		b.Fatal(err)
	}
	defer func() {
		cmd.Process.Kill() // before it sees a closed connection, and dials again
		cmd.Wait()
	}()
	for {
		conn, err := listener.Accept()
		if err != nil {
			b.Fatal(err, log.String())
		}
		defer conn.Close()
		line, err := bufio.NewReader(conn).ReadString('\n')
		switch {
		case err == nil && strings.HasPrefix(line, "GET "+pathNext+" "):
			return time.Since(start)
		case err == nil && strings.HasPrefix(line, "POST /2020-01-01/extension/register "):
			if _, err := io.WriteString(conn, "HTTP/1.1 200 OK\r\nLambda-Extension-Identifier: x\r\nContent-Length: 2\r\n\r\n{}"); err != nil {
				b.Fatal(err)
			}
		case err == nil && strings.HasPrefix(line, "GET /2020-01-01/extension/event/next "): // it waits for good
		default:
			b.Fatalf("got %q, %v", line, err)
		}
	}
}

// BenchmarkProxied is a function on aws-lambda-go behind the bootstrap against the same function alone.
func BenchmarkProxied(b *testing.B) {
	dir := b.TempDir()
	program := buildStripped(b, dir, "bootstrap", "../../cmd/bootstrap", "-overlay", overlay(b, dir))
	function, err := witness()
	if err != nil {
		b.Fatal(err)
	}
	for _, size := range []int{1024, 100 * 1024, 6 * 1024 * 1024} {
		b.Run(fmt.Sprintf("%dK", size/1024), func(b *testing.B) {
			event := `"` + strings.Repeat("x", size-2) + `"`
			l := newLayer(b).file("language-runtime.json", `{"protocol":"runtime-api","command":["`+function+`"]}`)
			proxied := paired.Start(b, []string{program}, "", envOpt+"="+l.opt, "LAMBDA_TASK_ROOT="+l.task, "_HANDLER=x")
			alone := paired.Start(b, []string{function}, "", "_HANDLER=x")
			paired.Compare(b, func(*testing.B) { proxied.Echo(event) }, func(*testing.B) { alone.Echo(event) })
			b.ReportMetric(float64(proxied.Resident())/1024, "bootstrap-RSS-KB")
		})
	}
}

// BenchmarkHandler is a handler under the bootstrap and our language runtime against the same under AWS's own client of the
// language, which has one hop less.
func BenchmarkHandler(b *testing.B) {
	dir := b.TempDir()
	program := buildStripped(b, dir, "bootstrap", "../../cmd/bootstrap", "-overlay", overlay(b, dir))
	where, err := exec.Command("../../scripts/setup-clients", "--where").Output()
	if err != nil {
		b.Fatal(err)
	}
	task := b.TempDir()
	for name, text := range map[string]string{"echo.js": "exports.handler = async (event) => event\n", "echo.py": "def handler(event, context):\n    return event\n"} {
		if err := os.WriteFile(filepath.Join(task, name), []byte(text), 0o644); err != nil {
			b.Fatal(err)
		}
	}
	for line := range strings.Lines(string(where)) {
		language, folder, _ := strings.Cut(strings.TrimSpace(line), " ")
		client := map[string][]string{
			"node":   {"node", folder + "/node_modules/aws-lambda-ric/bin/index.mjs", "echo.handler"},
			"python": {"python3", "-m", "awslambdaric", "echo.handler"},
		}[language]
		if client == nil {
			continue
		}
		for _, size := range []int{1024, 100 * 1024, 6 * 1024 * 1024} {
			b.Run(fmt.Sprintf("%s/%dK", language, size/1024), func(b *testing.B) {
				event := `"` + strings.Repeat("x", size-2) + `"`
				l := newLayer(b).language(language)
				env := []string{"_HANDLER=echo.handler", "LAMBDA_TASK_ROOT=" + task, "PATH=" + interpreters()}
				ours := paired.Start(b, []string{program}, task, append(env, envOpt+"="+l.opt)...)
				theirs := paired.Start(b, client, task, append(env, "PYTHONPATH="+folder, "PYTHONDONTWRITEBYTECODE=1")...)
				paired.Compare(b, func(*testing.B) { ours.Echo(event) }, func(*testing.B) { theirs.Echo(event) })
			})
		}
	}
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
