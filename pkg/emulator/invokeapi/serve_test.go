package invokeapi_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/serverless/open-runtime/pkg/emulator/invokeapi"
)

// A serving is a server until end is called.
type serving struct {
	address string
	end     context.CancelFunc
	ended   chan error
}

func serve(t *testing.T, handler http.HandlerFunc, grace time.Duration) *serving {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, end := context.WithCancel(t.Context())
	s := &serving{address: listener.Addr().String(), end: end, ended: make(chan error, 1)}
	go func() { s.ended <- invokeapi.Serve(ctx, listener, handler, grace) }()
	t.Cleanup(end)
	return s
}

// dial sends a request and gives the connection, on which the answer comes.
func (s *serving) dial(t *testing.T, request string) (net.Conn, *bufio.Reader) {
	t.Helper()
	conn, err := net.Dial("tcp", s.address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if _, err := io.WriteString(conn, request); err != nil {
		t.Fatal(err)
	}
	return conn, bufio.NewReader(conn)
}

const get = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"

func wantsStatus(t *testing.T, in *bufio.Reader, want int) {
	t.Helper()
	response, err := http.ReadResponse(in, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if _, _ = io.Copy(io.Discard, response.Body); response.StatusCode != want { // a refusal may end in a reset
		t.Errorf("%s, want %d", response.Status, want)
	}
}

// What is under way when serving ends is answered, and nothing new is taken.
func TestServeAnswersWhatIsUnderWay(t *testing.T) {
	entered, leave := make(chan struct{}), make(chan struct{})
	s := serve(t, func(http.ResponseWriter, *http.Request) { close(entered); <-leave }, time.Minute)
	_, in := s.dial(t, get)
	<-entered
	s.end()
	for conn, err := net.Dial("tcp", s.address); err == nil; conn, err = net.Dial("tcp", s.address) {
		conn.Close() // until the listener has heard of the end
	}
	close(leave)
	wantsStatus(t, in, 200)
	if err := <-s.ended; err != nil {
		t.Error(err)
	}
}

// What is not answered in the grace is cut off, which is no error: whoever ends it counts what was.
func TestServeAfterTheGrace(t *testing.T) {
	entered := make(chan struct{})
	s := serve(t, func(_ http.ResponseWriter, r *http.Request) { close(entered); <-r.Context().Done() }, time.Millisecond)
	_, in := s.dial(t, get)
	<-entered
	s.end()
	if _, err := in.ReadByte(); !errors.Is(err, io.EOF) {
		t.Errorf("got %v", err)
	}
	if err := <-s.ended; err != nil {
		t.Error(err)
	}
}

// A listener that breaks is an error.
func TestServeOnABrokenListener(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	listener.Close()
	if err := invokeapi.Serve(t.Context(), listener, nil, 0); !errors.Is(err, net.ErrClosed) || !strings.HasPrefix(err.Error(), "serving the Invoke API: ") {
		t.Errorf("got %v", err)
	}
}

// Only so many connections are served at once: another waits for one that ends, and serving ends with all of them there.
func TestServeBoundsConnections(t *testing.T) {
	const most = 256
	s := serve(t, func(http.ResponseWriter, *http.Request) {}, time.Minute)
	var first net.Conn
	for i := range most {
		conn, in := s.dial(t, get)
		wantsStatus(t, in, 200) // and stays open
		if i == 0 {
			first = conn
		}
	}
	conn, in := s.dial(t, get)
	if err := conn.SetReadDeadline(time.Now().Add(50 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	if _, err := in.ReadByte(); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("got %v", err)
	}
	if err := conn.SetReadDeadline(time.Time{}); err != nil {
		t.Fatal(err)
	}
	first.Close()
	wantsStatus(t, in, 200)
	s.dial(t, get) // waits when the end comes
	s.end()
	if err := <-s.ended; err != nil {
		t.Error(err)
	}
}

// Headers have a bound, and what is sent in pieces, or after a question, is understood.
func TestServeHTTP(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil || string(body) != "abc" {
			w.WriteHeader(http.StatusBadRequest)
		}
	}, time.Minute)
	for name, test := range map[string]struct {
		request string
		status  int
	}{
		"chunks":      {"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n2\r\nbc\r\n0\r\n\r\n", 200},
		"1.0":         {"POST / HTTP/1.0\r\nContent-Length: 3\r\n\r\nabc", 200},
		"too many":    {"GET / HTTP/1.1\r\nHost: localhost\r\nX-A: " + strings.Repeat("x", 80*1024) + "\r\n\r\n", 431},
		"two lengths": {"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabc", 400},
	} {
		t.Run(name, func(t *testing.T) {
			_, in := s.dial(t, test.request)
			wantsStatus(t, in, test.status)
		})
	}
	conn, in := s.dial(t, "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n")
	if line, err := in.ReadString('\n'); err != nil || line != "HTTP/1.1 100 Continue\r\n" {
		t.Fatalf("%q, %v", line, err)
	}
	if _, err := in.ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	fmt.Fprint(conn, "abc")
	wantsStatus(t, in, 200)
}

// Who sends all before it reads anything, as most clients do, has its answer too, however much that was. Who asks first sends
// nothing.
func TestRefusalsAreRead(t *testing.T) {
	s := serve(t, open(t).Config.Handler.ServeHTTP, time.Minute)
	const size = 32 << 20
	for name, head := range map[string]string{
		"too large":   "POST " + invocations + " HTTP/1.1\r\nHost: localhost\r\n",
		"no name":     "POST /2015-03-31/functions/a.b/invocations HTTP/1.1\r\nHost: localhost\r\n",
		"a type":      "POST " + invocations + " HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/xml\r\n",
		"by its URL":  "POST / HTTP/1.1\r\nHost: localhost\r\n",
		"no function": "POST / HTTP/1.1\r\nHost: other.localhost\r\n",
	} {
		_, in := s.dial(t, head+fmt.Sprintf("Content-Length: %d\r\n\r\n", size)+strings.Repeat("x", size))
		response, err := http.ReadResponse(in, nil)
		if err != nil || response.StatusCode < 400 || response.StatusCode > 415 {
			t.Errorf("%s: %v, %v", name, response, err)
			continue
		}
		response.Body.Close()
	}
	_, in := s.dial(t, "POST /2015-03-31/functions/a.b/invocations HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n")
	wantsStatus(t, in, 400)
}

// The address at which one is asked is a name of this machine, whatever network it is of.
func TestOwnAddress(t *testing.T) {
	d := open(t)
	for host, want := range map[string]int{"192.0.2.1:3001": 200, "[::ffff:192.0.2.1]": 200, "192.0.2.2:3001": 403, "192.0.2.1.example": 403} {
		request := httptest.NewRequest("POST", "http://"+host+invocations, strings.NewReader("1"))
		own := &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 3001}
		got := httptest.NewRecorder()
		d.Config.Handler.ServeHTTP(got, request.WithContext(context.WithValue(request.Context(), http.LocalAddrContextKey, own)))
		if got.Code != want {
			t.Errorf("%s: %d, want %d", host, got.Code, want)
		}
	}
}
