//go:build linux

package clients_test

// Streamed responses. That a response is in chunks says nothing: only its mode does, and Go's client says none.

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const (
	typeBytes       = "application/octet-stream"
	typeIntegration = "application/vnd.awslambda.http-integration-response"
	nothing         = "\x00\x00\x00\x00\x00\x00\x00\x00" // between prelude and body

	headOfRust = `{"statusCode":200,"headers":{"content-type":"application/octet-stream"},"cookies":[]}` + nothing
)

// needsNothing is the manifest of a middleware that lets a stream through as it comes.
const needsNothing = `{"response":"none"}`

func eachStreamer(t *testing.T, o options, test func(*testing.T, *subject)) {
	for _, language := range []string{"go", "rust", "node"} {
		o := o
		if language == "node" {
			o.handler = "handler.stream"
		}
		eachWith(t, language, o, test)
	}
}

// A chunk comes before the next one is written, whoever is in between. A response without a mode is no stream, and comes
// through the bootstrap as a whole.
func TestStreams(t *testing.T) {
	t.Parallel()
	eachStreamer(t, options{manifest: needsNothing}, func(t *testing.T, s *subject) {
		gate := filepath.Join(t.TempDir(), "gate")
		open := func() {
			if err := os.WriteFile(gate, nil, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if s.client.name == "go" && s.proxied {
			open()
		}
		id := s.next(s).hand(fmt.Sprintf(`{"op":"stream","gate":%q}`, gate))
		r := s.wait(s, "the response", func(r *request) bool { return r.path == pathOf(id, "response") })
		if s.client.name != "go" || !s.proxied {
			for !strings.HasSuffix(string(r.content), "one ") && r.chunk() != "" {
			}
			open()
		}
		r.read().accept()
		switch s.client.name {
		case "go":
			s.wantStream(r, "", typeBytes, "one two")
		case "rust":
			s.wantStream(r, "streaming", typeIntegration, headOfRust+"one two")
		default:
			s.wantStream(r, "streaming", typeBytes, "one two")
		}
	})
}

func (s *subject) wantStream(r *request, mode, contentType, content string) {
	s.t.Helper()
	got := []string{r.header.get(headerMode), r.header.get("Content-Type"), string(r.content)}
	want := []string{mode, contentType, content}
	if fmt.Sprintf("%q", got) != fmt.Sprintf("%q", want) || !strings.HasSuffix(r.path, "/response") {
		s.t.Errorf("got %s %q, want %q", r.path, got, want)
	}
	if len(r.body.trailer) > 0 {
		s.t.Errorf("there is a trailer: %q", r.body.trailer)
	}
}

// A prelude stays in front of its body, byte for byte, and a content type that the function chose stays.
func TestPreludes(t *testing.T) {
	t.Parallel()
	eachStreamer(t, options{manifest: needsNothing}, func(t *testing.T, s *subject) {
		if s.client.name != "go" {
			head := `{"statusCode":201,"headers":{"x-witness":"node"},"cookies":["a=1"]}`
			if s.client.name == "rust" {
				head = `{"statusCode":201,"headers":{"x-witness":"rust","content-type":"application/octet-stream"},"cookies":["a=1"]}`
			}
			s.wantStream(s.invokes(`{"op":"prelude"}`), "streaming", typeIntegration, head+nothing+"one two")
		}
		switch s.client.name {
		case "go":
			s.wantStream(s.invokes(`{"op":"typed"}`), "", "text/plain", "one two")
		case "node":
			s.wantStream(s.invokes(`{"op":"typed"}`), "streaming", "text/plain", "one two")
		}
	})
}

// An error in the middle is told in trailers; of a response that is no stream, nothing has gone out yet, and it is the error
// of the invocation. Rust's client writes its trailers as text into the body, and nobody can know.
func TestStreamsThatFail(t *testing.T) {
	t.Parallel()
	eachStreamer(t, options{manifest: needsNothing}, func(t *testing.T, s *subject) {
		r := s.invokes(`{"op":"streamError"}`)
		document, errorType := r.content, r.header.get(headerErrorType)
		want := "WitnessError"
		switch s.client.name {
		case "rust":
			s.wantStream(r, "streaming", typeIntegration, headOfRust+"one Lambda-Runtime-Function-Error-Type: Runtime.StreamError\r\n"+
				"Lambda-Runtime-Function-Error-Body: "+base64.StdEncoding.EncodeToString([]byte("no more"))+"\r\n")
			return
		case "go":
			want = "errorString"
		}
		if s.client.name != "go" || !s.proxied {
			if got := string(r.content); got != "one " {
				t.Errorf("got %q before the error", got)
			}
			errorType = r.body.trailer.get(headerErrorType)
			document, _ = base64.StdEncoding.DecodeString(r.body.trailer.get(headerErrorBody))
		}
		wantHeader := want
		if s.proxied {
			wantHeader = wireType(want)
		}
		var told struct {
			Type    string   `json:"errorType"`
			Message string   `json:"errorMessage"`
			Trace   []string `json:"trace"`
		}
		if err := json.Unmarshal(document, &told); err != nil || errorType != wantHeader || told.Type != want || told.Message != "no more" {
			t.Errorf("got %q, %s, %v; want %q, no more", errorType, document, err, want)
		}
		if s.client.name == "node" && len(told.Trace) == 0 {
			t.Errorf("the stack is lost: %s", document)
		}
	})
}

// A middleware that needs the whole response gets it: what was streamed is collected, and goes out as one that was not. With
// a prelude it is a stream still, of one piece, for there is no other way to say one.
func TestStreamsThatAreCollected(t *testing.T) {
	t.Parallel()
	eachStreamer(t, options{ways: []string{proxied}}, func(t *testing.T, s *subject) {
		r := s.invokes(`{"op":"stream"}`)
		if s.client.name == "rust" {
			s.wantStream(r, "streaming", typeIntegration, headOfRust+"one two")
		} else {
			s.wantStream(r, "", typeBytes, "one two")
		}
		r = s.invokes(`{"op":"streamError"}`)
		if s.client.name != "rust" && (!strings.HasSuffix(r.path, "/error") || !strings.Contains(string(r.content), `"errorMessage":"no more"`)) {
			t.Errorf("got %s %s", r.path, r.content)
		}
	})
}
