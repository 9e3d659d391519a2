package invokeapi_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/serverless/open-runtime/internal/frames"
	"github.com/serverless/open-runtime/internal/identifier"
	"github.com/serverless/open-runtime/pkg/emulator"
	"github.com/serverless/open-runtime/pkg/emulator/emulatortest"
	"github.com/serverless/open-runtime/pkg/emulator/invokeapi"
)

const arn = "arn:aws:lambda:us-east-1:012345678912:function:hello"

// A door is a server with a function behind it.
type door struct {
	*httptest.Server
	t       *testing.T
	records chan emulator.AsyncRecord
}

// work is what the function does: what the event says, else the event is the answer.
func work(b *emulatortest.Box, inv frames.SupervisorInvoke, event []byte) {
	b.Say(frames.Log{Type: frames.TypeLog, Source: frames.SourcePlatform, RequestID: inv.ID}, []byte("START RequestId: "+inv.ID))
	switch do := string(event); {
	case do == `"fail"`:
		b.Say(frames.SupervisorAnswer{Type: frames.TypeError, ID: inv.ID, ErrorType: "Oops"}, []byte(`{"errorType":"Oops"}`))
	case do == `"die"`:
		b.Die()
		return
	case do == `"hang"`:
		<-b.Dead.Done()
	case strings.HasPrefix(do, `"stream`):
		stream(b, inv.ID, strings.Trim(do, `"`))
	case do == `"told"`:
		told, _ := json.Marshal(inv)
		b.Say(frames.SupervisorAnswer{Type: frames.TypeResult, ID: inv.ID}, told)
	default:
		b.Say(frames.SupervisorAnswer{Type: frames.TypeResult, ID: inv.ID}, event)
	}
	b.Say(frames.Log{Type: frames.TypeLog, Source: frames.SourcePlatform, RequestID: inv.ID}, []byte("REPORT RequestId: "+inv.ID))
	b.Report(inv.ID, "")
}

// stream answers in pieces, and fails after them when it is told so.
func stream(b *emulatortest.Box, id, how string) {
	b.Say(frames.SupervisorAnswer{Type: frames.TypeResult, ID: id, Streaming: true, ContentType: "text/plain"}, nil)
	for _, piece := range []string{"one ", "two"} {
		b.Say(frames.Cancel{Type: frames.TypeChunk, ID: id}, []byte(piece))
	}
	if how == "stream and fail" {
		b.Say(frames.SupervisorEnd{Type: frames.TypeEnd, ID: id, ErrorType: "Oops"}, []byte(`{"errorType":"Oops"}`))
		return
	}
	b.Say(frames.SupervisorEnd{Type: frames.TypeEnd, ID: id}, nil)
}

func open(t *testing.T, change ...func(*emulator.FunctionOptions, *invokeapi.Options)) *door {
	t.Helper()
	fo := emulator.FunctionOptions{Sandbox: &emulatortest.Sandbox{Work: work}, Options: emulator.Options{
		Config: frames.Config{FunctionName: "hello", FunctionVersion: "$LATEST", FunctionARN: arn},
	}}
	var o invokeapi.Options
	for _, one := range change {
		one(&fo, &o)
	}
	f := emulator.NewFunction(fo)
	d := &door{t: t, records: make(chan emulator.AsyncRecord, 10)}
	q := emulator.NewQueue(emulator.AsyncOptions{Begin: f.Begin, ARN: arn, Version: "$LATEST", RetryDelay: time.Millisecond, Record: func(r emulator.AsyncRecord) { d.records <- r }})
	if len(o.Functions) == 0 {
		o.Functions = []invokeapi.Served{{}}
	}
	o.Functions[0].Function, o.Functions[0].Queue = f, q
	d.Server = httptest.NewServer(invokeapi.New(o))
	t.Cleanup(func() {
		ended, end := context.WithCancel(context.Background())
		end() // with whatever is under way
		f.Close(ended)
		q.Close()
		d.Close()
	})
	return d
}

