package event_test

import (
	"encoding/json"
	"net/http"
	"testing"
	"unicode/utf8"

	"github.com/serverless/open-runtime/pkg/event"
)

// FuzzSet: whatever is set in whatever event, what comes out is JSON, and setting it again changes nothing.
func FuzzSet(f *testing.F) {
	f.Add(`{"a":[{"b":1}],"c":"d"}`, `a[0].b=2`)
	f.Add(`[]`, `[0]["x y"].z={"n":[1,2]}`)
	f.Add(`null`, `a.b[0]=`)
	f.Add(`{"a":{}}`, `a[*]=1`)
	f.Fuzz(func(t *testing.T, in, text string) {
		a, err := event.ParseAssignment(text, false)
		if err != nil || !json.Valid([]byte(in)) || !utf8.ValidString(in) {
			return
		}
		once, _, err := event.Set([]byte(in), []event.Assignment{a})
		if err != nil {
			return
		}
		if !json.Valid(once) {
			t.Fatalf("%s in %s makes %s", text, in, once)
		}
		twice, novelties, err := event.Set(once, []event.Assignment{a})
		if err != nil || string(twice) != string(once) || len(novelties) > 0 {
			t.Errorf("%s in %s makes %s, and in that %s, %v, %v", text, in, once, twice, novelties, err)
		}
	})
}

// FuzzRequests: each service makes JSON of any request, and of the same request the same.
func FuzzRequests(f *testing.F) {
	f.Add("GET", "/a%20b/c%2Fd", "x=1&x=2&y=%C3%A9+&z", "Cookie", "a=1; b=2", []byte("body"))
	f.Add("", "", "%&=&;", "", "", []byte(nil))
	f.Add("POST", "//..%2f%zz", "a=%", "content-type", "text/plain;", []byte("\xff\x00"))
	f.Fuzz(func(t *testing.T, method, path, query, name, value string, body []byte) {
		r := event.Request{Method: method, RawPath: path, RawQuery: query, Header: http.Header{name: {value, value}}, Body: body, Host: "h.example.com"}
		for service, make := range map[string]func() ([]byte, error){
			"a REST API": r.APIGateway1, "an HTTP API": r.APIGateway2, "a function URL": r.FunctionURL,
			"a load balancer": func() ([]byte, error) { return r.ALB(false) }, "one with lists": func() ([]byte, error) { return r.ALB(true) },
		} {
			once, err := make()
			if err != nil || !json.Valid(once) {
				t.Errorf("%s: %v: %s", service, err, once)
			}
			if twice, _ := make(); string(twice) != string(once) {
				t.Errorf("%s makes %s, and then %s", service, once, twice)
			}
		}
	})
}

// FuzzResponses: any answer is a response or an error, and a response is one that can be sent.
func FuzzResponses(f *testing.F) {
	f.Add([]byte(`{"statusCode":200,"headers":{"a":"b"},"multiValueHeaders":{"c":["d"]},"cookies":["e=f"],"body":"AA==","isBase64Encoded":true}`))
	f.Add([]byte(`{"statusCode":"x","headers":{"a":[]}}`))
	f.Add([]byte(`[`))
	f.Fuzz(func(t *testing.T, answer []byte) {
		for service, parse := range map[string]func([]byte) (*event.Response, error){
			"payload 1.0": event.ParseResponse1, "payload 2.0": event.ParseResponse2, "a prelude": event.ParsePrelude,
			"a load balancer": func(answer []byte) (*event.Response, error) { return event.ParseResponseALB(answer, true) },
		} {
			r, err := parse(answer)
			if err == nil && (r.StatusCode < 100 || r.StatusCode > 599 || r.Header == nil) {
				t.Errorf("%s of %s: %+v", service, answer, r)
			}
		}
	})
}
