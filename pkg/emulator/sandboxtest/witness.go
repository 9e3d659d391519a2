//go:build linux

package sandboxtest

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"sync"
	"testing"

	"github.com/serverless/open-runtime/internal/frames"
	"github.com/serverless/open-runtime/pkg/emulator"
)

// testWitness takes a function on AWS's own client through every state of the emulator. What it is to answer was measured
// on that client: the emulator adds nothing and takes nothing away.
func testWitness(t *testing.T, s Subject) {
	e := start(t, s, func(o *emulator.Options) {
		beWitness(t, o)
		o.Config.TimeoutMs = 3000
	})
	for _, one := range []struct {
		event, errorType string
		want             string // a regular expression
		status           string
	}{
		{event: `{"op":"echo","a":"é𝄞\u2028 <&>"}`, want: `^\{"op":"echo","a":"é𝄞.* <&>"\}$`},
		{event: `{"op":"count"}`, want: `^1$`},
		{event: `{"op":"count"}`, want: `^2$`},
		{event: `{"op":"error"}`, errorType: "Function.Unknown", want: `"errorMessage":"out of cheese","errorType":"errorString"`, status: "error"},
		{event: `{"op":"count"}`, want: `^3$`}, // an error is no end
		{event: `{"op":"print"}`, want: `print`},
		{event: `{"op":"stream"}`, want: `^one two$`},
		{event: `{"op":"streamError"}`, errorType: "errorString", want: `"errorMessage":"no more"`, status: "error"},
		{event: `{"op":"big","bytes":6291556}`, want: `^"x+"$`},
		{event: `{"op":"count"}`, want: `^4$`},
		{event: `{"op":"big","bytes":6291557}`, errorType: "Function.ResponseSizeTooLarge",
			want: `Response payload size \(6291557 bytes\) exceeded maximum allowed payload size \(6291556 bytes\)`, status: "error"},
		{event: `{"op":"count"}`, want: `^1$`}, // the client exits at a 413
		{event: `{"op":"panic"}`, errorType: "Function.Unknown", want: `"errorMessage":"mice","errorType":"string","stackTrace":\[`, status: "error"},
		{event: `{"op":"count"}`, want: `^1$`},
		{event: `{"op":"exit3"}`, errorType: "Runtime.ExitError", want: `RequestId: \S+ Error: Runtime exited with error: exit status 3`, status: "error"},
		{event: `{"op":"exit0"}`, errorType: "Runtime.ExitError", want: `Runtime exited without providing a reason`, status: "error"},
		{event: `{"op":"kill"}`, errorType: "Runtime.ExitError", want: `Runtime exited with error: signal: killed`, status: "error"},
		{event: `{"op":"count"}`, want: `^1$`},
		{event: `{"op":"hang"}`, errorType: "Sandbox.Timedout", want: `RequestId: \S+ Error: Task timed out after 3.00 seconds`, status: "timeout"},
		{event: `{"op":"count"}`, want: `^1$`},
	} {
		got, err := e.Invoke(t.Context(), request(), []byte(one.event))
		if err != nil {
			t.Fatalf("%s: %v", one.event, err)
		}
		if one.status == "" {
			one.status = "success"
		}
		if got.ErrorType != one.errorType || !regexp.MustCompile(one.want).Match(got.Payload) || got.Report.Status != one.status {
			t.Errorf("%s: got %q, %.200s, %s; want %q, %s, %s", one.event, got.ErrorType, got.Payload, got.Report.Status, one.errorType, one.want, one.status)
		}
	}
	witnessContext(t, e)
}

// beWitness makes the function the witness.
func beWitness(t *testing.T, o *emulator.Options) {
	t.Helper()
	o.Spec.Task = t.TempDir()
	program, err := os.ReadFile(filepath.Join(programs, "witness"))
	if err == nil {
		err = os.WriteFile(filepath.Join(o.Spec.Task, "bootstrap"), program, 0o755)
	}
	if err == nil {
		err = os.Chmod(o.Spec.Task, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// testWitnessEnd: AWS's client asks for a SIGTERM by an internal extension, and has the time to obey it; without the
// extension it is killed at once.
func testWitnessEnd(t *testing.T, s Subject) {
	for _, asks := range []bool{true, false} {
		var mu sync.Mutex
		heard := false
		e := open(t, s, func(o *emulator.Options) {
			beWitness(t, o)
			if asks {
				o.Config.Environment["SIGTERM"] = "1"
			}
			o.Log = func(_ frames.Log, line []byte) {
				mu.Lock()
				defer mu.Unlock()
				heard = heard || string(line) == "the end is near"
			}
		})
		if _, err := e.Invoke(t.Context(), request(), []byte(`{"op":"count"}`)); err != nil {
			t.Error(err)
		}
		if err := e.Close(); err != nil {
			t.Errorf("closing the sandbox: %v", err)
		}
		mu.Lock()
		if heard != asks {
			t.Errorf("with an extension: %t; the runtime heard of its end: %t", asks, heard)
		}
		mu.Unlock()
	}
}

// witnessContext wants every header of the invocation to reach the client's context.
func witnessContext(t *testing.T, e *emulator.Emulator) {
	t.Helper()
	inv := request()
	inv.TraceID, inv.TenantID = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1", "blue"
	inv.ClientContext = `{"client":{"app_title":"till"},"custom":{"k":"v"},"env":{}}`
	inv.CognitoIdentity = `{"cognitoIdentityId":"who","cognitoIdentityPoolId":"pool"}`
	got, err := e.Invoke(t.Context(), inv, []byte(`{"op":"context"}`))
	if err != nil {
		t.Fatal(err)
	}
	var told map[string]any
	if err := json.Unmarshal(got.Payload, &told); err != nil {
		t.Fatalf("%s: %v", got.Payload, err)
	}
	left, _ := told["leftMs"].(float64)
	if left < 2000 || left > 3000 {
		t.Errorf("%v ms are left of 3000", told["leftMs"])
	}
	delete(told, "leftMs")
	equal(t, "the context of AWS's client", told, map[string]any{
		"requestId": inv.ID, "arn": "arn:aws:lambda:eu-central-1:123456789012:function:probe", "tenant": "blue",
		"client": "till", "custom": "v", "identity": "who", "trace": inv.TraceID,
		"name": "probe", "version": "$LATEST", "memoryMB": 256.0, "logGroup": "/aws/lambda/probe",
	})
}
