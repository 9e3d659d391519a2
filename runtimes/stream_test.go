//go:build linux

package runtimes_test

// Streamed responses: chunks in time, preludes, errors before and after the first byte, slow readers.

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/serverless/open-runtime/internal/frames"
)

const (
	octets      = "application/octet-stream"
	integration = "application/vnd.awslambda.http-integration-response"
)

var offersStreams = []string{frames.CapabilityCancel, frames.CapabilityStream}

// everyStreaming runs a test for each language that can stream, offered streams.
func everyStreaming(t *testing.T, handler string, test func(t *testing.T, language string, r *rt)) {
	everyLanguage(t, func(t *testing.T, language string) {
		if language == "bash" {
			return
		}
		test(t, language, startWith(t, offersStreams, language, "streams."+handler).ready())
	})
}

// streamed is a whole streamed response.
type streamed struct {
	first frames.Chunk
	sizes []int
	data  []byte
	last  frames.Frame // end or error
}

// stream reads a streamed response.
func (r *rt) stream(id string) (s streamed) {
	r.t.Helper()
	for {
		f := r.read()
		if f.ID != id {
			r.t.Fatalf("got %s, want the id %s", f.Header, id)
		}
		if f.Type != frames.TypeChunk {
			s.last = f
			return s
		}
		var head frames.Chunk
		if err := f.Decode(&head); err != nil || f.Payload == nil {
			r.t.Fatalf("got %s, %v; want a chunk", f.Header, err)
		}
		if len(s.sizes) == 0 {
			s.first = head
		} else if head.ContentType != "" || head.Prelude != nil {
			r.t.Errorf("a later chunk says what only the first may: %s", f.Header)
		}
		s.sizes = append(s.sizes, len(f.Payload))
		s.data = append(s.data, f.Payload...)
	}
}

// wants checks a stream that came to its end.
func (s streamed) wants(t *testing.T, contentType, data string) {
	t.Helper()
	if s.last.Type != frames.TypeEnd || s.last.Payload != nil || s.first.ContentType != contentType || string(s.data) != data {
		t.Errorf("got %q of type %q, then %s %s; want %q of type %q", s.data, s.first.ContentType, s.last.Header, s.last.Payload, data, contentType)
	}
}

func TestStreamInTime(t *testing.T) {
	everyStreaming(t, "chunks", func(t *testing.T, language string, r *rt) {
		for _, id := range []string{"1", "2"} {
			goOn := filepath.Join(t.TempDir(), "go-on")
			event, _ := json.Marshal(map[string]string{"file": goOn})
			r.send(invocation(id), event)
			f := r.read()
			if f.Type != frames.TypeChunk || string(f.Payload) != "one" { // before the second is written
				t.Fatalf("got %s %s, want a chunk", f.Header, f.Payload)
			}
			if err := os.WriteFile(goOn, nil, 0o600); err != nil {
				t.Fatal(err)
			}
			if s := r.stream(id); string(s.data) != "\xff\x00" || len(s.sizes) != 1 || s.last.Type != frames.TypeEnd {
				t.Errorf("got %q in %v, then %s %s", s.data, s.sizes, s.last.Header, s.last.Payload)
			}
		}
		r.shutdown()
	})
}

func TestStreamPrelude(t *testing.T) {
	everyStreaming(t, "prelude", func(t *testing.T, language string, r *rt) {
		r.send(invocation("1"), []byte(`{}`))
		s := r.stream("1")
		s.wants(t, integration, "body")
		if want := `{"statusCode":201,"headers":{"x-cheese":"Cheddar 🧀"},"cookies":["a=1"]}`; !sameJSON(t, string(s.first.Prelude), want) {
			t.Errorf("got %s, want %s", s.first.Prelude, want)
		}
		r.shutdown()
	})
}

