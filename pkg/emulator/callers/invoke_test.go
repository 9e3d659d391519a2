//go:build linux

package callers_test

// Invoke, as four callers that are not ours see it.

import (
	"bytes"
	"encoding/base64"
	"net"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"testing"
)

const (
	account = "012345678912"
	arn     = "arn:aws:lambda:us-east-1:" + account + ":function:function"

	// START to REPORT; what is logged between them is the function's.
	startLine  = `START RequestId: \S+ Version: \$LATEST\n`
	endLines   = `END RequestId: \S+\nREPORT RequestId: \S+\tDuration: [\d.]+ ms\tBilled Duration: \d+ ms\tMemory Size: 512 MB\tMax Memory Used: \d+ MB\t[^\n]*\n`
	failedLine = `END RequestId: \S+\nREPORT RequestId: \S+\t.*\tStatus: error\tError Type: \S+\n`
)

func base64Of(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }

var answers = []struct {
	name string
	ask  ask
	want answer // Payload, Message and Log are regular expressions
}{
	{"a response", ask{Payload: []byte(`{"name":"Ada é𝄞"}`)}, answer{Status: 200, Version: "$LATEST", Payload: []byte(`{"name":"Ada é𝄞"}`)}},
	{"said to be a request and a response", ask{Type: "RequestResponse", Payload: []byte(`[1]`)}, answer{Status: 200, Version: "$LATEST", Payload: []byte(`\[1\]`)}},
	{"no event", ask{}, answer{Status: 200, Version: "$LATEST", Payload: []byte(`(\{\})?`)}},
	{"an asynchronous invocation", ask{Type: "Event", Payload: []byte(`{}`)}, answer{Status: 202}},
	{"a dry run", ask{Type: "DryRun", Payload: []byte(`{}`)}, answer{Status: 204}},
	{
		"the end of the log", ask{Tail: true, Payload: []byte(`{"op":"log","id":"Ada"}`)},
		answer{Status: 200, Version: "$LATEST", Payload: []byte(`.*`), Log: startLine + "a line of Ada\n" + endLines},
	},
	{
		"client context", ask{ClientContext: base64Of(`{"client":{"app_title":"callers"},"custom":{"k":"v"}}`), Payload: []byte(`{"op":"context"}`)},
		answer{Status: 200, Version: "$LATEST", Payload: []byte(`.*"client":"callers","custom":"v".*`)},
	},
	{"a qualifier", ask{Qualifier: "$LATEST", Payload: []byte(`{"op":"context"}`)}, answer{Status: 200, Version: "$LATEST", Payload: []byte(`.*"arn":"` + arn + `(:\$LATEST)?".*`)}},
	{"an ARN", ask{Function: arn, Payload: []byte(`1`)}, answer{Status: 200, Version: "$LATEST", Payload: []byte(`1`)}},
	{"a partial ARN", ask{Function: account + ":function:function", Payload: []byte(`1`)}, answer{Status: 200, Version: "$LATEST", Payload: []byte(`1`)}},
	{"a name with a qualifier", ask{Function: "function:$LATEST", Payload: []byte(`1`)}, answer{Status: 200, Version: "$LATEST", Payload: []byte(`1`)}},
	{
		"an error of the function", ask{Tail: true, Payload: []byte(`{"op":"error"}`)},
		answer{
			Status: 200, Version: "$LATEST", FunctionError: "Unhandled", Payload: []byte(`\{"errorMessage":"out of cheese","errorType":"errorString"\}`),
			Log: startLine + `.*` + failedLine,
		},
	},
	{
		"the end of the runtime", ask{Payload: []byte(`{"op":"exit","status":3}`)},
		answer{Status: 200, Version: "$LATEST", FunctionError: "Unhandled", Payload: []byte(`\{.*"Runtime.ExitError".*exit status 3.*\}|\{.*exit status 3.*"Runtime.ExitError".*\}`)},
	},
	{
		"a function that is not there", ask{Function: "nobody", Payload: []byte(`{}`)},
		answer{Status: 404, Code: "ResourceNotFoundException", Message: `^Function not found: arn:aws:lambda:us-east-1:` + account + `:function:nobody`},
	},
	{
		"an event that is not JSON", ask{Payload: []byte(`{"name":`)},
		answer{Status: 400, Code: "InvalidRequestContentException", Message: `^Could not parse request body into json`},
	},
	{
		"an event that is too large", ask{Payload: quoted(strings.Repeat("x", 6291455))},
		answer{Status: 413, Code: "RequestTooLargeException", Message: `6291456 bytes`},
	},
}

func TestInvoke(t *testing.T) {
	s := start(t, nil, project{name: "function", program: "./testdata/function", settings: "memory: 512\ntimeout: 60\n"},
		project{name: "second", program: "./testdata/function"}) // alone it would have any name
	each(t, func(t *testing.T, c caller) {
		for _, one := range answers {
			t.Run(one.name, func(t *testing.T) {
				a := one.ask
				if a.Endpoint = s.url; a.Function == "" {
					a.Function = "function"
				}
				c.wants(t, c.call(t, a, nil), one.want)
			})
		}
	})
}

