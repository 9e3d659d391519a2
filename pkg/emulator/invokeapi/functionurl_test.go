package invokeapi_test

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/serverless/open-runtime/internal/frames"
	"github.com/serverless/open-runtime/pkg/emulator"
	"github.com/serverless/open-runtime/pkg/emulator/emulatortest"
	"github.com/serverless/open-runtime/pkg/emulator/invokeapi"
	"github.com/serverless/open-runtime/pkg/event"
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
	for path, host := range map[string]string{"/a%20b?x=1": "", "/lambda-url/hello/a%20b?x=1": "", "/a%20b?x=1#": "hello.localhost:3001", "/a%20b?x=1##": "HELLO.localhost:3001"} {
		headers := []string{"Content-Type", "text/plain", "Cookie", "a=b"}
		if host != "" {
			headers = append(headers, "Host", host)
		}
		got := d.ask("PUT", strings.TrimRight(path, "#"), "hi", headers...)
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
		"headers of the connection": {func(b *emulatortest.Box, id string) {
			b.Say(frames.SupervisorAnswer{Type: frames.TypeResult, ID: id}, []byte(`{"statusCode":200,"headers":{"content-length":"999","connection":"close","keep-alive":"timeout=5"},"body":"hi"}`))
		}, 200, "hi", []string{"X-Amzn-Remapped-Content-Length", "999", "X-Amzn-Remapped-Connection", "close", "Content-Length", "2", "Keep-Alive", ""}},
		"a status that is no end": {func(b *emulatortest.Box, id string) {
			b.Say(frames.SupervisorAnswer{Type: frames.TypeResult, ID: id}, []byte(`{"statusCode":101}`))
		}, 502, "Internal Server Error", []string{"x-amzn-ErrorType", "InternalServerErrorException"}},
		"no response": {func(b *emulatortest.Box, id string) {
			b.Say(frames.SupervisorAnswer{Type: frames.TypeResult, ID: id}, []byte(`{"statusCode":7}`))
		}, 502, "Internal Server Error", []string{"x-amzn-ErrorType", "InternalServerErrorException"}},
		"an error": {func(b *emulatortest.Box, id string) {
			b.Say(frames.SupervisorAnswer{Type: frames.TypeError, ID: id, ErrorType: "Oops"}, []byte(`{}`))
		}, 502, "Internal Server Error", []string{"x-amzn-ErrorType", "Oops"}},
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
		}, 502, "Internal Server Error", nil},
	} {
		d := open(t, answering(func(b *emulatortest.Box, inv frames.SupervisorInvoke, _ []byte) { test.say(b, inv.ID) }))
		d.ask("GET", "/", "").wants(t, name, test.status, test.body, test.headers...)
	}
}

