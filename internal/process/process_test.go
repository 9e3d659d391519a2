//go:build linux

package process_test

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/serverless/open-runtime/internal/process"
)

func TestMain(m *testing.M) {
	if group, err := strconv.Atoi(os.Getenv("JOIN_GROUP")); err == nil { // the child of TestChildThatLeftItsGroup
		if err := syscall.Setpgid(0, group); err != nil {
			panic(err)
		}
		_, _ = os.Stdout.WriteString("joined\n")
		select {}
	}
	if err := process.Subreap(); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}

func sh(t *testing.T, spec process.Spec, script string, args ...string) *process.Child {
	t.Helper()
	spec.Path, spec.Args = "/bin/sh", append([]string{"sh", "-c", script, "sh"}, args...)
	if spec.Env == nil {
		spec.Env = []string{"PATH=/usr/bin:/bin"}
	}
	child, err := process.Start(spec)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { child.Kill(); <-child.Exited() })
	return child
}

func pipe(t *testing.T) (r, w *os.File) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close(); w.Close() })
	return r, w
}

func wait(t *testing.T, child *process.Child) process.Exit {
	t.Helper()
	select {
	case <-child.Exited():
		return child.Exit()
	case <-time.After(20 * time.Second):
		t.Fatal("the child does not end")
		panic("unreachable")
	}
}

func TestExit(t *testing.T) {
	tests := []struct {
		script, want string
		success      bool
	}{
		{"exit 0", "exit status 0", true},
		{"exit 3", "exit status 3", false},
		{"kill -9 $$", "signal: killed", false},
		{"kill -TERM $$", "signal: terminated", false},
	}
	for _, test := range tests {
		exit := wait(t, sh(t, process.Spec{}, test.script))
		if exit.String() != test.want || exit.Success() != test.success {
			t.Errorf("%s: got %s, success %t; want %s, %t", test.script, exit, exit.Success(), test.want, test.success)
		}
	}
}