// A reply is an HTTP response, read.
type reply struct {
	status int
	header http.Header
	body   string
}

func (d *door) ask(method, path, body string, headers ...string) reply {
	d.t.Helper()
	request, err := http.NewRequest(method, d.URL+path, strings.NewReader(body))
	if err != nil {
		d.t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
		if headers[i] == "Host" {
			request.Host = headers[i+1]
		}
	}
	response, err := http.DefaultTransport.RoundTrip(request)
	if err != nil {
		d.t.Fatal(err)
	}
	defer response.Body.Close()
	data, err := io.ReadAll(response.Body)
	if err != nil {
		d.t.Errorf("%s %s: %v", method, path, err)
	}
	return reply{response.StatusCode, response.Header, string(data)}
}

const invocations = "/2015-03-31/functions/hello/invocations"

func (d *door) invoke(event string, headers ...string) reply {
	d.t.Helper()
	return d.ask("POST", invocations, event, headers...)
}

// wants checks status, body, and headers given as pairs.
func (r reply) wants(t *testing.T, what string, status int, body string, headers ...string) {
	t.Helper()
	if r.status != status || r.body != body {
		t.Errorf("%s: %d %.300q, want %d %.300q", what, r.status, r.body, status, body)
	}
	for i := 0; i < len(headers); i += 2 {
		if got := r.header.Get(headers[i]); got != headers[i+1] {
			t.Errorf("%s: %s is %q, want %q", what, headers[i], got, headers[i+1])
		}
	}
}

func TestInvoke(t *testing.T) {
	d := open(t)
	got := d.invoke(`{"a": 1}`)
	got.wants(t, "an answer", 200, `{"a": 1}`, "Content-Type", "application/json", "X-Amz-Executed-Version", "$LATEST", "X-Amz-Function-Error", "", "X-Amz-Log-Result", "",
		"X-Amzn-Remapped-Content-Length", "0")
	if id := got.header.Get("x-amzn-RequestId"); !identifier.IsUUID(id) {
		t.Errorf("request ID %q", id)
	}
	if trace := got.header.Get("X-Amzn-Trace-Id"); !strings.HasPrefix(trace, "Root=1-") || !strings.HasSuffix(trace, ";Sampled=0") || strings.Contains(trace, "Parent") {
		t.Errorf("trace ID %q", trace)
	}
	d.invoke(`"fail"`).wants(t, "a function error", 200, `{"errorType":"Oops"}`, "X-Amz-Function-Error", "Unhandled", "X-Amz-Executed-Version", "$LATEST")
	d.invoke("").wants(t, "no event", 200, "{}")
	d.invoke(`1`, "X-Amz-Invocation-Type", "DryRun").wants(t, "a dry run", 204, "")
	d.invoke(`"stream"`).wants(t, "a stream, for who buffers", 200, "one two")
	d.invoke(`"stream and fail"`).wants(t, "a stream that fails", 200, `{"errorType":"Oops"}`, "X-Amz-Function-Error", "Unhandled")
	got = d.invoke(`"die"`)
	got.wants(t, "a sandbox that dies", 500, got.body, "x-amzn-ErrorType", "ServiceException")
}

// The end of the log comes when it is asked for, whole: up to REPORT.
func TestLogTail(t *testing.T) {
	d := open(t)
	got := d.invoke(`1`, "X-Amz-Log-Type", "Tail")
	log, err := base64.StdEncoding.DecodeString(got.header.Get("X-Amz-Log-Result"))
	id := got.header.Get("X-Amzn-Requestid")
	if want := fmt.Sprintf("START RequestId: %s\nREPORT RequestId: %s\n", id, id); err != nil || string(log) != want {
		t.Errorf("got %q, %v, want %q", log, err, want)
	}
}

