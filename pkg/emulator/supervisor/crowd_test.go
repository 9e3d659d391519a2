//go:build linux

package supervisor_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/serverless/open-runtime/internal/frames"
	"github.com/serverless/open-runtime/internal/runtimeapi"
	"github.com/serverless/open-runtime/pkg/emulator"
)

func concurrency(n int) func(*setup) {
	return func(s *setup) { s.host.Config.Concurrency = n }
}

// beginAs begins an invocation with a request ID of its own.
func (p *puppet) beginAs(id, event string) *emulator.Invocation {
	p.t.Helper()
	inv, err := p.Begin(p.t.Context(), frames.SupervisorInvoke{ID: id}, []byte(event))
	if err != nil {
		p.t.Fatal(err)
	}
	return inv
}

func (p *puppet) respondTo(id, body string) said {
	return p.call("POST", runtimeapi.PathInvocation+id+runtimeapi.SuffixResponse, []byte(body))
}

// N4: an environment that takes several invocations at once is handed as many, and answers in any order.
func TestSeveralAtOnce(t *testing.T) {
	const most = 3
	p := newPuppet(t, concurrency(most))
	var asked []func() said
	for range most {
		asked = append(asked, p.next())
	}
	var under []*emulator.Invocation
	for i := range most {
		under = append(under, p.beginAs(fmt.Sprintf("id-%d", i), strconv.Itoa(i)))
	}
	got := map[string]string{}
	for _, one := range asked {
		next := one()
		got[next.Header.Get(runtimeapi.HeaderRequestID)] = next.Body
	}
	equal(t, "events", got, map[string]string{"id-0": "0", "id-1": "1", "id-2": "2"})
	p.respondTo("id-9", "x").wants(t, "a stranger", 400, `{"errorMessage":"Invalid request ID","errorType":"InvalidRequestID"}`+"\n")
	for i := most - 1; i >= 0; i-- {
		p.respondTo(fmt.Sprintf("id-%d", i), strconv.Itoa(i*i)).wants(t, "response", 202, `{"status":"OK"}`+"\n")
		result := p.result(under[i])
		equal(t, "payload", string(result.Payload), strconv.Itoa(i*i))
	}
	p.respondTo("id-0", "x").wants(t, "twice", 400, `{"errorMessage":"Invalid request ID","errorType":"InvalidRequestID"}`+"\n")
	if p.register("late", `{}`).Status != 403 {
		t.Error("registration is open")
	}
}

// One that takes too long is told so, and the environment goes on with the others; its answer is too late.
func TestTimeoutAmongSeveral(t *testing.T) {
	p := newPuppet(t, concurrency(2), timeout(700*time.Millisecond))
	first := p.next()
	slow := p.beginAs("slow", "1")
	first()
	result := p.result(slow)
	equal(t, "error", []string{result.ErrorType, result.Report.Status}, []string{"Sandbox.Timedout", "timeout"})
	p.respondTo("slow", "1").wants(t, "a late answer", 410, `{"errorMessage":"Invoke timeout","errorType":"InvokeTimeout"}`+"\n")
	p.respondTo("slow", "1").wants(t, "again", 400, `{"errorMessage":"Invalid request ID","errorType":"InvalidRequestID"}`+"\n")
	second := p.next()
	fast := p.beginAs("fast", "2")
	second().wants(t, "next", 200, "2")
	p.respondTo("fast", "3")
	equal(t, "payload", string(p.result(fast).Payload), "3")
}

// Those that the runtime never asks for time out too, however many there are, and those after them are handed over.
func TestNobodyAsks(t *testing.T) {
	p := newPuppet(t, concurrency(1), timeout(100*time.Millisecond))
	p.next() // INIT is over; what waits here takes the first
	for i := range 6 {
		result := p.result(p.beginAs("unheard-"+strconv.Itoa(i), "1"))
		equal(t, "error type", result.ErrorType, "Sandbox.Timedout")
	}
	next := p.next()
	heard := p.beginAs("heard", "2")
	next().wants(t, "next", 200, "2")
	p.respondTo("heard", "3")
	equal(t, "payload", string(p.result(heard).Payload), "3")
}

