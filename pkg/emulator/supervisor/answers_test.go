//go:build linux

package supervisor_test

// What a runtime posts, and what the caller of the Invoke API gets of it.

import (
	"net/http"
	"strings"
	"testing"

	"github.com/serverless/open-runtime/internal/frames"
	"github.com/serverless/open-runtime/internal/runtimeapi"
	"github.com/serverless/open-runtime/pkg/emulator"
)

// R1, R5, R6: a response goes to the caller byte for byte, with the type that the runtime gave it.
func TestResponse(t *testing.T) {
	p := newPuppet(t)
	for _, test := range []struct{ name, body, contentType string }{
		{"an object", `{"a": [1, 2.50]}`, "application/json"},
		{"nothing", "", "application/json"},
		{"any bytes", "\x00\xff\xfe{\r\n\u2028", "application/octet-stream"},
		{"without a type", "1", ""},
		{"no JSON", "<html>", "text/html; charset=utf-8"},
	} {
		got := p.turn("1", func(said) {
			var header []string
			if test.contentType != "" {
				header = []string{"Content-Type", test.contentType}
			}
			answer := p.respond(test.body, header...)
			answer.wants(t, test.name, http.StatusAccepted, accepted)
			equal(t, "type of the API's answer", answer.Header.Get("Content-Type"), "application/json")
		})
		if string(got.Payload) != test.body || got.ContentType != test.contentType || got.ErrorType != "" || got.Report.Status != "success" {
			t.Errorf("%s: %q, %q, %q, %s", test.name, got.Payload, got.ContentType, got.ErrorType, got.Report.Status)
		}
	}
}

// Events of any bytes reach the runtime as they are.
func TestEvent(t *testing.T) {
	p := newPuppet(t)
	for _, event := range []string{"", "null", "\x00\xff\r\n", strings.Repeat("é", runtimeapi.MaxEvent/2)} {
		p.turn(event, func(next said) {
			if next.Body != event {
				t.Errorf("%.20q, %d bytes: the runtime gets %d bytes", event, len(event), len(next.Body))
			}
			p.respond("null")
		})
	}
}

// The content type of a response never breaks what is between here and the host.
func TestEndlessContentType(t *testing.T) {
	p := newPuppet(t)
	got := p.turn("1", func(said) {
		p.respond("1", "Content-Type", "text/"+strings.Repeat("x", 100_000)).wants(t, "response", http.StatusAccepted, accepted)
	})
	equal(t, "answer", [2]string{string(got.Payload), got.ContentType}, [2]string{"1", ""})
}

// E1: an error goes to the caller byte for byte. E2: its type is what the header says, in Lambda's form.
func TestError(t *testing.T) {
	p := newPuppet(t)
	const document = `{"errorMessage": "no <stock>", "errorType": "NotInStock",` + "\n" + ` "stackTrace": [{"path": "a", "line": 3}], "trace": ["é"]}`
	for _, test := range []struct{ header, want string }{
		{"", "Function.Unknown"},
		{"NotInStock", "Function.Unknown"},
		{"unhandled", "Function.Unknown"},
		{"function.Lower", "Function.Unknown"},
		{"Function.lower", "Function.Unknown"},
		{"Elsewhere.Crash", "Function.Unknown"},
		{"xFunction.Name", "Function.Unknown"},
		{"Function.", "Function.Unknown"},
		{"Function." + strings.Repeat("X", 100_000), "Function.Unknown"},
		{"Function.NotInStock", "Function.NotInStock"},
		{"Runtime.UserException", "Runtime.UserException"},
	} {
		got := p.turn("1", func(said) {
			p.fail(document, runtimeapi.HeaderErrorType, test.header).wants(t, "error", http.StatusAccepted, accepted)
		})
		if string(got.Payload) != document || got.ErrorType != test.want || got.ContentType != "application/json" {
			t.Errorf("type %.50q: %s, %q, %q; want %s", test.header, got.ErrorType, got.Payload, got.ContentType, test.want)
		}
		equal(t, "report", [2]string{got.Report.Status, got.Report.ErrorType}, [2]string{"error", test.want})
	}
	for _, body := range []string{"", "no JSON", "\xff"} {
		if got := p.turn("1", func(said) { p.fail(body) }); string(got.Payload) != body || got.ErrorType == "" {
			t.Errorf("the error document %q: %q, %s", body, got.Payload, got.ErrorType)
		}
	}
}

