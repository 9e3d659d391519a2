//go:build linux

package http1_test

// The server, with net/http's client as the oracle.

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/serverless/open-runtime/internal/http1"
)

// served serves handle and gives the server's address; its end waits for the server's.
func served(t testing.TB, handle http1.Handler) string {
	t.Helper()
	server, err := http1.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- server.Serve(ctx, handle) }()
	t.Cleanup(func() {
		cancel()
		select {
		case err := <-done:
			if err != nil {
				t.Errorf("Serve: %v", err)
			}
		case <-time.After(30 * time.Second):
			t.Error("Serve does not end")
		}
	})
	return server.Addr()
}

// theClient is one of net/http's, with connections of its own.
func theClient(t testing.TB) *http.Client {
	transport := &http.Transport{ExpectContinueTimeout: 20 * time.Second}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

// back answers with what it got.
func back(_ context.Context, req *http1.ServerRequest) *http1.Response {
	body, err := req.ReadAll(most)
	if err != nil {
		return &http1.Response{Status: 400, Body: []byte(err.Error())}
	}
	header := http1.Header{{Name: "X-Line", Value: req.Method + " " + req.Path}, {Name: "X-Got", Value: req.Header.Get("x-SENT")}}
	for _, f := range req.Body.Trailer() {
		header.Add("X-Trailer", f.Name+"="+f.Value)
	}
	return &http1.Response{Status: 202, Header: header, Body: body}
}

func TestServerAgainstNetHTTP(t *testing.T) {
	addr, client := served(t, back), theClient(t)
	connections := map[string]bool{}
	trace := &httptrace.ClientTrace{GotConn: func(c httptrace.GotConnInfo) { connections[c.Conn.LocalAddr().String()] = true }}
	for _, size := range []int{0, 1, 1000, 65536, 6 << 20} {
		for _, kind := range []string{"length", "chunked", "expects"} {
			body := bytes.Repeat([]byte("x\n\x00\xff"), size/4+1)[:size]
			var reader io.Reader = bytes.NewReader(body)
			if kind == "chunked" {
				reader = io.MultiReader(reader)
			}
			req, err := http.NewRequestWithContext(httptrace.WithClientTrace(t.Context(), trace), "POST", "http://"+addr+"/a%20b?c=d", reader)
			if err != nil {
				t.Fatal(err)
			}
			req.Header["x-sent"] = []string{"ä b"}
			if kind == "expects" {
				req.Header.Set("Expect", "100-continue")
			}
			if kind == "chunked" {
				req.ContentLength, req.Trailer = -1, http.Header{"X-End": {"yes"}, "X-Absent": nil}
			}
			resp, err := client.Do(req)
			if err != nil {
				t.Fatalf("%s %d: %v", kind, size, err)
			}
			got, err := io.ReadAll(resp.Body)
			resp.Body.Close()
			if err != nil || resp.StatusCode != 202 || !bytes.Equal(got, body) || resp.Header.Get("X-Line") != "POST /a%20b?c=d" || resp.Header.Get("X-Got") != "ä b" {
				t.Errorf("%s %d: %d, %d bytes, %v, %v", kind, size, resp.StatusCode, len(got), resp.Header, err)
			}
			if want := map[bool]string{true: "X-End=yes"}[kind == "chunked"]; resp.Header.Get("X-Trailer") != want {
				t.Errorf("%s %d: trailers %q", kind, size, resp.Header["X-Trailer"])
			}
		}
	}
	if len(connections) != 1 {
		t.Errorf("%d connections, want 1 that is kept", len(connections))
	}
}

func TestServerMethodsAndStatuses(t *testing.T) {
	addr, client := served(t, func(_ context.Context, req *http1.ServerRequest) *http1.Response {
		status := 0
		fmt.Sscan(req.Path[1:], &status)
		return &http1.Response{Status: status, Body: []byte("text")}
	}), theClient(t)
	for _, test := range []struct {
		method string
		status int
		body   string
	}{
		{"GET", 200, "text"}, {"HEAD", 200, ""}, {"BREW", 404, "text"}, {"DELETE", 204, ""}, {"GET", 304, ""}, {"PUT", 599, "text"}, {"OPTIONS", 200, "text"},
		{"GET", 20, "http: answering GET: 20 is no status of an answer\n"},
	} {
		req, err := http.NewRequestWithContext(t.Context(), test.method, fmt.Sprintf("http://%s/%d", addr, test.status), nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if test.status < 200 {
			test.status = 500
		}
		if err != nil || resp.StatusCode != test.status || string(body) != test.body {
			t.Errorf("%s %d: got %d %q, %v", test.method, test.status, resp.StatusCode, body, err)
		}
		if test.method == "HEAD" && resp.ContentLength != 4 {
			t.Errorf("HEAD: length %d", resp.ContentLength)
		}
	}
}

// A streamed body is there as it is sent, and its trailers after it.
func TestServerStream(t *testing.T) {
	parts := make(chan string)
	addr := served(t, func(_ context.Context, req *http1.ServerRequest) *http1.Response {
		buf := make([]byte, 4096)
		for {
			n, err := req.Body.Read(buf)
			if err != nil {
				parts <- fmt.Sprint(err, " ", req.Body.Trailer())
				return &http1.Response{Status: 202}
			}
			parts <- string(buf[:n])
		}
	})
	reader, writer := io.Pipe()
	req, err := http.NewRequestWithContext(t.Context(), "POST", "http://"+addr, reader)
	if err != nil {
		t.Fatal(err)
	}
	req.Trailer = http.Header{"X-End": nil}
	var asking sync.WaitGroup
	asking.Go(func() {
		resp, err := theClient(t).Do(req)
		if err != nil {
			t.Error(err)
			return
		}
		resp.Body.Close()
	})
	for _, part := range []string{"one", "two", "three"} {
		io.WriteString(writer, part)
		if got := <-parts; got != part {
			t.Errorf("got %q, want %q before there is more", got, part)
		}
	}
	req.Trailer.Set("X-End", "of all")
	writer.Close()
	if got := <-parts; got != "EOF [{X-End of all}]" {
		t.Errorf("got %q", got)
	}
	asking.Wait()
}

// A client that hangs up is noticed while its request is being answered, also when more requests wait behind it.
func TestServerHangup(t *testing.T) {
	for name, text := range map[string]string{
		"alone":     "GET /wait HTTP/1.1\r\n\r\n",
		"with body": "POST /wait HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n",
		"pipelined": "GET /wait HTTP/1.1\r\n\r\n" + strings.Repeat("GET / HTTP/1.1\r\n\r\n", 1000),
	} {
		for _, reset := range []bool{false, true} {
			waiting, gone := make(chan struct{}), make(chan struct{})
			addr := served(t, func(ctx context.Context, req *http1.ServerRequest) *http1.Response {
				if req.Path != "/wait" {
					return &http1.Response{Status: 200}
				}
				if _, err := req.ReadAll(10); err != nil {
					t.Error(err)
				}
				close(waiting)
				<-ctx.Done()
				close(gone)
				return nil
			})
			conn := raw(t, addr)
			io.WriteString(conn, text)
			<-waiting
			if reset {
				conn.SetLinger(0)
			}
			conn.Close()
			select {
			case <-gone:
			case <-time.After(20 * time.Second):
				t.Fatalf("%s, reset %v: it is not noticed", name, reset)
			}
		}
	}
}

// What was pipelined while the server watched for a hang-up is answered, in order.
func TestServerPipelined(t *testing.T) {
	started, release := make(chan struct{}, 1), make(chan struct{})
	addr := served(t, func(ctx context.Context, req *http1.ServerRequest) *http1.Response {
		if req.Path == "/0" {
			started <- struct{}{}
			<-release
		}
		return &http1.Response{Status: 200, Body: []byte(req.Path)}
	})
	conn := raw(t, addr)
	io.WriteString(conn, "GET /0 HTTP/1.1\r\n\r\n")
	<-started
	for i := range 100 {
		fmt.Fprintf(conn, "GET /%d HTTP/1.1\r\n\r\n", i+1)
	}
	close(release)
	for i := range 101 {
		if got := conn.answer(); got != fmt.Sprintf("200 /%d", i) {
			t.Fatalf("answer %d: %s", i, got)
		}
	}
}

func TestServerEnds(t *testing.T) {
	server, err := http1.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var handling atomic.Int32
	entered := make(chan struct{})
	done := make(chan error, 1)
	go func() {
		done <- server.Serve(ctx, func(ctx context.Context, req *http1.ServerRequest) *http1.Response {
			handling.Add(1)
			defer handling.Add(-1)
			entered <- struct{}{}
			if req.Method == "POST" {
				req.ReadAll(most)
			} else {
				<-ctx.Done()
			}
			return &http1.Response{Status: 200}
		})
	}()
	idle := raw(t, server.Addr())
	asking := raw(t, server.Addr())
	io.WriteString(asking, "GET / HTTP/1.1\r\n\r\n")
	sending := raw(t, server.Addr())
	io.WriteString(sending, "POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\nx")
	<-entered
	<-entered
	cancel()
	if err := <-done; err != nil || handling.Load() != 0 {
		t.Errorf("Serve gave %v, %d handlers are left", err, handling.Load())
	}
	for _, conn := range []io.Reader{idle, asking, sending} {
		if _, err := conn.Read(make([]byte, 1)); err == nil {
			t.Error("a connection is left")
		}
	}
}

// Several clients at once, on either side ours and net/http's.
func TestServerConcurrent(t *testing.T) {
	addr := served(t, back)
	ours, theirs := http1.New(addr), theClient(t)
	t.Cleanup(ours.Close)
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			for j := range 50 {
				text := fmt.Sprint(i, j)
				resp, err := ours.Do(t.Context(), &http1.Request{Method: "POST", Path: "/", Body: []byte(text)}, 1000)
				if err != nil || string(resp.Body) != text {
					t.Errorf("%v, %v", resp, err)
				}
				answer, err := theirs.Post("http://"+addr, "text/plain", strings.NewReader(text))
				if err != nil {
					t.Error(err)
					continue
				}
				if body, err := io.ReadAll(answer.Body); err != nil || string(body) != text {
					t.Errorf("%q, %v", body, err)
				}
				answer.Body.Close()
			}
		})
	}
	all.Wait()
}

