//go:build linux

package http1_test

// Servers that a proper emulator never is: each of them must cost an error in the end, and never a hang.

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/serverless/open-runtime/internal/http1"
)

// rude serves each connection with play, which gets the whole connection, and gives a client of it.
func rude(t *testing.T, play func(conn net.Conn)) *http1.Client {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			conn.SetDeadline(time.Now().Add(30 * time.Second))
			serving.Go(func() { defer conn.Close(); play(conn) })
		}
	})
	client := http1.New(listener.Addr().String())
	t.Cleanup(func() { listener.Close(); client.Close(); serving.Wait() })
	return client
}

// awaitHead reads from a connection until the empty line.
func awaitHead(conn net.Conn) {
	one, seen := make([]byte, 1), ""
	for !strings.HasSuffix(seen, "\r\n\r\n") {
		if _, err := conn.Read(one); err != nil {
			return
		}
		seen += string(one)
	}
}

func soon(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// A body that comes byte by byte is a body.
func TestSlowBody(t *testing.T) {
	const answer = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;a=b\r\nhello\r\n6\r\n world\r\n0\r\nX-End: yes\r\n\r\n"
	client := rude(t, func(conn net.Conn) {
		awaitHead(conn)
		for i := range len(answer) {
			io.WriteString(conn, answer[i:i+1])
		}
	})
	resp, err := client.Do(soon(t), &http1.Request{Method: "GET", Path: "/"}, 1000)
	if err != nil || string(resp.Body) != "hello world" || resp.Trailer.Get("x-end") != "yes" {
		t.Errorf("got %+v, %v", resp, err)
	}
}

// One that stops in its midst is waited for as long as the context says, wherever it stops.
func TestStalled(t *testing.T) {
	const answer = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
	for _, cut := range []int{0, 5, 20, 38, len(answer) - 1} {
		client := rude(t, func(conn net.Conn) {
			awaitHead(conn)
			io.WriteString(conn, answer[:cut])
			io.Copy(io.Discard, conn) // until the client goes
		})
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		if _, err := client.Do(ctx, &http1.Request{Method: "GET", Path: "/"}, 1000); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("after %d bytes: got %v", cut, err)
		}
		cancel()
	}
}

// One that ends in its midst is an error at once, and is not asked again: half an answer was heard.
func TestCutOff(t *testing.T) {
	for _, answer := range []string{
		"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
	} {
		for cut := range len(answer) {
			asked := make(chan struct{}, 10)
			client := rude(t, func(conn net.Conn) {
				awaitHead(conn)
				asked <- struct{}{}
				io.WriteString(conn, answer[:cut])
			})
			resp, err := client.Do(soon(t), &http1.Request{Method: "GET", Path: "/"}, 1000)
			if !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Errorf("%q: got %+v, %v", answer[:cut], resp, err)
			}
			if len(asked) != 1 {
				t.Errorf("%q: asked %d times", answer[:cut], len(asked))
			}
		}
	}
}

// A server that answers and keeps the connection, but never reads the rest of the body, does not hold the client: its answer
// is the answer, and the connection is of no use any more.
func TestAnswerWithoutReading(t *testing.T) {
	connections := make(chan struct{}, 10)
	client := rude(t, func(conn net.Conn) {
		connections <- struct{}{}
		awaitHead(conn)
		io.WriteString(conn, "HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno")
		one := make([]byte, 1)
		conn.(*net.TCPConn).SetReadBuffer(4096)
		for { // slower than any body is long
			if _, err := conn.Read(one); err != nil {
				return
			}
			select {
			case <-t.Context().Done():
				return
			case <-time.After(10 * time.Millisecond):
			}
		}
	})
	for range 2 {
		began := time.Now()
		resp, err := client.Do(soon(t), &http1.Request{Method: "POST", Path: "/", Body: make([]byte, 32<<20)}, 1000)
		if err != nil || resp.Status != 413 || string(resp.Body) != "no" || time.Since(began) > 10*time.Second {
			t.Fatalf("got %+v, %v after %v", resp, err, time.Since(began))
		}
	}
	if len(connections) != 2 {
		t.Errorf("%d connections, want 2: half a body is still on the first", len(connections))
	}
}

