//go:build linux

package callers_test

// Servers that invoke a function: ours, AWS's emulator, and the floor. Each is a process of its own, so that what it costs can
// be seen from outside.

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/serverless/open-runtime/pkg/emulator/namespace"
)

// patience bounds every wait, on a machine with much else to do.
const patience = time.Minute

type server struct {
	t      testing.TB
	url    string // of the Invoke API, no slash at its end
	name   string // of the function
	cmd    *exec.Cmd
	log    *log
	exited chan struct{}
	client *http.Client
}

// serve starts a server. ready finds its address in what it prints.
func serve(t testing.TB, name string, cmd *exec.Cmd, ready *regexp.Regexp) *server {
	t.Helper()
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdout, cmd.Stderr = writer, writer
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	writer.Close()
	s := &server{
		t: t, name: name, cmd: cmd, log: &log{later: make(chan struct{})}, exited: make(chan struct{}),
		client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}},
	}
	var reading sync.WaitGroup
	reading.Go(func() { s.log.read(reader); reader.Close() })
	go func() { _ = cmd.Wait(); close(s.exited) }() // ProcessState says how
	t.Cleanup(func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // it may be gone
		<-s.exited
		reading.Wait()
		s.client.CloseIdleConnections()
		if t.Failed() {
			t.Logf("the log of %s:\n%s", name, s.log.tail(8000))
		}
	})
	if ready != nil {
		s.url = s.wait(ready)[1]
	}
	return s
}

// wait waits until the log has a line, and gives what it matched.
func (s *server) wait(line *regexp.Regexp) []string {
	s.t.Helper()
	timeout := time.NewTimer(patience)
	defer timeout.Stop()
	for {
		found, later := s.log.find(line)
		if found != nil {
			return found
		}
		select {
		case <-later:
		case <-s.exited:
			if found, _ := s.log.find(line); found != nil {
				return found
			}
			s.t.Fatalf("%s: %v before its log had %s:\n%s", s.cmd.Args, s.cmd.ProcessState, line, s.log.tail(4000))
		case <-timeout.C:
			s.t.Fatalf("%s: the log has no %s:\n%s", s.cmd.Args, line, s.log.tail(4000))
		}
	}
}

// end asks it to end, and waits until it has.
func (s *server) end() {
	s.t.Helper()
	_ = s.cmd.Process.Signal(syscall.SIGTERM) // it may be gone, which is seen below
	select {
	case <-s.exited:
	case <-time.After(patience):
		s.t.Fatalf("%s is not over after SIGTERM", s.cmd.Args)
	}
}

// log is what a server prints. Of benchmarks it may be much: then only the end is kept.
type log struct {
	mu    sync.Mutex
	text  []byte
	later chan struct{} // closed when there is more
}

const mostLog = 256 << 20

func (l *log) read(from io.Reader) {
	buffer := make([]byte, 64<<10)
	for {
		n, err := from.Read(buffer)
		l.mu.Lock()
		if len(l.text) > mostLog {
			l.text = append([]byte(nil), l.text[mostLog/2:]...)
		}
		l.text = append(l.text, buffer[:n]...)
		close(l.later)
		l.later = make(chan struct{})
		l.mu.Unlock()
		if err != nil {
			return
		}
	}
}

func (l *log) find(line *regexp.Regexp) (found []string, later chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, match := range line.FindSubmatch(l.text) {
		found = append(found, string(match))
	}
	return found, l.later
}

func (l *log) tail(most int) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return string(l.text[max(0, len(l.text)-most):])
}

// project is a function for sor: a folder with a sor.yaml.
type project struct {
	name     string
	program  string // the folder of the program that is its bootstrap
	settings string // more lines of sor.yaml
	files    map[string]string
}

// write makes the folder.
func (p project) write(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	place(t, filepath.Join(dir, "sor.yaml"), []byte("name: "+p.name+"\nruntime: provided\n"+p.settings), 0o644)
	for name, source := range p.files {
		copyProgram(t, source, filepath.Join(dir, name))
	}
	copyProgram(t, program(t, p.program), filepath.Join(dir, "function", "bootstrap"))
	return dir
}

