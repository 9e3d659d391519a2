//go:build linux

package http1_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/serverless/open-runtime/internal/http1"
)

const most = 8 << 20

// echo is net/http as the oracle: it says what it understood.
func echo(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, err.Error(), 400)
		return
	}
	w.Header().Set("X-Method", r.Method)
	w.Header().Set("X-Got", r.Header.Get("X-Sent"))
	w.Header().Set("X-Remote", r.RemoteAddr)
	if r.URL.Query().Has("chunked") {
		w.Header().Set("Trailer", "X-Trailer")
		w.(http.Flusher).Flush()
		for len(body) > 0 {
			n := min(len(body), 100_000)
			w.Write(body[:n])
			w.(http.Flusher).Flush()
			body = body[n:]
		}
		w.Header().Set("X-Trailer", "end")
		return
	}
	w.WriteHeader(202)
	w.Write(body)
}

func TestAgainstNetHTTP(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(echo))
	defer server.Close()
	client := http1.New(server.Listener.Addr().String())
	defer client.Close()
	first := ""
	for _, size := range []int{0, 1, 1000, 65536, 6 << 20} {
		for _, path := range []string{"/", "/?chunked"} {
			body := bytes.Repeat([]byte("x\n\x00é")[:4], size/4+1)[:size]
			req := &http1.Request{Method: "POST", Path: path, Body: body, Header: http1.Header{{Name: "X-Sent", Value: "ä b"}}}
			resp, err := client.Do(t.Context(), req, most)
			if err != nil {
				t.Fatalf("%s %d: %v", path, size, err)
			}
			if !bytes.Equal(resp.Body, body) || resp.Header.Get("x-method") != "POST" {
				t.Errorf("%s %d: %d bytes came back, %v", path, size, len(resp.Body), resp.Header)
			}
			if strings.Contains(path, "chunked") && resp.Trailer.Get("X-Trailer") != "end" {
				t.Errorf("trailer: %v", resp.Trailer)
			}
			if first == "" {
				first = resp.Header.Get("X-Remote")
			}
			if got := resp.Header.Get("X-Remote"); got != first {
				t.Errorf("%s %d: a new connection %s, want %s kept", path, size, got, first)
			}
		}
	}
}

// serve plays a server that answers each connection with the next of scripts, after it read a request's head.
func serve(t *testing.T, scripts ...string) *http1.Client {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var serving sync.WaitGroup
	serving.Go(func() {
		for _, script := range scripts {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			reader := bufio.NewReader(conn)
			for part := range strings.SplitSeq(script, "|") {
				for {
					line, err := reader.ReadString('\n')
					if err != nil || line == "\r\n" {
						break
					}
				}
				io.WriteString(conn, part)
			}
			conn.Close()
		}
	})
	t.Cleanup(func() { listener.Close(); serving.Wait() })
	client := http1.New(listener.Addr().String())
	t.Cleanup(client.Close)
	return client
}

func TestRefuses(t *testing.T) {
	for _, bad := range []string{
		"HTTP/2 200 OK\r\n\r\n", "garbage\r\n\r\n", "HTTP/1.1 20 OK\r\n\r\n", "HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello", "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n", "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n0\r\n\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffff\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel",
		"HTTP/1.1 200 OK\r\n" + strings.Repeat("A: b\r\n", 300) + "\r\n", "HTTP/1.1 200 OK\r\nA: " + strings.Repeat("x", 200_000) + "\r\n\r\n", "",
	} {
		client := serve(t, bad)
		if resp, err := client.Do(t.Context(), &http1.Request{Method: "GET", Path: "/"}, 1000); err == nil {
			t.Errorf("%q is taken for %d %q", bad[:min(len(bad), 60)], resp.Status, resp.Body)
		}
	}
}

func TestDeadConnection(t *testing.T) {
	ok := "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
	client := serve(t, ok, ok, ok)
	for i, method := range []string{"GET", "GET", "POST"} { // each time the server closed the kept connection
		resp, err := client.Do(t.Context(), &http1.Request{Method: method, Path: "/"}, 1000)
		if err != nil || string(resp.Body) != "ok" {
			t.Fatalf("%d: %v, %v", i, resp, err)
		}
	}
}

func TestInformationalAndUntilClose(t *testing.T) {
	client := serve(t, "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\nall of it")
	resp, err := client.Do(t.Context(), &http1.Request{Method: "GET", Path: "/"}, 1000)
	if err != nil || string(resp.Body) != "all of it" {
		t.Fatalf("%v, %v", resp, err)
	}
}

// A server may answer and close before it has read the body.
func TestEarlyAnswer(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Connection", "close")
		http.Error(w, "too large", 413)
	}))
	defer server.Close()
	client := http1.New(server.Listener.Addr().String())
	resp, err := client.Do(t.Context(), &http1.Request{Method: "POST", Path: "/", Body: make([]byte, 200_000)}, 1000)
	if err != nil || resp.Status != 413 {
		t.Fatalf("%v, %v", resp, err)
	}
}

func TestCancel(t *testing.T) {
	release := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }))
	defer server.Close()
	defer close(release)
	client := http1.New(server.Listener.Addr().String())
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := client.Do(ctx, &http1.Request{Method: "GET", Path: "/"}, 1000); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
}

func TestConcurrent(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(echo))
	defer server.Close()
	client := http1.New(server.Listener.Addr().String())
	defer client.Close()
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			for j := range 50 {
				want := fmt.Sprint(i, j)
				resp, err := client.Do(t.Context(), &http1.Request{Method: "POST", Path: "/", Body: []byte(want)}, 1000)
				if err != nil || string(resp.Body) != want {
					t.Errorf("%v, %v", resp, err)
				}
			}
		})
	}
	all.Wait()
}

func TestHeaderInjection(t *testing.T) {
	client := http1.New("127.0.0.1:1")
	for _, value := range []string{"a\r\nb", "a\x00"} {
		req := &http1.Request{Method: "GET", Path: "/", Header: http1.Header{{Name: "A", Value: value}}}
		if _, err := client.Do(t.Context(), req, 10); err == nil {
			t.Errorf("%q is sent", value)
		}
	}
}
