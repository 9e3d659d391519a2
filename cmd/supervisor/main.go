//go:build linux

// Command supervisor is process 1 of a local sandbox: it plays AWS for the bootstrap. `supervisor namespace` first makes the
// sandbox around itself, in namespaces that sor gave it.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/serverless/open-runtime/internal/process"
	"github.com/serverless/open-runtime/pkg/emulator/namespace"
	"github.com/serverless/open-runtime/pkg/emulator/supervisor"
)

func main() { os.Exit(run(os.Args[1:])) }

func run(args []string) int {
	if len(args) > 0 && args[0] == "namespace" {
		if err := namespace.Enter(os.NewFile(3, "instructions")); err != nil {
			return 1 // the host was told
		}
	}
	if err := process.NoInherit(); err != nil {
		fmt.Fprintln(os.Stderr, "supervisor:", err)
		return 1
	}
	if err := supervisor.Run(context.Background(), supervisor.Options{In: os.Stdin, Out: os.Stdout}); err != nil {
		fmt.Fprintln(os.Stderr, "supervisor:", err)
		return 1
	}
	return 0
}
