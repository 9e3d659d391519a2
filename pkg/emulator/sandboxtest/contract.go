//go:build linux

package sandboxtest

import (
	"bytes"
	"context"
	"errors"
	"net"
	"strconv"
	"strings"
	"testing"

	"github.com/serverless/open-runtime/internal/frames"
	"github.com/serverless/open-runtime/pkg/emulator"
)

// Run runs the contract.
func Run(t *testing.T, s Subject) {
	for _, one := range []struct {
		name string
		test func(*testing.T, Subject)
	}{
		{"Identity", testIdentity},
		{"Environment", testEnvironment},
		{"FileSystem", testFileSystem},
		{"Hidden", testHidden},
		{"SizedTmp", testSizedTmp},
		{"Quotas", testQuotas},
		{"Loose", testLoose},
		{"EmptyCode", testEmptyCode},
		{"Network", testNetwork},
		{"NoNetwork", testNoNetwork},
		{"Payloads", testPayloads},
		{"Exit", testExit},
		{"SignalToSupervisor", testSignalToSupervisor},
		{"Memory", testMemory},
		{"Witness", testWitness},
		{"WitnessEnd", testWitnessEnd},
		{"Facts", testFacts},
		{"End", testEnd},
		{"Pool", testPool},
		{"LiveFolders", testLiveFolders},
		{"Cancel", testCancel},
		{"CancelStart", testCancelStart},
		{"BadSupervisor", testBadSupervisor},
		{"KilledHost", testKilledHost},
	} {
		t.Run(one.name, func(t *testing.T) { one.test(t, s) })
	}
}

// The function is user 993 of group 990 and can't become anyone else.
func testIdentity(t *testing.T, s Subject) {
	got := invoke[map[string]any](t, start(t, s, nil), event{Do: "identity"})
	delete(got, "Pid")
	if s.Nameless {
		got["User"] = "sbx_user1051"
	}
	none := "0000000000000000"
	equal(t, "identity", got, map[string]any{
		"Uid": 993.0, "Euid": 993.0, "Gid": 990.0, "Groups": got["Groups"], "User": "sbx_user1051", "Umask": "0022",
		"CapInh": none, "CapPrm": none, "CapEff": none, "CapAmb": none, "NoNewPrivs": "1", "Directory": "/var/task",
	})
	for _, group := range strings.Fields(got["Groups"].(string)) {
		if group != "990" {
			t.Errorf("the function is in groups %s", got["Groups"])
		}
	}
}

// The environment is Lambda's and the function's own, and nothing of the developer's.
func testEnvironment(t *testing.T, s Subject) {
	t.Setenv("SANDBOXTEST_SECRET", "leaked")
	e := start(t, s, nil)
	got := strings.Join(invoke[[]string](t, e, event{Do: "environment"}), "\n")
	if !strings.Contains(got, "TABLE_NAME=orders") || !strings.Contains(got, "LAMBDA_TASK_ROOT=/var/task") {
		t.Errorf("the environment lacks what it should have:\n%s", got)
	}
	if strings.Contains(got, "leaked") || strings.Contains(got, "HOME=/root") {
		t.Errorf("the environment has what is the developer's:\n%s", got)
	}
	if descriptors := do(t, e, event{Do: "run", Name: "ls /proc/self/fd"}); len(strings.Fields(descriptors.Text)) > 4 {
		t.Errorf("a child of the function has descriptors %q; want 0, 1, 2 and the listing's own", descriptors.Text)
	}
}