// Every name that AWS takes, and no other.
func TestNames(t *testing.T) {
	d := open(t)
	for _, name := range []string{
		"hello", "hello:live", "hello:$LATEST", arn, arn + ":7", "012345678912:function:hello", "012345678912:hello", "function:hello", "function",
		"arn:aws-cn:lambda:cn-north-1:999999999999:function:hello",
	} {
		for _, spelled := range []string{url.PathEscape(name), url.QueryEscape(name)} {
			got := d.ask("POST", "/2015-03-31/functions/"+spelled+"/invocations", `"told"`)
			var told frames.SupervisorInvoke
			if err := json.Unmarshal([]byte(got.body), &told); err != nil || got.status != 200 {
				t.Errorf("%s: %d %s", spelled, got.status, got.body)
				continue
			}
			_, qualifier, _ := strings.Cut(strings.TrimPrefix(name, "arn:"), "hello:")
			want := arn
			if qualifier != "" {
				want += ":" + qualifier
			}
			if told.FunctionARN != want {
				t.Errorf("%s: the function is told %s, want %s", name, told.FunctionARN, want)
			}
		}
	}
}

// A function that is alone has any name that is one, and who serves it is told of those that are not its own. Of several each
// has its own.
func TestOtherNames(t *testing.T) {
	var renamed []string
	d := open(t, func(_ *emulator.FunctionOptions, o *invokeapi.Options) {
		o.Renamed = func(f invokeapi.Function, name string) {
			renamed = append(renamed, name+" is "+f.Config().FunctionName)
		}
	})
	for name, want := range map[string]string{
		"hello": arn, "function": arn, "other": arn, "other:live": arn + ":live", "012345678912:function:third": arn,
		"arn:aws:lambda:eu-west-1:999999999999:function:fourth:7": arn + ":7",
	} {
		got := d.ask("POST", "/2015-03-31/functions/"+url.PathEscape(name)+"/invocations", `"told"`)
		var told frames.SupervisorInvoke
		if err := json.Unmarshal([]byte(got.body), &told); err != nil || told.FunctionARN != want {
			t.Errorf("%s: %d %s, want the ARN %s", name, got.status, got.body, want)
		}
	}
	got := d.ask("POST", "/2015-03-31/functions/no%20name/invocations", "{}")
	got.wants(t, "no name", 400, got.body, "x-amzn-ErrorType", "InvalidParameterValueException")
	d.ask("POST", "/2015-03-31/functions/other/invocations", "{}", invokeapi.HeaderExactName, "1").wants(t, "another, and none in its place", 404,
		`{"Type":"User","Message":"Function not found: arn:aws:lambda:us-east-1:012345678912:function:other"}`)
	slices.Sort(renamed)
	if diff := cmp.Diff([]string{"fourth is hello", "other is hello", "other is hello", "third is hello"}, renamed); diff != "" {
		t.Errorf("told was (-want +got):\n%s", diff)
	}
	d = open(t, func(_ *emulator.FunctionOptions, o *invokeapi.Options) {
		second := emulator.Options{Config: frames.Config{FunctionName: "second", FunctionARN: "arn:aws:lambda:us-east-1:012345678912:function:second"}}
		o.Functions = []invokeapi.Served{{}, {Function: emulator.NewFunction(emulator.FunctionOptions{Options: second})}}
	})
	d.ask("POST", "/2015-03-31/functions/other:live/invocations", "{}").wants(t, "a stranger", 404,
		`{"Type":"User","Message":"Function not found: arn:aws:lambda:us-east-1:012345678912:function:other:live"}`, "x-amzn-ErrorType", "ResourceNotFoundException")
}