// A function's URL may stand for an API or a load balancer: with its event, with what it takes for an answer, and with what it
// says of a function that fails.
func TestURLAsAnotherService(t *testing.T) {
	const (
		answer  = `{"statusCode":201,"headers":{"X-A":"b"},"multiValueHeaders":{"X-A":["c","d"]},"body":"hi"}`
		html502 = "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n<center><h1>502 Bad Gateway</h1></center>\r\n</body>\r\n</html>\r\n"
	)
	for shape, want := range map[event.Shape]struct {
		sign, value string // in the event
		header      []string
		status      int // of one that failed
		body        string
		plain       int // of an answer that is no object
	}{
		event.ShapeAPIGateway1: {`"resource":"/{proxy+}"`, "/a%20b", []string{"c", "d", "b"}, 502, `{"message": "Internal server error"}`, 502},
		event.ShapeAPIGateway2: {`"version":"2.0"`, "/a b", []string{"c", "d"}, 500, `{"message":"Internal Server Error"}`, 200},
		event.ShapeALB:         {`"elb":{`, "/a%20b", []string{"b"}, 502, html502, 502},
		event.ShapeALBMulti:    {`"multiValueHeaders":{`, "/a%20b", []string{"c", "d"}, 502, html502, 502},
		event.ShapeFunctionURL: {`"routeKey":"$default"`, "/a%20b", []string{"c", "d"}, 502, "Internal Server Error", 200},
	} {
		var asked string
		says := `{"type":"result"}`
		d := open(t, answering(func(b *emulatortest.Box, inv frames.SupervisorInvoke, event []byte) {
			asked = string(event)
			head := frames.SupervisorAnswer{Type: frames.TypeResult, ID: inv.ID}
			if says == "fail" {
				head.Type, head.ErrorType = frames.TypeError, "Oops"
			}
			b.Say(head, []byte(says))
		}), func(_ *emulator.FunctionOptions, o *invokeapi.Options) {
			o.Functions = []invokeapi.Served{{Shape: shape}}
		})
		says = answer
		got := d.ask("GET", "/a%20b?x=1", "")
		if port := d.URL[strings.LastIndex(d.URL, ":")+1:]; !strings.Contains(asked, port) || strings.Contains(asked, `"443"`) {
			t.Errorf("%s: another port than %s in %s", shape, port, asked)
		}
		if !strings.Contains(asked, want.sign) || !strings.Contains(asked, `"`+want.value+`"`) {
			t.Errorf("%s: the event is %s", shape, asked)
		}
		if got.status != 201 || got.body != "hi" || !slices.Equal(got.header.Values("X-A"), want.header) {
			t.Errorf("%s: %+v", shape, got)
		}
		says = "fail"
		d.ask("GET", "/", "").wants(t, string(shape)+": an error", want.status, want.body)
		says = `"text"`
		if got := d.ask("GET", "/", ""); got.status != want.plain {
			t.Errorf("%s: an answer that is no object: %+v", shape, got)
		}
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

// A path is the function's own, as it was sent: it is not tidied up, and under a name of its own none belongs to the API.
func TestURLPaths(t *testing.T) {
	d := open(t)
	for _, test := range []struct{ host, path, want string }{
		{"", "/a//b/../c", "/a//b/../c"},
		{"", "/2015-03-31x/functions/hello/invocations", "/2015-03-31x/functions/hello/invocations"},
		{"hello.localhost", "/2015-03-31/functions/hello/invocations", "/2015-03-31/functions/hello/invocations"},
		{"hello.localhost", "/lambda-url/other/", "/lambda-url/other/"},
		{"", "/lambda-url/hello", "/"}, {"", "/lambda-url/hello//x", "//x"},
	} {
		headers := []string{"X-A", "b"}
		if test.host != "" {
			headers = append(headers, "Host", test.host)
		}
		got := d.ask("DELETE", test.path, "", headers...)
		var event struct{ RawPath string }
		if err := json.Unmarshal([]byte(got.body), &event); err != nil || got.status != 200 || event.RawPath != test.want {
			t.Errorf("%+v: %d %s", test, got.status, got.body)
		}
	}
}

// The function hears what Lambda's front says of a caller.
func TestURLHeaders(t *testing.T) {
	d := open(t)
	got := d.ask("GET", "/", "", "X-Forwarded-For", "203.0.113.7", "X-Amzn-Trace-Id", strings.Repeat("<", 12000))
	var event struct{ Headers map[string]string }
	if err := json.Unmarshal([]byte(got.body), &event); err != nil {
		t.Fatal(err, got.body)
	}
	at, err := url.Parse(d.URL)
	if err != nil {
		t.Fatal(err)
	}
	trace := got.header.Get("X-Amzn-Trace-Id")
	for name, want := range map[string]string{
		"x-forwarded-for": "203.0.113.7,127.0.0.1", "x-forwarded-proto": "http", "x-forwarded-port": at.Port(), "x-amzn-trace-id": trace, "host": at.Host,
	} {
		if event.Headers[name] != want {
			t.Errorf("%s is %q, want %q", name, event.Headers[name], want)
		}
	}
	if !strings.HasPrefix(trace, "Root=1-") || !strings.Contains(trace, ";Parent=") {
		t.Errorf("trace ID %s", trace)
	}
}

// Without CORS of its own every method is the function's, and an event has its bound whatever the body is made of.
func TestURLMethodsAndSizes(t *testing.T) {
	d := open(t, answering(func(b *emulatortest.Box, inv frames.SupervisorInvoke, _ []byte) {
		b.Say(frames.SupervisorAnswer{Type: frames.TypeResult, ID: inv.ID}, []byte(`{"statusCode":204,"headers":{"X-A":"b","Access-Control-Allow-Origin":"*"}}`))
	}))
	for _, method := range []string{"HEAD", "OPTIONS", "PATCH"} {
		d.ask(method, "/", "", "Origin", "http://localhost:5173", "Access-Control-Request-Method", "PUT").wants(t, method, 204, "", "X-A", "b", "Access-Control-Allow-Origin", "*")
	}
	for name, body := range map[string]string{"text": strings.Repeat("x", 6291457), "what base64 makes too large": strings.Repeat("\xff", 5000000)} {
		d.ask("POST", "/", body).wants(t, name, 413, `{"Message":"Request Entity Too Large"}`, "x-amzn-ErrorType", "RequestEntityTooLargeException")
	}
	d.ask("POST", "/", strings.Repeat("\xff", 4000000)).wants(t, "what fits", 204, "")
}

// With a CORS configuration preflights are answered without the function, and its own headers of that kind are not heeded.
func TestCORS(t *testing.T) {
	d := open(t, func(o *emulator.FunctionOptions, api *invokeapi.Options) {
		answering(func(b *emulatortest.Box, inv frames.SupervisorInvoke, _ []byte) {
			b.Say(frames.SupervisorAnswer{Type: frames.TypeResult, ID: inv.ID}, []byte(`{"statusCode":200,"headers":{"Access-Control-Allow-Origin":"https://own.example","Vary":"Accept"},"body":"hi"}`))
		})(o, api)
		api.Origins = []string{"https://app.example"}
	}, func(_ *emulator.FunctionOptions, api *invokeapi.Options) {
		api.Functions = []invokeapi.Served{{CORS: &invokeapi.CORS{
			AllowCredentials: true, AllowHeaders: []string{"X-A", "X-B"}, AllowMethods: []string{"*"}, AllowOrigins: []string{"http://localhost:5173"},
			ExposeHeaders: []string{"X-C"}, MaxAge: 60,
		}}}
	})
	const page = "http://localhost:5173"
	d.ask("OPTIONS", "/", "", "Origin", page, "Access-Control-Request-Method", "PUT", "Access-Control-Request-Headers", "x-a").wants(t, "a preflight", 200, "",
		"Access-Control-Allow-Origin", page, "Access-Control-Allow-Credentials", "true", "Access-Control-Allow-Methods", "PUT", "Access-Control-Allow-Headers", "X-A,X-B",
		"Access-Control-Max-Age", "60", "Vary", "Origin")
	got := d.ask("PUT", "/", "", "Origin", page)
	got.wants(t, "what follows", 200, "hi", "Access-Control-Allow-Origin", page, "Access-Control-Expose-Headers", "X-C", "Access-Control-Allow-Methods", "")
	if diff := cmp.Diff([]string{"Origin", "Accept"}, got.header.Values("Vary")); diff != "" {
		t.Error(diff)
	}
	d.ask("OPTIONS", "/", "", "Origin", "https://app.example", "Access-Control-Request-Method", "PUT").wants(t, "a page that is not in it", 200, "", "Access-Control-Allow-Origin", "")
	d.ask("OPTIONS", "/", "").wants(t, "OPTIONS of a program", 200, "hi", "Access-Control-Allow-Origin", "")
	got = d.ask("PUT", "/", "", "Origin", "https://attacker.example")
	got.wants(t, "a foreign page", 403, got.body, "Access-Control-Allow-Origin", "", "x-amzn-ErrorType", "AccessDeniedException")
}