// E3: what is for X-Ray does not reach the caller: a field of a document that says so, and a header.
func TestErrorCause(t *testing.T) {
	p := newPuppet(t)
	const document = `{"errorType":"E","errorMessage":"m","errorCause":{"exceptions":[]}}`
	for _, test := range []struct{ contentType, body, want string }{
		{runtimeapi.ContentTypeErrorCause, document, `{"errorMessage":"m","errorType":"E"}`},
		{runtimeapi.ContentTypeErrorCause, "no JSON", "no JSON"},
		{"application/json", document, document},
	} {
		got := p.turn("1", func(said) {
			p.fail(test.body, "Content-Type", test.contentType, runtimeapi.HeaderXRayErrorCause, strings.Repeat("x", 100<<10))
		})
		equal(t, test.contentType, string(got.Payload), test.want)
	}
}

// R4: the largest response passes whole; one byte more ends the invocation, and the runtime lives.
func TestLargeResponses(t *testing.T) {
	p := newPuppet(t)
	largest := strings.Repeat("\x00\xff\n\\", runtimeapi.MaxResponse/4)
	const told = `{"errorType":"Function.ResponseSizeTooLarge","errorMessage":"Response payload size (6291557 bytes) exceeded maximum allowed payload size (6291556 bytes)."}`
	for _, post := range []func(body string) said{func(body string) said { return p.respond(body) }, p.respondInChunks} {
		got := p.turn("1", func(said) { post(largest).wants(t, "the largest response", http.StatusAccepted, accepted) })
		if string(got.Payload) != largest || got.ErrorType != "" {
			t.Errorf("the largest response: %d bytes, %s", len(got.Payload), got.ErrorType)
		}
		got = p.turn("1", func(said) {
			post(largest+"x").wants(t, "one byte more", http.StatusRequestEntityTooLarge, tooLarge)
			p.respond("1").wants(t, "a smaller one after it", http.StatusForbidden, forbidden("ResponseSent", "InvocationResponse"))
		})
		equal(t, "error type of one byte more", got.ErrorType, "Function.ResponseSizeTooLarge")
		equal(t, "error of one byte more", string(got.Payload), told)
	}
	got := p.turn("1", func(said) { p.fail(largest+"x").wants(t, "an error of one byte more", http.StatusAccepted, accepted) })
	if len(got.Payload) == 0 || len(got.Payload) > 1000 || got.ErrorType == "" {
		t.Errorf("an error document of one byte more: %d bytes, %s", len(got.Payload), got.ErrorType)
	}
	p.wantsToLive()
}

// wantsToLive makes sure that another invocation works.
func (p *puppet) wantsToLive() {
	p.t.Helper()
	got := p.turn("1", func(said) { p.respond("alive").wants(p.t, "the next response", http.StatusAccepted, accepted) })
	equal(p.t, "the next invocation", string(got.Payload), "alive")
}

// respondInChunks responds as AWS's Go client does: in chunks, with trailers that are announced and then absent. (R7)
func (p *puppet) respondInChunks(body string) said { return p.stream(body, nil) }

// stream responds in chunks; trailers come as they are when the body is out.
func (p *puppet) stream(body string, trailers map[string]string, headers ...string) said {
	request, err := http.NewRequest("POST", p.url+runtimeapi.PathInvocation+requestID+runtimeapi.SuffixResponse, plain{strings.NewReader(body)})
	if err != nil {
		return said{Err: err}
	}
	request.Trailer = http.Header{runtimeapi.HeaderErrorType: nil, runtimeapi.HeaderErrorBody: nil}
	for name, value := range trailers {
		request.Trailer.Set(name, value)
	}
	for i := 0; i < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	return p.do(request)
}

// plain is a reader of which nobody knows how much it has.
type plain struct{ *strings.Reader }

func (p plain) Len() {}

// A response in chunks is no stream; only the mode header says so. Both reach the caller whole.
func TestChunks(t *testing.T) {
	p := newPuppet(t)
	for _, headers := range [][]string{nil, {runtimeapi.HeaderResponseMode, "streaming"}, {runtimeapi.HeaderResponseMode, "Streaming"}} {
		got := p.turn("1", func(said) {
			p.stream("chunks", nil, append(headers, "Content-Type", "text/plain")...).wants(t, "response", http.StatusAccepted, accepted)
		})
		equal(t, "answer", [3]string{string(got.Payload), got.ContentType, got.ErrorType}, [3]string{"chunks", "text/plain", ""})
	}
}

