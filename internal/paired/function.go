package paired

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// A Function is a program that asks a Runtime API, and the API: the least that hands out an event and takes the answer.
// https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
type Function struct {
	b       *testing.B
	events  chan string
	answers chan string
	process *os.Process
}

// Start starts a program as Lambda would start it, with more variables. It ends with the benchmark.
func Start(b *testing.B, command []string, dir string, env ...string) *Function {
	b.Helper()
	f := &Function{b: b, events: make(chan string), answers: make(chan string)}
	const path = "/2018-06-01/runtime/invocation/"
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+path+"next", f.next)
	mux.HandleFunc("POST "+path+"one/{kind}", f.answer)
	api := httptest.NewServer(mux)
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Dir = dir
	cmd.Env = append([]string{
		"AWS_LAMBDA_RUNTIME_API=" + strings.TrimPrefix(api.URL, "http://"), "PATH=" + os.Getenv("PATH"), "AWS_REGION=eu-west-1",
		"AWS_LAMBDA_FUNCTION_NAME=f", "AWS_LAMBDA_FUNCTION_VERSION=$LATEST", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE=128",
	}, env...)
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	f.process = cmd.Process
	b.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait() // it was killed
		api.CloseClientConnections()
		api.Close()
	})
	return f
}

func (f *Function) next(w http.ResponseWriter, r *http.Request) {
	select {
	case event := <-f.events:
		w.Header().Set("Lambda-Runtime-Aws-Request-Id", "one")
		w.Header().Set("Lambda-Runtime-Deadline-Ms", fmt.Sprint(time.Now().Add(time.Minute).UnixMilli()))
		w.Header().Set("Lambda-Runtime-Invoked-Function-Arn", "arn:aws:lambda:eu-west-1:123456789012:function:f")
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Content-Length", fmt.Sprint(len(event)))
		_, _ = w.Write([]byte(event)) // who hung up asks again
	case <-r.Context().Done():
	}
}

func (f *Function) answer(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body) // half an answer is not the event
	w.WriteHeader(http.StatusAccepted)
	f.answers <- string(body)
}

// Echo invokes it, and wants the event back.
func (f *Function) Echo(event string) {
	f.b.Helper()
	f.events <- event
	if got := <-f.answers; got != event {
		f.b.Fatalf("got %.200s", got)
	}
}

// Resident is the memory of its process, in bytes.
func (f *Function) Resident() int {
	f.b.Helper()
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", f.process.Pid))
	if err != nil {
		f.b.Fatal(err)
	}
	var total, pages int
	if _, err := fmt.Sscan(string(data), &total, &pages); err != nil {
		f.b.Fatal(err)
	}
	return pages * os.Getpagesize()
}
