//go:build linux

package http1_test

// Clients that none of AWS's are: none of them may cost more than its own connection.

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/serverless/open-runtime/internal/http1"
)

// A peer is a client that sends what it likes.
type peer struct {
	*net.TCPConn
	reader *bufio.Reader
}

func raw(t testing.TB, addr string) *peer {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	conn.SetDeadline(time.Now().Add(30 * time.Second))
	t.Cleanup(func() { conn.Close() })
	return &peer{conn.(*net.TCPConn), bufio.NewReader(conn)}
}

// answer reads one answer: its status and body, or why there is none.
func (p *peer) answer() string {
	resp, err := http.ReadResponse(p.reader, nil)
	if err != nil {
		return err.Error()
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return err.Error()
	}
	return fmt.Sprintf("%d %s", resp.StatusCode, body)
}

func TestServerRefuses(t *testing.T) {
	addr := served(t, back)
	for text, status := range map[string]int{
		"garbage\r\n\r\n": 400, "GET /\r\n\r\n": 400, "GET  / HTTP/1.1\r\n\r\n": 400, "G(T / HTTP/1.1\r\n\r\n": 400, "GET /a b HTTP/1.1\r\n\r\n": 400,
		"GET / HTTP/2.0\r\n\r\n": 505, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n": 505, "\r\n\r\n\r\n\r\n\r\nGET / HTTP/1.1\r\n\r\n": 400, "\x16\x03\x01\x02\x00\x01\r\n": 400,
		"GET / HTTP/1.1\r\nno colon\r\n\r\n": 400, "GET / HTTP/1.1\r\nA : b\r\n\r\n": 400, "GET / HTTP/1.1\r\nA: b\r\n c\r\n\r\n": 400,
		"GET / HTTP/1.1\r\nA: \x00\r\n\r\n": 400, "GET / HTTP/1.1\r\nA: b\rc: d\r\n\r\n": 400,
		"POST / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n":        400,
		"POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx":                         400,
		"POST / HTTP/1.1\r\nContent-Length: 1, 1\r\n\r\nx":                                           400,
		"POST / HTTP/1.1\r\nContent-Length: +1\r\n\r\nx":                                             400,
		"POST / HTTP/1.1\r\nContent-Length:\r\n\r\nx":                                                400,
		"POST / HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\nx":                           400,
		"POST / HTTP/1.1\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n":                       501,
		"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n\r\n":              501,
		"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n":                             400,
		"GET / HTTP/1.1\r\n" + strings.Repeat("A: b\r\n", 300) + "\r\n":                              431,
		"GET / HTTP/1.1\r\nA: " + strings.Repeat("x", 200_000) + "\r\n\r\n":                          431,
		"GET / HTTP/1.1\r\n" + strings.Repeat("A: "+strings.Repeat("x", 100_000)+"\r\n", 8) + "\r\n": 431,
		"GET /" + strings.Repeat("x", 200_000) + " HTTP/1.1\r\n\r\n":                                 431,
		// what the handler sees while it reads
		"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n":               400,
		"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n+1\r\nx\r\n0\r\n\r\n": 400,
		"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n\r\n":                 400,
		"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nxy\r\n0\r\n\r\n": 400,
		"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\nx\r\n0\r\n\r\n":    400,
		"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffff\r\n":  400,
		"POST / HTTP/1.1\r\nContent-Length: 99999999\r\n\r\n":                       400,
		"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nA b\r\n\r\n":     400,
	} {
		conn := raw(t, addr)
		io.WriteString(conn, text)
		if got := conn.answer(); !strings.HasPrefix(got, fmt.Sprint(status, " ")) {
			t.Errorf("%.60q: got %q, want %d", text, got, status)
		}
		if got := conn.answer(); got != io.ErrUnexpectedEOF.Error() && !strings.Contains(got, "reset") {
			t.Errorf("%.60q: the connection lives on: %q", text, got)
		}
	}
}