func TestQualifiers(t *testing.T) {
	d := open(t)
	got := d.ask("POST", invocations+"?Qualifier=live", `"told"`)
	if !strings.Contains(got.body, arn+":live") {
		t.Errorf("got %s", got.body)
	}
	d.ask("POST", "/2015-03-31/functions/hello:blue/invocations?Qualifier=live", `{}`).wants(t, "two", 400,
		`{"Type":"User","Message":"The derived qualifier from the function name does not match the specified qualifier."}`, "x-amzn-ErrorType", "InvalidParameterValueException")
	for qualifier, want := range map[string]string{
		"a%0d%0aX:b":             "regular expression pattern",
		strings.Repeat("q", 129): "length less than or equal to 128",
	} {
		got := d.ask("POST", invocations+"?Qualifier="+qualifier, `{}`)
		if got.status != 400 || !strings.Contains(got.body, "at 'qualifier' failed to satisfy constraint: Member must ") || !strings.Contains(got.body, want) {
			t.Errorf("%s: %d %s", qualifier, got.status, got.body)
		}
	}
	got = d.ask("POST", "/2015-03-31/functions/a%20b/invocations", `{}`)
	if got.status != 400 || !strings.Contains(got.body, "Value 'a b' at 'functionName' failed to satisfy constraint") {
		t.Errorf("got %d %s", got.status, got.body)
	}
}

// What a caller says of an invocation is what the function hears.
func TestWhatIsPassedOn(t *testing.T) {
	d := open(t)
	client := `{"client": {"installation_id":"é"}}`
	got := d.invoke(`"told"`, "X-Amz-Client-Context", base64.StdEncoding.EncodeToString([]byte(client)), "X-Amz-Tenant-Id", "blue",
		"X-Amzn-Trace-Id", "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1")
	var told frames.SupervisorInvoke
	if err := json.Unmarshal([]byte(got.body), &told); err != nil {
		t.Fatal(err)
	}
	want := frames.SupervisorInvoke{
		Type: "invoke", ID: got.header.Get("X-Amzn-Requestid"), FunctionARN: arn, TenantID: "blue", ClientContext: `{"client":{"installation_id":"é"}}`,
		TraceID: "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1",
	}
	if diff := cmp.Diff(want, told); diff != "" {
		t.Error(diff)
	}
	got.wants(t, "trace", 200, got.body, "X-Amzn-Trace-Id", "Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=1")
}

// A trace header that lacks something is completed, one that is none is replaced, and none of any size or look harms anybody.
func TestTraceHeaders(t *testing.T) {
	const root = "Root=1-5759e988-bd862e3fe1be46a994272793"
	const fresh = `^Root=1-[0-9a-f]{8}-[0-9a-f]{24};Parent=[0-9a-f]{16};Sampled=0$`
	d := open(t)
	for given, want := range map[string]string{
		"":                                     fresh,
		"abc":                                  fresh,
		"Parent=53995c3f42cd8ad8;Sampled=1":    fresh,
		strings.Repeat("<", 12000):             fresh, // in JSON it is six times as long, and fits no frame
		root + ";" + strings.Repeat("a", 1024): fresh,
		root:                                   "^" + root + ";Parent=[0-9a-f]{16};Sampled=0$",
		root + ";Sampled=1":                    "^" + root + ";Sampled=1;Parent=[0-9a-f]{16}$",
		"Self=1-2-3;" + root + ";Parent=53995c3f42cd8ad8;Sampled=1;Lineage=1:d0782663:0": "^Self=1-2-3;" + root + ";Parent=53995c3f42cd8ad8;Sampled=1;Lineage=1:d0782663:0$",
	} {
		got := d.invoke(`"told"`, "X-Amzn-Trace-Id", given)
		var told frames.SupervisorInvoke
		if err := json.Unmarshal([]byte(got.body), &told); err != nil || !regexp.MustCompile(want).MatchString(told.TraceID) {
			t.Errorf("%.90s: %d %.200s", given, got.status, got.body)
		}
		if told := got.header.Get("X-Amzn-Trace-Id"); !regexp.MustCompile(`^Root=1-[0-9a-f]{8}-[0-9a-f]{24};Sampled=[01]$`).MatchString(told) {
			t.Errorf("%.90s: the caller is told %s", given, told)
		}
	}
}

