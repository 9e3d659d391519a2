//go:build linux

package clients_test

// Events and answers: what each client makes of them, and that nothing of it changes on its way through the bootstrap.

import (
	"encoding/json"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"
)

const everyone = "go rust python node java"

// habits are what a client's requests look like, whatever they are about.
type habits struct {
	agent       string // a regular expression
	chunked     bool
	contentType string
	errorType   string // of the header on /error
	cause       bool   // whether there is an X-Ray cause on /error
}

var habitsOf = map[string]habits{
	"go":     {agent: `^aws-lambda-go/go1`, chunked: true, contentType: "application/json", cause: true},
	"rust":   {agent: `^aws-lambda-rust/1`, errorType: "unhandled"},
	"python": {agent: `^aws-lambda-python/3\.\d+\.\d+-4\.2\.2$`, contentType: "application/json", cause: true},
	"node":   {agent: `^AWS_Lambda_Cpp/0\.2\.8$`, contentType: "application/json", cause: true},
	"java":   {agent: `^aws-lambda-java/null-2\.9\.0$`, contentType: "application/json", errorType: "Runtime.UserException", cause: true},
}

const (
	headerErrorType = "Lambda-Runtime-Function-Error-Type"
	headerErrorBody = "Lambda-Runtime-Function-Error-Body"
	headerMode      = "Lambda-Runtime-Function-Response-Mode"
	headerCause     = "Lambda-Runtime-Function-XRay-Error-Cause"
)

// row is an event and the answer to it: one for all clients, or what some of them say instead.
type row struct {
	event string
	all   string
	but   map[string]string
}

func (r row) want(language string) string {
	if want, ok := r.but[language]; ok {
		return want
	}
	return r.all
}

// what these clients make of a value that they decode and encode again
var responses = []row{
	{event: `{"op":"echo","a":1}`, all: `{"op":"echo","a":1}`, but: map[string]string{"python": `{"op": "echo", "a": 1}`}},
	{event: `{"op":"value","value":null}`, all: `null`},
	{event: `{"op":"value","value":"s"}`, all: `"s"`},
	{event: `{"op":"value","value":""}`, all: `""`},
	{event: `{"op":"value","value":1.50}`, all: `1.5`, but: map[string]string{"go": `1.50`}},
	{event: `{"op":"value","value":true}`, all: `true`},
	{event: `{"op":"value","value":[1,"a",null,{}]}`, all: `[1,"a",null,{}]`, but: map[string]string{"python": `[1, "a", null, {}]`}},
	{event: `{"op":"value","value":12345678901234567890}`, all: `12345678901234567890`, but: map[string]string{"node": `12345678901234567000`}},
	{event: `{"op":"value","value":1e2}`, all: `100.0`, but: map[string]string{"go": `1e2`, "node": `100`}},
	{event: `{"op":"value","value":"é𝄞\u2028 <&>"}`, all: "\"é𝄞\u2028 <&>\"", but: map[string]string{
		"go": `"é𝄞\u2028 <&>"`, "python": `"\u00e9\ud834\udd1e\u2028 <&>"`, "java": "\"é\\uD834\\uDD1E\u2028 <&>\"",
	}},
	{event: `{"op":"count"}`, all: `1`},
	{event: `{"op":"print"}`, all: `"printed"`, but: map[string]string{"go": `{"op":"print"}`}},
	{event: `{"op":"fork"}`, all: `"forked 0"`}, // a child that reads stdin takes nothing away
	{event: `{"op":"sleep","ms":20}`, all: `"slept"`},
	{event: `{"op":"big","bytes":65537}`, all: `"` + strings.Repeat("x", 65535) + `"`},
	{event: `{"op":"count"}`, all: `2`},
}

func TestResponses(t *testing.T) {
	t.Parallel()
	each(t, everyone, func(t *testing.T, s *subject) {
		for _, row := range responses {
			r := s.invokes(row.event)
			want := row.want(s.client.name)
			if r.path != pathOf(r.id(), "response") || string(r.content) != want {
				t.Errorf("%s: got %s %.300q, want %.300q", row.event, r.path, r.content, want)
			}
			s.wantResponse(r)
		}
		if agent := s.seen[pathNext]; !regexp.MustCompile(habitsOf[s.client.name].agent).MatchString(agent) {
			t.Errorf("who asks for the next is %q", agent)
		}
	})
}

