//go:build linux

// Command bootstrap is the open runtime as Lambda starts it: /opt/bootstrap of a layer, with no argument on an OS-only
// runtime, and with the managed runtime's own command line as AWS_LAMBDA_EXEC_WRAPPER.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/serverless/open-runtime/pkg/bootstrap"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx))
}

func run(ctx context.Context) int {
	opt := os.Getenv("SOR_OPT") // where the layer is for who starts this on a machine of his own
	err := bootstrap.Run(ctx, bootstrap.Options{Environ: os.Environ(), Args: os.Args[1:], Task: os.Getenv("LAMBDA_TASK_ROOT"), Opt: opt})
	switch {
	case err == nil:
		return 0
	case opt != "" || !errors.Is(err, bootstrap.ErrInit): // init errors are in the answer of the Runtime API, and he waits for none
		fmt.Fprintln(os.Stderr, "[sor] error", err)
	}
	return 1
}
