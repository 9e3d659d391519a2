//go:build linux

// Package sandboxtest is the contract of a sandbox as tests: the same for every kind, with the real supervisor inside and
// the probe for a function. It does not test the Runtime API; that is the supervisor's.
package sandboxtest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/serverless/open-runtime/internal/frames"
	"github.com/serverless/open-runtime/pkg/emulator"
)

// A Subject is a kind of sandbox under test.
type Subject struct {
	Sandbox emulator.Sandbox
	Image   string
	// Nameless says that the user's name need not be known in the sandbox.
	Nameless bool
	// Left tells what the process with this ID has on the machine that belongs to a sandbox: cgroups, containers. It may
	// sweep; processes and mounts are looked for by the suite.
	Left func(t *testing.T, pid int) []string
}

// programs is a directory with the static programs supervisor, probe and witness.
var programs string

// Main is the TestMain of a package that calls Run: it builds what runs in the sandboxes. Programs that are built already
// can be given by a directory in SOR_TEST_PROGRAMS, for a user who has no Go. open opens the sandbox of a process that
// Run starts to be killed.
func Main(m *testing.M, open func(context.Context) (emulator.Sandbox, string, error)) {
	if os.Getenv(envHost) != "" {
		beHost(open)
		return
	}
	os.Exit(run(m))
}

func run(m *testing.M) int {
	programs = os.Getenv("SOR_TEST_PROGRAMS")
	if programs == "" {
		dir, err := os.MkdirTemp("", "sandboxtest-")
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer os.RemoveAll(dir)
		if err := errors.Join(os.Chmod(dir, 0o755), Build(dir)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		programs = dir
	}
	return m.Run()
}

// Programs is the directory with the programs that run in the sandboxes, once Main has begun.
func Programs() string { return programs }

// Build builds supervisor, probe and witness into dir.
func Build(dir string) error {
	const module = "github.com/serverless/open-runtime/"
	for name, pkg := range map[string]string{"supervisor": "cmd/supervisor", "probe": "pkg/emulator/sandboxtest/probe", "witness": "pkg/emulator/sandboxtest/witness"} {
		build := exec.Command("go", "build", "-o", filepath.Join(dir, name), module+pkg)
		build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOFLAGS=-buildvcs=false")
		if out, err := build.CombinedOutput(); err != nil {
			return fmt.Errorf("building %s: %w\n%s", pkg, err, out)
		}
	}
	return nil
}

// function is the folder of a function whose bootstrap is the probe.
func function(tb testing.TB) string {
	dir := tb.TempDir()
	program, err := os.ReadFile(filepath.Join(programs, "probe"))
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "bootstrap"), program, 0o755)
	}
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "data.txt"), []byte("code"), 0o644)
	}
	if err == nil {
		err = os.Chmod(dir, 0o755) // as code is staged, whatever the umask
	}
	if err != nil {
		tb.Fatal(err)
	}
	return dir
}

func layer(tb testing.TB) string {
	dir := tb.TempDir()
	err := errors.Join(os.Chmod(dir, 0o755), os.Mkdir(filepath.Join(dir, "lib"), 0o755),
		os.WriteFile(filepath.Join(dir, "lib", "data.txt"), []byte("layer"), 0o644))
	if err != nil {
		tb.Fatal(err)
	}
	return dir
}

// options are those of a small function, open to change.
func options(tb testing.TB, s Subject) emulator.Options {
	o := functionOptions(s.Image, function(tb), layer(tb))
	o.Log = func(l frames.Log, line []byte) {
		if l.Source != frames.SourcePlatform {
			tb.Logf("%s: %s", l.Source, line)
		}
	}
	return o
}

func functionOptions(image, task, opt string) emulator.Options {
	return emulator.Options{
		Config: frames.Config{
			FunctionName: "probe", FunctionVersion: "$LATEST", Region: "eu-central-1",
			FunctionARN: "arn:aws:lambda:eu-central-1:123456789012:function:probe",
			Handler:     "probe.handle", MemoryMB: 256, TimeoutMs: 20_000,
			Environment: map[string]string{"TABLE_NAME": "orders"},
		},
		Spec: emulator.Spec{
			Supervisor: filepath.Join(programs, "supervisor"), Task: task, Opt: opt,
			MemoryMB: 256, TmpMB: 64, Image: image, Arch: runtime.GOARCH,
		},
	}
}

// start starts a sandbox that the test closes at its end.
func start(tb testing.TB, s Subject, change func(*emulator.Options)) *emulator.Emulator {
	tb.Helper()
	e := open(tb, s, change)
	tb.Cleanup(func() {
		if err := e.Close(); err != nil {
			tb.Errorf("closing the sandbox: %v", err)
		}
	})
	return e
}

// open starts a sandbox that somebody else closes.
func open(tb testing.TB, s Subject, change func(*emulator.Options)) *emulator.Emulator {
	tb.Helper()
	o := options(tb, s)
	if change != nil {
		change(&o)
	}
	e, err := emulator.Start(context.WithoutCancel(tb.Context()), s.Sandbox, o)
	if err != nil {
		tb.Fatalf("starting the sandbox: %v", err)
	}
	return e
}

// An event is what the probe understands.
type event struct {
	Do, Path, Name string
	Size           int64
	Status         int
}

// A result is what it mostly answers.
type result struct {
	Text, Error string
	Size        int64
}

var requests atomic.Int64

func request() frames.SupervisorInvoke {
	return frames.SupervisorInvoke{ID: fmt.Sprintf("00000000-0000-4000-8000-%012d", requests.Add(1))}
}

// invoke has the probe do something and decodes its answer.
func invoke[T any](tb testing.TB, e *emulator.Emulator, what event) T {
	tb.Helper()
	var answer T
	got := invokeRaw(tb, e, what)
	if got.ErrorType != "" {
		tb.Fatalf("%s: %s: %s", what.Do, got.ErrorType, got.Payload)
	}
	if err := json.Unmarshal(got.Payload, &answer); err != nil {
		tb.Fatalf("%s: decoding %q: %v", what.Do, got.Payload, err)
	}
	return answer
}

func invokeRaw(tb testing.TB, e *emulator.Emulator, what event) *emulator.Result {
	tb.Helper()
	payload, err := json.Marshal(what)
	if err != nil {
		tb.Fatal(err)
	}
	got, err := e.Invoke(tb.Context(), request(), payload)
	if err != nil {
		tb.Fatalf("%s: %v", what.Do, err)
	}
	return got
}

func do(tb testing.TB, e *emulator.Emulator, what event) result {
	tb.Helper()
	return invoke[result](tb, e, what)
}

func equal(tb testing.TB, what string, got, want any) {
	tb.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		tb.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

// eventually waits until what gives nothing any more.
func eventually(tb testing.TB, what func() []string) {
	tb.Helper()
	again := time.NewTicker(10 * time.Millisecond)
	defer again.Stop()
	limit := time.After(10 * time.Second)
	for {
		left := what()
		if len(left) == 0 {
			return
		}
		select {
		case <-again.C:
		case <-limit:
			tb.Errorf("left behind: %q", left)
			return
		}
	}
}

// token is a word that no other process has in its command line.
func token() string {
	return "sandboxtest-" + strconv.Itoa(os.Getpid()) + "-" + strconv.FormatInt(requests.Add(1), 10)
}
