package main

// The one table of exit statuses, and the error that carries one. docs/reference and `sor help exit-codes` print it.

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"
)

// Exit statuses of every command.
const (
	exitOK          = 0
	exitFailure     = 1
	exitUsage       = 2
	exitMissing     = 3
	exitCredentials = 4
	exitFunction    = 5
	exitTimeout     = 6
	exitLimit       = 7
	exitInterrupted = 130
)

var exitCodes = []struct {
	code int
	text string
}{
	{exitOK, "done"},
	{exitFailure, "something failed that is none of the below"},
	{exitUsage, "the command line, sor.yaml or the event is wrong"},
	{exitMissing, "this machine lacks something: Docker, Go, an image, a sandbox"},
	{exitCredentials, "AWS credentials are missing or refused"},
	{exitFunction, "the function returned an error, or its runtime ended"},
	{exitTimeout, "the function timed out"},
	{exitLimit, "a limit of Lambda or a lint rule was broken"},
	{exitInterrupted, "interrupted (Ctrl-C)"},
}

// An exitError is an error with an exit status and, where there is one, the next thing to do.
type exitError struct {
	code int
	err  error
	hint string
	told bool // what went wrong is on the screen already: only the status is left to give
}

func (e *exitError) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit status %d", e.code)
	}
	return e.err.Error()
}

func (e *exitError) Unwrap() error { return e.err }

// fail gives err an exit status and a hint ("" for none).
func fail(code int, hint string, err error) error {
	return &exitError{code: code, err: err, hint: hint}
}

// exitCode says how the process ends for err.
func exitCode(err error) int {
	if err == nil {
		return exitOK
	}
	if exit, ok := errors.AsType[*exitError](err); ok {
		return exit.code
	}
	if errors.Is(err, context.Canceled) {
		return exitInterrupted
	}
	return exitFailure
}

// newExitCodesTopic is the help topic `sor help exit-codes`.
func newExitCodesTopic() *cobra.Command {
	long := "Exit codes of every sor command:\n\n"
	for _, row := range exitCodes {
		long += fmt.Sprintf("  %3d  %s\n", row.code, row.text)
	}
	long += "\nSeveral invocations in one run end with the status of the first that failed."
	return &cobra.Command{Use: "exit-codes", Short: "Exit codes of every command", Long: long}
}
