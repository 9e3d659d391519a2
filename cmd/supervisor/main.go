//go:build linux

// Command supervisor is process 1 of a local sandbox: it plays AWS for the bootstrap. `supervisor namespace` first makes the
// sandbox around itself, in namespaces that sor gave it. As the debugger of a program in the sandbox it becomes that program, or keeps it.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"syscall"

	"github.com/serverless/open-runtime/internal/frames"
	"github.com/serverless/open-runtime/internal/process"
	"github.com/serverless/open-runtime/pkg/emulator/namespace"
	"github.com/serverless/open-runtime/pkg/emulator/supervisor"
)

// deaf are the signals that a function may send to what it is the child of, or to everyone, without ending its own sandbox:
// on Lambda it can't either. They are caught and dropped; ignored, they would be ignored in every child as well.
var deaf = []os.Signal{
	syscall.SIGHUP, syscall.SIGINT, syscall.SIGQUIT, syscall.SIGABRT, syscall.SIGALRM, syscall.SIGTERM, syscall.SIGPIPE,
	syscall.SIGUSR1, syscall.SIGUSR2, syscall.SIGTSTP, syscall.SIGTTIN, syscall.SIGTTOU,
}

func main() { os.Exit(run(os.Args[1:])) }

func run(args []string) int {
	if plan := os.Getenv(frames.DebugVariable); plan != "" && len(args) > 0 {
		status, err := debug(plan, args)
		if err != nil {
			fmt.Fprintln(os.Stderr, "debugger:", err)
			return 127
		}
		return status
	}
	runtime.GOMAXPROCS(1) // it waits and passes on: a second processor would only be woken for nothing
	signal.Notify(make(chan os.Signal, 1), deaf...)
	if len(args) > 0 && args[0] == "namespace" {
		if err := namespace.Enter(os.NewFile(3, "instructions")); err != nil {
			return 1 // the host was told
		}
	}
	if err := process.NoInherit(); err != nil {
		fmt.Fprintln(os.Stderr, "supervisor:", err)
		return 1
	}
	if err := supervisor.Run(context.Background(), supervisor.Options{In: process.Polled(os.Stdin), Out: process.Polled(os.Stdout)}); err != nil {
		fmt.Fprintln(os.Stderr, "supervisor:", err)
		return 1
	}
	return 0
}
