//go:build linux

package http1_test

// The client's streamed bodies, with net/http's server as the oracle, and servers that do not want them.

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/serverless/open-runtime/internal/http1"
)

// streamed is a request with a streamed body.
func streamed(stream func(context.Context, *http1.ChunkWriter) (http1.Header, error)) *http1.Request {
	return &http1.Request{Method: "POST", Path: "/", Stream: stream, Trailer: []string{"X-Type", "X-Body"}}
}

func TestStream(t *testing.T) {
	read := make(chan string)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		read <- fmt.Sprint(len(r.Trailer), r.TransferEncoding, r.ContentLength)
		buf := make([]byte, 1<<20)
		for {
			n, err := r.Body.Read(buf)
			if n > 0 {
				read <- string(buf[:n])
			}
			if err != nil {
				w.Header().Set("X-Remote", r.RemoteAddr)
				fmt.Fprint(w, err, r.Trailer["X-Type"], r.Trailer["X-Body"])
				return
			}
		}
	}))
	defer server.Close()
	client := http1.New(server.Listener.Addr().String())
	defer client.Close()
	remote := ""
	for range 3 {
		resp, err := client.Do(soon(t), streamed(func(_ context.Context, w *http1.ChunkWriter) (http1.Header, error) {
			if got := <-read; got != "2 [chunked] -1" { // before anything was written
				t.Errorf("got %s", got)
			}
			for _, size := range []int{1, 0, 1000, 100_000} {
				text := strings.Repeat("x", size)
				if _, err := io.WriteString(w, text); err != nil {
					return nil, err
				}
				for left := size; left > 0; {
					left -= len(<-read) // each chunk is there before the next is written
				}
			}
			return http1.Header{{Name: "X-Type", Value: "a"}, {Name: "X-Body", Value: "ä\x7f"[:2]}}, nil
		}), 1000)
		if err != nil || string(resp.Body) != "EOF [a] [ä]" {
			t.Fatalf("%v, %v", resp, err)
		}
		if remote != "" && resp.Header.Get("X-Remote") != remote {
			t.Error("the connection was not kept")
		}
		remote = resp.Header.Get("X-Remote")
	}
}

// When Stream gives up, the server sees a body that is cut, and the caller why.
func TestStreamFails(t *testing.T) {
	broken := errors.New("out of words")
	seen := make(chan error, 1)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, err := io.ReadAll(r.Body)
		seen <- err
	}))
	defer server.Close()
	client := http1.New(server.Listener.Addr().String())
	_, err := client.Do(soon(t), streamed(func(_ context.Context, w *http1.ChunkWriter) (http1.Header, error) {
		io.WriteString(w, "some")
		return nil, broken
	}), 1000)
	if got := <-seen; !errors.Is(got, io.ErrUnexpectedEOF) || !errors.Is(err, broken) {
		t.Errorf("the server saw %v, the caller %v", got, err)
	}
	_, err = client.Do(soon(t), streamed(func(_ context.Context, w *http1.ChunkWriter) (http1.Header, error) {
		return http1.Header{{Name: "A", Value: "b\r\nc"}}, nil
	}), 1000)
	if got := <-seen; !errors.Is(got, io.ErrUnexpectedEOF) || err == nil {
		t.Errorf("the server saw %v, the caller %v", got, err)
	}
}

// An answer before the end of the body ends the body: for who waits for more of it by ctx, for who writes by an error.
func TestStreamAnsweredEarly(t *testing.T) {
	for _, closes := range []bool{false, true} {
		client := rude(t, func(conn net.Conn) {
			awaitHead(conn)
			io.WriteString(conn, "HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno")
			if !closes {
				<-t.Context().Done()
			}
		})
		for name, stream := range map[string]func(context.Context, *http1.ChunkWriter) (http1.Header, error){
			"waits": func(ctx context.Context, w *http1.ChunkWriter) (http1.Header, error) {
				<-ctx.Done()
				return nil, ctx.Err()
			},
			"waits, and goes on": func(ctx context.Context, w *http1.ChunkWriter) (http1.Header, error) {
				<-ctx.Done()
				return nil, nil
			},
			"writes": func(_ context.Context, w *http1.ChunkWriter) (http1.Header, error) {
				for {
					if _, err := w.Write(make([]byte, 100_000)); err != nil {
						return nil, err
					}
				}
			},
		} {
			resp, err := client.Do(soon(t), streamed(stream), 1000)
			if closes && name == "writes" && err != nil {
				continue // the reset may be faster than the answer
			}
			if err != nil || resp.Status != 413 || string(resp.Body) != "no" {
				t.Errorf("%s, closes %v: %v, %v", name, closes, resp, err)
			}
		}
	}
}