// What AWS's clients and people's scripts send, and net/http would refuse in part.
func TestServerTolerates(t *testing.T) {
	addr := served(t, func(ctx context.Context, req *http1.ServerRequest) *http1.Response {
		if got := req.Header.Get("x-sent"); got != "" && got != "\x7f\x01\xff\xc3\xa4?" {
			t.Errorf("got %q", got)
		}
		body, err := req.ReadAll(100)
		return &http1.Response{Status: 202, Body: append(body, fmt.Sprint(" ", err)...)}
	})
	for _, text := range []string{
		"POST / HTTP/1.1\r\nX-Sent: \x7f\x01\xff\xc3\xa4?\r\nContent-Length: 2\r\n\r\nok", "POST / HTTP/1.1\nContent-Length: 2\n\nok",
		"\r\nPOST / HTTP/1.1\r\ncontent-LENGTH:2\r\n\r\nok", "POST http://a:1/x?y HTTP/1.1\r\nHost: b\r\nContent-Length:  2 \r\n\r\nok",
		"POST / HTTP/1.0\r\nContent-Length: 2\r\n\r\nok", "POST / HTTP/1.1\r\ntransfer-encoding: Chunked\r\nAccept-Encoding: gzip\r\n\r\n2 ;x\r\nok\r\n000\r\n\r\n",
		"POST / HTTP/1.1\r\nConnection: keep-alive, Close\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\nok",
	} {
		for _, step := range []int{1, 7, len(text)} {
			conn := raw(t, addr)
			for rest := text; rest != ""; rest = rest[min(step, len(rest)):] {
				io.WriteString(conn, rest[:min(step, len(rest))])
			}
			got := conn.answer()
			if got == "100 " {
				got = conn.answer()
			}
			if got != "202 ok <nil>" {
				t.Errorf("%q: got %q", text, got)
			}
			conn.Close()
		}
	}
}

// A request that is cut anywhere, by an end, a reset, or an end of one direction, is never taken for whole.
func TestServerCutOff(t *testing.T) {
	addr := served(t, func(_ context.Context, req *http1.ServerRequest) *http1.Response {
		body, err := req.ReadAll(100)
		if err == nil {
			t.Errorf("taken for whole: %q, %v", body, req.Body.Trailer())
		}
		return &http1.Response{Status: 200}
	})
	for _, text := range []string{
		"POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello", "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nA: b\r\n\r\n",
	} {
		for end := range len(text) {
			for how := range 3 {
				conn := raw(t, addr)
				io.WriteString(conn, text[:end])
				switch how {
				case 0:
					conn.Close()
				case 1:
					conn.SetLinger(0)
					conn.Close()
				case 2:
					conn.CloseWrite()
					conn.answer()
				}
				conn.Close()
			}
		}
	}
}

// Of a body that the handler leaves, some is dropped and the connection kept; from a client that sends more it parts, after
// it could read its answer.
func TestServerUnreadBody(t *testing.T) {
	big := bytes.Repeat([]byte("x"), 300_000)
	addr := served(t, func(_ context.Context, req *http1.ServerRequest) *http1.Response {
		answer := []byte("no")
		if req.Path == "/big" {
			answer = make([]byte, 8<<20)
		}
		return &http1.Response{Status: 413, Body: answer}
	})
	for _, path := range []string{"/", "/big"} {
		for size, kept := range map[int]bool{10: true, 200_000: true, len(big): false} {
			for _, kind := range []string{"length", "chunked"} {
				conn := raw(t, addr)
				head := fmt.Sprintf("POST %s HTTP/1.1\r\nContent-Length: %d\r\n\r\n", path, size)
				body := big[:size]
				if kind == "chunked" {
					head = "POST " + path + " HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
					body = fmt.Appendf(nil, "%x\r\n%s\r\n0\r\n\r\n", size, body)
				}
				io.WriteString(conn, head)
				conn.Write(body)
				if got := conn.answer(); got[:3] != "413" {
					t.Errorf("%s %d: got %q", kind, size, got)
				}
				io.WriteString(conn, "GET / HTTP/1.1\r\n\r\n")
				if got := conn.answer(); kept != (got == "413 no") {
					t.Errorf("%s %s %d: kept is %v, got %.40q", path, kind, size, kept, got)
				}
			}
		}
	}
}

// A handler may cut the connection, and read on after too large a body.
func TestServerHandlersEnds(t *testing.T) {
	addr := served(t, func(_ context.Context, req *http1.ServerRequest) *http1.Response {
		if req.Path == "/cut" {
			return nil
		}
		_, err := req.ReadAll(3)
		if !errors.Is(err, http1.ErrTooLarge) {
			t.Errorf("got %v", err)
		}
		n, err := io.Copy(io.Discard, req.Body)
		return &http1.Response{Status: 202, Body: fmt.Append(nil, n > 0, err), Header: http1.Header{{Name: "Content-Length", Value: "77"}}}
	})
	conn := raw(t, addr)
	for _, text := range []string{
		"POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello", "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n9\r\nllo there\r\n0\r\n\r\n",
	} {
		io.WriteString(conn, text)
		if got := conn.answer(); got != "202 true <nil>" {
			t.Errorf("got %q", got)
		}
	}
	io.WriteString(conn, "GET /cut HTTP/1.1\r\n\r\n")
	if got := conn.answer(); got != io.ErrUnexpectedEOF.Error() {
		t.Errorf("got %q", got)
	}
}
