package http1

// A body as it goes out in chunks.

import (
	"context"
	"io"
	"strconv"
	"sync/atomic"
)

// A ChunkWriter sends a request's body: each Write is a chunk that leaves at once.
type ChunkWriter struct {
	to     io.Writer
	buf    []byte
	failed error       // of a write; what follows would be in the wrong place
	ending atomic.Bool // the last chunk may have left
}

// lump is how much is copied to be sent in one piece: less than a socket's buffer.
const lump = 32 * 1024

// Write sends p as a chunk. Nothing is no chunk: an empty one would be the end.
func (w *ChunkWriter) Write(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, w.failed
	}
	w.buf = append(strconv.AppendInt(w.buf[:0], int64(len(p)), 16), "\r\n"...)
	if len(p) <= lump {
		w.buf = append(append(w.buf, p...), "\r\n"...)
		w.write(w.buf)
	} else {
		w.write(w.buf)
		w.write(p)
		w.write([]byte("\r\n"))
	}
	if w.failed != nil {
		return 0, w.failed
	}
	return len(p), nil
}

func (w *ChunkWriter) write(p []byte) {
	if w.failed == nil {
		_, w.failed = w.to.Write(p)
	}
}

// send lets body write its chunks, and sends the last one and the trailers.
func (w *ChunkWriter) send(ctx context.Context, body func(context.Context, *ChunkWriter) (Header, error)) error {
	trailer, err := body(ctx, w)
	if err != nil {
		return err
	}
	last, err := trailer.appendTo([]byte("0\r\n"))
	if err != nil {
		return err
	}
	if w.failed == nil && ctx.Err() == nil {
		w.ending.Store(true)
	}
	w.write(append(last, "\r\n"...))
	return w.failed
}
