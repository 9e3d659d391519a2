//go:build linux

package callers_test

// InvokeWithResponseStream and function URLs, as callers see them.

import (
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var streamer = project{name: "streamer", program: "./testdata/streamer", settings: "memory: 512\ntimeout: 120\n"}

// eachStream runs a test with every caller that knows streams: AWS's command line does not.
func eachStream(t *testing.T, test func(t *testing.T, c caller)) {
	t.Helper()
	each(t, func(t *testing.T, c caller) {
		if c.streams {
			test(t, c)
		}
	})
}

// Each chunk is there before the function writes the next one.
func TestStream(t *testing.T) {
	s := start(t, nil, streamer)
	eachStream(t, func(t *testing.T, c caller) {
		g, heard := newGate(t), []string(nil)
		event := `{"chunks":["one ","two ","three"],"gate":"` + g.url + `"}`
		got := c.call(t, ask{Endpoint: s.url, Function: "streamer", Stream: true, Tail: true, Payload: []byte(event)}, func(chunk string) {
			heard = append(heard, chunk)
			g.open <- struct{}{}
		})
		c.wants(t, got, answer{
			Status: 200, Version: "$LATEST", Payload: []byte("one two three"), Log: startLine + "streaming 3 chunks\n" + endLines,
		})
		if want := []string{"one ", "two ", "three"}; !slices.Equal(heard, want) {
			t.Errorf("got the chunks %q, want %q", heard, want)
		}
	})
}

// An error in the middle is told by InvokeComplete, after what was there before.
func TestStreamError(t *testing.T) {
	s := start(t, nil, streamer)
	eachStream(t, func(t *testing.T, c caller) {
		got := c.call(t, ask{Endpoint: s.url, Function: "streamer", Stream: true, Payload: []byte(`{"chunks":["one "],"error":"no more"}`)}, func(string) {})
		c.wants(t, got, answer{Status: 200, Version: "$LATEST", Payload: []byte("one "), Code: "Streamer.Broken", Message: `no more`})
	})
}

// A function that does not stream is one chunk; its error is in InvokeComplete.
func TestStreamOfPlainFunction(t *testing.T) {
	s := start(t, nil, project{name: "function", program: "./testdata/function", settings: "memory: 512\n"},
		project{name: "second", program: "./testdata/function"}) // alone it would have any name
	eachStream(t, func(t *testing.T, c caller) {
		a := ask{Endpoint: s.url, Function: "function", Stream: true, Payload: []byte(`{"a":1}`)}
		c.wants(t, c.call(t, a, func(string) {}), answer{Status: 200, Version: "$LATEST", Payload: []byte(`\{"a":1\}`)})
		a.Payload = []byte(`{"op":"error"}`)
		got := c.call(t, a, func(string) {})
		if got.Code == "" || !strings.Contains(got.Message, "out of cheese") {
			t.Errorf("got %s", got)
		}
		a.Payload, a.Type = []byte(`{}`), "DryRun"
		c.wants(t, c.call(t, a, func(string) {}), answer{Status: 204})
		a.Function, a.Type = "nobody", ""
		c.wants(t, c.call(t, a, func(string) {}), answer{Status: 404, Code: "ResourceNotFoundException", Message: "^Function not found"})
	})
}

var functionURL = regexp.MustCompile(`(?m)URL (http://\S+?)/?$`)

// A function URL of a function that knows nothing of it: the whole request in, the answer as a body.
func TestFunctionURL(t *testing.T) {
	s := start(t, nil, project{name: "function", program: "./testdata/function", settings: "memory: 512\n"})
	at := s.wait(functionURL)[1]
	got := curl(t, at+"/a/b?x=1&y=é", []byte("hello"), "-H", "Content-Type: text/plain", "-H", "Cookie: a=1; b=2")
	defer got.end()
	body := string(got.rest())
	if got.status != http.StatusOK || got.header.Get("Content-Type") != "application/json" {
		t.Errorf("got %d, %v", got.status, got.header)
	}
	for _, want := range []string{`"version":"2.0"`, `"rawPath":"/a/b"`, `"rawQueryString":"x=1`, `"cookies":["a=1","b=2"]`, `"method":"POST"`, `"body":"hello"`, `"isBase64Encoded":false`} {
		if !strings.Contains(strings.ReplaceAll(body, `": `, `":`), want) {
			t.Errorf("the event has no %s: %s", want, body)
		}
	}
}

// What a function URL makes of an answer with a statusCode, and of an error.
func TestFunctionURLAnswers(t *testing.T) {
	s := start(t, nil, project{name: "function", program: "./testdata/function", settings: "memory: 512\n"})
	at := s.wait(functionURL)[1]
	for _, one := range []struct {
		query, body string
		status      int
		header      http.Header
	}{
		{`{"op":"value","value":{"statusCode":418,"headers":{"X-Tea":"pot"},"cookies":["a=1","b=2; Path=/"],"body":"short"}}`, "short", 418, http.Header{"X-Tea": {"pot"}, "Set-Cookie": {"a=1", "b=2; Path=/"}}},
		{`{"op":"value","value":{"statusCode":200,"isBase64Encoded":true,"body":"AP8="}}`, "\x00\xff", 200, nil},
		{`{"op":"value","value":"text"}`, `"text"`, 200, http.Header{"Content-Type": {"application/json"}}},
		{`{"op":"error"}`, "Internal Server Error", 502, nil},
	} {
		got := curl(t, at+"/?ask="+url.QueryEscape(one.query), nil)
		body := string(got.rest())
		got.end()
		if got.status != one.status || body != one.body {
			t.Errorf("%s: got %d %q, want %d %q", one.query, got.status, body, one.status, one.body)
		}
		for name, want := range one.header {
			if diff := cmp.Diff(want, got.header[name]); diff != "" {
				t.Errorf("%s: %s %s", one.query, name, diff)
			}
		}
	}
}

// A stream with a prelude: the status and headers come with the first chunk, and the rest as it is written.
func TestFunctionURLStream(t *testing.T) {
	s := start(t, nil, streamer)
	at, g := s.wait(functionURL)[1], newGate(t)
	got := curl(t, at, []byte(`{"chunks":["one ","two"],"gate":"`+g.url+`","prelude":{"statusCode":201,"headers":{"X-Tea":"pot"},"cookies":["a=1"]}}`), "-H", "Content-Type: application/json")
	defer got.end()
	if got.status != 201 || got.header.Get("X-Tea") != "pot" || got.header.Get("Set-Cookie") != "a=1" {
		t.Errorf("got %d %v", got.status, got.header)
	}
	first := make([]byte, 4)
	if _, err := got.reader.Read(first); err != nil || string(first) != "one " {
		t.Errorf("got %q, %v", first, err)
	}
	<-g.asked
	g.open <- struct{}{}
	if rest := string(got.rest()); rest != "two" {
		t.Errorf("got the rest %q", rest)
	}
}