// wantResponse wants the head of a plain response: chunked it may be, streamed it is not, and there is no error in its trailer.
func (s *subject) wantResponse(r *request) {
	s.t.Helper()
	want := habitsOf[s.client.name]
	if got := r.header.get("Content-Type"); got != want.contentType {
		s.t.Errorf("%s: the Content-Type is %q, want %q", r.path, got, want.contentType)
	}
	if agent := r.header.get("User-Agent"); !regexp.MustCompile(want.agent).MatchString(agent) {
		s.t.Errorf("%s: who answers is %q", r.path, agent)
	}
	if mode, there := r.header.lookup(headerMode); there {
		s.t.Errorf("%s: the response mode is %q, want none", r.path, mode)
	}
	if !s.proxied && r.body.chunked != want.chunked {
		s.t.Errorf("%s: chunked is %t, want %t", r.path, r.body.chunked, want.chunked)
	}
	if len(r.body.trailer) > 0 {
		s.t.Errorf("%s: there is a trailer: %q", r.path, r.body.trailer)
	}
}

// failures are error documents, as regular expressions.
var failures = []row{
	{event: `{"op":"error"}`, but: map[string]string{
		"go":     `^\{"errorMessage":"out of cheese","errorType":"errorString"\}$`,
		"rust":   `^\{"errorType":"&alloc::boxed::Box<dyn core::error::Error [^"]*>","errorMessage":"out of cheese"\}$`,
		"python": `^\{"errorMessage": "out of cheese", "errorType": "WitnessError", "requestId": "[0-9a-f-]{36}", "stackTrace": \["  File .*\\n"\]\}$`,
		"node":   `^\{"errorType":"WitnessError","errorMessage":"out of cheese","trace":\["WitnessError: out of cheese","    at .*"\]\}$`,
		"java":   `^\{"errorMessage":"out of cheese","errorType":"witness\.Handler\$WitnessError","stackTrace":\["witness\.Handler\.hello\(Handler\.java:\d+\)",.*\]\}$`,
	}},
	{event: `{"op":"error","message":"ä𝄞 \"q\" \\ \n end"}`, but: map[string]string{
		"go": `"errorMessage":"ä𝄞 \\"q\\" \\\\ \\n end"`, "rust": `"errorMessage":"ä𝄞 \\"q\\" \\\\ \\n end"`,
		"python": `"errorMessage": "\\u00e4\\ud834\\udd1e \\"q\\" \\\\ \\n end"`, "node": `"errorMessage":"ä𝄞 \\"q\\" \\\\ \\n end"`,
		"java": `"errorMessage":"ä𝄞 \\"q\\" \\\\ \\n end"`,
	}},
	{event: `{"op":"unserialisable"}`, but: map[string]string{
		"go":     `^\{"errorMessage":"json: unsupported type: chan int","errorType":"UnsupportedTypeError"\}$`,
		"python": `"errorMessage": "Unable to marshal response: .*", "errorType": "Runtime\.MarshalError"`,
		"node":   `^\{"errorType":"Error","errorMessage":"Unable to stringify response body","trace":\[.*\]\}$`,
		"java":   `"errorType":"java\.lang\.RuntimeException"`,
	}},
	{event: `{"op":"panic"}`, but: map[string]string{
		"rust": `^\{"errorType":"&alloc::boxed::Box<dyn core::any::Any \+ core::marker::Send>","errorMessage":"Lambda panicked: mice"\}$`,
	}},
}

// An error document goes through as it is: whatever its keys are, trace for stackTrace, objects for lines. Its type is in the
// header upstream, if the client said one or not.
func TestFailures(t *testing.T) {
	t.Parallel()
	each(t, everyone, func(t *testing.T, s *subject) {
		lived := 0
		for _, row := range failures {
			want := row.want(s.client.name)
			if want == "" {
				continue // there is no such thing in this language
			}
			r := s.invokes(row.event)
			if r.path != pathOf(r.id(), "error") || !regexp.MustCompile(want).Match(r.content) {
				t.Errorf("%s: got %s %s, want %s", row.event, r.path, r.content, want)
			}
			s.wantError(r)
			lived++
			if got := string(s.invokes(`{"op":"count"}`).content); got != strconv.Itoa(lived) {
				t.Errorf("after %s: got %s, want the same process still", row.event, got)
			}
		}
	})
}