// A stream that fails in the middle says so in its trailers.
func TestErrorTrailers(t *testing.T) {
	p := newPuppet(t)
	const nothing = `{"errorType":"Function.Broken","errorMessage":"The response ended with an error that says nothing"}`
	for _, test := range []struct{ errorType, body, wantType, want string }{
		{"Function.Broken", "eyJlcnJvclR5cGUiOiJCcm9rZW4ifQ==", "Function.Broken", `{"errorType":"Broken"}`},
		{"WitnessError", "eyJlcnJvclR5cGUiOiJCcm9rZW4ifQ==", "WitnessError", `{"errorType":"Broken"}`},
		{"Function.Broken", "", "Function.Broken", nothing},
		{"Function.Broken", "*", "Function.Broken", nothing},
		{strings.Repeat("x", 2000), "", "", "half a resp"},
	} {
		got := p.turn("1", func(said) {
			trailers := map[string]string{runtimeapi.HeaderErrorType: test.errorType, runtimeapi.HeaderErrorBody: test.body}
			p.stream("half a resp", trailers, runtimeapi.HeaderResponseMode, "streaming").wants(t, "response", http.StatusAccepted, accepted)
		})
		if got.ErrorType != test.wantType || string(got.Payload) != test.want || got.Report.ErrorType != test.wantType {
			t.Errorf("%s %q: %s %q", test.errorType, test.body, got.ErrorType, got.Payload)
		}
	}
}

func TestBadMode(t *testing.T) {
	p := newPuppet(t)
	got := p.turn("1", func(said) {
		p.respond("1", runtimeapi.HeaderResponseMode, "buffered").wants(t, "response", http.StatusBadRequest, badMode)
		p.respond("1").wants(t, "response, again", http.StatusForbidden, forbidden("ResponseSent", "InvocationResponse"))
	})
	equal(t, "error type", got.ErrorType, "Runtime.InvalidResponseModeHeader")
	p.wantsToLive()
}

// A body that ends before it is whole, of either framing, is an error of the invocation; the runtime may go on.
func TestTruncated(t *testing.T) {
	p := newPuppet(t)
	for name, framing := range map[string]string{"length": "Content-Length: 10\r\n\r\n12345", "chunks": "Transfer-Encoding: chunked\r\n\r\n5\r\n12345\r\n5\r\n1"} {
		got := p.turn("1", func(said) {
			half := rawCall(t, p.url, "POST "+runtimeapi.PathInvocation+requestID+runtimeapi.SuffixResponse+" HTTP/1.1\r\nHost: x\r\n"+framing)
			half.wants(t, name, http.StatusBadRequest, truncated)
		})
		equal(t, "error type", got.ErrorType, "Runtime.TruncatedResponse")
	}
	p.wantsToLive()
}

// Headers are found in any case, and Expect is answered.
func TestHeaders(t *testing.T) {
	p := newPuppet(t)
	got := p.turn("1", func(said) {
		p.fail(`{}`, "LAMBDA-runtime-FUNCTION-error-TYPE", "Function.Named", "Expect", "100-continue", "Accept", "text/xml").wants(t, "error", http.StatusAccepted, accepted)
	})
	equal(t, "error type", got.ErrorType, "Function.Named")
}

// An invocation is over when the runtime asks for the next one; what it does until then counts.
func TestReport(t *testing.T) {
	p := newPuppet(t, func(s *setup) { s.host.Config.MemoryMB = 512 })
	check := func(got *emulator.Result, cold bool) {
		t.Helper()
		r := got.Report
		if r.DurationMs <= 0 || float64(r.BilledDurationMs) < r.DurationMs || float64(r.BilledDurationMs) >= r.DurationMs+1 {
			t.Errorf("duration %v ms, billed %d", r.DurationMs, r.BilledDurationMs)
		}
		if (r.InitDurationMs > 0) != cold || r.MaxMemoryUsedMB < 1 || r.MaxMemoryUsedMB > 100 {
			t.Errorf("init %v ms, %d MB at the most", r.InitDurationMs, r.MaxMemoryUsedMB)
		}
		r.DurationMs, r.BilledDurationMs, r.InitDurationMs, r.MaxMemoryUsedMB = 0, 0, 0, 0
		equal(t, "report", r, frames.Report{Type: frames.TypeReport, ID: requestID, Status: "success", MemorySizeMB: 512})
	}
	check(p.turn("1", func(said) { p.respond("1") }), true)
	check(p.turn("1", func(said) { p.respond("1") }), false)
}
