//go:build linux

package bootstrap

import (
	"github.com/serverless/open-runtime/internal/runtimeapi"
	"github.com/serverless/open-runtime/pkg/middleware"
)

// dialect is how a language runtime is spoken to: frames/1, or the lines of 2018. One goroutine opens and then receives,
// another sends; that is what keeps both sides from waiting for each other, whatever the sizes.
type dialect interface {
	// open returns when the language runtime can take invocations. A *runtimeapi.Error is its own reason why it can't; any
	// other error is an end of the stream.
	open() error
	// send hands over an event. A *runtimeapi.Error is an event that can't be sent; any other error is an end of the stream.
	send(id string, inv *middleware.Invocation, event []byte) error
	// receive waits for the next answer.
	receive() (answer, error)
	// cancel asks to stop working on id, if that was agreed upon.
	cancel(id string)
}

// answer is what came back.
type answer struct {
	id       string // "" in a dialect that has none
	response middleware.Response
	failed   *runtimeapi.Error // in place of a response
}

// largestRead is the largest answer that is held. It is more than Lambda takes, so that an answer that is too large is told
// as that, and the language runtime lives on.
const largestRead = 4 * runtimeapi.MaxResponse

// bounded makes an error of an answer that Lambda would refuse with a 413: so the error hooks hear of it. The words are
// Lambda's.
func (a answer) bounded(size int) answer {
	if size <= runtimeapi.MaxResponse {
		return a
	}
	a.response = middleware.Response{}
	a.failed = &runtimeapi.Error{
		Type:    runtimeapi.ErrorResponseTooLarge,
		Message: runtimeapi.TooLarge(int64(size)),
	}
	return a
}
