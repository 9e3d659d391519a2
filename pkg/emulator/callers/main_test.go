//go:build linux

// Package callers_test judges `sor start` by programs that are not ours: the AWS CLI, boto3, AWS's SDK for Go and curl call it,
// a function on aws-lambda-go answers, an extension on AWS's own crate listens, and AWS's Runtime Interface Emulator is what
// its speed is measured against.
//
// scripts/setup-clients builds what is not in this repository. What is not there is skipped, each with a sentence.
package callers_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"github.com/serverless/open-runtime/internal/process"
)

func TestMain(m *testing.M) {
	if err := process.Subreap(); err != nil { // what a server leaves behind is seen at the end
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		for _, pid := range process.Descendants(os.Getpid()) {
			if what := commandLine(pid); what != "" && code == 0 {
				fmt.Fprintf(os.Stderr, "process %d is left: %s\n", pid, what)
				code = 1
			}
		}
		if programs.folder != "" {
			os.RemoveAll(programs.folder)
		}
		os.Exit(code)
	}))
}

// commandLine is "" for a process that is gone, or a zombie.
func commandLine(pid int) string {
	command, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	return strings.ReplaceAll(string(command), "\x00", " ")
}

// programs are those that are compiled here, once each, when a test asks for them.
var programs struct {
	sync.Mutex
	folder string
	built  map[string]string
}

// program gives the path of a program, by its package's folder from here.
func program(t testing.TB, folder string) string {
	t.Helper()
	programs.Lock()
	defer programs.Unlock()
	if path, ok := programs.built[folder]; ok {
		return path
	}
	if programs.folder == "" {
		dir, err := os.MkdirTemp("", "sor-callers")
		if err != nil {
			t.Fatal(err)
		}
		programs.folder, programs.built = dir, map[string]string{}
	}
	path := filepath.Join(programs.folder, strings.NewReplacer("/", "-", ".", "").Replace(folder))
	cmd := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", path, folder)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("building %s: %v\n%s", folder, err, out)
	}
	programs.built[folder] = path
	return path
}

// setUp is where scripts/setup-clients has put things.
var setUp = sync.OnceValues(func() (map[string]string, error) {
	out, err := exec.Command("../../../scripts/setup-clients", "--where").Output()
	if err != nil {
		return nil, fmt.Errorf("scripts/setup-clients --where: %w", err)
	}
	found := map[string]string{}
	for line := range strings.Lines(string(out)) {
		name, folder, _ := strings.Cut(strings.TrimSpace(line), " ")
		found[name] = folder
	}
	return found, nil
})

// peer gives the folder of what scripts/setup-clients builds, and skips the test when it is not on this machine.
func peer(t testing.TB, name string) string {
	t.Helper()
	found, err := setUp()
	if err != nil {
		t.Fatal(err)
	}
	folder, ok := found[name]
	if !ok {
		t.Skipf("there is no %s on this machine: run scripts/setup-clients, which says why when it can't be built", name)
	}
	return folder
}