func copyProgram(t testing.TB, from, to string) {
	t.Helper()
	content, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	place(t, to, content, 0o755)
}

func place(t testing.TB, path string, content []byte, mode os.FileMode) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, content, mode); err != nil {
		t.Fatal(err)
	}
}

var listening = regexp.MustCompile(`(?m)^listening on (http://\S+?)/?$`)

// start starts `sor start` with projects, in the namespace sandbox.
func start(t testing.TB, flags []string, projects ...project) *server {
	t.Helper()
	cmd := sor(t, append([]string{"start", "--listen", "127.0.0.1:0"}, flags...)...)
	for _, p := range projects {
		cmd.Args = append(cmd.Args, p.write(t))
	}
	return serve(t, projects[0].name, cmd, listening)
}

func sor(t testing.TB, args ...string) *exec.Cmd {
	t.Helper()
	if err := namespace.Available(); err != nil {
		t.Skip("no namespace sandbox can be had here: ", err)
	}
	cmd := exec.Command(program(t, "../../../cmd/sor"), args...)
	cmd.Env = append(os.Environ(), "SOR_SANDBOX=namespace", "SOR_CACHE="+filepath.Join(t.TempDir(), "cache"),
		"SOR_BOOTSTRAP="+program(t, "../../../cmd/bootstrap"), "SOR_SUPERVISOR="+program(t, "../../../cmd/supervisor"))
	return cmd
}

// startFloor starts the least that an emulator can be.
func startFloor(t testing.TB, function string) *server {
	t.Helper()
	cmd := exec.Command(program(t, "./testdata/floor"), function)
	cmd.Env = append(os.Environ(), "AWS_LAMBDA_FUNCTION_NAME=function", "AWS_REGION=us-east-1")
	return serve(t, "function", cmd, listening)
}

// startRIE starts AWS's Runtime Interface Emulator, which knows one name only.
func startRIE(t testing.TB, function string) *server {
	t.Helper()
	emulator, api := freeAddress(t), freeAddress(t)
	cmd := exec.Command(filepath.Join(peer(t, "rie"), "aws-lambda-rie"), "--runtime-interface-emulator-address", emulator,
		"--runtime-api-address", api, function)
	cmd.Env = append(os.Environ(), "AWS_LAMBDA_FUNCTION_TIMEOUT=60", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE=512")
	s := serve(t, "function", cmd, nil)
	s.url = "http://" + emulator
	ticker := time.NewTicker(time.Millisecond) // it does not say when it listens
	defer ticker.Stop()
	for range ticker.C {
		if conn, err := net.Dial("tcp", emulator); err == nil {
			conn.Close()
			return s
		}
		select {
		case <-s.exited:
			t.Fatalf("RIE: %v\n%s", cmd.ProcessState, s.log.tail(4000))
		default:
		}
	}
	return s
}

func freeAddress(t testing.TB) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}

// invoke is a RequestResponse invocation by a plain HTTP client: what is measured, with nothing around it.
func (s *server) invoke(event []byte) ([]byte, error) {
	response, err := s.client.Post(s.url+"/2015-03-31/functions/"+s.name+"/invocations", "application/json", bytes.NewReader(event))
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	payload, err := io.ReadAll(response.Body)
	switch {
	case err != nil:
		return nil, err
	case response.StatusCode != http.StatusOK:
		return nil, fmt.Errorf("%s: %.200s", response.Status, payload)
	case response.Header.Get("X-Amz-Function-Error") != "":
		return nil, functionError(strings.TrimSpace(string(payload)))
	}
	return payload, nil
}

// functionError is what the function answered, when that was an error.
type functionError string

func (e functionError) Error() string { return string(e) }

func isFunctionError(err error) bool {
	var answered functionError
	return errors.As(err, &answered)
}
