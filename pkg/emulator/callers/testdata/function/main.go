// A function on AWS's own client for Go, for callers and for benchmarks: bytes in, bytes out, and nothing decoded unless the
// event is an object with an "op". Built static, as the bootstrap of a function whose runtime is provided.
//
// With a variable SIGTERM it is told of the end of its sandbox: it says so in the log, and in the file that the variable
// names, and exits.
// https://docs.aws.amazon.com/lambda/latest/dg/golang-handler.html
package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"
)

func main() {
	if file := os.Getenv("SIGTERM"); file != "" {
		lambda.StartWithOptions(function{}, lambda.WithEnableSIGTERM(func() {
			fmt.Println("told of the end")
			_ = os.WriteFile(file, []byte("told of the end\n"), 0o600) // the log says it too
			os.Exit(0)
		}))
		return
	}
	lambda.Start(function{})
}

type function struct{}

// count is the state that a warm environment keeps.
var count int

type event struct {
	Op     string          `json:"op"`
	ID     string          `json:"id"`
	Status int             `json:"status"`
	Rounds int             `json:"rounds"`
	Gate   string          `json:"gate"`
	Path   string          `json:"path"`
	Value  json.RawMessage `json:"value"`
}

func (function) Invoke(ctx context.Context, raw []byte) ([]byte, error) {
	asked := raw
	if bytes.HasPrefix(raw, []byte(`{"version":"2.0"`)) { // of a function URL: what is asked is in the query
		var request struct {
			QueryStringParameters struct{ Ask string }
		}
		if err := json.Unmarshal(raw, &request); err != nil {
			return nil, err
		}
		asked = []byte(request.QueryStringParameters.Ask)
	}
	if !bytes.HasPrefix(asked, []byte(`{"op":`)) {
		return raw, nil
	}
	var e event
	if err := json.Unmarshal(asked, &e); err != nil {
		return nil, err
	}
	return e.answer(ctx, raw)
}

func (e event) answer(ctx context.Context, raw []byte) ([]byte, error) {
	switch e.Op {
	case "context":
		return json.Marshal(tell(ctx))
	case "error":
		return nil, errors.New("out of cheese")
	case "exit":
		os.Exit(e.Status)
	case "log":
		fmt.Println("a line of " + e.ID)
	case "read":
		text, err := os.ReadFile(e.Path)
		if err != nil {
			return nil, err
		}
		return json.Marshal(string(text))
	case "count":
		count++
		return json.Marshal(count)
	case "work":
		sum := sha256.Sum256(raw)
		for range e.Rounds {
			sum = sha256.Sum256(sum[:])
		}
	case "value":
		return e.Value, nil
	case "gate":
		return raw, pass(e.Gate)
	case "fail":
		return nil, errors.Join(pass(e.Gate), errors.New("out of cheese"))
	}
	return raw, nil
}

// tell gives what the client made of the headers and the environment.
func tell(ctx context.Context) map[string]any {
	lc, _ := lambdacontext.FromContext(ctx)
	return map[string]any{
		"requestId": lc.AwsRequestID, "arn": lc.InvokedFunctionArn, "tenant": lc.TenantID,
		"client": lc.ClientContext.Client.AppTitle, "custom": lc.ClientContext.Custom["k"],
		"trace": os.Getenv("_X_AMZN_TRACE_ID"), "name": lambdacontext.FunctionName, "version": lambdacontext.FunctionVersion,
	}
}

// pass waits until a gate answers: the test has seen what came before. The function's timeout is not its business.
func pass(gate string) error {
	response, err := http.Get(gate)
	if err != nil {
		return err
	}
	return response.Body.Close()
}
