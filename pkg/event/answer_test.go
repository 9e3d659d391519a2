package event_test

import (
	"errors"
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/serverless/open-runtime/pkg/event"
)

func TestParseResponse1(t *testing.T) {
	header := func(pairs ...string) http.Header {
		h := http.Header{"Content-Type": {"application/json"}}
		for i := 0; i < len(pairs); i += 2 {
			h.Add(pairs[i], pairs[i+1])
		}
		return h
	}
	for answer, want := range map[string]event.Response{
		`{}`: {StatusCode: 200, Header: header()},
		`{"statusCode":201,"body":"hi","isBase64Encoded":false,"headers":null}`:         {StatusCode: 201, Header: header(), Body: []byte("hi")},
		`{"statusCode":"404","body":null}`:                                              {StatusCode: 404, Header: header()},
		`{"body":"AP8=","isBase64Encoded":true,"headers":{"content-type":"image/png"}}`: {StatusCode: 200, Header: http.Header{"Content-Type": {"image/png"}}, Body: []byte("\x00\xff")},
		// One value in both is there once, two values are a list.
		`{"headers":{"X-A":"1","x-b":"3","X-C":true},"multiValueHeaders":{"x-a":["1","2"],"X-B":["4"]}}`: {
			StatusCode: 200, Header: header("X-A", "1", "X-A", "2", "X-B", "4", "X-B", "3", "X-C", "true"),
		},
	} {
		got, err := event.ParseResponse1([]byte(answer))
		if err != nil {
			t.Errorf("%s: %v", answer, err)
			continue
		}
		if diff := cmp.Diff(want, *got); diff != "" {
			t.Errorf("%s: %s", answer, diff)
		}
	}
}

// What API Gateway and a load balancer can't use is their own answer of 502.
func TestMalformed(t *testing.T) {
	one := event.ParseResponse1
	alb := func(answer []byte) (*event.Response, error) { return event.ParseResponseALB(answer, false) }
	multi := func(answer []byte) (*event.Response, error) { return event.ParseResponseALB(answer, true) }
	for _, test := range []struct {
		parse        func([]byte) (*event.Response, error)
		answer, want string
	}{
		{one, `"text"`, `"text" is no object`},
		{one, `null`, `null is no object`},
		{one, `not JSON`, `invalid character 'o' in literal null (expecting 'u')`},
		{one, `{"statusCode":200,"cookies":["a=1"]}`, `there is a cookies, and statusCode, headers, multiValueHeaders, body and isBase64Encoded are all that may be`},
		{one, `{"StatusCode":200}`, `there is a StatusCode, and statusCode, headers, multiValueHeaders, body and isBase64Encoded are all that may be`},
		{one, `{"errorMessage":"no","errorType":"E"}`, `there is a errorMessage, and statusCode, headers, multiValueHeaders, body and isBase64Encoded are all that may be`},
		{one, `{"statusCode":"ok"}`, `statusCode is "ok"; a number from 100 to 599 is needed`},
		{one, `{"body":{"a":1}}`, `body is {"a":1}; a string is needed`},
		{one, `{"headers":{"X-A":7}}`, `header X-A is 7; a string is needed`},
		{one, `{"multiValueHeaders":{"X-A":"b"}}`, `multiValueHeaders: json: cannot unmarshal string into Go value of type []json.RawMessage`},
		{one, `{"body":"*","isBase64Encoded":true}`, `reading a body that isBase64Encoded: illegal base64 data at input byte 0`},
		{alb, `[]`, `[] is no object`},
		{alb, `{"body":"hi"}`, `statusCode is missing`},
		{alb, `{"statusCode":"200"}`, `statusCode is "200"; a number from 100 to 599 is needed`},
		{alb, `{"statusCode":200,"headers":{"X-A":true}}`, `header X-A is true; a string is needed`},
		{multi, `{"statusCode":200,"multiValueHeaders":{"X-A":[1]}}`, `header X-A is 1; a string is needed`},
	} {
		_, err := test.parse([]byte(test.answer))
		malformed, ok := errors.AsType[*event.MalformedError](err)
		if !ok || malformed.Cause != test.want || malformed.Response.StatusCode != http.StatusBadGateway || len(malformed.Response.Body) == 0 {
			t.Errorf("%s: %v, want %s", test.answer, err, test.want)
		}
	}
	_, err := one(nil)
	malformed, _ := errors.AsType[*event.MalformedError](err)
	if malformed == nil || string(malformed.Response.Body) != `{"message": "Internal server error"}` || malformed.Response.Header.Get("X-Amzn-Errortype") != "InternalServerErrorException" {
		t.Errorf("%+v", malformed)
	}
}

func TestParseResponseALB(t *testing.T) {
	const answer = `{"statusCode":200,"statusDescription":"200 OK","isBase64Encoded":false,"other":1,"body":"hi",` +
		`"headers":{"Set-Cookie":"a=1"},"multiValueHeaders":{"Set-Cookie":["b=1","c=1"]}}`
	for multi, cookies := range map[bool][]string{false: {"a=1"}, true: {"b=1", "c=1"}} {
		got, err := event.ParseResponseALB([]byte(answer), multi)
		want := &event.Response{StatusCode: 200, Header: http.Header{"Set-Cookie": cookies}, Body: []byte("hi")}
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("multi-value headers %v: %v %s", multi, err, diff)
		}
	}
	got, err := event.ParseResponseALB([]byte(`{"statusCode":204}`), false)
	if err != nil || got.StatusCode != 204 || len(got.Header) != 0 || got.Body != nil {
		t.Errorf("%+v, %v", got, err)
	}
}