// The type of an event that is a JSON of its own kind reaches the function; what only says what the client is does not.
func TestContentTypeOfAnEvent(t *testing.T) {
	d := open(t)
	for given, want := range map[string]string{
		"application/cloudevents+json; charset=utf-8": "application/cloudevents+json; charset=utf-8",
		"application/json":                            "", "application/x-amz-json-1.1": "", "application/x-www-form-urlencoded": "",
	} {
		var told frames.SupervisorInvoke
		if got := d.invoke(`"told"`, "Content-Type", given); json.Unmarshal([]byte(got.body), &told) != nil || told.ContentType != want {
			t.Errorf("%s: %d %s", given, got.status, got.body)
		}
	}
}

// What is wrong is told as AWS tells it, before any function is asked.
func TestWrongRequests(t *testing.T) {
	d := open(t)
	for name, test := range map[string]struct {
		event     string
		headers   []string
		status    int
		errorType string
		message   string
	}{
		"not JSON":         {`{"a":`, nil, 400, "InvalidRequestContentException", "Could not parse request body into json: Could not parse payload into json: unexpected end of JSON input, at byte 5"},
		"not UTF-8":        {"\"\xff\"", nil, 400, "InvalidRequestContentException", "Could not parse request body into json: Could not parse payload into json: Invalid UTF-8"},
		"a kind":           {`{}`, []string{"X-Amz-Invocation-Type", "Later"}, 400, "InvalidParameterValueException", "1 validation error detected: Value 'Later' at 'invocationType' failed to satisfy constraint: Member must satisfy enum value set: [Event, RequestResponse, DryRun]"},
		"a log type":       {`{}`, []string{"X-Amz-Log-Type", "Head"}, 400, "InvalidParameterValueException", "1 validation error detected: Value 'Head' at 'logType' failed to satisfy constraint: Member must satisfy enum value set: [None, Tail]"},
		"a type":           {`<a/>`, []string{"Content-Type", "text/xml"}, 415, "UnsupportedMediaTypeException", "Unsupported content type: text/xml"},
		"client context":   {`{}`, []string{"X-Amz-Client-Context", "*"}, 400, "InvalidRequestContentException", "Client context must be a valid Base64-encoded JSON object."},
		"its JSON":         {`{}`, []string{"X-Amz-Client-Context", base64.StdEncoding.EncodeToString([]byte(`[]`))}, 400, "InvalidRequestContentException", "Client context must be a valid Base64-encoded JSON object."},
		"its size":         {`{}`, []string{"X-Amz-Client-Context", strings.Repeat("A", 3584)}, 400, "InvalidRequestContentException", "Client context must be at most 3583 bytes; it is 3584."},
		"a tenant":         {`{}`, []string{"X-Amz-Tenant-Id", strings.Repeat("t", 257)}, 400, "InvalidParameterValueException", "1 validation error detected: Value at 'tenantId' failed to satisfy constraint: Member must have length less than or equal to 256"},
		"a tenant's name":  {`{}`, []string{"X-Amz-Tenant-Id", "a;b"}, 400, "InvalidParameterValueException", "1 validation error detected: Value 'a;b' at 'tenantId' failed to satisfy constraint: Member must satisfy regular expression pattern: ^[a-zA-Z0-9._:/=+\\-@ ]+$"},
		"too large":        {`"` + strings.Repeat("x", 6291455) + `"`, nil, 413, "RequestTooLargeException", "Request must be smaller than 6291456 bytes for the InvokeFunction operation"},
		"a large Event":    {`"` + strings.Repeat("x", 1<<20) + `"`, []string{"X-Amz-Invocation-Type", "Event"}, 413, "RequestEntityTooLargeException", "1048578 byte payload is too large for the Event invocation type (limit 1048576 bytes)"},
		"a huge Event":     {`"` + strings.Repeat("x", 6291455) + `"`, []string{"X-Amz-Invocation-Type", "Event"}, 413, "RequestTooLargeException", "Request must be smaller than 6291456 bytes for the InvokeFunction operation"},
		"a foreign host":   {`{}`, []string{"Host", "attacker.example:3001"}, 403, "AccessDeniedException", `the Host "attacker.example:3001" is none of this machine's: sor serves localhost and what --allow-host names only`},
		"a foreign page":   {`{}`, []string{"Origin", "https://attacker.example"}, 403, "AccessDeniedException", `a web page of https://attacker.example asked: sor answers pages of this machine, and of what --allow-origin names`},
		"a page of a file": {`{}`, []string{"Origin", "null"}, 403, "AccessDeniedException", `a web page of null asked: sor answers pages of this machine, and of what --allow-origin names`},
		"across sites":     {`{}`, []string{"Sec-Fetch-Site", "cross-site"}, 403, "AccessDeniedException", `a web page of another site asked: sor answers pages of this machine, and of what --allow-origin names`},
	} {
		got := d.invoke(test.event, test.headers...)
		message, err := json.Marshal(test.message)
		if err != nil {
			t.Fatal(err)
		}
		got.wants(t, name, test.status, `{"Type":"User","Message":`+string(message)+`}`, "x-amzn-ErrorType", test.errorType)
	}
	d.ask("POST", "/2015-03-31/functions/hello/code", "{}").wants(t, "another operation", 404,
		`{"Type":"User","Message":"POST /2015-03-31/functions/hello/code is no operation that is served here; a function's URL is http://NAME.localhost, with the port"}`, "x-amzn-ErrorType", "UnknownOperationException")
	if got := d.ask("GET", invocations, ""); got.status != 404 && got.status != 405 {
		t.Errorf("GET: %d %s", got.status, got.body)
	}
}

