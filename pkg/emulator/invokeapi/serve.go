package invokeapi

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"sync"
	"time"
)

// Bounds of the server.
const (
	mostHeader      = 64 * 1024 // bytes of the headers of a request
	mostConnections = 256       // at once; others wait to be accepted
	headerTimeout   = 10 * time.Second
	idleTimeout     = 5 * time.Minute
)

// Serve serves until ctx ends, and then answers what is under way until grace has passed. It closes the listener.
func Serve(ctx context.Context, listener net.Listener, handler http.Handler, grace time.Duration) error {
	server := &http.Server{
		Handler: handler, ReadHeaderTimeout: headerTimeout, IdleTimeout: idleTimeout, MaxHeaderBytes: mostHeader,
		ErrorLog: log.New(discard{}, "", 0),
	}
	defer func() { _ = server.Close() }() // a second time it has nothing to say
	failed := make(chan error, 1)
	go func() {
		failed <- server.Serve(bound(listener, mostConnections))
	}()
	select {
	case err := <-failed:
		return fmt.Errorf("serving the Invoke API: %w", err)
	case <-ctx.Done():
	}
	left, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
	defer cancel()
	err := server.Shutdown(left)
	server.Close()
	<-failed //nolint:errcheck // that of Close
	if err != nil && !errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("ending the Invoke API: %w", err)
	}
	return nil
}

// discard drops what net/http would log of callers that hung up.
type discard struct{}

func (discard) Write(p []byte) (int, error) { return len(p), nil }

// bounded accepts so many connections at once as it has places.
type bounded struct {
	net.Listener
	places chan struct{}
	closed chan struct{}
	close  func() error
}

func bound(listener net.Listener, most int) *bounded {
	b := &bounded{Listener: listener, places: make(chan struct{}, most), closed: make(chan struct{})}
	b.close = sync.OnceValue(func() error {
		close(b.closed)
		return listener.Close()
	})
	return b
}

// Close ends an Accept that waits for a place too: a server that shuts down waits for it before it closes any connection.
func (b *bounded) Close() error { return b.close() }

func (b *bounded) Accept() (net.Conn, error) {
	select {
	case b.places <- struct{}{}:
	case <-b.closed:
		return nil, net.ErrClosed
	}
	conn, err := b.Listener.Accept()
	if err != nil {
		<-b.places
		return nil, err
	}
	return &placed{Conn: conn, leave: sync.OnceFunc(func() { <-b.places })}, nil
}

// placed gives its place back when it is closed.
type placed struct {
	net.Conn
	leave func()
}

func (p *placed) Close() error {
	defer p.leave()
	return p.Conn.Close()
}
