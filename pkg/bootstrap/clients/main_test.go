//go:build linux

// Package clients_test puts AWS's own runtime clients under the bootstrap, with two middlewares in front: aws-lambda-go, and
// the interface clients for Node, Python, Rust and Java. Each runs the same function, in its language (testdata).
//
// Every test is run twice: the client alone, which is the floor, and the client under the bootstrap. What a proxy could spoil
// is thereby compared with what the client really sends. scripts/setup-clients builds the clients; one that is not there
// is skipped.
package clients_test

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
	"strings"
	"sync"
	"syscall"
	"testing"

	"go.uber.org/goleak"

	"github.com/serverless/open-runtime/internal/process"
	"github.com/serverless/open-runtime/pkg/bootstrap"
)

// Variables that make this binary the bootstrap, with Lambda's folders where the test has them.
const (
	envRole = "TEST_ROLE"
	envOpt  = "TEST_OPT"
	envTask = "TEST_TASK"
)

func TestMain(m *testing.M) {
	if os.Getenv(envRole) == "bootstrap" {
		os.Exit(beBootstrap())
	}
	if err := process.Subreap(); err != nil { // what a bootstrap leaves behind is seen at the end
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	flag.Parse()
	if flag.Set("test.parallel", "6") != nil { // most tests wait most of their time, whatever the machine
		os.Exit(1)
	}
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		for _, pid := range process.Descendants(os.Getpid()) {
			if what := running(pid); what != "" && code == 0 {
				fmt.Fprintf(os.Stderr, "process %d is left: %s\n", pid, what)
				code = 1
			}
		}
		if built.folder != "" {
			os.RemoveAll(built.folder)
		}
		os.Exit(code)
	}))
}

// running gives the command line of a process; "" for one that is gone, or a zombie: those of clients that ran alone are here.
func running(pid int) string {
	command, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	return strings.ReplaceAll(string(command), "\x00", " ")
}

// beBootstrap is what cmd/bootstrap does.
func beBootstrap() int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	err := bootstrap.Run(ctx, bootstrap.Options{Environ: os.Environ(), Args: os.Args[1:], Opt: os.Getenv(envOpt), Task: os.Getenv(envTask)})
	switch {
	case err == nil:
		return 0
	case !errors.Is(err, bootstrap.ErrInit):
		fmt.Fprintln(os.Stderr, "[sor] error", err)
	}
	return 1
}

// client is one of AWS's, and how its function is started.
type client struct {
	name    string
	command []string
	environ []string
	handler string
}

// built is what there is of clients: the folders that scripts/setup-clients has filled, and the one with the Go function.
var built struct {
	folder string
	script map[string]string
	err    error
	once   sync.Once
}

func findClients() {
	built.script = map[string]string{}
	out, err := exec.Command("../../../scripts/setup-clients", "--where").Output()
	if err != nil {
		built.err = fmt.Errorf("scripts/setup-clients --where: %w", err)
		return
	}
	for line := range strings.Lines(string(out)) {
		name, folder, _ := strings.Cut(strings.TrimSpace(line), " ")
		built.script[name] = folder
	}
	if built.folder, built.err = os.MkdirTemp("", "sor-clients"); built.err != nil {
		return
	}
	program := filepath.Join(built.folder, "witness")
	build := exec.Command("go", "build", "-o", program, "github.com/serverless/open-runtime/pkg/emulator/sandboxtest/witness")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		built.err = fmt.Errorf("building the function in Go: %w\n%s", err, out)
	}
}

// the gives a client by its language, and skips the test when it is not on this machine.
func the(t testing.TB, language string) client {
	t.Helper()
	built.once.Do(findClients)
	if built.err != nil {
		t.Fatal(built.err)
	}
	folder, ok := built.script[language]
	if !ok && language != "go" {
		t.Skipf("AWS's client for %s is not built on this machine: run scripts/setup-clients, which says why when it can't be", language)
	}
	testdata, err := filepath.Abs(filepath.Join("testdata", language))
	if err != nil {
		t.Fatal(err)
	}
	c := client{name: language, handler: "handler.hello"}
	switch language {
	case "go":
		c.command = []string{filepath.Join(built.folder, "witness")}
	case "rust":
		c.command = []string{filepath.Join(folder, "witness")}
	case "node":
		c.command = []string{where(t, "node"), filepath.Join(folder, "node_modules/aws-lambda-ric/bin/index.mjs"), "{handler}"}
		c.environ = []string{"LAMBDA_TASK_ROOT=" + testdata}
	case "python":
		c.command = []string{python(), "-m", "awslambdaric", "{handler}"}
		c.environ = []string{"PYTHONPATH=" + folder, "PYTHONDONTWRITEBYTECODE=1", "LAMBDA_TASK_ROOT=" + testdata}
	case "java":
		c.handler = "witness.Handler::hello"
		arch := map[string]string{"amd64": "x86_64", "arm64": "aarch_64"}[runtime.GOARCH]
		c.command = []string{
			where(t, "java"), "-XX:ErrorFile=/dev/null", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xshare:auto",
			"-Dcom.amazonaws.services.lambda.runtime.api.client.runtimeapi.NativeClient.JNI=" + folder + "/jni/libaws-lambda-jni.linux-" + arch + ".so", "-cp", folder + "/classes:" + folder + "/lib/*",
			"com.amazonaws.services.lambda.runtime.api.client.AWSLambda", "{handler}",
		}
	}
	return c
}

// where gives the path of a program.
func where(t testing.TB, program string) string {
	t.Helper()
	path, err := exec.LookPath(program)
	if err != nil {
		t.Fatal(err) // AWS's client was built with it
	}
	return path
}

// python is the real one: what version managers put on PATH is a slow script.
var python = sync.OnceValue(func() string {
	out, err := exec.Command("python3", "-c", "import sys; print(sys.executable)").Output()
	if err != nil {
		return "python3"
	}
	return strings.TrimSpace(string(out))
})

// output is what a process prints. It can be waited for.
type output struct {
	mu    sync.Mutex
	text  bytes.Buffer
	later chan struct{} // closed when there is more
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.later != nil {
		close(o.later)
		o.later = nil
	}
	return o.text.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// wait waits for a text.
func (o *output) wait(s *subject, text string) {
	s.t.Helper()
	for {
		o.mu.Lock()
		if o.later == nil {
			o.later = make(chan struct{})
		}
		later, there := o.later, bytes.Contains(o.text.Bytes(), []byte(text))
		o.mu.Unlock()
		if there {
			return
		}
		select {
		case <-later:
		case <-s.ctx.Done():
			s.t.Fatalf("the log has no %q", text)
		}
	}
}
