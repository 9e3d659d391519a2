//go:build linux

package bootstrap_test

// The bootstrap under test is a real process: this very test binary, so that the race detector watches it too. It is also
// the supervisor, a process of its own for each sandbox, because a supervisor kills all that descends from it.

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/serverless/open-runtime/internal/process"
	"github.com/serverless/open-runtime/pkg/bootstrap"
	"github.com/serverless/open-runtime/pkg/emulator/supervisor"
)

// Variables that make this binary another program, with Lambda's folders where the test has them.
const (
	envRole = "TEST_ROLE" // bootstrap or supervisor
	envOpt  = "TEST_OPT"
	envTask = "TEST_TASK"
	envMark = "TEST_MARK" // of all processes of one bootstrap
)

func TestMain(m *testing.M) {
	opt, task := os.Getenv(envOpt), os.Getenv(envTask)
	switch os.Getenv(envRole) {
	case "bootstrap":
		os.Exit(beBootstrap(opt, task))
	case "supervisor":
		err := supervisor.Run(context.Background(), supervisor.Options{In: os.Stdin, Out: os.Stdout, Task: task, Opt: opt, Runtime: opt + "/none"})
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	if err := process.Subreap(); err != nil { // what a bootstrap leaves behind is seen at the end
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	flag.Parse()
	if flag.Set("test.parallel", "8") != nil { // most tests wait most of their time, whatever the machine
		os.Exit(1)
	}
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		if left := descendants(os.Getpid()); len(left) > 0 && code == 0 {
			fmt.Fprintln(os.Stderr, "processes are left:", left)
			code = 1
		}
		os.Exit(code)
	}))
}

// beBootstrap is what cmd/bootstrap does.
func beBootstrap(opt, task string) int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	go tellGoroutines()
	err := bootstrap.Run(ctx, bootstrap.Options{Environ: os.Environ(), Args: os.Args[1:], Opt: opt, Task: task})
	switch {
	case err == nil:
		return 0
	case !errors.Is(err, bootstrap.ErrInit):
		fmt.Fprintln(os.Stderr, "[sor] error", err)
	}
	return 1
}

// tellGoroutines writes how many there are to the log, at each SIGUSR1.
func tellGoroutines() {
	asked := make(chan os.Signal, 1)
	signal.Notify(asked, syscall.SIGUSR1)
	for n := 1; ; n++ {
		<-asked
		fmt.Fprintf(os.Stderr, "[test] %d: %d goroutines\n", n, runtime.NumGoroutine())
	}
}

// patience bounds every wait of a test.
const patience = 40 * time.Second

// bounded gives the context of a test's waits.
func bounded(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

// eventually asks until the answer is yes.
func eventually(t testing.TB, ctx context.Context, what string, yes func() bool) {
	t.Helper()
	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	for !yes() {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			t.Fatalf("waiting until %s: %v", what, ctx.Err())
		}
	}
}

// testLog is what a process prints. It can be waited for.
type testLog struct {
	mu      sync.Mutex
	text    bytes.Buffer
	size    int
	discard bool // it is only counted
}

func (l *testLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.size += len(p)
	if l.discard {
		return len(p), nil
	}
	return l.text.Write(p)
}

func (l *testLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// wait waits for a text in the log.
func (l *testLog) wait(t testing.TB, ctx context.Context, text string) {
	t.Helper()
	defer func() {
		if t.Failed() {
			t.Logf("log: %s", l)
		}
	}()
	eventually(t, ctx, fmt.Sprintf("the log has %q", text), func() bool { return strings.Contains(l.String(), text) })
}

// wants wants texts in the log.
func (l *testLog) wants(t testing.TB, texts ...string) {
	t.Helper()
	log := l.String()
	for _, text := range texts {
		if !strings.Contains(log, text) {
			t.Errorf("the log has no %q:\n%s", text, log)
		}
	}
}

// sound wants no word of a crash of ours in the log.
func (l *testLog) sound(t testing.TB) {
	t.Helper()
	log := l.String()
	for _, text := range []string{"DATA RACE", "panic:", "fatal error:"} {
		if strings.Contains(log, text) {
			t.Errorf("the log has %q:\n%s", text, log)
		}
	}
}

// alive says whether a process is there and no zombie.
func alive(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	_, state, _ := bytes.Cut(stat[bytes.LastIndexByte(stat, ')'):], []byte(" "))
	return len(state) > 0 && state[0] != 'Z' && state[0] != 'X'
}

// descendants lists those of pid that are alive.
func descendants(pid int) (pids []int) {
	for _, child := range process.Descendants(pid) {
		if alive(child) {
			pids = append(pids, child)
		}
	}
	return pids
}

// marked lists the processes with the mark of a test.
func marked(mark string) (pids []int) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil
	}
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil || pid == os.Getpid() {
			continue
		}
		environ, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid))
		if err == nil && bytes.Contains(environ, []byte(envMark+"="+mark+"\x00")) && alive(pid) {
			pids = append(pids, pid)
		}
	}
	return pids
}

