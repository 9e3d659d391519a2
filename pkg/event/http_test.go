package event_test

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/serverless/open-runtime/pkg/event"
)

func TestFunctionURL(t *testing.T) {
	r := event.Request{
		Method: "POST", RawPath: "/a%20b/c", RawQuery: "x=1&x=2&y=%C3%A9&z", Host: "abc.lambda-url.us-east-1.on.aws", SourceIP: "203.0.113.7",
		Header:    http.Header{"Content-Type": {"application/json"}, "X-Two": {"a", "b"}, "Cookie": {"a=1; b=2"}, "User-Agent": {"curl"}},
		Body:      []byte(`{"é":1}`),
		RequestID: "id", Time: time.UnixMilli(1764157500123),
	}
	data, err := r.FunctionURL()
	if err != nil {
		t.Fatal(err)
	}
	const want = `{
		"version":"2.0","routeKey":"$default","rawPath":"/a%20b/c","rawQueryString":"x=1&x=2&y=%C3%A9&z","cookies":["a=1","b=2"],
		"headers":{"content-type":"application/json","x-two":"a,b","cookie":"a=1; b=2","user-agent":"curl","host":"abc.lambda-url.us-east-1.on.aws"},
		"queryStringParameters":{"x":"1,2","y":"é","z":""},
		"requestContext":{"accountId":"anonymous","apiId":"abc","domainName":"abc.lambda-url.us-east-1.on.aws","domainPrefix":"abc",
			"http":{"method":"POST","path":"/a b/c","protocol":"HTTP/1.1","sourceIp":"203.0.113.7","userAgent":"curl"},
			"requestId":"id","routeKey":"$default","stage":"$default","time":"26/Nov/2025:11:45:00 +0000","timeEpoch":1764157500123},
		"body":"{\"é\":1}","isBase64Encoded":false}`
	if diff := cmp.Diff(parsed(t, want), parsed(t, string(data))); diff != "" {
		t.Error(diff)
	}
}

// TestForwarded: what a function URL adds, and that the request it is added to stays as it is.
func TestForwarded(t *testing.T) {
	r := event.Request{Header: http.Header{"X-Forwarded-For": {"198.51.100.1"}}, SourceIP: "203.0.113.7", RequestID: "6f1c0a52-3b7d-4e8f-9a10-5c2d7e6b0001", Time: time.UnixMilli(1764157500123)}
	data, err := r.Forwarded().FunctionURL()
	got := decoded[struct{ Headers map[string]string }](t, data, err)
	want := map[string]string{
		"x-amzn-trace-id": "Root=1-6926e83c-6f1c0a523b7d4e8f9a105c2d", "x-forwarded-for": "198.51.100.1, 203.0.113.7", "x-forwarded-port": "443", "x-forwarded-proto": "https",
		"x-amzn-tls-version": "TLSv1.3", "x-amzn-tls-cipher-suite": "TLS_AES_128_GCM_SHA256",
	}
	if diff := cmp.Diff(want, got.Headers); diff != "" || len(r.Header) != 1 {
		t.Errorf("%s %v", diff, r.Header)
	}
}

func parsed(t *testing.T, text string) (v any) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	return v
}

// A body that is no text comes as base64, whatever its type says; in payload 2.0 a form does too, and what has no type.
func TestBodies(t *testing.T) {
	for _, test := range []struct {
		contentType, body string
		one, two          bool // whether it is base64 in payload 1.0 and in 2.0
	}{
		{"", "text", false, true}, {"text/plain; charset=utf-8", "text", false, false}, {"application/problem+json", "{}", false, false},
		{"application/json", `{"é":1}`, false, false}, {"application/atom+xml", "<a/>", false, false}, {"TEXT/HTML", "<p>", false, false},
		{"application/x-www-form-urlencoded", "a=b", false, true}, {"multipart/form-data; boundary=b", "--b--", true, true},
		{"image/png", "png", true, true}, {"application/octet-stream", "x", true, true}, {"nonsense/", "x", true, true}, {"text/plain; charset=", "x", false, false},
		{"text/plain", "\xff", true, true}, {"application/json", "\x00\xfe", true, true},
	} {
		r := event.Request{Header: http.Header{"Content-Type": {test.contentType}}, Body: []byte(test.body)}
		for name, service := range map[string]struct {
			event    func() ([]byte, error)
			isBase64 bool
		}{"a REST API": {r.APIGateway1, test.one}, "an HTTP API": {r.APIGateway2, test.two}, "a function URL": {r.FunctionURL, test.two}} {
			data, err := service.event()
			got := decoded[struct {
				Body            string
				IsBase64Encoded bool
			}](t, data, err)
			want := test.body
			if service.isBase64 {
				want = base64.StdEncoding.EncodeToString([]byte(test.body))
			}
			if got.IsBase64Encoded != service.isBase64 || got.Body != want {
				t.Errorf("%s, %q as %q: %+v", name, test.body, test.contentType, got)
			}
		}
	}
}