// A stream that began is never begun again.
func TestStreamIsNotRetried(t *testing.T) {
	var connections atomic.Int32
	client := rude(t, func(conn net.Conn) {
		first := connections.Add(1) == 1
		awaitHead(conn)
		if first {
			io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
			awaitHead(conn)
		}
	})
	if _, err := client.Do(soon(t), &http1.Request{Method: "GET", Path: "/"}, 0); err != nil {
		t.Fatal(err)
	}
	begun := 0
	req := streamed(func(ctx context.Context, w *http1.ChunkWriter) (http1.Header, error) {
		begun++
		<-ctx.Done()
		return nil, ctx.Err()
	})
	req.Method = "GET"
	if resp, err := client.Do(soon(t), req, 1000); !errors.Is(err, io.ErrUnexpectedEOF) || begun != 1 || connections.Load() != 1 {
		t.Errorf("got %v, %v, begun %d times on %d connections", resp, err, begun, connections.Load())
	}
}

// A caller that gives up is not held by its stream, nor by a server that does not read.
func TestStreamCanceled(t *testing.T) {
	client := rude(t, func(conn net.Conn) { <-t.Context().Done() })
	for i := range 2 {
		ctx, cancel := context.WithCancel(t.Context())
		_, err := client.Do(ctx, streamed(func(ctx context.Context, w *http1.ChunkWriter) (http1.Header, error) {
			cancel()
			for i == 0 {
				if _, err := w.Write(make([]byte, 100_000)); err != nil {
					return nil, err
				}
			}
			<-ctx.Done()
			return nil, ctx.Err()
		}), 1000)
		if !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
	}
}

// A proxy of our two halves: net/http's client, our server, our client, net/http's server; a stream goes through in time.
func TestProxy(t *testing.T) {
	arrived := make(chan string)
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		buf := make([]byte, 100)
		for {
			n, err := r.Body.Read(buf)
			arrived <- fmt.Sprint(string(buf[:n]), " ", err)
			if err != nil {
				fmt.Fprint(w, r.Header.Get("X-Sent"), r.Trailer)
				return
			}
		}
	}))
	defer upstream.Close()
	client := http1.New(upstream.Listener.Addr().String())
	defer client.Close()
	addr := served(t, func(ctx context.Context, req *http1.ServerRequest) *http1.Response {
		resp, err := client.Do(ctx, &http1.Request{
			Method: req.Method, Path: req.Path, Header: req.Header, Trailer: strings.Split(req.Header.Get("Trailer"), ","),
			Stream: func(ctx context.Context, w *http1.ChunkWriter) (http1.Header, error) {
				buf := make([]byte, 100)
				for {
					n, err := req.Body.ReadContext(ctx, buf)
					if errors.Is(err, io.EOF) {
						return req.Body.Trailer(), nil
					}
					if err != nil {
						return nil, err
					}
					if _, err := w.Write(buf[:n]); err != nil {
						return nil, err
					}
				}
			},
		}, most)
		if err != nil {
			return &http1.Response{Status: 502, Body: []byte(err.Error())}
		}
		return resp
	})
	reader, writer := io.Pipe()
	req, err := http.NewRequestWithContext(t.Context(), "POST", "http://"+addr, reader)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X-Sent", "ä")
	req.Trailer = http.Header{"X-End": {"yes"}}
	answer := make(chan string, 1)
	go func() {
		resp, err := theClient(t).Do(req)
		if err != nil {
			answer <- err.Error()
			return
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		answer <- fmt.Sprint(resp.StatusCode, " ", string(body), " ", err)
	}()
	for _, part := range []string{"one", "two"} {
		io.WriteString(writer, part)
		if got := <-arrived; got != part+" <nil>" {
			t.Errorf("got %s", got)
		}
	}
	writer.Close()
	if got := <-arrived; got != " EOF" {
		t.Errorf("got %s", got)
	}
	if got := <-answer; got != "200 ämap[X-End:[yes]] <nil>" {
		t.Errorf("got %s", got)
	}
}
