//go:build linux

package clients_test

// The client, alone or under the bootstrap.

import (
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// subject is a client's process, or the bootstrap over it, and the API that it asks.
type subject struct {
	*api
	t       testing.TB
	client  client
	proxied bool
	cmd     *exec.Cmd
	log     *output
	exited  chan struct{}
	waitErr error
}

// middlewares are in front of every client that is proxied: one hands on what it gets, the other changes what asks for it.
// Both look at everything.
var middlewares = map[string]string{
	"watch": "#!/bin/sh\nexec cat\n",
	"stamp": `#!/bin/sh
case $1 in
before) LC_ALL=C exec sed 's/"stamp": *""/"stamp":"before"/' ;;
after) LC_ALL=C exec sed 's/"stamp": *"before"/"stamp":"before and after"/' ;;
esac
`,
}

// options of a start.
type options struct {
	handler  string // instead of the client's
	environ  []string
	manifest string // of the middlewares
	wrapper  bool   // the client's command line is the bootstrap's argument
	ways     []string
}

const (
	alone   = "alone"
	proxied = "proxied"
)

// each runs a test with each client, alone and under the bootstrap.
func each(t *testing.T, languages string, test func(*testing.T, *subject)) {
	eachWith(t, languages, options{}, test)
}

func eachWith(t *testing.T, languages string, o options, test func(*testing.T, *subject)) {
	if o.ways == nil {
		o.ways = []string{alone, proxied}
	}
	for language := range strings.FieldsSeq(languages) {
		for _, way := range o.ways {
			t.Run(language+"/"+way, func(t *testing.T) {
				t.Parallel()
				test(t, start(t, the(t, language), way == proxied, o))
			})
		}
	}
}

func start(t testing.TB, c client, under bool, o options) *subject {
	t.Helper()
	s := &subject{api: newAPI(t), t: t, client: c, proxied: under, log: &output{}, exited: make(chan struct{})}
	if o.handler != "" {
		c.handler = o.handler
	}
	command := make([]string, len(c.command))
	for i, word := range c.command {
		command[i] = strings.ReplaceAll(word, "{handler}", c.handler)
	}
	task, err := filepath.Abs(filepath.Join("testdata", c.name))
	if err != nil {
		t.Fatal(err)
	}
	if c.name == "go" {
		task = t.TempDir()
	}
	environ := []string{
		"PATH=" + os.Getenv("PATH"), "LANG=en_US.UTF-8", "AWS_LAMBDA_RUNTIME_API=" + s.address(), "_HANDLER=" + c.handler,
		"LAMBDA_TASK_ROOT=" + task, "AWS_LAMBDA_FUNCTION_NAME=witness", "AWS_LAMBDA_FUNCTION_VERSION=$LATEST",
		"AWS_LAMBDA_FUNCTION_MEMORY_SIZE=256", "AWS_LAMBDA_LOG_GROUP_NAME=/aws/lambda/witness", "AWS_LAMBDA_LOG_STREAM_NAME=stream",
		"AWS_LAMBDA_INITIALIZATION_TYPE=on-demand", "AWS_REGION=eu-west-1", "TZ=:UTC",
	}
	environ = slices.Concat(environ, c.environ, o.environ)
	if under {
		opt := layer(t, c, o)
		s.cmd = exec.Command(testBinary(t))
		if o.wrapper {
			s.cmd.Args = append(s.cmd.Args, command...)
		}
		environ = append(environ, envRole+"=bootstrap", envOpt+"="+opt, envTask+"="+task, "GORACE=atexit_sleep_ms=0", "SLSMIDDLEWARES=watch,stamp")
	} else {
		s.cmd = exec.Command(command[0], command[1:]...)
	}
	s.cmd.Env, s.cmd.Dir = environ, task
	s.cmd.Stdout, s.cmd.Stderr = s.log, s.log
	s.cmd.WaitDelay = 5 * time.Second
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(s.exited)
		s.waitErr = s.cmd.Wait()
	}()
	t.Cleanup(s.end)
	return s
}

// layer writes /opt: the client as the language runtime, and the middlewares.
func layer(t testing.TB, c client, o options) string {
	t.Helper()
	opt := t.TempDir()
	spoken, err := json.Marshal(map[string]any{"protocol": "runtime-api", "command": c.command})
	if err != nil {
		t.Fatal(err)
	}
	write := func(name, content string, mode os.FileMode) {
		syscall.ForkLock.RLock() // a child forked meanwhile would hold it open for writing, and it could not be started
		defer syscall.ForkLock.RUnlock()
		name = filepath.Join(opt, name)
		err := os.MkdirAll(filepath.Dir(name), 0o755)
		if err == nil {
			err = os.WriteFile(name, []byte(content), mode)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if !o.wrapper {
		write("language-runtime.json", string(spoken), 0o644)
	}
	for name, script := range middlewares {
		write("middlewares/"+name, script, 0o755)
		if o.manifest != "" {
			write("middlewares/"+name+".json", o.manifest, 0o644)
		}
	}
	return opt
}

func testBinary(t testing.TB) string {
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// end ends what the test did not.
func (s *subject) end() {
	if s.proxied {
		_ = s.cmd.Process.Signal(syscall.SIGTERM) // it may have ended
	} else {
		_ = s.cmd.Process.Kill()
	}
	select {
	case <-s.exited:
	case <-time.After(10 * time.Second):
		s.t.Errorf("it does not end")
		_ = s.cmd.Process.Kill()
		<-s.exited
	}
	if errors.Is(s.waitErr, exec.ErrWaitDelay) {
		s.t.Errorf("the log is held open after the exit")
	}
	for _, text := range []string{"DATA RACE", "fatal error:"} {
		if strings.Contains(s.log.String(), text) {
			s.t.Errorf("the log has %q", text)
		}
	}
	if s.t.Failed() {
		s.t.Logf("log: %.20000s", s.log)
	}
}

// exits waits for the exit and wants its status, or the signal as a negative number.
func (s *subject) exits(want int) {
	s.t.Helper()
	for {
		select {
		case r := <-s.requests:
			s.held = append(s.held, r)
			continue
		case <-s.exited:
		case <-s.ctx.Done():
			s.t.Fatalf("waiting for the exit: %v; kept: %s", s.ctx.Err(), s.kept())
		}
		break
	}
	got := s.cmd.ProcessState.ExitCode()
	if status, ok := s.cmd.ProcessState.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		got = -int(status.Signal())
	}
	if got != want {
		s.t.Errorf("got %v, want %d", s.cmd.ProcessState, want)
	}
}

func (s *subject) invokes(event string, more ...field) *request {
	s.t.Helper()
	return s.invoke(s, event, more...)
}