func TestStartErrors(t *testing.T) {
	dir := t.TempDir()
	plain := filepath.Join(dir, "plain")
	if err := os.WriteFile(plain, []byte("#!/bin/sh\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	text := filepath.Join(dir, "text")
	if err := os.WriteFile(text, []byte("hello\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		path string
		want error
	}{
		{filepath.Join(dir, "nope"), syscall.ENOENT},
		{plain, syscall.EACCES},
		{text, syscall.ENOEXEC},
	}
	for _, test := range tests {
		_, err := process.Start(process.Spec{Path: test.path, Args: []string{"x"}})
		if !errors.Is(err, test.want) {
			t.Errorf("%s: got %v, want %v", test.path, err, test.want)
		}
	}
}

func TestStreams(t *testing.T) {
	inR, inW := pipe(t)
	outR, outW := pipe(t)
	extraR, extraW := pipe(t)
	child := sh(t, process.Spec{Stdin: inR, Stdout: outW, Extra: []*os.File{nil, extraW}, Dir: "/usr"},
		`cat; pwd; echo four >&4; (echo three >&3) 2>/dev/null || echo closed`)
	inR.Close()
	outW.Close()
	extraW.Close()
	io.WriteString(inW, "in\n")
	inW.Close()
	out, _ := io.ReadAll(outR)
	extra, _ := io.ReadAll(extraR)
	wait(t, child)
	if got, want := string(out), "in\n/usr\nclosed\n"; got != want {
		t.Errorf("stdout %q, want %q", got, want)
	}
	if got, want := string(extra), "four\n"; got != want {
		t.Errorf("fd 4 %q, want %q", got, want)
	}
}

// A leader that exits takes its group with it, though a member holds its pipes.
func TestGroupDiesWithLeader(t *testing.T) {
	outR, outW := pipe(t)
	child := sh(t, process.Spec{Stdout: outW}, `sleep 1000 & echo $!`)
	outW.Close()
	start := time.Now()
	wait(t, child)
	line, _ := bufio.NewReader(outR).ReadString('\n')
	pid, _ := strconv.Atoi(strings.TrimSpace(line))
	process.KillOrphans(nil)
	if err := syscall.Kill(pid, 0); !errors.Is(err, syscall.ESRCH) {
		t.Errorf("the rest of the group, %d, lives: %v", pid, err)
	}
	if took := time.Since(start); took > 10*time.Second {
		t.Errorf("took %v", took)
	}
}

// A daemon leaves the group and becomes an orphan of the subreaper; a Child is never taken for one.
func TestKillOrphans(t *testing.T) {
	inR, inW := pipe(t)
	outR, outW := pipe(t)
	bystander := sh(t, process.Spec{}, "exec sleep 1000")
	child := sh(t, process.Spec{Stdin: inR, Stdout: outW}, `setsid sh -c 'echo $$; exec sleep 1000' & read -r _`)
	outW.Close()
	line, _ := bufio.NewReader(outR).ReadString('\n')
	inW.Close() // the leader ends once the daemon has left the group
	wait(t, child)
	daemon, err := strconv.Atoi(strings.TrimSpace(line))
	if err != nil {
		t.Fatal(err)
	}
	process.KillOrphans(func(pid int) bool { return pid == daemon })
	if err := syscall.Kill(daemon, 0); err != nil {
		t.Errorf("the excepted daemon is gone: %v", err)
	}
	process.KillOrphans(nil)
	if err := syscall.Kill(daemon, 0); !errors.Is(err, syscall.ESRCH) {
		t.Errorf("the daemon lives: %v", err)
	}
	select {
	case <-bystander.Exited():
		t.Error("a Child was killed as an orphan")
	default:
	}
}

func TestSignalAfterExit(t *testing.T) {
	child := sh(t, process.Spec{}, "exit 0")
	wait(t, child)
	if err := child.Signal(syscall.SIGTERM); err != nil {
		t.Error(err)
	}
}

func TestDescendants(t *testing.T) {
	outR, outW := pipe(t)
	child := sh(t, process.Spec{Stdout: outW}, `sh -c 'sleep 1000 & echo ready; wait' & wait`)
	bufio.NewReader(outR).ReadString('\n')
	if got := len(process.Descendants(child.PID())); got != 2 {
		t.Errorf("%d descendants, want 2", got)
	}
}

func TestLines(t *testing.T) {
	var got []string
	err := process.Lines(strings.NewReader("one\r\ntwo\n\n"+strings.Repeat("x", 40)+"\nlast"), 16, func(line []byte) {
		got = append(got, string(line))
	})
	want := []string{"one", "two", "", strings.Repeat("x", 16), strings.Repeat("x", 16), strings.Repeat("x", 8), "last"}
	if err != nil || strings.Join(got, "|") != strings.Join(want, "|") {
		t.Errorf("got %q, %v; want %q", got, err, want)
	}
}

func TestTail(t *testing.T) {
	tail := process.NewTail(4)
	for _, part := range []string{"ab", "cde", "f"} {
		tail.Write([]byte(part))
	}
	if got := tail.String(); got != "cdef" {
		t.Errorf("got %q", got)
	}
	tail.Write(bytes.Repeat([]byte("z"), 100))
	if got := tail.String(); got != "zzzz" {
		t.Errorf("got %q", got)
	}
}

// The floor that exec middlewares are measured against.
func BenchmarkStart(b *testing.B) {
	b.Run("bare", func(b *testing.B) {
		for b.Loop() {
			pid, err := syscall.ForkExec("/bin/true", []string{"true"}, &syscall.ProcAttr{})
			if err != nil {
				b.Fatal(err)
			}
			syscall.Wait4(pid, nil, 0, nil)
		}
	})
	b.Run("process", func(b *testing.B) {
		for b.Loop() {
			child, err := process.Start(process.Spec{Path: "/bin/true", Args: []string{"true"}})
			if err != nil {
				b.Fatal(err)
			}
			<-child.Exited()
		}
	})
}

// TestHasExited: the kernel's word is there as soon as anyone can see the exit.
func TestHasExited(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	child, err := process.Start(process.Spec{Path: "/bin/sh", Args: []string{"sh", "-c", "read line"}, Stdin: r})
	if err != nil {
		t.Fatal(err)
	}
	if child.HasExited() {
		t.Error("it has exited before it could")
	}
	w.Close()
	<-child.Exited()
	if !child.HasExited() {
		t.Error("it has not exited once it was reaped")
	}
}

// A child that joined another group is not in the one that is killed, and must end all the same: its exit is waited for.
func TestChildThatLeftItsGroup(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	r, w := pipe(t)
	child, err := process.Start(process.Spec{
		Path: self, Args: []string{self}, Env: []string{"JOIN_GROUP=" + strconv.Itoa(syscall.Getpgrp())}, Stdout: w, Stderr: os.Stderr,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Kill(child.PID(), syscall.SIGKILL) })
	w.Close()
	if line, err := bufio.NewReader(r).ReadString('\n'); line != "joined\n" {
		t.Fatal(line, err)
	}
	child.Kill()
	if exit := wait(t, child); exit.Signal != syscall.SIGKILL {
		t.Errorf("it ended with %s", exit)
	}
}
