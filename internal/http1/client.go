//go:build linux

package http1

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
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

// Request is one request; the body is sent with a content length.
type Request struct {
	Method, Path string
	Header       Header
	Body         []byte
}

// Response is a whole response.
type Response struct {
	Status  int
	Header  Header
	Trailer Header
	Body    []byte
}

// conn is a connection between two requests.
type conn struct {
	net.Conn
	reader *bufio.Reader
	reused bool
	wrote  bool // some of the request may have left
	heard  bool // a byte of the response came
}

// Do sends a request and reads the response, whose body may have maxBody bytes. It waits as long as ctx: /next may take
// for ever. A request whose kept connection turns out to be dead is sent again on a fresh one, if it is a GET; a POST is
// not, once a byte of it may have been read.
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
		retry := k.reused && !k.heard && (req.Method == "GET" || !k.wrote)
		if _, broke := errors.AsType[*ProtocolError](err); broke || !retry {
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
	var dialer net.Dialer
	dialer.KeepAlive = -1 // a frozen sandbox does not answer probes; the request itself finds out
	raw, err := dialer.DialContext(ctx, "tcp", c.addr)
	if err != nil {
		return nil, err
	}
	return &conn{Conn: raw, reader: bufio.NewReaderSize(raw, 4096)}, nil // TCP_NODELAY is Go's default
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

// linger is how long the rest of a request may take to leave when its response is here. A server that answers before it has
// read all, and keeps the connection, may never read it.
const linger = 100 * time.Millisecond

// exchange sends and receives. The request is written while the response is awaited: a server may answer, 413 for example,
// before it has read all.
func (k *conn) exchange(ctx context.Context, req *Request, maxBody int64) (resp *Response, keep bool, err error) {
	head, err := req.head(k.RemoteAddr().String())
	if err != nil {
		return nil, false, err
	}
	if k.reused && !k.alive() {
		return nil, false, errors.New("the kept connection was closed")
	}
	stop := context.AfterFunc(ctx, func() { k.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	k.wrote = true
	written := make(chan error, 1)
	if len(req.Body) <= 32*1024 { // fits the socket's buffer
		_, err = k.Write(append(head, req.Body...))
		written <- err
	} else {
		go func() {
			_, err := k.Write(head)
			if err == nil {
				_, err = k.Write(req.Body)
			}
			written <- err
		}()
	}
	resp, keep, err = k.receive(req.Method, maxBody)
	switch {
	case err != nil || !keep:
		k.SetWriteDeadline(time.Unix(1, 0)) // nobody reads the rest
	case len(written) == 0:
		k.SetWriteDeadline(time.Now().Add(linger))
		defer k.SetWriteDeadline(time.Time{})
	}
	if werr := <-written; werr != nil {
		keep = false // what was heard says more than why the rest could not be sent
	}
	return resp, keep && stop(), err
}

// alive looks, without waiting, whether a kept connection was closed meanwhile, or holds an answer nobody asked for.
func (k *conn) alive() bool {
	socket, ok := k.Conn.(syscall.Conn)
	if !ok || k.reader.Buffered() > 0 {
		return false
	}
	raw, err := socket.SyscallConn()
	if err != nil {
		return false
	}
	quiet := false
	err = raw.Read(func(fd uintptr) bool {
		var one [1]byte
		_, _, err := syscall.Recvfrom(int(fd), one[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		quiet = errors.Is(err, syscall.EAGAIN)
		return true
	})
	return err == nil && quiet
}

// head spells the request line and the header.
func (req *Request) head(host string) ([]byte, error) {
	head := make([]byte, 0, 512)
	head = append(head, req.Method+" "+req.Path+" HTTP/1.1\r\nHost: "+host+"\r\n"...)
	for _, f := range req.Header {
		if !isToken(f.Name) || strings.ContainsAny(f.Value, "\r\n\x00") {
			return nil, fmt.Errorf("header %q can't be sent: its value holds a line end or NUL", f.Name)
		}
		head = append(head, f.Name+": "+f.Value+"\r\n"...)
	}
	if req.Method != "GET" {
		head = append(head, "Content-Length: "...)
		head = strconv.AppendInt(head, int64(len(req.Body)), 10)
		head = append(head, "\r\n"...)
	}
	return append(head, "\r\n"...), nil
}

// receive reads one response; informational ones are skipped.
func (k *conn) receive(method string, maxBody int64) (*Response, bool, error) {
	for range maxInformational + 1 {
		if _, err := k.reader.Peek(1); err != nil {
			return nil, false, midway(err)
		}
		k.heard = true
		line, err := readLine(k.reader)
		if err != nil {
			return nil, false, midway(err)
		}
		status, old, err := parseStatus(line)
		if err != nil {
			return nil, false, err
		}
		header, err := readHeader(k.reader)
		if err != nil {
			return nil, false, err
		}
		if status >= 100 && status < 200 {
			continue
		}
		resp := &Response{Status: status, Header: header}
		keep := !old && !hasToken(header.Get("Connection"), "close")
		if status != 204 && status != 304 && method != "HEAD" {
			unframed := header.Get("Transfer-Encoding") == "" && header.Get("Content-Length") == ""
			resp.Body, resp.Trailer, err = readBody(k.reader, header, maxBody)
			keep = keep && !unframed
		}
		return resp, keep, err
	}
	return nil, false, broken("over %d informational responses", maxInformational)
}

// parseStatus reads "HTTP/1.1 200 OK"; old says that it is HTTP/1.0.
func parseStatus(line string) (status int, old bool, err error) {
	version, rest, ok := strings.Cut(line, " ")
	if !ok || version != "HTTP/1.1" && version != "HTTP/1.0" {
		return 0, false, broken("a status line of %q", cut(line))
	}
	code, _, _ := strings.Cut(rest, " ")
	status, err = strconv.Atoi(code)
	if err != nil || len(code) != 3 || status < 100 {
		return 0, false, broken("a status of %q", cut(rest))
	}
	return status, version == "HTTP/1.0", nil
}

func hasToken(list, token string) bool {
	for part := range strings.SplitSeq(list, ",") {
		if strings.EqualFold(strings.TrimSpace(part), token) {
			return true
		}
	}
	return false
}
