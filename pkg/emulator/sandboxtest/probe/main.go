// Probe is the bootstrap of a function that tells what its sandbox is like. It speaks the Runtime API by itself, on the
// standard library alone, so that the contract suite depends on nothing that it tests.
//
// An event is {"do": WHAT, ...}; the answer is what that gives. It answers an event that is not an object with itself.
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
)

// An event says what to do.
type event struct {
	Do     string
	Path   string
	Name   string
	Size   int64 // bytes
	Status int
}

func main() {
	if len(os.Args) > 1 && os.Args[1] == "linger" {
		select {} // a daemon that a function left behind
	}
	api := "http://" + os.Getenv("AWS_LAMBDA_RUNTIME_API") + "/2018-06-01/runtime/invocation/"
	for {
		if err := serve(api); err != nil {
			fmt.Fprintln(os.Stderr, "probe:", err)
			os.Exit(1)
		}
	}
}

// serve answers one invocation.
func serve(api string) error {
	next, err := http.Get(api + "next")
	if err != nil {
		return err
	}
	payload, err := io.ReadAll(next.Body)
	next.Body.Close()
	if err != nil {
		return err
	}
	if next.StatusCode != http.StatusOK {
		return fmt.Errorf("next: %s", next.Status)
	}
	answer, kind := handle(payload), "/response"
	if failed, ok := answer.(error); ok {
		answer, kind = map[string]string{"errorType": "Probe.Error", "errorMessage": failed.Error()}, "/error"
	}
	body, ok := answer.(json.RawMessage)
	if !ok {
		if body, err = json.Marshal(answer); err != nil {
			return err
		}
	}
	done, err := http.Post(api+next.Header.Get("Lambda-Runtime-Aws-Request-Id")+kind, "application/json", bytes.NewReader(body))
	if err != nil {
		return err
	}
	return done.Body.Close()
}

// handle does what an event says. An error is the invocation's.
func handle(payload []byte) any {
	var e event
	if json.Unmarshal(payload, &e) != nil {
		return json.RawMessage(payload)
	}
	switch e.Do {
	case "identity":
		return identity()
	case "environment":
		return os.Environ()
	case "write":
		return told(os.WriteFile(e.Path, []byte("x"), 0o644))
	case "read":
		data, err := os.ReadFile(e.Path)
		return result{Text: string(data), Error: text(err)}
	case "stat":
		return stat(e.Path)
	case "list":
		return list(e.Path)
	case "open":
		return open()
	case "fork":
		return fork(e.Size)
	case "fill":
		return fill(e.Path, e.Size)
	case "run":
		out, err := exec.Command("/bin/sh", "-c", e.Name).CombinedOutput()
		return result{Text: string(out), Error: text(err)}
	case "copy-and-run":
		return copyAndRun(e.Path)
	case "resolve", "dial", "interfaces":
		return network(e)
	case "daemon":
		return daemon(e.Name)
	case "signal":
		return told(syscall.Kill(1, syscall.Signal(e.Status)))
	case "allocate":
		return allocate(e.Size)
	case "hang":
		select {}
	case "exit":
		os.Exit(e.Status)
	}
	return fmt.Errorf("there is no %q to do", e.Do)
}

// A result is text, and an error if there was one.
type result struct {
	Text  string
	Error string
	Size  int64
}

func told(err error) result { return result{Error: text(err)} }

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// daemon leaves a process behind, in a session of its own.
func daemon(token string) any {
	child := exec.Command("/proc/self/exe", "linger", token)
	child.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := child.Start(); err != nil {
		return err
	}
	return result{Text: strconv.Itoa(child.Process.Pid)}
}

var held [][]byte

// allocate takes memory and touches each page of it.
func allocate(size int64) any {
	const chunk = 1 << 20
	for taken := int64(0); taken < size; taken += chunk {
		held = append(held, bytes.Repeat([]byte{1}, chunk))
	}
	return result{Size: int64(len(held)) * chunk}
}

func list(path string) any {
	entries, err := os.ReadDir(path)
	if err != nil {
		return told(err)
	}
	names := make([]string, len(entries))
	for i, entry := range entries {
		names[i] = entry.Name()
	}
	return result{Text: strings.Join(names, " ")}
}