// A page of this machine may use AWS's client, which asks first and reads headers.
func TestBrowsersOfTheAPI(t *testing.T) {
	d := open(t)
	const page = "http://localhost:5173"
	d.ask("OPTIONS", invocations, "", "Origin", page, "Access-Control-Request-Method", "POST", "Access-Control-Request-Headers", "authorization,x-amz-date").wants(t, "a preflight", 200, "",
		"Access-Control-Allow-Origin", page, "Access-Control-Allow-Methods", "POST", "Access-Control-Allow-Headers", "authorization,x-amz-date")
	got := d.invoke("1", "Origin", page)
	got.wants(t, "what follows", 200, "1", "Access-Control-Allow-Origin", page)
	if exposed := got.header.Get("Access-Control-Expose-Headers"); !strings.Contains(exposed, "X-Amz-Function-Error") {
		t.Errorf("exposed: %s", exposed)
	}
	got = d.ask("OPTIONS", invocations, "", "Origin", "https://attacker.example", "Access-Control-Request-Method", "POST")
	got.wants(t, "a foreign page", 403, got.body, "Access-Control-Allow-Origin", "")
}

// Several functions have no page in common; who looks at it is told where they are.
func TestList(t *testing.T) {
	var functions []invokeapi.Served
	for _, name := range []string{"pay", "order"} {
		o := emulator.Options{Config: frames.Config{FunctionName: name, FunctionARN: "arn:aws:lambda:us-east-1:012345678912:function:" + name}}
		functions = append(functions, invokeapi.Served{Function: emulator.NewFunction(emulator.FunctionOptions{Options: o})})
	}
	d := &door{Server: httptest.NewServer(invokeapi.New(invokeapi.Options{Functions: functions})), t: t}
	defer d.Close()
	d.ask("GET", "/", "", "Host", "127.0.0.1:3001").wants(t, "the list", 200, `order  arn:aws:lambda:us-east-1:012345678912:function:order  URL http://order.localhost:3001
pay  arn:aws:lambda:us-east-1:012345678912:function:pay  URL http://pay.localhost:3001
`, "Content-Type", "text/plain; charset=utf-8")
	for path, what := range map[string]string{"/x": "UnknownOperationException", "/2015-03-31/functions/function/invocations": "ResourceNotFoundException"} {
		got := d.ask("POST", path, "{}")
		got.wants(t, path, 404, got.body, "x-amzn-ErrorType", what)
	}
}