// wantError wants the head of an error, and its document to be one.
func (s *subject) wantError(r *request) {
	s.t.Helper()
	want := habitsOf[s.client.name]
	var document struct {
		Type string `json:"errorType"`
	}
	if err := json.Unmarshal(r.content, &document); err != nil || document.Type == "" {
		s.t.Errorf("%s: %s is no error document: %v", r.path, r.content, err)
	}
	wantType := want.errorType
	if s.proxied && (wantType == "" || wantType == "unhandled") {
		wantType = wireType(document.Type) // which is known from the body alone
	}
	if got := r.header.get(headerErrorType); got != wantType {
		s.t.Errorf("%s: the header has the type %q, want %q", r.path, got, wantType)
	}
	if got := r.header.get("Content-Type"); got != want.contentType && (!s.proxied || want.contentType != "") {
		s.t.Errorf("%s: the Content-Type is %q, want %q", r.path, got, want.contentType)
	}
	cause, there := r.header.lookup(headerCause)
	if there != want.cause {
		s.t.Errorf("%s: the X-Ray cause is %q", r.path, cause)
	}
	if there && (!json.Valid([]byte(cause)) || !utf8.ValidString(cause)) {
		s.t.Errorf("%s: the X-Ray cause is no JSON: %q", r.path, cause)
	}
}

// wireType is the type of a header: what is not of Lambda's form is unknown there, and stays in the document.
func wireType(documents string) string {
	if regexp.MustCompile(`^(Runtime|Function)\.[A-Z]`).MatchString(documents) {
		return documents
	}
	return "Function.Unknown"
}

// What is no JSON is for the client to judge, as long as no middleware changes it.
func TestEventsThatAreNoJSON(t *testing.T) {
	t.Parallel()
	each(t, everyone, func(t *testing.T, s *subject) {
		for _, event := range []string{``, `{"op":`} {
			r := s.invokes(event)
			if r.path != pathOf(r.id(), "error") {
				t.Errorf("%q: got %s %s", event, r.path, r.content)
			}
			s.wantError(r)
		}
	})
}

// What the invocation's header says is in the client's context.
func TestContext(t *testing.T) {
	t.Parallel()
	const (
		traced = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1"
		mobile = `{"client":{"installation_id":"i","app_title":"till","app_version_name":"v","app_version_code":"c","app_package_name":"p"},"custom":{"k":"v"},"env":{}}`
	)
	each(t, everyone, func(t *testing.T, s *subject) {
		r := s.invokes(`{"op":"context"}`, field{"Lambda-Runtime-Trace-Id", traced}, field{"Lambda-Runtime-Aws-Tenant-Id", "blue"},
			field{"Lambda-Runtime-Client-Context", mobile}, field{"Lambda-Runtime-Cognito-Identity", `{"cognitoIdentityId":"who","cognitoIdentityPoolId":"pool"}`})
		var got map[string]any
		if err := json.Unmarshal(r.content, &got); err != nil {
			t.Fatalf("%s: %v", r.content, err)
		}
		for name, want := range map[string]any{
			"requestId": r.id(), "arn": arn, "tenant": "blue", "client": "till", "custom": "v", "identity": "who", "trace": traced,
			"name": "witness", "version": "$LATEST", "memoryMB": 256.0,
		} {
			if got[name] != want {
				t.Errorf("%s is %v, want %v", name, got[name], want)
			}
		}
		// of the minute that is left, the bootstrap keeps 250 ms
		left, most := got["leftMs"].(float64), float64(patience.Milliseconds())
		if s.proxied {
			most -= 250
		}
		if left > most || left < most-30_000 {
			t.Errorf("%v ms are left, want at most %v", left, most)
		}
		// what was said for one invocation is not there at the next
		r = s.invokes(`{"op":"context"}`)
		got = nil
		if err := json.Unmarshal(r.content, &got); err != nil {
			t.Fatalf("%s: %v", r.content, err)
		}
		for _, name := range []string{"tenant", "client", "custom", "identity", "trace"} {
			if got[name] != nil && got[name] != "" {
				t.Errorf("%s is %v, want nothing", name, got[name])
			}
		}
	})
}

// A middleware's change comes to the function and goes to the caller.
func TestChanges(t *testing.T) {
	t.Parallel()
	each(t, everyone, func(t *testing.T, s *subject) {
		want := `"stamp":""`
		if s.proxied {
			want = `"stamp":"before and after"`
		}
		r := s.invokes(`{"op":"echo","stamp":""}`)
		if got := strings.ReplaceAll(string(r.content), ": ", ":"); !strings.Contains(got, want) {
			t.Errorf("got %s, want %s", r.content, want)
		}
		s.wantResponse(r)
	})
}