// All is read-only but /tmp, from which programs can be run.
func testFileSystem(t *testing.T, s Subject) {
	e := start(t, s, nil)
	for _, path := range []string{"/x", "/usr/x", "/etc/x", "/etc/passwd", "/var/x", "/var/task/x", "/var/task/data.txt", "/opt/x", "/opt/lib/data.txt", "/dev/x", "/var/rapid/supervisor"} {
		if got := do(t, e, event{Do: "write", Path: path}); got.Error == "" {
			t.Errorf("%s can be written", path)
		}
	}
	equal(t, "writing /tmp/x", do(t, e, event{Do: "write", Path: "/tmp/x"}), result{})
	equal(t, "mode of /tmp", do(t, e, event{Do: "stat", Path: "/tmp"}).Text, "1777")
	equal(t, "running from /tmp", do(t, e, event{Do: "copy-and-run", Path: "/tmp/program"}), result{})
	equal(t, "writing /dev/null", do(t, e, event{Do: "write", Path: "/dev/null"}), result{})
	equal(t, "code", do(t, e, event{Do: "read", Path: "/var/task/data.txt"}), result{Text: "code"})
	equal(t, "layer", do(t, e, event{Do: "read", Path: "/opt/lib/data.txt"}), result{Text: "layer"})
	equal(t, "modes of code", do(t, e, event{Do: "stat", Path: "/var/task/bootstrap"}).Text, "0755")
	if got := do(t, e, event{Do: "read", Path: "/dev/urandom/"}); got.Error == "" {
		t.Error("/dev/urandom is a directory")
	}
	equal(t, "writing to stderr by its name", do(t, e, event{Do: "run", Name: "echo line >/dev/stderr"}), result{Text: "line\n"})
}

// What is the developer's is not there: homes, sockets of engines, files in their /tmp.
func testHidden(t *testing.T, s Subject) {
	e := start(t, s, nil)
	for _, path := range []string{"/run/docker.sock", "/var/run/docker.sock", "/run/podman/podman.sock", "/var/lib/docker", "/root/.ssh", "/root/.aws", "/root/.cache", "/dev/shm", t.TempDir()} {
		if got := do(t, e, event{Do: "stat", Path: path}); got.Error == "" {
			t.Errorf("%s is there", path)
		}
	}
	home := do(t, e, event{Do: "list", Path: "/home"})
	if home.Text != "" {
		t.Errorf("/home has %s", home.Text)
	}
	// an image may have none
	if got := do(t, e, event{Do: "write", Path: "/home/x"}); home.Error == "" && !strings.Contains(got.Error, "read-only file system") {
		t.Errorf("writing to /home: %+v", got)
	}
	if got := do(t, e, event{Do: "read", Path: "/etc/shadow"}); got.Error == "" && got.Text != "" {
		t.Error("/etc/shadow can be read")
	}
	if got := do(t, e, event{Do: "list", Path: "/proc/1/fd"}); s.Sandbox.Name() == "namespace" && got.Error == "" {
		if link := do(t, e, event{Do: "read", Path: "/proc/1/fd/0"}); !strings.Contains(link.Error, "denied") {
			t.Errorf("the supervisor's stdin: %+v", link)
		}
	}
	pids := 0
	for _, name := range strings.Fields(do(t, e, event{Do: "list", Path: "/proc"}).Text) {
		if _, err := strconv.Atoi(name); err == nil {
			pids++
		}
	}
	if pids == 0 || pids > 5 {
		t.Errorf("the function sees %d processes; want its own few", pids)
	}
}

func testSizedTmp(t *testing.T, s Subject) {
	e := start(t, s, func(o *emulator.Options) { o.Spec.TmpMB = 16 })
	got := do(t, e, event{Do: "fill", Path: "/tmp/big", Size: 64 << 20})
	if got.Size < 15<<20 || got.Size > 16<<20 || !strings.Contains(got.Error, "no space left") {
		t.Errorf("filling a /tmp of 16 MB: %+v", got)
	}
	equal(t, "the next one", do(t, e, event{Do: "write", Path: "/tmp/x"}), result{})
}

// A process has 1024 files and the function as many processes, as on Lambda, and what is refused one harms nobody else.
func testQuotas(t *testing.T, s Subject) {
	e := start(t, s, nil)
	got := do(t, e, event{Do: "open"})
	if got.Size < 1000 || got.Size > 1024 || !strings.Contains(got.Error, "too many open files") {
		t.Errorf("opening files: %+v", got)
	}
	got = do(t, e, event{Do: "fork", Size: 2000})
	if got.Size < 900 || got.Size > 1100 || !strings.Contains(got.Error, "resource temporarily unavailable") {
		t.Errorf("starting processes: %+v", got)
	}
	equal(t, "the next one", do(t, e, event{Do: "write", Path: "/tmp/x"}), result{})
	loose := start(t, s, func(o *emulator.Options) { o.Spec.Loose, o.Config.Loose = true, true })
	equal(t, "loose", do(t, loose, event{Do: "fork", Size: 1200}), result{Size: 1200})
}