// What is from this machine is answered, and what is allowed besides.
func TestWhoMayAsk(t *testing.T) {
	d := open(t, func(_ *emulator.FunctionOptions, o *invokeapi.Options) {
		o.Hosts, o.Origins = []string{"Host.Docker.internal"}, []string{"https://app.example"}
	})
	for _, headers := range [][]string{
		{"Host", "LOCALHOST:3001"}, {"Host", "127.0.0.1"}, {"Host", "127.8.8.8:1"}, {"Host", "[::1]:3001"}, {"Host", "host.docker.internal:3001"},
		{"Origin", "http://localhost:5173"}, {"Origin", "http://127.0.0.1:8080"}, {"Origin", "https://app.example"}, {"Sec-Fetch-Site", "same-origin"},
	} {
		d.invoke("1", headers...).wants(t, strings.Join(headers, " "), 200, "1")
	}
	largest := `"` + strings.Repeat("x", 6291454) + `"`
	d.invoke(largest).wants(t, "the largest event", 200, largest)
	for _, contentType := range []string{"application/json; charset=utf-8", "application/octet-stream", "application/x-www-form-urlencoded", "application/cloudevents+json"} {
		d.invoke("1", "Content-Type", contentType).wants(t, contentType, 200, "1")
	}
}

func TestThrottling(t *testing.T) {
	d := open(t, func(o *emulator.FunctionOptions, _ *invokeapi.Options) { o.Reserved = new(1) })
	d.invoke("1").wants(t, "the first", 200, "1")
	done := make(chan struct{})
	go func() {
		defer close(done)
		request, err := http.NewRequest("POST", d.URL+invocations, bytes.NewReader([]byte(`"hang"`)))
		if err != nil {
			t.Error(err)
			return
		}
		if response, err := http.DefaultTransport.RoundTrip(request); err == nil {
			response.Body.Close()
		}
	}()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for got := d.invoke("1"); ; got = d.invoke("1") {
		if got.status != 200 {
			got.wants(t, "beside another", 429, `{"Reason":"ReservedFunctionConcurrentInvocationLimitExceeded","Type":"User","Message":"Rate Exceeded."}`, "x-amzn-ErrorType", "TooManyRequestsException")
			break
		}
		<-tick.C
	}
	d.CloseClientConnections()
	<-done
}

func TestEvent(t *testing.T) {
	d := open(t)
	got := d.invoke(`{"a":1}`, "X-Amz-Invocation-Type", "Event")
	got.wants(t, "Event", 202, "")
	if r := <-d.records; r.RequestContext.RequestID != got.header.Get("X-Amzn-Requestid") || !r.Succeeded() || string(r.Payload) != `{"a":1}` {
		t.Errorf("%+v", r)
	}
	d.invoke(`"fail"`, "X-Amz-Invocation-Type", "Event").wants(t, "a function that fails", 202, "")
	if r := <-d.records; r.RequestContext.Condition != "RetriesExhausted" || r.RequestContext.Attempts != 3 {
		t.Errorf("%+v", r)
	}
	d.ask("POST", "/2014-11-13/functions/hello/invoke-async/", `"`+strings.Repeat("x", 256*1024)+`"`).wants(t, "too much for InvokeAsync", 413,
		`{"Type":"User","Message":"262146 byte payload is too large for the Event invocation type (limit 262144 bytes)"}`, "x-amzn-ErrorType", "RequestEntityTooLargeException")
	for _, end := range []string{"/", ""} {
		d.ask("POST", "/2014-11-13/functions/hello/invoke-async"+end, `2`).wants(t, "InvokeAsync", 202, `{"Status":202}`)
		if r := <-d.records; string(r.Payload) != "2" {
			t.Errorf("%+v", r)
		}
	}
}