func TestStreamEmpty(t *testing.T) {
	everyStreaming(t, "empty", func(t *testing.T, language string, r *rt) {
		r.send(invocation("1"), []byte(`{}`))
		s := r.stream("1")
		s.wants(t, octets, "")
		if len(s.sizes) != 1 {
			t.Errorf("got %d chunks, want one that opens the stream", len(s.sizes))
		}
		r.shutdown()
	})
}

func TestStreamBreaks(t *testing.T) {
	kinds := map[string]string{"node": "TypeError", "python": "TypeError", "ruby": "Function<TypeError>"}
	everyStreaming(t, "breaks", func(t *testing.T, language string, r *rt) {
		for _, id := range []string{"1", "2"} {
			r.send(invocation(id), []byte(`{}`))
			s := r.stream(id)
			e := r.document(s.last)
			if string(s.data) != "one" || e.Type != kinds[language] || e.Message != "in the middle" || !strings.Contains(strings.Join(e.StackTrace, " "), "streams.") {
				t.Errorf("got %q, then %+v", s.data, e)
			}
		}
		if log := r.shutdown(); !strings.Contains(log, "in the middle") {
			t.Errorf("the log does not tell: %q", log)
		}
	})
}

// What fails before its first byte is an error like any other.
func TestStreamFailsEarly(t *testing.T) {
	everyStreaming(t, "early", func(t *testing.T, language string, r *rt) {
		for _, id := range []string{"1", "2"} {
			if e := r.failure(id, `{}`); e.Message != "too early" {
				t.Errorf("got %+v", e)
			}
		}
		r.shutdown()
	})
}

// 20 MB, for one who does not read at first. Node's event loop goes on meanwhile.
func TestStreamSlowReader(t *testing.T) {
	everyStreaming(t, "big", func(t *testing.T, language string, r *rt) {
		for i, id := range []string{"1", "2"} {
			r.send(invocation(id), []byte(`{}`))
			r.said("begun", i+1)
			if language == "node" {
				r.said("tick", strings.Count(r.logs.String(), "tick")+3)
			}
			s := r.stream(id)
			if want := append(bytes.Repeat([]byte("x"), 19<<20), bytes.Repeat([]byte("y"), 1<<20)...); !bytes.Equal(s.data, want) || s.last.Type != frames.TypeEnd {
				t.Errorf("got %d bytes in %d chunks, then %s %s", len(s.data), len(s.sizes), s.last.Header, s.last.Payload)
			}
		}
		r.shutdown()
	})
}

// Where streams are not offered a response is collected.
func TestStreamCollected(t *testing.T) {
	cases := map[string]struct{ contentType, payload string }{
		"twice": {octets, "12"},
		"empty": {octets, ""},
	}
	everyLanguage(t, func(t *testing.T, language string) {
		if language == "bash" {
			return
		}
		for handler, want := range cases {
			r := start(t, language, "streams."+handler).ready()
			var head frames.Answer
			f := r.invoke("1", []byte(`{}`))
			if err := f.Decode(&head); err != nil || f.Type != frames.TypeResult || head.ContentType != want.contentType || string(f.Payload) != want.payload {
				t.Errorf("%s: got %s %q, want %+v", handler, f.Header, f.Payload, want)
			}
			r.shutdown()
		}
		r := start(t, language, "streams.prelude").ready()
		f := r.invoke("1", []byte(`{}`))
		head, body, _ := bytes.Cut(f.Payload, make([]byte, 8))
		if !sameJSON(t, string(head), `{"statusCode":201,"headers":{"x-cheese":"Cheddar 🧀"},"cookies":["a=1"]}`) || string(body) != "body" {
			t.Errorf("got %s %q", f.Header, f.Payload)
		}
		r.shutdown()
		r = start(t, language, "streams.breaks").ready()
		if e := r.failure("1", `{}`); e.Message != "in the middle" {
			t.Errorf("got %+v", e)
		}
		r.shutdown()
		r = start(t, language, "streams.big").ready()
		if e := r.failure("1", `{}`); e.Type != "Function.ResponseSizeTooLarge" {
			t.Errorf("got %+v", e)
		}
		r.shutdown()
	})
}

