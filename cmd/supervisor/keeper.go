//go:build linux

package main

// The keeper of a debugger that is a server, as Delve is: it takes neither its stdin nor its stdout for the program's, and stays
// when the program has ended. To whoever started the program the keeper is the program: its streams, its end, its status.

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/serverless/open-runtime/internal/frames"
)

const (
	keptIn, keptOut = 100, 101 // descriptors of the program's streams in the debugger, above those that a program may be given
	lookEvery       = 10 * time.Millisecond
	lastQuestion    = time.Second // to a debugger whose program has ended
)

// keep runs a debugger until its program has ended, and gives the program's exit status.
func keep(d frames.Debug, path, program string, command, environ []string) (status int, err error) {
	files := []uintptr{0, 1, 2} // a runtime's stdout is the log, which nobody can open anew: the debugger's few lines join it
	var streams []string
	if openAnew(0, syscall.O_RDONLY, keptIn) {
		streams = append(streams, "--redirect", fmt.Sprintf("stdin:/proc/self/fd/%d", keptIn))
	}
	if openAnew(1, syscall.O_WRONLY, keptOut) { // a middleware's stdout is its answer, and nothing else may be in it
		streams, files[1] = append(streams, "--redirect", fmt.Sprintf("stdout:/proc/self/fd/%d", keptOut)), 2
	}
	command = replaced(command, frames.DebugStreams, streams)
	if resolved, err := filepath.EvalSymlinks(program); err == nil {
		program = resolved
	}
	pid, err := syscall.ForkExec(path, command, &syscall.ProcAttr{Env: environ, Files: files})
	if err != nil {
		return 0, &os.PathError{Op: "exec", Path: path, Err: err}
	}
	ended := make(chan syscall.WaitStatus, 1)
	go func() {
		var wait syscall.WaitStatus
		for {
			if _, err := syscall.Wait4(pid, &wait, 0, nil); err != syscall.EINTR {
				break
			}
		}
		ended <- wait
	}()
	return await(d, pid, program, ended), nil
}

// openAnew says whether a debugger could open a stream of this process by its path, and has it inherited under a number if so.
func openAnew(fd, mode, number int) bool {
	again, err := syscall.Open(fmt.Sprintf("/proc/self/fd/%d", fd), mode|syscall.O_CLOEXEC|syscall.O_NONBLOCK, 0)
	if err != nil {
		return false
	}
	_ = syscall.Close(again) // it was only tried
	return syscall.Dup3(fd, number, 0) == nil
}

// await waits for the end of the program, or of its debugger.
func await(d frames.Debug, debugger int, program string, ended <-chan syscall.WaitStatus) int {
	look := time.NewTicker(lookEvery)
	defer look.Stop()
	child := 0
	for {
		select {
		case wait := <-ended:
			for child != 0 && isAlive(child) { // whoever debugged it let it go
				<-look.C
			}
			return wait.ExitStatus()
		case <-look.C:
		}
		switch {
		case child == 0:
			child = childOf(debugger, program)
		case !isAlive(child):
			status := askStatus(d.Port)
			_ = syscall.Kill(debugger, syscall.SIGKILL) // it has nothing to debug any more
			<-ended
			return status
		}
	}
}

// childOf finds the process of a program that another has started; 0 when there is none yet.
func childOf(parent int, program string) int {
	entries, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		return 0
	}
	for _, entry := range entries {
		pid, _ := strconv.Atoi(filepath.Base(entry))
		if fields := stat(pid); len(fields) < 2 || fields[1] != strconv.Itoa(parent) {
			continue
		}
		if exe, err := os.Readlink(filepath.Join(entry, "exe")); err == nil && exe == program {
			return pid
		}
	}
	return 0
}

// isAlive says whether a process has not ended.
func isAlive(pid int) bool {
	fields := stat(pid)
	return len(fields) > 0 && fields[0] != "Z" && fields[0] != "X"
}

// stat gives the fields of proc_pid_stat(5) after the name: state, parent, …
func stat(pid int) []string {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return nil
	}
	return strings.Fields(string(data[strings.LastIndexByte(string(data), ')')+1:]))
}

// askStatus asks Delve how its program has exited. It has a signal's number negative, and a shell 128 more than it; what is not
// known is a failure.
// https://github.com/go-delve/delve/tree/master/Documentation/api/json-rpc
func askStatus(port int) int {
	const unknown = 1
	conn, err := net.DialTimeout("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)), lastQuestion)
	if err != nil {
		return unknown
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(lastQuestion))
	fmt.Fprintln(conn, `{"method":"RPCServer.Command","params":[{"name":"halt"}],"id":1}`)
	var answer struct {
		Result struct {
			State struct {
				Exited     bool `json:"exited"`
				ExitStatus int  `json:"exitStatus"`
			}
		} `json:"result"`
		Error any `json:"error"`
	}
	if err := json.NewDecoder(conn).Decode(&answer); err != nil {
		return unknown
	}
	state := answer.Result.State
	if text, ok := answer.Error.(string); ok {
		_, number, _ := strings.Cut(text, "has exited with status ")
		status, err := strconv.Atoi(number)
		state.Exited, state.ExitStatus = err == nil, status
	}
	switch {
	case !state.Exited:
		return unknown
	case state.ExitStatus < 0:
		return 128 - state.ExitStatus
	}
	return state.ExitStatus
}
