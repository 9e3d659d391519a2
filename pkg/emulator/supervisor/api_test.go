//go:build linux

package supervisor_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/serverless/open-runtime/internal/frames"
	"github.com/serverless/open-runtime/internal/runtimeapi"
	"github.com/serverless/open-runtime/pkg/emulator"
)

// The API's own answers, byte for byte.
const (
	accepted  = `{"status":"OK"}` + "\n"
	invalidID = `{"errorMessage":"Invalid request ID","errorType":"InvalidRequestID"}` + "\n"
	badMode   = `{"errorMessage":"Invalid function response mode","errorType":"InvalidFunctionResponseMode"}` + "\n"
	truncated = `{"errorMessage":"HTTP request detected as truncated","errorType":"TruncatedHTTPRequest"}` + "\n"
	tooLarge  = `{"errorMessage":"Exceeded maximum allowed payload size (6291556 bytes).","errorType":"RequestEntityTooLarge"}` + "\n"
)

func forbidden(from, to string) string {
	return `{"errorMessage":"State transition from ` + from + ` to ` + to +
		` failed for runtime. Error: State transition is not allowed","errorType":"InvalidStateTransition"}` + "\n"
}

// TestStates is the state machine: what a runtime calls, one after another, and the answer to the last.
func TestStates(t *testing.T) {
	for _, test := range []struct {
		calls  string
		status int
		body   string
	}{
		{"ping", 200, "pong"},
		{"next", 200, `"event"`},
		{"next next", 200, `"event"`},
		{"next response", 202, accepted},
		{"next error", 202, accepted},
		{"init/error", 202, accepted},
		{"response", 400, invalidID},
		{"error", 400, invalidID},
		{"next response-of-another", 400, invalidID},
		{"next error-of-another", 400, invalidID},
		{"next response response", 403, forbidden("ResponseSent", "InvocationResponse")},
		{"next response error", 403, forbidden("ResponseSent", "InvocationErrorResponse")},
		{"next error error", 403, forbidden("ResponseSent", "InvocationErrorResponse")},
		{"next error response", 403, forbidden("ResponseSent", "InvocationResponse")},
		{"next response response-of-another", 400, invalidID}, // the ID first, the state then
		{"next response error-of-another", 400, invalidID},
		{"next init/error", 403, forbidden("Running", "InitError")},
		{"next response init/error", 403, forbidden("ResponseSent", "InitError")},
		{"init/error init/error", 403, forbidden("InitError", "InitError")},
		{"init/error next", 403, forbidden("InitError", "Ready")},
		{"next response waiting response", 400, invalidID}, // the ID of the last one
		{"next response waiting error", 400, invalidID},
		{"next response waiting init/error", 403, forbidden("Ready", "InitError")},
	} {
		t.Run(test.calls, func(t *testing.T) {
			p := newPuppet(t)
			var last said
			var end func() *emulator.Result
			for call := range strings.FieldsSeq(test.calls) {
				switch call {
				case "next":
					if end == nil {
						end = p.begin(`"event"`)
					}
					last = p.next()()
				case "waiting":
					p.next()
					end() // the runtime is seen to wait
					end = nil
				default:
					last = p.post(call)
				}
			}
			last.wants(t, test.calls, test.status, test.body)
			if end != nil {
				p.respond("1")
				p.next()
				end()
			}
		})
	}
}

// post makes a call to the API by its name.
func (p *puppet) post(name string) said {
	const another = "00000000-0000-4000-8000-000000000000"
	switch name {
	case "ping":
		return p.call("GET", runtimeapi.PathPing, nil)
	case "response":
		return p.respond("1")
	case "error":
		return p.fail(`{"errorType":"E"}`)
	case "response-of-another":
		return p.call("POST", runtimeapi.PathInvocation+another+runtimeapi.SuffixResponse, []byte("1"))
	case "error-of-another":
		return p.call("POST", runtimeapi.PathInvocation+another+runtimeapi.SuffixError, []byte("1"))
	}
	return p.call("POST", runtimeapi.PathInitError, []byte(`{"errorType":"E"}`))
}

// What is no part of the API.
func TestNoSuchRoute(t *testing.T) {
	p := newPuppet(t)
	const notFound = "404 page not found\n"
	own := runtimeapi.PathInvocation + requestID
	for _, test := range []struct {
		method, path string
		status       int
		body         string
	}{
		{"GET", "/", 404, notFound},
		{"GET", "/2018-06-01/runtime/invocation", 404, notFound},
		{"GET", "/2018-06-01/runtime/restore/next", 404, notFound}, // SnapStart: nothing was restored
		{"POST", "/2018-06-01/runtime/restore/error", 404, notFound},
		{"POST", own, 404, notFound},
		{"POST", own + "/response/more", 404, notFound},
		{"POST", "/2015-03-31/functions/hello/invocations", 404, notFound},
		{"POST", runtimeapi.PathNext, 405, ""},
		{"PUT", runtimeapi.PathNext, 405, ""},
		{"HEAD", runtimeapi.PathNext, 405, ""},
		{"GET", own + "/response", 405, ""},
		{"GET", own + "/error", 405, ""},
		{"GET", runtimeapi.PathInitError, 405, ""},
		{"DELETE", runtimeapi.PathPing, 405, ""},
	} {
		p.call(test.method, test.path, nil).wants(t, test.method+" "+test.path, test.status, test.body)
	}
	p.turn("1", func(said) {
		for _, id := range []string{"..", ".", "%2e%2e", "%00", requestID + "%2f..", strings.ToUpper(requestID), requestID + "0", ""} {
			if got := p.call("POST", runtimeapi.PathInvocation+id+runtimeapi.SuffixResponse, []byte("2")); got.Status < 400 || got.Status == 403 {
				t.Errorf("a response to %q: %d %q", id, got.Status, got.Body)
			}
		}
		p.respond("1").wants(t, "response", 202, accepted)
	})
}

// The ID of the last invocation is nobody's any more.
func TestOldRequestID(t *testing.T) {
	p := newPuppet(t)
	p.turn("1", func(said) { p.respond("1") })
	const second = "11111111-1111-4111-8111-111111111111"
	end := p.begin("2", func(inv *frames.SupervisorInvoke) { inv.ID = second })
	p.waiting()
	p.respond("late").wants(t, "a response to the last invocation", 400, invalidID)
	p.call("POST", runtimeapi.PathInvocation+second+runtimeapi.SuffixResponse, []byte("2")).wants(t, "response", 202, accepted)
	p.next()
	if got := end(); string(got.Payload) != "2" || got.RequestID != second {
		t.Errorf("the second invocation: %q of %s", got.Payload, got.RequestID)
	}
}

// Between two environments nobody may ask.
func TestNoEnvironment(t *testing.T) {
	p := newPuppet(t)
	p.call("POST", runtimeapi.PathInitError, []byte(`{"errorType":"E"}`)).wants(t, "init/error", 202, accepted)
	p.log.await(t, "INIT_REPORT")
	const gone = "Container error. Non-recoverable state. Runtime should exit promptly.\n"
	for limit := 0; ; limit++ { // the report is written just before the end
		got := p.next()()
		if got.Status == http.StatusInternalServerError {
			got.wants(t, "next", 500, gone)
			break
		}
		if got.Status != http.StatusForbidden || limit > 1000 {
			t.Fatalf("next: %+v", got)
		}
	}
	for _, name := range []string{"response", "error", "init/error"} {
		p.post(name).wants(t, name, 500, gone)
	}
}
