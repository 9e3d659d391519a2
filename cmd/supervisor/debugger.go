//go:build linux

package main

// The debugger of a program in the sandbox: the bootstrap starts `supervisor PROGRAM ARGUMENT...` in place of the program,
// and the plan in the environment says how it becomes one that can be debugged.

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"

	"github.com/serverless/open-runtime/internal/frames"
)

// debug becomes the program of args as the plan says, or keeps its debugger. It returns the exit status of what it kept, or why
// that can't be.
func debug(plan string, args []string) (status int, err error) {
	var d frames.Debug
	if err := json.Unmarshal([]byte(plan), &d); err != nil {
		return 0, fmt.Errorf("reading %s: %w", frames.DebugVariable, err)
	}
	command := args
	if len(d.Command) > 0 {
		command = replaced(replaced(d.Command, frames.DebugProgram, args[:1]), frames.DebugArguments, args[1:])
	}
	path, err := exec.LookPath(command[0])
	if err != nil {
		return 0, fmt.Errorf("finding the debugger: %w", err)
	}
	if d.Keep {
		return keep(d, path, args[0], command, environment(d))
	}
	return 0, &os.PathError{Op: "exec", Path: path, Err: syscall.Exec(path, command, environment(d))}
}

// replaced puts words in the place of one.
func replaced(command []string, word string, words []string) []string {
	if i := slices.Index(command, word); i >= 0 {
		return slices.Replace(slices.Clone(command), i, i+1, words...)
	}
	return command
}

// environment is that of what is debugged.
func environment(d frames.Debug) []string {
	var environ []string
	for _, variable := range os.Environ() {
		name, _, _ := strings.Cut(variable, "=")
		if _, replaced := d.Environment[name]; !replaced && name != frames.DebugVariable {
			environ = append(environ, variable)
		}
	}
	for name, value := range d.Environment {
		environ = append(environ, name+"="+value)
	}
	return environ
}
