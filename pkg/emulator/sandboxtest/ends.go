//go:build linux

package sandboxtest

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/serverless/open-runtime/internal/process"
	"github.com/serverless/open-runtime/pkg/emulator"
)

// left tells everything of a sandbox that is on the machine: processes below pid, processes with a word in their command
// line, mounts, and what the subject knows of.
func left(t *testing.T, s Subject, pid int, word string) []string {
	var found []string
	for _, child := range process.Descendants(pid) {
		if name, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", child)); err == nil {
			found = append(found, fmt.Sprintf("process %d %s", child, strings.TrimSpace(string(name))))
		}
	}
	lines, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, file := range lines {
		if line, err := os.ReadFile(file); err == nil && strings.Contains(string(line), word) {
			found = append(found, file+" "+strings.ReplaceAll(string(line), "\x00", " "))
		}
	}
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(mounts)) {
		if strings.Contains(line, " /var/rapid") || strings.Contains(line, " /var/task") || strings.Contains(line, programs) {
			found = append(found, line)
		}
	}
	return append(found, s.Left(t, pid)...)
}

// testEnd: Close ends everything, the daemon that a function left in a session of its own too.
func testEnd(t *testing.T, s Subject) {
	word := token()
	e := open(t, s, nil)
	do(t, e, event{Do: "daemon", Name: word})
	if len(left(t, s, os.Getpid(), word)) == 0 {
		t.Error("nothing of a sandbox can be seen while it runs: this test would miss what is left")
	}
	if err := e.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
	if found := left(t, s, os.Getpid(), word); len(found) > 0 {
		t.Errorf("left behind: %q", found)
	}
}

// testCancel: an invocation that is given up ends everything at once.
func testCancel(t *testing.T, s Subject) {
	word := token()
	e := open(t, s, nil)
	do(t, e, event{Do: "daemon", Name: word})
	ctx, cancel := context.WithCancel(t.Context())
	answered := make(chan error, 1)
	go func() {
		_, err := e.Invoke(ctx, request(), []byte(`{"Do":"hang"}`))
		answered <- err
	}()
	cancel()
	if err := <-answered; !errors.Is(err, context.Canceled) {
		t.Errorf("Invoke: %v", err)
	}
	if err := e.Close(); err != nil && !errors.Is(err, context.Canceled) {
		t.Errorf("Close: %v", err)
	}
	if found := left(t, s, os.Getpid(), word); len(found) > 0 {
		t.Errorf("left behind: %q", found)
	}
}

// testCancelStart: so does a start that is given up before or while it happens.
func testCancelStart(t *testing.T, s Subject) {
	o := options(t, s)
	for _, before := range []bool{true, false} {
		ctx, cancel := context.WithCancel(t.Context())
		if before {
			cancel()
		} else {
			go cancel()
		}
		i, err := s.Sandbox.Start(ctx, o.Spec)
		if err == nil {
			err = i.Wait()
		}
		if !errors.Is(err, context.Canceled) {
			t.Errorf("cancelled: %v", err)
		}
		cancel()
	}
	if found := left(t, s, os.Getpid(), token()); len(found) > 0 {
		t.Errorf("left behind: %q", found)
	}
}

// testBadSupervisor: a supervisor that does not start, or dies, is an error that says so, and nothing is left.
func testBadSupervisor(t *testing.T, s Subject) {
	dir := t.TempDir()
	empty, shell := filepath.Join(dir, "empty"), filepath.Join(dir, "shell")
	if err := errors.Join(os.Chmod(dir, 0o755), os.WriteFile(empty, nil, 0o755), os.WriteFile(shell, []byte("#!/bin/sh\necho broken >&2; exit 7\n"), 0o755)); err != nil {
		t.Fatal(err)
	}
	for program, want := range map[string]string{filepath.Join(dir, "missing"): "missing", empty: "", shell: "broken"} {
		_, err := emulator.Start(t.Context(), s.Sandbox, func() emulator.Options {
			o := options(t, s)
			o.Spec.Supervisor = program
			return o
		}())
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v; want an error with %q", filepath.Base(program), err, want)
		}
	}
	eventually(t, func() []string { return left(t, s, os.Getpid(), token()) })
}

const (
	envHost     = "SOR_TEST_HOST"     // the word of the daemon: this process is one to be killed
	envPrograms = "SOR_TEST_PROGRAMS" // see Main
	envFunction = "SOR_TEST_FUNCTION"
)

// testKilledHost: when the process that made a sandbox is killed, nothing of it runs on, even while the function hangs.
// What takes no processor time, such as a cgroup, is swept by the next start.
func testKilledHost(t *testing.T, s Subject) {
	word := token()
	host := exec.Command("/proc/self/exe")
	host.Env = append(os.Environ(), envHost+"="+word, envPrograms+"="+programs, envFunction+"="+function(t))
	host.Stderr = os.Stderr
	out, err := host.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := host.Start(); err != nil {
		t.Fatal(err)
	}
	pid := host.Process.Pid
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil {
		t.Fatalf("the process with the sandbox said %q: %v", line, err)
	}
	below := process.Descendants(pid)
	if err := host.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = host.Wait() // killed
	eventually(t, func() []string {
		var found []string
		for _, child := range below {
			if syscall.Kill(child, 0) == nil {
				found = append(found, "process "+strconv.Itoa(child))
			}
		}
		return append(found, left(t, Subject{Left: func(*testing.T, int) []string { return nil }}, pid, word)...)
	})
	start(t, s, nil)
	eventually(t, func() []string { return s.Left(t, pid) })
}

// beHost is the process that testKilledHost kills: it starts a sandbox with a daemon in it, and one invocation hangs.
func beHost(sandbox func(context.Context) (emulator.Sandbox, string, error)) {
	programs = os.Getenv(envPrograms)
	err := func() error {
		ctx := context.Background()
		s, image, err := sandbox(ctx)
		if err != nil {
			return err
		}
		e, err := emulator.Start(ctx, s, functionOptions(image, os.Getenv(envFunction), ""))
		if err != nil {
			return err
		}
		if _, err := e.Invoke(ctx, request(), []byte(`{"Do":"daemon","Name":"`+os.Getenv(envHost)+`"}`)); err != nil {
			return err
		}
		fmt.Println("ready")
		_, err = e.Invoke(ctx, request(), []byte(`{"Do":"hang"}`))
		return err
	}()
	fmt.Fprintln(os.Stderr, "the process with the sandbox:", err)
	os.Exit(1)
}