var marks atomic.Int64

// mark gives a mark for what a test starts, and wants no process with it at the end.
func mark(t testing.TB) string {
	mark := fmt.Sprintf("%d-%d", os.Getpid(), marks.Add(1))
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		for left := marked(mark); len(left) > 0; left = marked(mark) {
			if ctx.Err() != nil {
				for _, pid := range left {
					command, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
					t.Errorf("process %d is left: %q", pid, command)
					syscall.Kill(pid, syscall.SIGKILL)
				}
				break
			}
		}
	})
	return mark
}

// A layer is /opt and /var/task of a test.
type layer struct {
	t         testing.TB
	opt, task string
}

// newLayer makes a layer whose bootstrap is this binary.
func newLayer(t testing.TB) *layer {
	t.Helper()
	dir := t.TempDir()
	l := &layer{t: t, opt: filepath.Join(dir, "opt"), task: filepath.Join(dir, "task")}
	for _, folder := range []string{l.opt, l.task} {
		if err := os.Mkdir(folder, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(testBinary(), filepath.Join(l.opt, "bootstrap")); err != nil {
		t.Fatal(err)
	}
	return l
}

var testBinary = sync.OnceValue(func() string {
	path, err := os.Executable()
	if err != nil {
		panic(err) // no test can run
	}
	return path
})

// file writes a file of the layer, or at a full path. What begins with #! is executable.
func (l *layer) file(path, content string) *layer {
	l.t.Helper()
	if !filepath.IsAbs(path) {
		path = filepath.Join(l.opt, path)
	}
	mode := os.FileMode(0o644)
	if strings.HasPrefix(content, "#!") {
		mode = 0o755
	}
	syscall.ForkLock.RLock() // a child forked meanwhile would hold it open for writing, and it could not be started
	defer syscall.ForkLock.RUnlock()
	err := os.MkdirAll(filepath.Dir(path), 0o755)
	if err == nil {
		err = os.WriteFile(path, []byte(content), mode)
	}
	if err != nil {
		l.t.Fatal(err)
	}
	return l
}

// speaks makes a script that speaks frames/1 the language runtime. invoked is what it does for each invocation: $head, $id
// and $payload are there, and say TYPE PAYLOAD answers.
func (l *layer) speaks(invoked string) *layer {
	l.t.Helper()
	return l.opens(`printf '{"type":"ready","version":1}\n' >&3`, invoked)
}

// opens is speaks with an answer to hello of its own.
func (l *layer) opens(ready, invoked string) *layer {
	l.t.Helper()
	return l.file("language-runtime.json", `{"protocol":"frames/1"}`).file("language-runtime", `#!/bin/bash
LC_ALL=C
say() { printf '{"type":"%s","id":"%s","length":%d}\n%s' "$1" "$id" "${#2}" "$2" >&3; }
IFS= read -r -u 4 hello
`+ready+`
while IFS= read -r -u 4 head; do
	id=${head#*\"id\":\"} id=${id%%\"*} length=${head##*\"length\":} length=${length%%[!0-9]*} payload=''
	((${length:-0} == 0)) || IFS= read -r -N "$length" -u 4 payload
	`+invoked+`
done
`)
}

// echoes makes a language runtime that answers with the event.
func (l *layer) echoes() *layer { return l.speaks(`say result "$payload"`) }

// interpreters gives PATH with the real programs at its front: what version managers put there are slow scripts.
var interpreters = sync.OnceValue(func() string {
	path := os.Getenv("PATH")
	out, err := exec.Command("python3", "-c", "import sys; print(sys.executable)").Output()
	if err == nil {
		path = filepath.Dir(strings.TrimSpace(string(out))) + ":" + path
	}
	return path
})

// needs skips a test when a program is not there.
func needs(t testing.TB, program string) {
	t.Helper()
	if _, err := exec.LookPath(program); err != nil {
		t.Skipf("no %s on this machine", program)
	}
}