// What an iterator may not give, in the languages where a stream is one.
func TestStreamOfIterators(t *testing.T) {
	cases := map[string]struct{ data, message string }{
		"number":    {"one", "got"},
		"late_head": {"one", "that is not the first"},
		"long_head": {"", "61440 are allowed"},
		"twice":     {"12", ""},
	}
	everyLanguage(t, func(t *testing.T, language string) {
		if language != "python" && language != "ruby" {
			return
		}
		for handler, want := range cases {
			r := startWith(t, offersStreams, language, "streams."+handler).ready()
			r.send(invocation("1"), []byte(`{}`))
			s := r.stream("1")
			if want.message == "" {
				s.wants(t, octets, want.data)
			} else if e := r.document(s.last); e.Type != "Runtime.MarshalError" || !strings.Contains(e.Message, want.message) || string(s.data) != want.data {
				t.Errorf("%s: got %q, then %+v", handler, s.data, e)
			}
			if log := r.shutdown(); handler == "number" && !strings.Contains(log, "closed") {
				t.Errorf("%s: what the iterator was to do at its end was not done: %q", handler, log)
			}
		}
	})
}

func TestNodeStreams(t *testing.T) {
	cases := map[string]struct{ contentType, data, prelude, log string }{
		"typed":    {"text/html", `{"a":1}Cannot set content-type, too late.`, "", ""},
		"headOnly": {integration, "", `{"statusCode":204}`, ""},
		"foreign":  {integration, "body", `{"statusCode":202}`, ""},
		"afterEnd": {octets, "whole", "", "after the end"},
		"later":    {octets, "later", "", ""},
		"returns":  {octets, "x", "", "Streaming handlers ignore return values."},
	}
	for handler, want := range cases {
		t.Run(handler, func(t *testing.T) {
			t.Parallel()
			r := startWith(t, offersStreams, "node", "streams."+handler).ready()
			for _, id := range []string{"1", "2"} {
				r.send(invocation(id), []byte(`{}`))
				s := r.stream(id)
				s.wants(t, want.contentType, want.data)
				if string(s.first.Prelude) != want.prelude {
					t.Errorf("got the prelude %s, want %s", s.first.Prelude, want.prelude)
				}
			}
			if log := r.shutdown(); !strings.Contains(log, want.log) {
				t.Errorf("the log has no %q: %q", want.log, log)
			}
		})
	}
}

func TestNodeStreamsThatBreak(t *testing.T) {
	cases := map[string]struct{ data, kind, message string }{
		"unended":    {"one", "Runtime.StreamError", "Response stream is not finished"},
		"sync":       {"x", "Error", "Streaming does not support non-async handlers."},
		"pipeBreaks": {"one", "RangeError", "the source broke"},
		"destroys":   {"one", "RangeError", "by the handler"},
	}
	for handler, want := range cases {
		t.Run(handler, func(t *testing.T) {
			t.Parallel()
			r := startWith(t, offersStreams, "node", "streams."+handler).ready()
			for _, id := range []string{"1", "2"} {
				r.send(invocation(id), []byte(`{}`))
				s := r.stream(id)
				if e := r.document(s.last); string(s.data) != want.data || e.Type != want.kind || !strings.HasPrefix(e.Message, want.message) {
					t.Errorf("got %q, then %+v", s.data, e)
				}
			}
			r.shutdown()
		})
	}
}

// What nobody catches ends the process, but first all that was written goes out, and then the error.
func TestNodeStreamUncaught(t *testing.T) {
	r := startWith(t, offersStreams, "node", "streams.uncaught").ready()
	r.send(invocation("1"), []byte(`{}`))
	s := r.stream("1")
	if e := r.document(s.last); len(s.data) != 300<<10 || e.Message != "thrown later" {
		t.Errorf("got %d bytes, then %+v", len(s.data), e)
	}
	r.end("exit status 129")
}
