package main

// Ctrl-C, a second one, kill and kill -9, in the middle of an invocation: the prompt is back soon, and nothing is left.

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/serverless/open-runtime/pkg/emulator/namespace"
)

// hanging is a handler that leaves a process group of its own and then never answers.
const hanging = `
const { spawn } = require('child_process')
exports.hello = async () => {
  spawn('sleep', ['1000'], { detached: true, stdio: 'ignore' }).unref()
  process.on('SIGTERM', () => {})
  console.log('it hangs now')
  for (;;);
}
`

func TestInterrupt(t *testing.T) {
	programs := buildPrograms(t)
	for _, sandbox := range []string{"namespace", "docker"} {
		if why := lacks(sandbox); why != "" {
			t.Run(sandbox, func(t *testing.T) { t.Skip(why) })
			continue
		}
		for name, signals := range map[string][]syscall.Signal{
			"SIGINT":       {syscall.SIGINT},
			"SIGINT twice": {syscall.SIGINT, syscall.SIGINT},
			"SIGTERM":      {syscall.SIGTERM},
			"SIGHUP":       {syscall.SIGHUP},
			"SIGKILL":      {syscall.SIGKILL},
		} {
			t.Run(sandbox+" "+name, func(t *testing.T) { interrupt(t, programs, sandbox, signals) })
		}
	}
}

func lacks(sandbox string) string {
	if sandbox == "namespace" {
		if err := namespace.Available(); err != nil {
			return "no namespace sandbox can be had here: " + err.Error()
		}
		return ""
	}
	if os.Getenv("SOR_TEST_IMAGE") == "" || !engineAnswers() {
		return "no Docker engine, or no image for the tests (SOR_TEST_IMAGE)"
	}
	return ""
}

func interrupt(t *testing.T, programs map[string]string, sandbox string, signals []syscall.Signal) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	marker := "SOR_TEST_MARKER=" + rand.Text()
	cmd := sorCommand(ctx, t, programs, "invoke", "--local", "--sandbox", sandbox, "--timeout", "60", "--env", marker)
	if sandbox == "docker" {
		cmd.Args = append(cmd.Args, "--image", os.Getenv("SOR_TEST_IMAGE"))
	}
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var told strings.Builder
	for lines := bufio.NewScanner(stderr); !strings.Contains(told.String(), "it hangs now"); {
		if !lines.Scan() {
			t.Fatalf("the handler was not reached:\n%s", told.String())
		}
		told.WriteString(lines.Text() + "\n")
	}
	start := time.Now()
	for _, signal := range signals {
		if err := cmd.Process.Signal(signal); err != nil {
			t.Logf("sending %v: %v", signal, err) // the first one was enough
		}
	}
	err = cmd.Wait()
	took := time.Since(start)
	t.Logf("%v after %v", cmd.ProcessState, took)
	if took > 5*time.Second {
		t.Errorf("the prompt was back after %v (%v)", took, err)
	}
	if len(signals) == 1 && signals[0] != syscall.SIGKILL && cmd.ProcessState.ExitCode() != exitInterrupted {
		t.Errorf("got %v, want exit status %d", cmd.ProcessState, exitInterrupted)
	}
	nothingLeft(ctx, t, marker)
}

// TestInterruptStart: a server that is told to end twice does not wait for what hangs, and one that is killed leaves nothing
// that runs. What it leaves of files the next one removes.
func TestInterruptStart(t *testing.T) {
	if why := lacks("namespace"); why != "" {
		t.Skip(why)
	}
	programs := buildPrograms(t)
	for name, signals := range map[string][]syscall.Signal{
		"SIGINT twice":  {syscall.SIGINT, syscall.SIGINT},
		"SIGTERM twice": {syscall.SIGTERM, syscall.SIGTERM},
		"SIGKILL":       {syscall.SIGKILL},
	} {
		t.Run(name, func(t *testing.T) { interruptStart(t, programs, signals) })
	}
}

