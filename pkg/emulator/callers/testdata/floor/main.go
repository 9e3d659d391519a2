// The floor under a local Lambda: an Invoke API in front, a Runtime API behind, on net/http, and nothing else. No sandbox, no
// log, no limit, no report, one invocation at a time. What a whole emulator costs is measured against it.
//
// floor COMMAND starts the function and says on stderr where it listens.
// https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
package main

import (
	"context"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"syscall"
	"time"
)

type invocation struct {
	id     string
	event  []byte
	answer chan []byte
}

type floor struct {
	waiting chan *invocation // for a runtime
	running chan *invocation // the one that has the runtime; one place
	count   chan int
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, command []string) error {
	f := &floor{waiting: make(chan *invocation), running: make(chan *invocation, 1), count: make(chan int, 1)}
	f.count <- 0
	mux := http.NewServeMux()
	mux.HandleFunc("POST /2015-03-31/functions/{name}/invocations", f.invoke)
	mux.HandleFunc("GET /2018-06-01/runtime/invocation/next", f.next)
	mux.HandleFunc("POST /2018-06-01/runtime/invocation/{id}/response", f.response)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	server := &http.Server{Handler: mux, ReadHeaderTimeout: time.Minute}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	function := exec.CommandContext(ctx, command[0], command[1:]...)
	function.Env = append(os.Environ(), "AWS_LAMBDA_RUNTIME_API="+listener.Addr().String())
	function.Stdout, function.Stderr = os.Stderr, os.Stderr
	if err := function.Start(); err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "listening on http://%s\n", listener.Addr())
	_ = function.Wait() // it is killed at the end
	server.Close()
	<-served
	return nil
}

func (f *floor) invoke(w http.ResponseWriter, r *http.Request) {
	event, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	number := <-f.count
	f.count <- number + 1
	inv := &invocation{id: "8476a536-e9f4-11e8-9739-" + fmt.Sprintf("%012d", number), event: event, answer: make(chan []byte, 1)}
	select {
	case f.waiting <- inv:
	case <-r.Context().Done():
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(<-inv.answer) // who hung up does not want it
}

func (f *floor) next(w http.ResponseWriter, r *http.Request) {
	select {
	case inv := <-f.waiting:
		f.running <- inv
		w.Header().Set("Lambda-Runtime-Aws-Request-Id", inv.id)
		w.Header().Set("Lambda-Runtime-Deadline-Ms", strconv.FormatInt(time.Now().Add(time.Minute).UnixMilli(), 10))
		w.Header().Set("Lambda-Runtime-Invoked-Function-Arn", "arn:aws:lambda:us-east-1:012345678912:function:function")
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(inv.event) // who hung up asks again
	case <-r.Context().Done():
	}
}

func (f *floor) response(w http.ResponseWriter, r *http.Request) {
	answer, err := io.ReadAll(r.Body)
	inv := <-f.running
	if err != nil || inv.id != r.PathValue("id") {
		log.Fatalf("the answer of %s: %v, %s runs", r.PathValue("id"), err, inv.id)
	}
	inv.answer <- answer
	w.WriteHeader(http.StatusAccepted)
	_, _ = io.WriteString(w, `{"status":"OK"}`+"\n")
}