// A line of the log belongs to the invocation that it names, to the only one, or to none.
func TestLogOfSeveral(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	f := script(t, "echo api $AWS_LAMBDA_RUNTIME_API\nexec cat <>$PIPE", concurrency(3), variable("PIPE", pipe))
	p := &puppet{function: f, client: &client{"http://" + f.log.await(t, "api "), http.DefaultClient}}
	t.Cleanup(http.DefaultClient.CloseIdleConnections)
	log, err := os.OpenFile(pipe, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	says := func(line string) {
		fmt.Fprintln(log, line)
		f.log.await(t, line)
	}
	asked := p.next()
	first := p.beginAs("a", "1")
	asked()
	says("alone")
	asked = p.next()
	second := p.beginAs("b", "2")
	asked()
	for _, line := range []string{"whose?", `{"requestId":"a","m":1}`, `{"AWSRequestId":"b","m":2}`, `{"m":3}`} {
		says(line)
	}
	p.respondTo("a", "1")
	p.respondTo("b", "2")
	want := map[*emulator.Invocation][]string{first: {"alone", `{"requestId":"a","m":1}`}, second: {`{"AWSRequestId":"b","m":2}`}}
	for inv, lines := range want {
		result, err := inv.Result(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for line := range strings.Lines(string(result.Log)) {
			if line = strings.TrimSpace(line); !strings.Contains(line, "RequestId: ") {
				got = append(got, line)
			}
		}
		equal(t, "log", got, lines)
	}
}

// A runtime that dies takes all of its invocations with it, each with an answer; INIT runs once for those after it.
func TestDeathAmongSeveral(t *testing.T) {
	f := program(t, concurrency(2))
	var under []*emulator.Invocation
	for i, event := range []string{`{"Do":"hang"}`, `{"Do":"hang"}`} {
		inv, err := f.Begin(t.Context(), frames.SupervisorInvoke{ID: strconv.Itoa(i)}, []byte(event))
		if err != nil {
			t.Fatal(err)
		}
		under = append(under, inv)
	}
	f.log.await(t, "START RequestId: 1")
	killRuntime(t)
	for _, inv := range under {
		result, err := inv.Result(t.Context())
		if err != nil || result.ErrorType != "Runtime.ExitError" {
			t.Errorf("%+v, %v", result, err)
		}
	}
	f.answers("5", "5")
	if lines := strings.Join(f.log.platform(), "\n"); strings.Contains(lines, "INIT_REPORT") {
		t.Error(lines)
	}
}

// killRuntime kills the children of this process, of which there is one.
func killRuntime(t *testing.T) {
	t.Helper()
	for _, pid := range runtimes(t) {
		process, err := os.FindProcess(pid)
		if err == nil {
			err = process.Kill()
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// runtimes lists the processes whose parent this one is.
func runtimes(t *testing.T) (pids []int) {
	t.Helper()
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", os.Getpid(), os.Getpid()))
	tasks, _ := os.ReadDir("/proc/self/task")
	for _, task := range tasks {
		more, _ := os.ReadFile("/proc/self/task/" + task.Name() + "/children")
		data = append(data, more...)
	}
	if err != nil {
		t.Fatal(err)
	}
	seen := map[int]bool{}
	for field := range strings.FieldsSeq(string(data)) {
		if pid, err := strconv.Atoi(field); err == nil && !seen[pid] {
			seen[pid] = true
			pids = append(pids, pid)
		}
	}
	return pids
}

// Between two invocations nothing runs, when that is asked for.
func TestFreeze(t *testing.T) {
	f := program(t, func(s *setup) { s.host.Config.Freeze = true })
	for range 3 {
		f.answers("1", "1")
		for _, pid := range runtimes(t) {
			stops(t, pid)
		}
	}
}

// stops waits until a process stands still: one that runs has a moment until the kernel stops it.
func stops(t *testing.T, pid int) {
	t.Helper()
	look := time.NewTicker(time.Millisecond)
	defer look.Stop()
	limit := time.After(20 * time.Second)
	for {
		data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		_, after, _ := strings.Cut(string(data), ") ")
		if err == nil && strings.HasPrefix(after, "T") {
			return
		}
		select {
		case <-look.C:
		case <-limit:
			t.Fatalf("process %d is in state %.1s (%v)", pid, after, err)
		}
	}
}

// A reset ends the environment in order, and begins another with what is new.
func TestResetByTheHost(t *testing.T) {
	f := program(t, extensions(t, "one"), variable("COLOUR", "red"))
	pid := string(f.invoke(`{"Do":"pid"}`).Payload)
	config := f.Config()
	config.Environment = map[string]string{envRuntime: "1", "COLOUR": "blue"}
	config.TimeoutMs = 10_000
	if err := f.Reset(t.Context(), config); err != nil {
		t.Fatal(err)
	}
	f.log.await(t, "one told SHUTDOWNSPINDOWN")
	got := f.invoke(`{"Do":"environment"}`)
	if !strings.Contains(string(got.Payload), `"COLOUR=blue"`) || got.Report.InitDurationMs == 0 {
		t.Errorf("%s, %+v", got.Payload, got.Report)
	}
	if again := string(f.invoke(`{"Do":"pid"}`).Payload); cmp.Equal(again, pid) {
		t.Errorf("process %s goes on", pid)
	}
}
