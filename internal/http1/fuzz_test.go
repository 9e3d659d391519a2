//go:build linux

package http1

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// FuzzReceive: what this package takes for a response, net/http takes for the same one.
func FuzzReceive(f *testing.F) {
	f.Add([]byte("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"))
	f.Add([]byte("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;x=y\r\nok\r\n0\r\nA: b\r\n\r\n"))
	f.Add([]byte("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.0 200 OK\r\n\r\nok"))
	f.Fuzz(func(t *testing.T, data []byte) {
		k := &conn{in: newLines(bytes.NewReader(data))}
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

// FuzzRequest: what the server takes for requests, net/http takes for the same ones, up to the same byte.
func FuzzRequest(f *testing.F) {
	f.Add([]byte("GET / HTTP/1.1\r\nHost: a\r\n\r\nPOST /a?b HTTP/1.1\r\nhost:a\r\nCONTENT-LENGTH: 2\r\n\r\nok"))
	f.Add([]byte("POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTrailer: A\r\n\r\n2;x=y\r\nok\r\n0\r\nA: b\r\n\r\n"))
	f.Add([]byte("POST / HTTP/1.0\r\nContent-Length: 1\r\nA: \x7f\xff\r\n\r\nx"))
	f.Add([]byte("POST http://a/b HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		c := &served{in: newLines(bytes.NewReader(data))}
		reader := bufio.NewReaderSize(bytes.NewReader(data), 4096)
		for {
			got, err := c.receive()
			if err != nil {
				return
			}
			got.Body.begin = nil
			body, err := got.ReadAll(1 << 16)
			if err != nil {
				return
			}
			want, err := http.ReadRequest(reader)
			if err != nil {
				return // net/http is stricter in places: Host, URLs, bytes of values
			}
			wanted, err := io.ReadAll(want.Body)
			if err != nil {
				return
			}
			if got.Method != want.Method || !strings.HasSuffix(want.RequestURI, got.Path) && got.Path != "/" && got.Path[:2] != "/?" {
				t.Errorf("%s %s, net/http reads %s %s", got.Method, got.Path, want.Method, want.RequestURI)
			}
			if !bytes.Equal(body, wanted) {
				t.Errorf("body %q, net/http reads %q", body, wanted)
			}
			for _, field := range got.Header {
				if field.Name != "Host" && !slices.Contains(want.Header.Values(field.Name), field.Value) && !hop(field.Name) {
					t.Errorf("%q: %q, net/http reads %q", field.Name, field.Value, want.Header)
				}
			}
		}
	})
}

func hop(name string) bool {
	return slices.ContainsFunc(ofOneHop, func(other string) bool { return strings.EqualFold(name, other) })
}

// FuzzAddress: net/netip is the oracle of what is an address.
func FuzzAddress(f *testing.F) {
	for _, text := range []string{"127.0.0.1", "::1", "::", "2001:db8::1:2", "::ffff:1.2.3.4", "1:2:3:4:5:6:7:8", "1::8::", "01.2.3.4", "1:2:3:4:5:6:1.2.3.4"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		want, err := netip.ParseAddr(text)
		var got any
		switch one := endpoint(text, 1).(type) {
		case *syscall.SockaddrInet4:
			got = netip.AddrFrom4(one.Addr)
		case *syscall.SockaddrInet6:
			got = netip.AddrFrom16(one.Addr)
		}
		if known := err == nil && want.Zone() == ""; known != (got != nil) || known && got != want {
			t.Errorf("%q: %v, net/netip reads %v, %v", text, got, want, err)
		}
	})
}
