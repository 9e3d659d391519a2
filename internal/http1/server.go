//go:build linux

package http1

// The server: who is let in, and when all have left.

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// A Handler answers a request, and may take hours for it. ctx ends when Serve does, or when the client hangs up; the latter
// is seen once the request's body was read to its end, and until then reading says so. A handler that gives nil has the
// connection closed without an answer. The request and its body may not be used after the handler returned.
type Handler func(ctx context.Context, req *ServerRequest) *Response

// ServerRequest is a request as it came.
type ServerRequest struct {
	Method string
	Path   string // with the query, undecoded
	Header Header
	Body   *Body

	old bool // HTTP/1.0: no chunks, and the connection is not kept
}

// ReadAll reads the whole body of at most most bytes: see Body.ReadAll.
func (r *ServerRequest) ReadAll(most int64) ([]byte, error) { return r.Body.ReadAll(most) }

// A Server listens from its making on, and answers once Serve is called.
type Server struct {
	listening *socket
	addr      string
	open      atomic.Int64
}

// Listen makes a server at host:port, of which the port may be 0 for any that is free.
func Listen(addr string) (*Server, error) {
	s, bound, err := listen(addr)
	if err != nil {
		return nil, err
	}
	return &Server{listening: s, addr: bound}, nil
}

// Addr gives host:port, with the port that was found.
func (s *Server) Addr() string { return s.addr }

// Close stops listening. Serve does it too.
func (s *Server) Close() { s.listening.Close() }

// shortages pass.
var shortages = []syscall.Errno{syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM, syscall.ENOSPC}

// Connections counts the open ones.
func (s *Server) Connections() int { return int(s.open.Load()) }

// Serve answers the requests of all connections, each in its own goroutine, until ctx ends. Then it closes all of them,
// waits until the handlers have returned, and gives nil. No connection is closed for being idle: a client may have been
// frozen for hours, and none of AWS's expects it.
func (s *Server) Serve(ctx context.Context, handle Handler) error {
	ctx, cancel := context.WithCancel(ctx)
	var serving sync.WaitGroup
	defer serving.Wait()
	defer s.Close()
	defer cancel()
	stop := context.AfterFunc(ctx, s.Close)
	defer stop()
	for {
		client, err := s.listening.accept()
		switch {
		case err == nil:
			s.open.Add(1)
			serving.Go(func() {
				defer s.open.Add(-1)
				newServed(client).serve(ctx, handle)
			})
		case ctx.Err() != nil:
			return nil
		case slices.ContainsFunc(shortages, func(short syscall.Errno) bool { return errors.Is(err, short) }):
			select { // until somebody gives something back; the connection waits
			case <-time.After(10 * time.Millisecond):
			case <-ctx.Done():
				return nil
			}
		default:
			return err
		}
	}
}
