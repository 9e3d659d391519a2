//go:build linux

package http1

// One request and its response on one of the client's connections.

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

const maxInformational = 16 // responses before one that is an answer

// conn is a connection of the client.
type conn struct {
	*socket
	host   string
	in     *lines
	reused bool
	wrote  bool // some of the request may have left
	heard  bool // a byte of the response came
}

// mayRetry says whether a request that failed may be sent on a fresh connection.
func (k *conn) mayRetry(req *Request, err error) bool {
	if _, broke := errors.AsType[*ProtocolError](err); broke || !k.reused || k.heard {
		return false
	}
	return !k.wrote || req.Method == "GET" && req.Stream == nil
}

// linger is how long the rest of a request may take to leave when its response is here. A server that answers before it has
// read all, and keeps the connection, may never read it.
const linger = 100 * time.Millisecond

// exchange sends and receives. The request is written while the response is awaited: a server may answer, 413 for example,
// before it has read all.
func (k *conn) exchange(ctx context.Context, req *Request, maxBody int64) (resp *Response, keep bool, err error) {
	head, err := req.head(k.host)
	if err != nil {
		return nil, false, err
	}
	if k.reused && (k.in.Buffered() > 0 || !k.alive()) {
		return nil, false, errors.New("the kept connection was closed")
	}
	interrupt := func() { k.SetReadDeadline(past); k.SetWriteDeadline(past) }
	stop := context.AfterFunc(ctx, interrupt)
	defer stop()
	k.wrote = true
	switch {
	case req.Stream != nil:
		resp, keep, err = k.stream(ctx, req, head, maxBody, interrupt)
	case len(req.Body) <= lump:
		_, werr := k.Write(append(head, req.Body...))
		resp, keep, err = k.receive(req.Method, maxBody)
		keep = keep && werr == nil
	default:
		written := make(chan error, 1)
		go func() {
			_, err := k.Write(head)
			if err == nil {
				_, err = k.Write(req.Body)
			}
			written <- err
		}()
		resp, keep, err = k.receive(req.Method, maxBody)
		keep = k.finish(written, keep && err == nil) == nil && keep
	}
	return resp, keep && stop(), err
}

// finish waits until the rest of a request has left, which is no longer than linger, and not at all when the connection is
// not kept. What was heard says more than why the rest could not be sent.
func (k *conn) finish(written <-chan error, keep bool) error {
	switch {
	case !keep:
		k.SetWriteDeadline(past)
	case len(written) == 0:
		k.SetWriteDeadline(time.Now().Add(linger))
		defer k.SetWriteDeadline(time.Time{})
	}
	return <-written
}

// stream sends a request whose body is being made, and receives. An answer in the midst of the body is the end of both the
// body and the connection.
func (k *conn) stream(ctx context.Context, req *Request, head []byte, maxBody int64, interrupt func()) (*Response, bool, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	w := &ChunkWriter{to: k}
	written := make(chan error, 1)
	var gaveUp error // why the body came to no end, when that is the body's own affair
	go func() {
		w.write(head)
		err := w.failed
		if err == nil {
			err = w.send(ctx, req.Stream)
		}
		if err != nil && w.failed == nil && ctx.Err() == nil {
			gaveUp = err
			interrupt()
		}
		written <- err
	}()
	resp, keep, err := k.receive(req.Method, maxBody)
	if !w.ending.Load() {
		keep = false
		cancel()
	}
	werr := k.finish(written, keep && err == nil)
	if err != nil && gaveUp != nil {
		err = fmt.Errorf("sending the body: %w", gaveUp)
	}
	return resp, keep && werr == nil, err
}

// head spells the request line and the header.
func (req *Request) head(host string) ([]byte, error) {
	if !isToken(req.Method) || req.Path == "" || strings.ContainsFunc(req.Path, func(r rune) bool { return r <= ' ' || r == 0x7f }) {
		return nil, fmt.Errorf("the path %q can't be sent by %q", cut(req.Path), cut(req.Method))
	}
	head := make([]byte, 0, 512)
	head = append(head, req.Method+" "+req.Path+" HTTP/1.1\r\nHost: "+host+"\r\n"...)
	head, err := req.Header.appendTo(head)
	if err != nil {
		return nil, err
	}
	switch {
	case req.Stream != nil:
		head = append(head, "Transfer-Encoding: chunked\r\n"...)
		for i, name := range req.Trailer {
			if !isToken(name) {
				return nil, fmt.Errorf("trailer %q can't be sent: that is no name of a field", cut(name))
			}
			head = append(head, [...]string{"Trailer: ", ", "}[min(i, 1)]+name...)
		}
		if len(req.Trailer) > 0 {
			head = append(head, "\r\n"...)
		}
	case req.Method != "GET" || len(req.Body) > 0:
		head = append(head, "Content-Length: "...)
		head = strconv.AppendInt(head, int64(len(req.Body)), 10)
		head = append(head, "\r\n"...)
	}
	return append(head, "\r\n"...), nil
}

// receive reads one response; informational ones are skipped.
func (k *conn) receive(method string, maxBody int64) (*Response, bool, error) {
	for range maxInformational + 1 {
		if _, err := k.in.Peek(1); err != nil {
			return nil, false, midway(err)
		}
		k.heard = true
		line, err := k.in.line()
		if err != nil {
			return nil, false, midway(err)
		}
		status, old, err := parseStatus(line)
		if err != nil {
			return nil, false, err
		}
		header, err := k.in.header()
		if err != nil {
			return nil, false, err
		}
		if status < 200 {
			continue
		}
		resp := &Response{Status: status, Header: header}
		keep := !old && !hasToken(header.Get("Connection"), "close")
		if status == 204 || status == 304 || method == "HEAD" {
			return resp, keep, nil
		}
		body, err := header.body(k.in, byClose)
		if err != nil {
			return nil, false, err
		}
		resp.Body, err = body.ReadAll(maxBody)
		resp.Trailer = body.Trailer()
		return resp, keep && body.framing != byClose, err
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
	n, err := strconv.ParseUint(code, 10, 16)
	if err != nil || len(code) != 3 || n < 100 {
		return 0, false, broken("a status of %q", cut(rest))
	}
	return int(n), version == "HTTP/1.0", nil
}
