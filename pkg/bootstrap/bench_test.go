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
	"net/http"
	"net/http/httptest"
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
			proxied := served(b, program, envOpt+"="+l.opt, "LAMBDA_TASK_ROOT="+l.task)
			alone := served(b, function)
			paired.Compare(b, func(*testing.B) { proxied.says(event) }, func(*testing.B) { alone.says(event) })
			b.ReportMetric(float64(resident(b, proxied.pid))/1024, "bootstrap-RSS-KB")
		})
	}
}

// server is a Runtime API with one program that asks it.
type server struct {
	b       *testing.B
	events  chan string
	answers chan string
	pid     int
}

func served(b *testing.B, program string, env ...string) *server {
	b.Helper()
	s := &server{b: b, events: make(chan string), answers: make(chan string)}
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+pathNext, func(w http.ResponseWriter, r *http.Request) {
		select {
		case event := <-s.events:
			w.Header().Set("Lambda-Runtime-Aws-Request-Id", "one")
			w.Header().Set("Lambda-Runtime-Deadline-Ms", fmt.Sprint(time.Now().Add(time.Minute).UnixMilli()))
			_, _ = io.WriteString(w, event)
		case <-r.Context().Done():
		}
	})
	mux.HandleFunc("POST "+pathOf("one", "response"), func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.WriteHeader(202)
		s.answers <- string(body)
	})
	api := httptest.NewServer(mux)
	cmd := exec.Command(program)
	cmd.Env = append([]string{"AWS_LAMBDA_RUNTIME_API=" + strings.TrimPrefix(api.URL, "http://"), "_HANDLER=x", "PATH=/usr/bin:/bin"}, env...)
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	s.pid = cmd.Process.Pid
	b.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
		api.CloseClientConnections()
		api.Close()
	})
	return s
}

func (s *server) says(event string) {
	s.b.Helper()
	s.events <- event
	if got := <-s.answers; got != event {
		s.b.Fatalf("got %.100s", got)
	}
}

// resident is the memory of a process, in bytes, that it shares with nobody's pages or with others'.
func resident(b *testing.B, pid int) int {
	b.Helper()
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	if err != nil {
		b.Fatal(err)
	}
	var total, pages int
	if _, err := fmt.Sscan(string(data), &total, &pages); err != nil {
		b.Fatal(err)
	}
	return pages * os.Getpagesize()
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
