//go:build !linux

package namespace

import (
	"context"
	"runtime"

	"github.com/serverless/open-runtime/pkg/emulator"
)

// Available says that there are no Linux namespaces here.
func Available() error {
	return &UnavailableError{
		Cause: "namespaces are Linux's, and this is " + runtime.GOOS,
		Hint:  "use --sandbox docker",
	}
}

// Start says that there are no Linux namespaces here.
func (Sandbox) Start(context.Context, emulator.Spec) (emulator.Instance, error) {
	return nil, Available()
}