// AWS's command line finds the function, and need not wait for it to be active.
func TestDescribed(t *testing.T) {
	s := start(t, nil, project{name: "function", program: "./testdata/function", settings: "memory: 512\n"})
	for _, one := range []struct {
		args []string
		want string
	}{
		{[]string{"wait", "function-active-v2", "--function-name", "function"}, ``},
		{[]string{"list-functions", "--query", "Functions[].[FunctionName,MemorySize]"}, `["function",512]`},
		{[]string{"get-function", "--function-name", "function", "--query", "[[Configuration.State,Configuration.Timeout]]"}, `["Active",3]`},
	} {
		cmd := awsLambda(t, s.url, one.args...)
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		out, err := cmd.Output()
		if text := strings.Join(strings.Fields(string(out)), ""); err != nil || one.want != "" && text != "["+one.want+"]" {
			t.Errorf("%v: %s, %v\n%s", one.args, text, err, stderr.Bytes())
		}
	}
}

// A tenant is told to the function. Older callers do not know the word.
func TestTenant(t *testing.T) {
	s := start(t, nil, project{name: "function", program: "./testdata/function", settings: "memory: 512\n"})
	each(t, func(t *testing.T, c caller) {
		if c.name == "cli" {
			return // Debian's is older than tenants
		}
		got := c.call(t, ask{Endpoint: s.url, Function: "function", Tenant: "blue", Payload: []byte(`{"op":"context"}`)}, nil)
		c.wants(t, got, answer{Status: 200, Version: "$LATEST", Payload: []byte(`.*"tenant":"blue".*`)})
	})
}

// The largest event goes in, and comes back.
func TestLargestEvent(t *testing.T) {
	s := start(t, nil, project{name: "function", program: "./testdata/function", settings: "memory: 512\ntimeout: 60\n"})
	each(t, func(t *testing.T, c caller) {
		event := quoted(strings.Repeat("x", 6291454))
		if got := c.call(t, ask{Endpoint: s.url, Function: "function", Payload: event}, nil); got.Status != 200 || !bytes.Equal(got.Payload, event) {
			t.Errorf("got %s, %d bytes", got, len(got.Payload))
		}
	})
}

// gate is an address that answers when the test says so. asked gets a word of each who waits at it.
type gate struct {
	url   string
	asked chan struct{}
	open  chan struct{}
}

func newGate(t *testing.T) *gate {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	g := &gate{url: "http://" + listener.Addr().String(), asked: make(chan struct{}, 64), open: make(chan struct{}, 64)}
	server := &http.Server{Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		g.asked <- struct{}{}
		select {
		case <-g.open:
		case <-r.Context().Done():
		}
	})}
	var serving sync.WaitGroup
	serving.Go(func() { _ = server.Serve(listener) }) // it is closed at the end
	t.Cleanup(func() { server.Close(); serving.Wait() })
	return g
}

// One invocation holds the only place: the next is throttled, and says why.
func TestThrottling(t *testing.T) {
	each(t, func(t *testing.T, c caller) {
		s := start(t, []string{"--reserved-concurrency", "1"}, project{name: "function", program: "./testdata/function", settings: "memory: 512\ntimeout: 120\n"})
		g := newGate(t)
		held := make(chan error, 1)
		go func() {
			_, err := s.invoke([]byte(`{"op":"gate","gate":"` + g.url + `"}`))
			held <- err
		}()
		<-g.asked
		got := c.call(t, ask{Endpoint: s.url, Function: "function", Payload: []byte(`{}`)}, nil)
		c.wants(t, got, answer{
			Status: 429, Code: "TooManyRequestsException", Message: "^Rate [Ee]xceeded", Reason: "ReservedFunctionConcurrentInvocationLimitExceeded",
		})
		g.open <- struct{}{}
		if err := <-held; err != nil {
			t.Error(err)
		}
	})
}

// An asynchronous invocation that the caller has long forgotten is tried three times.
func TestAttempts(t *testing.T) {
	s := start(t, []string{"--async-retry-delay", "1ms"}, project{name: "function", program: "./testdata/function", settings: "memory: 512\n"})
	each(t, func(t *testing.T, c caller) {
		g := newGate(t)
		for range 3 {
			g.open <- struct{}{}
		}
		got := c.call(t, ask{Endpoint: s.url, Function: "function", Type: "Event", Payload: []byte(`{"op":"fail","gate":"` + g.url + `"}`)}, nil)
		c.wants(t, got, answer{Status: 202})
		for range 3 {
			<-g.asked
		}
	})
}

// What ends with SIGTERM is told: the function that asked for it, on AWS's client.
func TestSIGTERM(t *testing.T) {
	s := start(t, nil, project{
		name: "function", program: "./testdata/function", settings: "memory: 512\nenvironment: { SIGTERM: /tmp/end }\n",
	})
	if _, err := s.invoke([]byte(`{}`)); err != nil {
		t.Fatal(err)
	}
	s.end()
	s.wait(regexp.MustCompile(`(?m)told of the end$`))
	if code := s.cmd.ProcessState.ExitCode(); code != 0 {
		t.Errorf("sor start: exit status %d", code)
	}
}
