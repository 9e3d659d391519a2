//go:build linux

package supervisor

// A streamed response on its way to the host, piece by piece, no faster than Lambda lets it through.
// https://docs.aws.amazon.com/lambda/latest/dg/configuration-response-streaming.html

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/serverless/open-runtime/internal/frames"
	"github.com/serverless/open-runtime/internal/runtimeapi"
)

// errClosed says that the invocation was ended in mid-stream.
var errClosed = errors.New("the invocation has ended")

// streamedResponse passes on what the runtime sends as it comes.
func (s *supervisor) streamedResponse(w http.ResponseWriter, r *http.Request, e *environment, inv *invocation) {
	head := frames.SupervisorAnswer{Type: frames.TypeResult, ID: inv.id, ContentType: bounded(r.Header, "Content-Type"), Streaming: true}
	if !inv.beginStream(func() { _ = s.out.Write(head, nil) }) {
		errInvalidRequestID.write(w)
		return
	}
	size, err := s.passStream(r, inv)
	inv.responseEnds(size)
	switch {
	case errors.Is(err, errClosed):
		errInvalidRequestID.write(w)
	case errors.Is(err, errStreamTooLarge):
		message := fmt.Sprintf("Response payload size exceeded maximum allowed payload size (%d bytes).", mostStreamed)
		e.finish(inv, answer{payload: errorBody(runtimeapi.ErrorResponseTooLarge, message), errorType: runtimeapi.ErrorResponseTooLarge})
		errTooLarge.write(w)
	case err != nil:
		e.finish(inv, truncated())
		errTruncated.write(w)
	default:
		e.finish(inv, streamedError(r, answer{}))
		accepted(w)
	}
}

var errStreamTooLarge = errors.New("the stream is too large")

// streamPiece is how much is read and sent at once.
const streamPiece = 64 * 1024

func (s *supervisor) passStream(r *http.Request, inv *invocation) (size int64, err error) {
	flow := newBandwidth(s.options.StreamBurst, s.options.StreamRate)
	piece := make([]byte, streamPiece)
	for {
		n, err := r.Body.Read(piece)
		if size += int64(n); size > mostStreamed {
			return size, errStreamTooLarge
		}
		if n > 0 {
			if waiting := flow.take(r.Context(), int64(n)); waiting != nil {
				return size, waiting
			}
			if !inv.pass(func() { _ = s.out.Write(frames.Cancel{Type: frames.TypeChunk, ID: inv.id}, piece[:n]) }) {
				return size, errClosed
			}
		}
		if errors.Is(err, io.EOF) {
			return size, nil
		}
		if err != nil {
			return size, err
		}
	}
}

// bandwidth lets burst bytes through at once, and rate bytes a second after them.
type bandwidth struct {
	burst, rate int64
	left        int64
	counted     time.Time
}

func newBandwidth(burst, rate int64) *bandwidth {
	return &bandwidth{burst: burst, rate: rate, left: burst, counted: time.Now()}
}

// take waits until n bytes may pass.
func (b *bandwidth) take(ctx context.Context, n int64) error {
	now := time.Now()
	b.left = min(b.left+int64(now.Sub(b.counted).Seconds()*float64(b.rate)), b.burst)
	b.counted = now
	if b.left -= n; b.left >= 0 {
		return nil
	}
	wait := time.NewTimer(time.Duration(float64(-b.left) / float64(b.rate) * float64(time.Second)))
	defer wait.Stop()
	select {
	case <-wait.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