// What has no end has a bound: header lines, one line, trailers, chunks, informational responses.
func TestEndless(t *testing.T) {
	const ok = "HTTP/1.1 200 OK\r\n"
	for name, endless := range map[string]struct{ head, more string }{
		"header lines":  {ok, "A: b\r\n"},
		"a header line": {ok + "A: ", "xxxxxxxxxxxxxxxx"},
		"a status line": {"HTTP/1.1 200 ", "OKOKOKOKOKOKOKOK"},
		"trailers":      {ok + "Transfer-Encoding: chunked\r\n\r\n0\r\n", "A: b\r\n"},
		"chunks":        {ok + "Transfer-Encoding: chunked\r\n\r\n", "8\r\nxxxxxxxx\r\n"},
		"a chunk line":  {ok + "Transfer-Encoding: chunked\r\n\r\n1;", "a=b;"},
		"no length":     {ok + "\r\n", "xxxxxxxxxxxxxxxx"},
		"informational": {"", "HTTP/1.1 100 Continue\r\n\r\n"},
	} {
		client := rude(t, func(conn net.Conn) {
			awaitHead(conn)
			io.WriteString(conn, endless.head)
			lump := bytes.Repeat([]byte(endless.more), 1024)
			for {
				if _, err := conn.Write(lump); err != nil {
					return
				}
			}
		})
		resp, err := client.Do(soon(t), &http1.Request{Method: "GET", Path: "/"}, 1<<20)
		if _, ok := errors.AsType[*http1.ProtocolError](err); !ok {
			t.Errorf("%s: got %+v, %v", name, resp, err)
		}
	}
}

// More than was asked for is nobody's answer: the connection is not used again.
func TestAnswerNobodyAskedFor(t *testing.T) {
	client := rude(t, func(conn net.Conn) {
		awaitHead(conn)
		io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil")
		io.Copy(io.Discard, conn)
	})
	for range 3 {
		resp, err := client.Do(soon(t), &http1.Request{Method: "POST", Path: "/", Body: []byte("x")}, 1000)
		if err != nil || string(resp.Body) != "ok" {
			t.Errorf("got %+v, %v", resp, err)
		}
	}
}

// Statuses are told and not judged, those without a body too.
func TestStatuses(t *testing.T) {
	for head, want := range map[string]struct {
		status int
		body   string
	}{
		"HTTP/1.1 204 No Content":                          {204, ""},
		"HTTP/1.1 304 Not Modified\r\nContent-Length: 99":  {304, ""},
		"HTTP/1.1 500":                                     {500, ""},
		"HTTP/1.1 599 \r\nContent-Length: 0":               {599, ""},
		"HTTP/1.0 403 Forbidden\r\nContent-Length:  2 ":    {403, "no"},
		"HTTP/1.1 202 Accepted\r\ncontent-LENGTH: 2\r\nA:": {202, "no"},
	} {
		client := rude(t, func(conn net.Conn) {
			awaitHead(conn)
			io.WriteString(conn, head+"\r\n\r\n"+want.body)
		})
		resp, err := client.Do(soon(t), &http1.Request{Method: "GET", Path: "/"}, 1000)
		if err != nil || resp.Status != want.status || string(resp.Body) != want.body {
			t.Errorf("%q: got %+v, %v", head, resp, err)
		}
	}
}

// Nobody listens, or hangs up on everyone: an error each time.
func TestNobody(t *testing.T) {
	client := rude(t, func(net.Conn) {})
	for _, method := range []string{"GET", "POST"} {
		if _, err := client.Do(soon(t), &http1.Request{Method: method, Path: "/x"}, 1000); err == nil || !strings.HasPrefix(err.Error(), method+" /x: ") {
			t.Errorf("got %v", err)
		}
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	listener.Close()
	if _, err := http1.New(listener.Addr().String()).Do(soon(t), &http1.Request{Method: "GET", Path: "/"}, 1000); err == nil || !strings.HasPrefix(err.Error(), "connecting to 127.0.0.1:") {
		t.Errorf("got %v", err)
	}
}
