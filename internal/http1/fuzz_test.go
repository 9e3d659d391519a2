//go:build linux

package http1

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"strings"
	"testing"
)

// FuzzReceive: what this package takes for a response, net/http takes for the same one.
func FuzzReceive(f *testing.F) {
	f.Add([]byte("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"))
	f.Add([]byte("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;x=y\r\nok\r\n0\r\nA: b\r\n\r\n"))
	f.Add([]byte("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.0 200 OK\r\n\r\nok"))
	f.Fuzz(func(t *testing.T, data []byte) {
		k := &conn{reader: bufio.NewReader(bytes.NewReader(data))}
		got, _, err := k.receive("POST", 1<<16)
		if err != nil {
			return
		}
		reader := bufio.NewReader(bytes.NewReader(data))
		for {
			want, err := http.ReadResponse(reader, &http.Request{Method: "POST"})
			if err != nil {
				return // net/http is stricter in places; this package never reads more into it
			}
			if want.StatusCode < 200 {
				continue
			}
			body, err := io.ReadAll(want.Body)
			if err != nil || want.StatusCode != got.Status || strings.HasPrefix(string(data), "HTTP/1.0") {
				return
			}
			if !bytes.Equal(body, got.Body) {
				t.Errorf("body %q, net/http reads %q", got.Body, body)
			}
			return
		}
	})
}
