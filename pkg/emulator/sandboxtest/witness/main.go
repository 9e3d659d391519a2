// Witness is a function on AWS's own client for Go, with nothing of this project in it: what the emulator and the project's
// own programs could both get wrong, it would show. It is built as the bootstrap of a function.
//
// An event is {"op": WHAT, ...}. Its brothers on AWS's clients for other languages are in pkg/bootstrap/clients/testdata.
// https://docs.aws.amazon.com/lambda/latest/dg/golang-handler.html
package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"
)

type event struct {
	Op      string          `json:"op"`
	Bytes   int             `json:"bytes"`
	Ms      int             `json:"ms"`
	Status  int             `json:"status"`
	Message string          `json:"message"`
	Gate    string          `json:"gate"`
	Value   json.RawMessage `json:"value"`
}

// count is the state that a warm environment keeps.
var count int

func main() {
	if len(os.Args) > 1 && os.Args[1] == "linger" {
		select {} // a daemon that an invocation left behind
	}
	if os.Getenv("SIGTERM") != "" {
		lambda.StartWithOptions(handle, lambda.WithEnableSIGTERM(func() {
			fmt.Println("the end is near")
			os.Exit(0)
		}))
	}
	lambda.Start(handle)
}

func handle(ctx context.Context, raw json.RawMessage) (any, error) {
	var e event
	if json.Unmarshal(raw, &e) != nil {
		return raw, nil
	}
	switch e.Op {
	case "context":
		return tell(ctx), nil
	case "count":
		count++
		return count, nil
	case "value":
		return e.Value, nil
	case "error":
		return nil, errors.New(cmp.Or(e.Message, "out of cheese"))
	case "unserialisable":
		return make(chan int), nil
	case "panic":
		panic("mice")
	case "exit3":
		os.Exit(3)
	case "exit0":
		os.Exit(0)
	case "exit":
		os.Exit(e.Status)
	case "kill":
		return nil, syscall.Kill(os.Getpid(), syscall.SIGKILL)
	case "hang":
		// A process in a group of its own, which the end of the invocation must reach as well.
		daemon := exec.Command("/var/task/bootstrap", "linger")
		daemon.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
		if err := daemon.Start(); err != nil {
			return nil, err
		}
		select {}
	case "wait":
		select {}
	case "big":
		return strings.Repeat("x", e.Bytes-2), nil // and two quotes
	case "stream":
		return io.MultiReader(strings.NewReader("one "), gate(e.Gate), strings.NewReader("two")), nil
	case "streamError":
		return io.MultiReader(strings.NewReader("one "), gate(e.Gate), broken{}), nil
	case "typed":
		return typed{strings.NewReader("one two")}, nil
	case "gate":
		_, err := io.ReadAll(gate(e.Gate))
		return raw, err
	case "sleep":
		time.Sleep(time.Duration(e.Ms) * time.Millisecond)
		return "slept", nil
	case "fork":
		child := exec.Command("sh", "-c", `printf '%s' "$0"; cat | wc -c`, "forked ")
		child.Stdin = os.Stdin
		out, err := child.Output()
		return strings.TrimSpace(string(out)), err
	case "print":
		fmt.Print("without a newline")
	}
	return raw, nil
}

// tell gives what the client made of the headers and the environment.
func tell(ctx context.Context) map[string]any {
	lc, _ := lambdacontext.FromContext(ctx)
	deadline, _ := ctx.Deadline()
	return map[string]any{
		"requestId": lc.AwsRequestID, "arn": lc.InvokedFunctionArn, "tenant": lc.TenantID,
		"client": lc.ClientContext.Client.AppTitle, "custom": lc.ClientContext.Custom["k"], "identity": lc.Identity.CognitoIdentityID,
		"trace": os.Getenv("_X_AMZN_TRACE_ID"), "leftMs": time.Until(deadline).Milliseconds(),
		"name": lambdacontext.FunctionName, "version": lambdacontext.FunctionVersion, "memoryMB": lambdacontext.MemoryLimitInMB,
		"logGroup": lambdacontext.LogGroupName,
	}
}

// gate is an empty stream that ends when its file is there: the test has seen what came before. None is open.
type gate string

func (g gate) Read([]byte) (int, error) {
	for g != "" {
		if _, err := os.Stat(string(g)); err == nil {
			break
		}
		time.Sleep(2 * time.Millisecond)
	}
	return 0, io.EOF
}

// broken is a stream that fails in the middle.
type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, errors.New("no more") }

// typed is a stream that says what it is.
type typed struct{ *strings.Reader }

func (typed) ContentType() string { return "text/plain" }
