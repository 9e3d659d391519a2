//go:build linux

package middleware

import (
	"context"
	"errors"
	"fmt"

	"github.com/serverless/open-runtime/internal/runtimeapi"
)

// A failure is why a run gave nothing to go on with.
type failure struct {
	errorType string
	cause     string
	stderr    string // its last lines
	final     bool   // the invocation's time is over: nobody is skipped any more

	own *runtimeapi.Error // what a persistent middleware answered in its own words
}

func failed(format string, args ...any) *failure {
	return &failure{errorType: runtimeapi.ErrorMiddleware, cause: fmt.Sprintf(format, args...)}
}

// interrupted says why ctx ended a run.
func interrupted(ctx context.Context) *failure {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return &failure{errorType: runtimeapi.ErrorTimeout, cause: "the invocation's time was over before it finished", final: true}
	}
	f := failed("it was stopped: %v", context.Cause(ctx))
	f.final = true
	return f
}

// document makes the error of an invocation from it.
func (f *failure) document(name, hook string) *runtimeapi.Error {
	if f.own != nil {
		return f.own
	}
	message := fmt.Sprintf("middleware %s, %s: %s", name, hook, f.cause)
	if f.stderr != "" {
		message += "\nlast lines of its stderr:\n" + f.stderr
	}
	return &runtimeapi.Error{Type: f.errorType, Message: message}
}
