//go:build linux

package http1

// One connection of the server: request after request, until one side has enough.

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// maxUnread is how much of a body that its handler did not read is read and dropped, to keep the connection.
const maxUnread = 256 * 1024

// served is a connection of the server.
type served struct {
	*socket
	in       *lines
	watching chan struct{} // closed when nobody watches for a hang-up any more; nil while nobody began to
}

func newServed(s *socket) *served { return &served{socket: s, in: newLines(s)} }

func (c *served) serve(ctx context.Context, handle Handler) {
	defer c.Close()
	stop := context.AfterFunc(ctx, func() { c.Close() })
	defer stop()
	for c.serveOne(ctx, handle) {
	}
}

// serveOne serves one request, and says whether there may be another.
func (c *served) serveOne(ctx context.Context, handle Handler) bool {
	req, err := c.receive()
	if wrong, ok := errors.AsType[*ProtocolError](err); ok {
		text := Response{wrong.status, Header{{"Content-Type", "text/plain; charset=utf-8"}}, nil, []byte(wrong.Error() + "\n")}
		if head, err := text.head("GET", false); err == nil {
			if _, err = c.Write(append(head, text.Body...)); err == nil {
				c.part()
				c.swallow(c.in, maxUnread)
			}
		}
	}
	if err != nil {
		return false
	}
	resp := c.handle(ctx, req, handle)
	if resp == nil || ctx.Err() != nil {
		return false
	}
	keep := !req.old && !hasToken(req.Header.Get("Connection"), "close")
	if req.Body.done() {
		return c.answer(req, resp, keep) == nil && keep
	}
	return c.answerEarly(req, resp, keep)
}

// handle calls the handler, and watches for a hang-up from the end of the request on.
func (c *served) handle(ctx context.Context, req *ServerRequest, handle Handler) *Response {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer c.unwatch()
	req.Body.socket = c.socket
	req.Body.ended = func() { c.watch(cancel) }
	if req.Body.done() {
		c.watch(cancel)
	}
	return handle(ctx, req)
}

func (c *served) watch(gone context.CancelFunc) {
	watching := make(chan struct{})
	c.watching = watching
	go func() {
		defer close(watching)
		if c.awaitHangup() {
			gone()
		}
	}()
}

func (c *served) unwatch() {
	if c.watching == nil {
		return
	}
	c.SetReadDeadline(past)
	<-c.watching
	c.watching = nil
	c.SetReadDeadline(time.Time{})
}

// answerEarly answers before all of the body has come. Of the rest, some is read meanwhile, for the client may read nothing
// before it has sent all.
func (c *served) answerEarly(req *ServerRequest, resp *Response, keep bool) bool {
	body := req.Body
	body.ended = nil
	if body.begin != nil || body.err != nil || body.left > maxUnread {
		keep = false
	}
	drained := make(chan struct{})
	go func() { defer close(drained); body.drain(maxUnread) }()
	err := c.answer(req, resp, keep)
	if err == nil && keep {
		if <-drained; body.done() {
			return true
		}
	}
	if err != nil {
		c.SetReadDeadline(past)
		<-drained
		return false
	}
	c.part()
	<-drained
	c.swallow(c.in, maxUnread)
	return false
}

// receive reads a request up to its body.
func (c *served) receive() (*ServerRequest, error) {
	if err := c.in.awaitMessage(); err != nil {
		return nil, err
	}
	line, err := c.in.line()
	if err != nil {
		return nil, midway(err)
	}
	req, err := parseRequest(line)
	if err != nil {
		return nil, err
	}
	if req.Header, err = c.in.header(); err != nil {
		return nil, err
	}
	if req.old && req.Header.count("Transfer-Encoding") > 0 {
		return nil, broken("a transfer coding in HTTP/1.0")
	}
	if req.Body, err = req.Header.body(c.in, byLength); err != nil {
		return nil, err
	}
	if !req.old && hasToken(req.Header.Get("Expect"), "100-continue") && !req.Body.done() {
		req.Body.begin = func() error {
			_, err := c.Write([]byte("HTTP/1.1 100 Continue\r\n\r\n"))
			return err
		}
	}
	return req, nil
}

// parseRequest reads "GET /path HTTP/1.1". Of an absolute URL, which is for proxies, the path is taken.
func parseRequest(line string) (*ServerRequest, error) {
	method, rest, _ := strings.Cut(line, " ")
	target, version, ok := strings.Cut(rest, " ")
	visible := !strings.ContainsFunc(target, func(r rune) bool { return r <= ' ' || r == 0x7f })
	if !ok || !isToken(method) || target == "" || !visible || !strings.HasPrefix(version, "HTTP/") {
		return nil, broken("a request line of %q", cut(line))
	}
	if version != "HTTP/1.1" && version != "HTTP/1.0" {
		return nil, refused(505, "version %q is not spoken here", cut(version))
	}
	if _, absolute, ok := strings.Cut(target, "://"); ok && target[0] != '/' {
		slash := strings.IndexAny(absolute, "/?")
		switch {
		case slash < 0:
			target = "/"
		case absolute[slash] == '?':
			target = "/" + absolute[slash:]
		default:
			target = absolute[slash:]
		}
	}
	return &ServerRequest{Method: method, Path: target, old: version == "HTTP/1.0"}, nil
}

// answer sends a response. One that can't be sent as it is becomes a 500 that says why.
func (c *served) answer(req *ServerRequest, resp *Response, keep bool) error {
	head, err := resp.head(req.Method, keep)
	if err != nil {
		resp = &Response{Status: 500, Body: []byte("http: answering " + req.Method + ": " + err.Error() + "\n")}
		if head, err = resp.head(req.Method, keep); err != nil {
			return err
		}
	}
	body := resp.Body
	if req.Method == "HEAD" || bodiless(resp.Status) {
		body = nil
	}
	if len(body) <= lump {
		_, err = c.Write(append(head, body...))
		return err
	}
	if _, err = c.Write(head); err == nil {
		_, err = c.Write(body)
	}
	return err
}

func bodiless(status int) bool { return status == 204 || status == 304 }

// head spells the status line and the header.
func (r *Response) head(method string, keep bool) ([]byte, error) {
	if r.Status < 200 || r.Status > 999 {
		return nil, fmt.Errorf("%d is no status of an answer", r.Status)
	}
	head := make([]byte, 0, 512+min(len(r.Body), lump))
	head = append(head, "HTTP/1.1 "...)
	head = strconv.AppendInt(head, int64(r.Status), 10)
	head = append(head, " "+reasons[r.Status]+"\r\n"...)
	head, err := r.Header.appendTo(head)
	if err != nil {
		return nil, err
	}
	if !bodiless(r.Status) {
		head = append(head, "Content-Length: "...)
		head = strconv.AppendInt(head, int64(len(r.Body)), 10)
		head = append(head, "\r\n"...)
	}
	if !keep {
		head = append(head, "Connection: close\r\n"...)
	}
	return append(head, "\r\n"...), nil
}

// reasons are for people who read along; a status without one has none on the wire.
var reasons = map[int]string{
	200: "OK", 202: "Accepted", 204: "No Content", 304: "Not Modified", 400: "Bad Request", 403: "Forbidden", 404: "Not Found",
	405: "Method Not Allowed", 410: "Gone", 413: "Payload Too Large", 431: "Request Header Fields Too Large", 500: "Internal Server Error",
	501: "Not Implemented", 502: "Bad Gateway", 503: "Service Unavailable", 504: "Gateway Timeout", 505: "HTTP Version Not Supported",
}