// A client that waits for 100 Continue sends nothing when the handler wants nothing.
func TestServerRefusesBeforeTheBody(t *testing.T) {
	addr := served(t, func(context.Context, *http1.ServerRequest) *http1.Response {
		return &http1.Response{Status: 413, Body: []byte("no")}
	})
	var informed atomic.Int32
	trace := &httptrace.ClientTrace{Got1xxResponse: func(int, textproto.MIMEHeader) error { informed.Add(1); return nil }}
	body := &untouched{}
	req, err := http.NewRequestWithContext(httptrace.WithClientTrace(t.Context(), trace), "POST", "http://"+addr, body)
	if err != nil {
		t.Fatal(err)
	}
	req.ContentLength = 10
	req.Header.Set("Expect", "100-continue")
	resp, err := theClient(t).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != 413 || informed.Load() != 0 || body.read.Load() {
		t.Errorf("got %d, informed %d times, body read: %v", resp.StatusCode, informed.Load(), body.read.Load())
	}
}

type untouched struct{ read atomic.Bool }

func (u *untouched) Read([]byte) (int, error) { u.read.Store(true); return 0, io.EOF }

// A read that is given up loses nothing of the body, wherever it was.
func TestReadContext(t *testing.T) {
	const body = "3;a=b\r\none\r\n3\r\ntwo\r\n0\r\nX-End: yes\r\n\r\n"
	interrupt, interrupted, got := make(chan context.CancelFunc), make(chan error), make(chan string, 1)
	addr := served(t, func(_ context.Context, req *http1.ServerRequest) *http1.Response {
		all, buf := "", make([]byte, 100)
		for {
			ctx, cancel := context.WithCancel(context.Background())
			interrupt <- cancel
			n, err := req.Body.ReadContext(ctx, buf)
			all += string(buf[:n])
			interrupted <- err
			if err != nil && !errors.Is(err, context.Canceled) {
				got <- fmt.Sprint(all, " ", err, " ", req.Body.Trailer())
				return &http1.Response{Status: 200, Body: []byte("fine")}
			}
		}
	})
	conn := raw(t, addr)
	io.WriteString(conn, "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n")
	next := 0
	for {
		cancel := <-interrupt
		if next < len(body) {
			io.WriteString(conn, body[next:next+1])
			next++
			cancel() // it may come before the byte does
		}
		err := <-interrupted
		cancel()
		if errors.Is(err, io.EOF) {
			break
		}
	}
	if all := <-got; all != "onetwo EOF [{X-End yes}]" {
		t.Errorf("got %s", all)
	}
	if answer := conn.answer(); answer != "200 fine" {
		t.Errorf("got %s", answer)
	}
}
