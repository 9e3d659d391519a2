//go:build linux

package http1

// The client: which connection a request gets, and when it is sent a second time.

import (
	"context"
	"fmt"
	"sync"
)

// A Client asks one server. It is safe for concurrent use: each request has a connection to itself, and connections are
// kept for the next.
type Client struct {
	addr string

	mu   sync.Mutex
	idle []*conn
}

// New makes a client of the server at host:port.
func New(addr string) *Client { return &Client{addr: addr} }

// Request is one request. Header is sent as it is, less the fields that are the connection's business (Content-Length, Host).
type Request struct {
	Method, Path string
	Header       Header
	Body         []byte // sent with its length

	// Stream, in place of Body, sends a body in chunks, each when it is written. What it returns are the trailers; on an
	// error the connection is cut, and Do returns that error. When the answer comes before the end of the body, or the
	// request is given up, ctx ends, writing fails, and Stream must return.
	Stream  func(ctx context.Context, w *ChunkWriter) (trailer Header, err error)
	Trailer []string // names of trailers, announced in the header
}

// Response is a whole response. A client receives it, a handler of the server gives it.
type Response struct {
	Status  int
	Header  Header
	Trailer Header // received only
	Body    []byte
}

// Do sends a request and reads the response, whose body may have maxBody bytes. It waits as long as ctx: /next may take
// for ever. A request whose kept connection turns out to be dead is sent again on a fresh one, if it is a GET; a POST is
// not, once a byte of it may have been read, and a stream never once it began.
func (c *Client) Do(ctx context.Context, req *Request, maxBody int64) (*Response, error) {
	for {
		k, err := c.connection(ctx)
		if err != nil {
			return nil, fmt.Errorf("connecting to %s: %w", c.addr, err)
		}
		resp, keep, err := k.exchange(ctx, req, maxBody)
		if err == nil {
			c.release(k, keep)
			return resp, nil
		}
		k.Close()
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if !k.mayRetry(req, err) {
			return nil, fmt.Errorf("%s %s: %w", req.Method, req.Path, err)
		}
	}
}

// connection takes a kept connection, or dials.
func (c *Client) connection(ctx context.Context) (*conn, error) {
	c.mu.Lock()
	if n := len(c.idle); n > 0 {
		k := c.idle[n-1]
		c.idle = c.idle[:n-1]
		c.mu.Unlock()
		k.reused, k.wrote, k.heard = true, false, false
		return k, nil
	}
	c.mu.Unlock()
	s, err := dial(ctx, c.addr)
	if err != nil {
		return nil, err
	}
	return &conn{socket: s, host: c.addr, in: newLines(s)}, nil
}

func (c *Client) release(k *conn, keep bool) {
	if !keep {
		k.Close()
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.idle = append(c.idle, k)
}

// Close closes the connections that wait for a request.
func (c *Client) Close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, k := range c.idle {
		k.Close()
	}
	c.idle = nil
}
