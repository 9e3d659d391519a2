package event_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/google/go-cmp/cmp"

	"github.com/serverless/open-runtime/pkg/event"
)

// asked is a request with everything in it that services treat differently.
func asked() event.Request {
	return event.Request{
		Method: "PUT", RawPath: "/a%20b/c%2Fd", RawQuery: "x=1&x=2&y=%C3%A9+&z", Host: "api.example.com", SourceIP: "203.0.113.7", APIID: "abc", AccountID: "012345678912",
		Header: http.Header{"Content-Type": {"application/json"}, "X-Two": {"a", "b"}, "Cookie": {"a=1; b=2"}, "User-Agent": {"curl"}},
		Body:   []byte(`{"é":1}`), RequestID: "6f1c0a52-3b7d-4e8f-9a10-5c2d7e6b0001", Time: time.UnixMilli(1764157500123),
	}
}

func decoded[T any](t *testing.T, data []byte, err error) (v T) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &v); err != nil {
		t.Fatalf("%v: %s", err, data)
	}
	return v
}

func TestAPIGateway1(t *testing.T) {
	r := asked()
	r.Stage, r.Resource = "dev", "/{first}/{rest+}"
	r.Header.Set("Content-Length", "8") // which a REST API takes away
	data, err := r.APIGateway1()
	got := decoded[events.APIGatewayProxyRequest](t, data, err)
	const trace = "Root=1-6926e83c-6f1c0a523b7d4e8f9a105c2d"
	want := events.APIGatewayProxyRequest{
		Resource: "/{first}/{rest+}", Path: "/a%20b/c%2Fd", HTTPMethod: "PUT",
		Headers: map[string]string{
			"Content-Type": "application/json", "X-Two": "b", "Cookie": "a=1; b=2", "User-Agent": "curl", "Host": "api.example.com",
			"X-Forwarded-For": "203.0.113.7", "X-Forwarded-Port": "443", "X-Forwarded-Proto": "https", "X-Amzn-Trace-Id": trace,
		},
		MultiValueHeaders: map[string][]string{
			"Content-Type": {"application/json"}, "X-Two": {"a", "b"}, "Cookie": {"a=1; b=2"}, "User-Agent": {"curl"}, "Host": {"api.example.com"},
			"X-Forwarded-For": {"203.0.113.7"}, "X-Forwarded-Port": {"443"}, "X-Forwarded-Proto": {"https"}, "X-Amzn-Trace-Id": {trace},
		},
		QueryStringParameters:           map[string]string{"x": "2", "y": "é ", "z": ""},
		MultiValueQueryStringParameters: map[string][]string{"x": {"1", "2"}, "y": {"é "}, "z": {""}},
		PathParameters:                  map[string]string{"first": "a%20b", "rest": "c%2Fd"},
		RequestContext: events.APIGatewayProxyRequestContext{
			AccountID: "012345678912", APIID: "abc", DomainName: "api.example.com", DomainPrefix: "api", ExtendedRequestID: r.RequestID, RequestID: r.RequestID,
			HTTPMethod: "PUT", Identity: events.APIGatewayRequestIdentity{SourceIP: "203.0.113.7", UserAgent: "curl"}, Path: "/dev/a%20b/c%2Fd", Protocol: "HTTP/1.1",
			RequestTime: "26/Nov/2025:11:45:00 +0000", RequestTimeEpoch: 1764157500123, ResourceID: "abc123", ResourcePath: "/{first}/{rest+}", Stage: "dev",
		},
		Body: `{"é":1}`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// TestAPIGateway1Nothing: what a request has not is null, not absent.
func TestAPIGateway1Nothing(t *testing.T) {
	data, err := event.Request{}.APIGateway1()
	got := decoded[map[string]any](t, data, err)
	for _, name := range []string{"queryStringParameters", "multiValueQueryStringParameters", "pathParameters", "stageVariables", "body"} {
		if value, ok := got[name]; !ok || value != nil {
			t.Errorf("%s: %v", name, value)
		}
	}
}

func TestAPIGateway2(t *testing.T) {
	r := asked()
	data, err := r.APIGateway2()
	got := decoded[events.APIGatewayV2HTTPRequest](t, data, err)
	want := events.APIGatewayV2HTTPRequest{
		Version: "2.0", RouteKey: "$default", RawPath: "/a b/c/d", RawQueryString: "x=1&x=2&y=%C3%A9+&z", Cookies: []string{"a=1", "b=2"},
		Headers: map[string]string{
			"content-type": "application/json", "x-two": "a,b", "user-agent": "curl", "host": "api.example.com",
			"x-forwarded-for": "203.0.113.7", "x-forwarded-port": "443", "x-forwarded-proto": "https", "x-amzn-trace-id": "Root=1-6926e83c-6f1c0a523b7d4e8f9a105c2d",
		},
		QueryStringParameters: map[string]string{"x": "1,2", "y": "é ", "z": ""},
		RequestContext: events.APIGatewayV2HTTPRequestContext{
			RouteKey: "$default", AccountID: "012345678912", Stage: "$default", RequestID: r.RequestID, APIID: "abc", DomainName: "api.example.com", DomainPrefix: "api",
			Time: "26/Nov/2025:11:45:00 +0000", TimeEpoch: 1764157500123,
			HTTP: events.APIGatewayV2HTTPRequestContextHTTPDescription{Method: "PUT", Path: "/a b/c/d", Protocol: "HTTP/1.1", SourceIP: "203.0.113.7", UserAgent: "curl"},
		},
		Body: `{"é":1}`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	r.Stage, r.Resource = "dev", "/{proxy+}"
	data, err = r.APIGateway2()
	got = decoded[events.APIGatewayV2HTTPRequest](t, data, err)
	if got.RawPath != "/dev/a b/c/d" || got.RouteKey != "ANY /{proxy+}" || got.RequestContext.RouteKey != got.RouteKey || got.PathParameters["proxy"] != "a b/c/d" {
		t.Errorf("in a stage and with a route: %+v", got)
	}
}

// TestDecoded: an HTTP API decodes a path first of all: an encoded slash is one, and an encoded question mark ends it.
func TestDecoded(t *testing.T) {
	for _, test := range []struct{ resource, path, want, parameters string }{
		{"/{a}/{b}", "/x%2Fy", "/x/y", `{"a":"x","b":"y"}`},
		{"/{a}", "/x%20y", "/x y", `{"a":"x y"}`},
		{"/{a}", "/x%3Fy", "/x", `{"a":"x"}`},
		{"/{a}", "/%zz", "/%zz", `{"a":"%zz"}`},
	} {
		data, err := event.Request{RawPath: test.path, Resource: test.resource}.APIGateway2()
		got := decoded[struct {
			RawPath        string
			PathParameters json.RawMessage
		}](t, data, err)
		if got.RawPath != test.want || string(got.PathParameters) != test.parameters {
			t.Errorf("%s of %s: %+v", test.path, test.resource, got)
		}
	}
	if _, err := (event.Request{RawPath: "/x%2Fy", Resource: "/{a}"}).APIGateway2(); err == nil {
		t.Error("an encoded slash is none")
	}
}

func TestALB(t *testing.T) {
	r := asked()
	data, err := r.ALB(false)
	got := decoded[events.ALBTargetGroupRequest](t, data, err)
	want := events.ALBTargetGroupRequest{
		HTTPMethod: "PUT", Path: "/a%20b/c%2Fd", QueryStringParameters: map[string]string{"x": "2", "y": "%C3%A9+", "z": ""},
		Headers: map[string]string{
			"content-type": "application/json", "x-two": "b", "cookie": "a=1; b=2", "user-agent": "curl", "host": "api.example.com",
			"x-forwarded-for": "203.0.113.7", "x-forwarded-port": "443", "x-forwarded-proto": "https", "x-amzn-trace-id": "Root=1-6926e83c-6f1c0a523b7d4e8f9a105c2d",
		},
		RequestContext: events.ALBTargetGroupRequestContext{ELB: events.ELBContext{TargetGroupArn: "arn:aws:elasticloadbalancing:us-east-1:012345678912:targetgroup/example-group/0123456789abcdef"}},
		Body:           `{"é":1}`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	data, err = r.ALB(true)
	got = decoded[events.ALBTargetGroupRequest](t, data, err)
	if diff := cmp.Diff(map[string][]string{"x": {"1", "2"}, "y": {"%C3%A9+"}, "z": {""}}, got.MultiValueQueryStringParameters); diff != "" || got.QueryStringParameters != nil || got.Headers != nil {
		t.Errorf("%s %s", diff, data)
	}
	if diff := cmp.Diff([]string{"a", "b"}, got.MultiValueHeaders["x-two"]); diff != "" {
		t.Error(diff)
	}
	for _, test := range []struct {
		contentType, encoding, body string
		isBase64                    bool
	}{
		{"text/html", "", "x", false}, {"application/xml", "", "x", false}, {"application/x-www-form-urlencoded", "", "a=b", true},
		{"application/problem+json", "", "{}", true}, {"application/json", "gzip", "{}", true}, {"", "", "x", true}, {"", "", "", false}, {"text/plain", "", "\xff", true},
	} {
		data, err := event.Request{Header: http.Header{"Content-Type": {test.contentType}, "Content-Encoding": {test.encoding}}, Body: []byte(test.body)}.ALB(false)
		if got := decoded[events.ALBTargetGroupRequest](t, data, err); got.IsBase64Encoded != test.isBase64 {
			t.Errorf("%+v: %s", test, data)
		}
	}
}

func TestResources(t *testing.T) {
	for _, test := range []struct {
		resource, path, want string // want is JSON, or the beginning of an error
	}{
		{"/{proxy+}", "/a/b%20c", `{"proxy":"a/b%20c"}`},
		{"/{proxy+}", "/", `null`},
		{"/users/{id}", "/users/7", `{"id":"7"}`},
		{"/users", "/users", `null`},
		{"/users/{id}/{what+}", "/users/7/a/b", `{"id":"7","what":"a/b"}`},
		{"/users/{id}", "/users", "the path /users is not one"},
		{"/users/{id}", "/users/7/8", "the path /users/7/8 is not one"},
		{"/users/{id}", "/pets/7", "the path /pets/7 is not one"},
		{"/users/{id", "/users/7", "{id of the resource /users/{id is no parameter"},
	} {
		data, err := event.Request{RawPath: test.path, Resource: test.resource}.APIGateway1()
		if err != nil {
			if !strings.HasPrefix(err.Error(), test.want) {
				t.Errorf("%s of %s: %v", test.path, test.resource, err)
			}
			continue
		}
		got := decoded[struct{ PathParameters json.RawMessage }](t, data, nil)
		if string(got.PathParameters) != test.want {
			t.Errorf("%s of %s: %s, want %s", test.path, test.resource, got.PathParameters, test.want)
		}
	}
}