// A function that is run less strictly has a home and a /dev/shm; its code stays as it is.
func testLoose(t *testing.T, s Subject) {
	strict := start(t, s, nil)
	loose := start(t, s, func(o *emulator.Options) { o.Spec.Loose, o.Config.Loose = true, true })
	for _, dir := range emulator.LooseFolders {
		equal(t, "loose: "+dir, do(t, loose, event{Do: "write", Path: dir + "/x"}), result{})
		if got := do(t, strict, event{Do: "write", Path: dir + "/x"}); got.Error == "" {
			t.Errorf("strict: %s can be written", dir)
		}
	}
	for _, path := range []string{"/var/task/x", "/opt/x", "/x"} {
		if got := do(t, loose, event{Do: "write", Path: path}); got.Error == "" {
			t.Errorf("loose: %s can be written", path)
		}
	}
	if got := strings.Join(invoke[[]string](t, loose, event{Do: "environment"}), "\n"); !strings.Contains(got, "HOME="+emulator.LooseHome) {
		t.Errorf("loose: no HOME in\n%s", got)
	}
}

// A function of which all is in the layer has an empty /var/task; one without layers an empty /opt.
func testEmptyCode(t *testing.T, s Subject) {
	e := start(t, s, func(o *emulator.Options) { o.Spec.Task, o.Spec.Opt = "", o.Spec.Task })
	equal(t, "/var/task", do(t, e, event{Do: "list", Path: "/var/task"}), result{})
	if got := do(t, e, event{Do: "write", Path: "/var/task/x"}); got.Error == "" {
		t.Error("an empty /var/task can be written")
	}
	e = start(t, s, func(o *emulator.Options) { o.Spec.Opt = "" })
	equal(t, "/opt", do(t, e, event{Do: "list", Path: "/opt"}), result{})
}

// The function reaches what listens on the developer's machine, by the name that containers know it by.
func testNetwork(t *testing.T, s Subject) {
	port := listen(t)
	e := start(t, s, nil)
	equal(t, "sandbox.localdomain", do(t, e, event{Do: "resolve", Name: "sandbox.localdomain"}), result{Text: "127.0.0.1"})
	equal(t, "the developer's machine", do(t, e, event{Do: "dial", Name: "host.docker.internal:" + port}), result{Text: "hello"})
}

// Without a network there is loopback, with the Runtime API at Lambda's own address, and nothing else.
func testNoNetwork(t *testing.T, s Subject) {
	port := listen(t)
	e := start(t, s, func(o *emulator.Options) { o.Spec.Network = "none" })
	equal(t, "interfaces", do(t, e, event{Do: "interfaces"}), result{Text: "lo"})
	equal(t, "sandbox.localdomain", do(t, e, event{Do: "resolve", Name: "sandbox.localdomain"}), result{Text: "127.0.0.1"})
	for _, address := range []string{"127.0.0.1:" + port, "host.docker.internal:" + port} {
		if got := do(t, e, event{Do: "dial", Name: address}); got.Error == "" {
			t.Errorf("%s can be reached: %q", address, got.Text)
		}
	}
	if got := strings.Join(invoke[[]string](t, e, event{Do: "environment"}), "\n"); !strings.Contains(got, "AWS_LAMBDA_RUNTIME_API=127.0.0.1:9001") {
		t.Errorf("the Runtime API is not at 127.0.0.1:9001:\n%s", got)
	}
	other := start(t, s, func(o *emulator.Options) { o.Spec.Network = "none" }) // the ports of two do not meet
	equal(t, "interfaces of another", do(t, other, event{Do: "interfaces"}), result{Text: "lo"})
}