// What JSON need not escape is not escaped: people read events.
func TestReadableRequests(t *testing.T) {
	r := event.Request{RawQuery: "a=1&b=%3Cx%3E", Header: http.Header{"Content-Type": {"text/html"}}, Body: []byte("<p>&")}
	for name, service := range map[string]func() ([]byte, error){
		"a REST API": r.APIGateway1, "an HTTP API": r.APIGateway2, "a function URL": r.FunctionURL, "a load balancer": func() ([]byte, error) { return r.ALB(true) },
	} {
		if data, err := service(); err != nil || !strings.Contains(string(data), `"body":"<p>&"`) || strings.HasSuffix(string(data), "\n") {
			t.Errorf("%s: %v: %s", name, err, data)
		}
	}
}

func TestParseResponse2(t *testing.T) {
	jsonType := http.Header{"Content-Type": {"application/json"}}
	for answer, want := range map[string]event.Response{
		`{"statusCode":201,"headers":{"X-A":"b","Content-Type":"text/plain"},"cookies":["a=1; Secure","b=2"],"body":"hi"}`: {StatusCode: 201, Header: http.Header{"X-A": {"b"}, "Content-Type": {"text/plain"}, "Set-Cookie": {"a=1; Secure", "b=2"}}, Body: []byte("hi")},
		`{"statusCode":"404"}`: {StatusCode: 404, Header: jsonType},
		`{"statusCode":200,"body":"AP8=","isBase64Encoded":true}`:  {StatusCode: 200, Header: jsonType, Body: []byte("\x00\xff")},
		`{"statusCode":200,"body":{"a":1}}`:                        {StatusCode: 200, Header: jsonType, Body: []byte(`{"a":1}`)},
		`{"statusCode":200,"headers":{"X-N":7,"X-B":true}}`:        {StatusCode: 200, Header: http.Header{"Content-Type": {"application/json"}, "X-N": {"7"}, "X-B": {"true"}}},
		`{"statusCode":200,"multiValueHeaders":{"X-A":["1","2"]}}`: {StatusCode: 200, Header: http.Header{"Content-Type": {"application/json"}, "X-A": {"1", "2"}}},
		`{"StatusCode":404,"Body":"hi"}`:                           {StatusCode: 200, Header: jsonType, Body: []byte(`{"StatusCode":404,"Body":"hi"}`)}, // names have their case
		`{"message":"hi"}`:                                         {StatusCode: 200, Header: jsonType, Body: []byte(`{"message":"hi"}`)},
		`"text"`:                                                   {StatusCode: 200, Header: jsonType, Body: []byte(`"text"`)},
		`null`:                                                     {StatusCode: 200, Header: jsonType, Body: []byte(`null`)},
		`not JSON`:                                                 {StatusCode: 200, Header: jsonType, Body: []byte(`not JSON`)},
	} {
		got, err := event.ParseResponse2([]byte(answer))
		if err != nil {
			t.Errorf("%s: %v", answer, err)
			continue
		}
		if diff := cmp.Diff(want, *got); diff != "" {
			t.Errorf("%s: %s", answer, diff)
		}
	}
	for answer, want := range map[string]string{
		`{"statusCode":"x"}`:  `statusCode is "x"; a number from 100 to 599 is needed`,
		`{"statusCode":1000}`: `statusCode is 1000; a number from 100 to 599 is needed`,
		`{"statusCode":200,"body":"*","isBase64Encoded":true}`: `reading a body that isBase64Encoded: illegal base64 data at input byte 0`,
	} {
		if _, err := event.ParseResponse2([]byte(answer)); err == nil || err.Error() != want {
			t.Errorf("%s: %v", answer, err)
		}
	}
}

func TestParsePrelude(t *testing.T) {
	got, err := event.ParsePrelude([]byte(`{"headers":{"Content-Type":"text/html"},"cookies":["a=1"]}`))
	want := &event.Response{StatusCode: 200, Header: http.Header{"Content-Type": {"text/html"}, "Set-Cookie": {"a=1"}}}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Error(diff, err)
	}
	if _, err := event.ParsePrelude([]byte(`{`)); err == nil {
		t.Error("half an object is a prelude")
	}
}