func interruptStart(t *testing.T, programs map[string]string, signals []syscall.Signal) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	marker := "SOR_TEST_MARKER=" + rand.Text()
	cmd := sorCommand(ctx, t, programs, "start", "--sandbox", "namespace", "--listen", "0", "--grace", "50s", "--timeout", "60", "--env", marker)
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var asking sync.WaitGroup
	defer asking.Wait()
	var told strings.Builder
	for lines := bufio.NewScanner(stderr); !strings.Contains(told.String(), "it hangs now"); {
		if !lines.Scan() {
			t.Fatalf("the handler was not reached:\n%s", told.String())
		}
		told.WriteString(lines.Text() + "\n")
		if url, ok := strings.CutPrefix(lines.Text(), "listening on "); ok {
			asking.Go(func() {
				if response, err := http.Post(url+"/2015-03-31/functions/hello/invocations", "application/json", strings.NewReader("{}")); err == nil {
					t.Errorf("a handler that hangs answered: %s", response.Status)
					response.Body.Close()
				}
			})
		}
	}
	start := time.Now()
	for _, signal := range signals {
		// The second is for one that has heard the first.
		for again := time.NewTicker(20 * time.Millisecond); cmd.Process.Signal(signal) == nil && signal != syscall.SIGKILL; <-again.C {
			if dead, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(cmd.Process.Pid), "stat")); err != nil || bytes.Contains(dead, []byte(") Z ")) {
				break
			}
		}
	}
	_ = cmd.Wait() // by the signal, as wanted
	if took := time.Since(start); took > 10*time.Second {
		t.Errorf("the prompt was back after %v", took)
	}
	nothingLeft(ctx, t, marker)
	next := exec.CommandContext(ctx, cmd.Path, "clean")
	next.Args, next.Dir, next.Env = []string{"sor", "cache", "clean"}, cmd.Dir, cmd.Env
	if out, err := next.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	if left, err := filepath.Glob(filepath.Join(cmd.Dir, ".cache", "parts", "live", "*")); err != nil || len(left) > 0 {
		t.Errorf("left are %q, %v", left, err)
	}
}

// TestInterruptAtStdin: the first Ctrl-C ends a sor that waits for its event.
func TestInterruptAtStdin(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := sorCommand(ctx, t, map[string]string{}, "invoke", "--local", "--json", "-e", "-")
	var out bytes.Buffer
	cmd.Stdout = &out
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	// It reads when a whole pipe and more was taken.
	if _, err := in.Write(bytes.Repeat([]byte(" "), 1<<20)); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	if got := cmd.ProcessState.ExitCode(); got != exitInterrupted {
		t.Errorf("got %v, want exit status %d", cmd.ProcessState, exitInterrupted)
	}
	if !strings.Contains(out.String(), `"message":"interrupted"`) {
		t.Errorf("got %s, want an object that says interrupted", out.String())
	}
}

// sorCommand makes sor, this very binary, run in a project whose handler hangs.
func sorCommand(ctx context.Context, t *testing.T, programs map[string]string, args ...string) *exec.Cmd {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"sor.yaml":            "name: hello\nruntime: node\nhandler: handler.hello\n",
		"function/handler.js": hanging,
	} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(ctx, self)
	cmd.Args = append([]string{"sor"}, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "SOR_BOOTSTRAP="+programs["bootstrap"], "SOR_SUPERVISOR="+programs["supervisor"],
		"SOR_CACHE="+filepath.Join(dir, ".cache"), "XDG_CONFIG_HOME="+filepath.Join(dir, ".config"))
	return cmd
}

// nothingLeft waits until no process has the marker in its environment.
func nothingLeft(ctx context.Context, t *testing.T, marker string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		left := withMarker(t, marker)
		if len(left) == 0 {
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("processes are left: %v", left)
		}
	}
}

func withMarker(t *testing.T, marker string) []string {
	t.Helper()
	entries, err := os.ReadDir("/proc")
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, entry := range entries {
		if _, err := strconv.Atoi(entry.Name()); err != nil {
			continue
		}
		environ, err := os.ReadFile(filepath.Join("/proc", entry.Name(), "environ"))
		if err == nil && bytes.Contains(environ, []byte(marker)) {
			line, _ := os.ReadFile(filepath.Join("/proc", entry.Name(), "cmdline"))
			found = append(found, entry.Name()+" "+string(bytes.ReplaceAll(line, []byte{0}, []byte(" "))))
		}
	}
	return found
}
