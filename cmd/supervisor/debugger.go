package main

// The debugger of a program in the sandbox: the bootstrap starts `supervisor PROGRAM ARGUMENT...` in place of the program,
// and the plan in the environment says how it becomes one that can be debugged.

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"

	"github.com/serverless/open-runtime/internal/frames"
)

// debug becomes the program of args as the plan says. It returns only when that can't be.
func debug(plan string, args []string) error {
	var d frames.Debug
	if err := json.Unmarshal([]byte(plan), &d); err != nil {
		return fmt.Errorf("reading %s: %w", frames.DebugVariable, err)
	}
	command := args
	if len(d.Command) > 0 {
		command = nil
		for _, word := range d.Command {
			switch word {
			case frames.DebugProgram:
				command = append(command, args[0])
			case frames.DebugArguments:
				command = append(command, args[1:]...)
			default:
				command = append(command, word)
			}
		}
	}
	path, err := exec.LookPath(command[0])
	if err != nil {
		return fmt.Errorf("finding the debugger: %w", err)
	}
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
	return &os.PathError{Op: "exec", Path: path, Err: syscall.Exec(path, command, environ)}
}
