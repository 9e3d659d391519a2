package invokeapi_test

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/serverless/open-runtime/internal/frames"
	"github.com/serverless/open-runtime/pkg/emulator"
	"github.com/serverless/open-runtime/pkg/emulator/emulatortest"
	"github.com/serverless/open-runtime/pkg/emulator/invokeapi"
)

// answering has the function say the same to every event.
func answering(say func(b *emulatortest.Box, inv frames.SupervisorInvoke, event []byte)) func(*emulator.FunctionOptions, *invokeapi.Options) {
	return func(o *emulator.FunctionOptions, _ *invokeapi.Options) {
		o.Sandbox = &emulatortest.Sandbox{Work: func(b *emulatortest.Box, inv frames.SupervisorInvoke, event []byte) {
			say(b, inv, event)
			b.Report(inv.ID, "")
		}}
	}
}

// Every way to a function by its URL makes the same event of a request.
func TestFunctionURL(t *testing.T) {
	d := open(t)
	for path, host := range map[string]string{"/a%20b?x=1": "", "/lambda-url/hello/a%20b?x=1": "", "/a%20b?x=1#": "hello.localhost:3001"} {
		headers := []string{"Content-Type", "text/plain", "Cookie", "a=b"}
		if host != "" {
			headers = append(headers, "Host", host)
		}
		got := d.ask("PUT", strings.TrimSuffix(path, "#"), "hi", headers...)
		var event struct {
			Version, RawPath, RawQueryString, Body string
			Cookies                                []string
			RequestContext                         struct {
				RequestID string
				HTTP      struct{ Method, SourceIP string }
			}
		}
		if err := json.Unmarshal([]byte(got.body), &event); err != nil {
			t.Fatalf("%s: %v: %s", path, err, got.body)
		}
		id := got.header.Get("X-Amzn-Requestid")
		if event.Version != "2.0" || event.RawPath != "/a%20b" || event.RawQueryString != "x=1" || event.Body != "hi" || event.RequestContext.RequestID != id ||
			event.RequestContext.HTTP.Method != "PUT" || event.RequestContext.HTTP.SourceIP != "127.0.0.1" || len(event.Cookies) != 1 || got.header.Get("Content-Type") != "application/json" {
			t.Errorf("%s: %s", path, got.body)
		}
	}
	for _, headers := range [][]string{{"Host", "other.localhost"}, nil} {
		path := "/"
		if headers == nil {
			path = "/lambda-url/other/"
		}
		d.ask("GET", path, "", headers...).wants(t, "a stranger", 404, `{"Type":"User","Message":"Function not found: arn:aws:lambda:us-east-1:012345678912:function:other"}`)
	}
}

func TestAnswersByURL(t *testing.T) {
	for name, test := range map[string]struct {
		say     func(b *emulatortest.Box, id string)
		status  int
		body    string
		headers []string
	}{
		"a response": {func(b *emulatortest.Box, id string) {
			b.Say(frames.SupervisorAnswer{Type: frames.TypeResult, ID: id}, []byte(`{"statusCode":201,"headers":{"X-A":"b","Content-Length":"999"},"cookies":["a=1"],"body":"aGk=","isBase64Encoded":true}`))
		}, 201, "hi", []string{"X-A", "b", "Set-Cookie", "a=1"}},
		"no response": {func(b *emulatortest.Box, id string) {
			b.Say(frames.SupervisorAnswer{Type: frames.TypeResult, ID: id}, []byte(`{"statusCode":7}`))
		}, 502, `{"Message":"Internal Server Error"}`, []string{"x-amzn-ErrorType", "InternalServerErrorException"}},
		"an error": {func(b *emulatortest.Box, id string) {
			b.Say(frames.SupervisorAnswer{Type: frames.TypeError, ID: id, ErrorType: "Oops"}, []byte(`{}`))
		}, 502, `{"Message":"Internal Server Error"}`, []string{"x-amzn-ErrorType", "Oops"}},
		"a stream": {func(b *emulatortest.Box, id string) { stream(b, id, "stream") }, 200, "one two", []string{"Content-Type", "text/plain"}},
		"a prelude in pieces": {func(b *emulatortest.Box, id string) {
			b.Say(frames.SupervisorAnswer{Type: frames.TypeResult, ID: id, Streaming: true, ContentType: "application/vnd.awslambda.http-integration-response"}, nil)
			for _, piece := range []string{`{"statusCode":207,"headers":{"X-A":"b"}`, `,"cookies":["a=1"]}` + "\x00\x00\x00", "\x00\x00\x00\x00\x00body", " and more"} {
				b.Say(frames.Cancel{Type: frames.TypeChunk, ID: id}, []byte(piece))
			}
			b.Say(frames.SupervisorEnd{Type: frames.TypeEnd, ID: id}, nil)
		}, 207, "body and more", []string{"X-A", "b", "Set-Cookie", "a=1"}},
		"half a prelude": {func(b *emulatortest.Box, id string) {
			b.Say(frames.SupervisorAnswer{Type: frames.TypeResult, ID: id, Streaming: true, ContentType: "application/vnd.awslambda.http-integration-response"}, nil)
			b.Say(frames.Cancel{Type: frames.TypeChunk, ID: id}, []byte(`{"statusCode":207}`))
			b.Say(frames.SupervisorEnd{Type: frames.TypeEnd, ID: id}, nil)
		}, 502, `{"Message":"Internal Server Error"}`, nil},
	} {
		d := open(t, answering(func(b *emulatortest.Box, inv frames.SupervisorInvoke, _ []byte) { test.say(b, inv.ID) }))
		d.ask("GET", "/", "").wants(t, name, test.status, test.body, test.headers...)
	}
}

// A stream that fails in the middle does not end as if it were whole.
func TestURLStreamThatFails(t *testing.T) {
	d := open(t, answering(func(b *emulatortest.Box, inv frames.SupervisorInvoke, _ []byte) { stream(b, inv.ID, "stream and fail") }))
	response, err := http.Get(d.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if data, err := io.ReadAll(response.Body); !errors.Is(err, io.ErrUnexpectedEOF) || string(data) != "one two" {
		t.Errorf("%q, %v", data, err)
	}
}