// listen says hello to whoever connects, on every address of this machine, and gives the port.
func listen(t *testing.T) string {
	listener, err := net.Listen("tcp", "0.0.0.0:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			_, _ = conn.Write([]byte("hello"))
			conn.Close()
		}
	}()
	t.Cleanup(func() { listener.Close(); <-done })
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	return port
}

// Payloads of the largest size, of every byte that JSON allows, go both ways intact.
func testPayloads(t *testing.T, s Subject) {
	e := start(t, s, nil)
	const largest = 6 << 20 // https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
	large := append(append([]byte{'"'}, bytes.Repeat([]byte("é€𝄞 <&>\\n"), (largest-2)/16)...), '"')
	for name, payload := range map[string][]byte{"empty string": []byte(`""`), "escapes": []byte("\"\\u0000\\ud800 \\r\\n\u2028\""), "large": large} {
		got, err := e.Invoke(t.Context(), request(), payload)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if !bytes.Equal(got.Payload, payload) {
			t.Errorf("%s: %d bytes came back, not the %d that were sent (error type %q)", name, len(got.Payload), len(payload), got.ErrorType)
		}
	}
}

// A function that exits is an error of the invocation; the sandbox goes on.
func testExit(t *testing.T, s Subject) {
	e := start(t, s, nil)
	got := invokeRaw(t, e, event{Do: "exit", Status: 3})
	if got.ErrorType != "Runtime.ExitError" || !strings.Contains(string(got.Payload), "exit status 3") {
		t.Errorf("a function that exits 3: %s: %s", got.ErrorType, got.Payload)
	}
	equal(t, "the next invocation", do(t, e, event{Do: "read", Path: "/var/task/data.txt"}), result{Text: "code"})
}

// The function can't end or stop the supervisor by the signals that programs send. (Where both are one user, those of a
// crash, such as SIGSEGV, do end it: a Go program can't choose.)
func testSignalToSupervisor(t *testing.T, s Subject) {
	e := start(t, s, nil)
	for _, signal := range []int{1, 2, 3, 6, 9, 10, 12, 13, 14, 15, 19, 20} {
		do(t, e, event{Do: "signal", Status: signal})
	}
	equal(t, "afterwards", do(t, e, event{Do: "read", Path: "/var/task/data.txt"}), result{Text: "code"})
}

// Memory is measured, and what takes more than it may is ended.
func testMemory(t *testing.T, s Subject) {
	e := start(t, s, nil)
	got := invokeRaw(t, e, event{Do: "allocate", Size: 100 << 20})
	if got.Report.MaxMemoryUsedMB < 100 || got.Report.MaxMemoryUsedMB > 200 {
		t.Errorf("max memory used after allocating 100 MB: %d MB", got.Report.MaxMemoryUsedMB)
	}
	got = invokeRaw(t, e, event{Do: "allocate", Size: 2 << 30})
	if got.ErrorType == "" {
		t.Errorf("a function of 256 MB allocated 2 GB: %s", got.Payload)
	}
	if got.Report.MaxMemoryUsedMB > 256 || got.Report.MaxMemoryUsedMB < 128 {
		t.Errorf("it used %d MB", got.Report.MaxMemoryUsedMB)
	}
	equal(t, "afterwards", do(t, e, event{Do: "read", Path: "/var/task/data.txt"}), result{Text: "code"})
}

func testFacts(t *testing.T, s Subject) {
	o := options(t, s)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	i, err := s.Sandbox.Start(ctx, o.Spec)
	if err != nil {
		t.Fatal(err)
	}
	got := i.Facts()
	if got.Sandbox != s.Sandbox.Name() {
		t.Errorf("facts say sandbox %q, it is %q", got.Sandbox, s.Sandbox.Name())
	}
	switch got.Identity {
	case frames.IdentityAlready, frames.IdentityDrop, frames.IdentityNamespace:
	default:
		t.Errorf("identity is %q", got.Identity)
	}
	if got.MemoryLimit != "" && got.MemoryLimit != "cgroup" {
		t.Errorf("memory limit is %q", got.MemoryLimit)
	}
	cancel()
	if err := i.Wait(); !errors.Is(err, context.Canceled) {
		t.Errorf("Wait of a cancelled instance: %v", err)
	}
}
