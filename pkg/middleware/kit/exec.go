package kit

// Exec mode: one hook of one invocation, from stdin to stdout or fd 3.

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"time"
)

// runOnce gives the exit status.
func runOnce(hooks Hooks, hook string, stdin io.Reader, stdout io.Writer) int {
	response := openResponse(hook)
	if _, err := hooks.named(hook); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 2
	}
	document, err := io.ReadAll(stdin)
	if err != nil {
		fmt.Fprintln(os.Stderr, "reading stdin:", err)
		return 1
	}
	inv := invocationOfEnvironment(hook)
	ctx, cancel := context.Background(), context.CancelFunc(func() {})
	if !inv.Deadline.IsZero() {
		ctx, cancel = context.WithDeadline(ctx, inv.Deadline)
	}
	defer cancel()
	result, err := call(ctx, hooks, inv, bytes.TrimSuffix(document, []byte("\n")))
	if err == nil {
		err = say(result, stdout, response)
	}
	if err != nil {
		logFailure(err)
		return 1
	}
	return 0
}

// say writes a result, and the newline that the runtime trims.
func say(result Result, stdout io.Writer, response *os.File) error {
	to := stdout
	switch {
	case result.kind == unchanged:
		return nil
	case len(result.document) == 0:
		return errors.New("an empty result can't be told from none in exec mode: say \"protocol\": \"frames/1\" in the manifest")
	case result.kind == respond && response == nil:
		return errors.New("fd 3 is not open, and a response is written there")
	case result.kind == respond:
		to = response
	}
	if _, err := to.Write(append(result.document, '\n')); err != nil {
		return fmt.Errorf("writing the result: %w", err)
	}
	return nil
}

func invocationOfEnvironment(hook string) *Invocation {
	inv := &Invocation{
		Hook: hook, Middleware: os.Getenv("SOR_MIDDLEWARE"), RequestID: os.Getenv("SOR_REQUEST_ID"),
		FunctionARN: os.Getenv("SOR_FUNCTION_ARN"), FunctionName: os.Getenv("AWS_LAMBDA_FUNCTION_NAME"),
		FunctionVersion: os.Getenv("AWS_LAMBDA_FUNCTION_VERSION"), TraceID: os.Getenv("SOR_TRACE_ID"),
		TenantID: os.Getenv("SOR_TENANT_ID"), ClientContext: os.Getenv("SOR_CLIENT_CONTEXT"), Response: os.Getenv("SOR_RESPONSE"),
	}
	inv.MemoryMB, _ = strconv.Atoi(os.Getenv("AWS_LAMBDA_FUNCTION_MEMORY_SIZE"))
	if ms, err := strconv.ParseInt(os.Getenv("SOR_DEADLINE_MS"), 10, 64); err == nil && ms > 0 {
		inv.Deadline = time.UnixMilli(ms)
	}
	return inv
}