// Who looks before it invokes finds each function, active.
func TestDescribes(t *testing.T) {
	d := open(t, func(fo *emulator.FunctionOptions, o *invokeapi.Options) {
		fo.Config.Handler, fo.Config.MemoryMB, fo.Config.TimeoutMs, fo.Config.Environment = "app.handle", 128, 3000, map[string]string{"A": "b"}
		o.Functions = []invokeapi.Served{{Runtime: "nodejs24.x", Architecture: "x86_64"}}
	})
	const described = `{"FunctionName":"hello","FunctionArn":"` + arn + `","Runtime":"nodejs24.x","Handler":"app.handle","Timeout":3,"MemorySize":128,` +
		`"Version":"$LATEST","PackageType":"Zip","Architectures":["x86_64"],"Environment":{"Variables":{"A":"b"}},"State":"Active","LastUpdateStatus":"Successful"}`
	for path, want := range map[string]string{
		"/2015-03-31/functions":                          `{"Functions":[` + described + `]}`,
		"/2015-03-31/functions/":                         `{"Functions":[` + described + `]}`,
		"/2015-03-31/functions/hello":                    `{"Configuration":` + described + `,"Code":{}}`,
		"/2015-03-31/functions/hello:prod/configuration": described,
		"/2015-03-31/functions/function/configuration":   described,
	} {
		d.ask("GET", path, "").wants(t, path, 200, want, "Content-Type", "application/json")
	}
	if got := d.ask("GET", "/2015-03-31/functions/$/configuration", ""); got.status != 400 {
		t.Errorf("no name: %+v", got)
	}
}

// Whoever serves is told of each invocation that was refused before the function was asked, and of no other.
func TestRefused(t *testing.T) {
	var told []string
	d := open(t, func(_ *emulator.FunctionOptions, o *invokeapi.Options) {
		o.Refused = func(f invokeapi.Function, inv frames.SupervisorInvoke, event []byte, err error) {
			if inv.ID == "" || f.Config().FunctionName != "hello" {
				t.Errorf("refused was %+v", inv)
			}
			told = append(told, fmt.Sprintf("%.9s|%.40s", event, err))
		}
	})
	large := strings.Repeat("1", 7<<20)
	for _, one := range []struct {
		what, path, event string
		headers           []string
		status            int
		want              string
	}{
		{"an answer", invocations, "1", nil, 200, ""},
		{"an event that is none", invocations, "{nothing}", nil, 400, "{nothing}|InvalidRequestContentException: Could no"},
		{"one that is too large", invocations, large, nil, 413, "|RequestTooLargeException: Request must b"},
		{"one that is too large to wait", invocations, large[:1<<20+1], []string{"X-Amz-Invocation-Type", "Event"}, 413, "111111111|RequestEntityTooLargeException: 1048577 "},
		{"one of another kind", invocations, "1", []string{"X-Amz-Invocation-Type", "Tea"}, 400, "|InvalidParameterValueException: 1 valida"},
		{"a stream that is to wait", "/2021-11-15/functions/hello/response-streaming-invocations", "1", []string{"X-Amz-Invocation-Type", "Event"}, 400, "1|InvalidParameterValueException: 1 valida"},
		{"no invocation", invocations, "{nothing}", []string{"X-Amz-Invocation-Type", "DryRun"}, 400, ""},
		{"a URL's that is too large", "/", large, nil, 413, "|the event is larger than 6291456 bytes"},
	} {
		told = nil
		if got := d.ask("POST", one.path, one.event, one.headers...); got.status != one.status {
			t.Errorf("%s: status %d, %s", one.what, got.status, got.body)
		}
		if got := strings.Join(told, "\n"); got != one.want {
			t.Errorf("%s: told was %q, want %q", one.what, got, one.want)
		}
	}
}
