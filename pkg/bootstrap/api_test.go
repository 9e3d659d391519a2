//go:build linux

package bootstrap_test

// The bootstrap against a Runtime API that is slow, rude, broken, or gone.

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/serverless/open-runtime/internal/frames"
	"github.com/serverless/open-runtime/runtimes"
)

func TestHeadersReachTheHandler(t *testing.T) {
	t.Parallel()
	f := newFake(t, newLayer(t).speaks(`say result "$head"`)).start()
	deadline := time.Now().Add(8 * time.Second).UnixMilli()
	f.next().handWith("id-1", fmt.Sprintf("lambda-runtime-aws-request-id: id-1\r\nLambda-Runtime-Deadline-Ms:  %d \r\n"+
		"Lambda-Runtime-Invoked-Function-Arn: %s:live\r\nLambda-Runtime-Trace-Id: Root=1-2-3;Parent=4;Sampled=1\r\n"+
		"Lambda-Runtime-Client-Context: {\"custom\":{\"k\":\"v\"}}\r\nLambda-Runtime-Cognito-Identity: {\"cognitoIdentityId\":\"who\"}\r\n"+
		"Lambda-Runtime-Aws-Tenant-Id: blue\r\n", deadline, account), `{}`)
	var got frames.Invoke
	if err := json.Unmarshal(f.wait(pathOf("id-1", "response")).accept(), &got); err != nil {
		t.Fatal(err)
	}
	want := frames.Invoke{
		Type: frames.TypeInvoke, ID: "id-1", DeadlineMs: got.DeadlineMs, Context: frames.Context{
			RequestID: "id-1", FunctionARN: account + ":live", FunctionName: "demo", FunctionVersion: "$LATEST", MemoryMB: 128,
			TraceID: "Root=1-2-3;Parent=4;Sampled=1", TenantID: "blue", ClientContext: `{"custom":{"k":"v"}}`, CognitoIdentity: `{"cognitoIdentityId":"who"}`,
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if margin := deadline - got.DeadlineMs; margin != 250 {
		t.Errorf("the handler's deadline is %d ms earlier, want 250", margin)
	}
	f.next().hand("id-2", `{}`)
	var second frames.Invoke
	if err := json.Unmarshal(f.wait(pathOf("id-2", "response")).accept(), &second); err != nil {
		t.Fatal(err)
	}
	if c := second.Context; c.TraceID+c.TenantID+c.ClientContext+c.CognitoIdentity != "" {
		t.Errorf("the last invocation's headers are there still: %+v", c)
	}
	f.next()
	f.stop()
}

func TestTraceIDVariable(t *testing.T) {
	t.Parallel()
	tree, err := runtimes.Files("bash")
	if err != nil {
		t.Fatal(err)
	}
	l := newLayer(t).file("middlewares/m", "#!/bin/bash\n[[ $1 == after ]] && printf '\"%s %s\"' \"$_X_AMZN_TRACE_ID\" \"$(cat)\"\n:\n")
	if err := os.CopyFS(l.opt, tree); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Join(l.opt, "language-runtime", "language-runtime"), 0o755); err != nil {
		t.Fatal(err)
	}
	l.file(filepath.Join(l.task, "handler.sh"), "hello() { printf %s \"$_X_AMZN_TRACE_ID\"; }\n")
	f := newFake(t, l).start("SLSMIDDLEWARES=m")
	for _, trace := range []string{"Root=1;Parent=1", "Root=2;Parent=2"} {
		f.next().handWith("id", headers("id")+"Lambda-Runtime-Trace-Id: "+trace+"\r\n", `{}`)
		if got, want := string(f.wait(pathOf("id", "response")).accept()), `"`+trace+" "+trace+`"`; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	f.next()
	f.stop()
}

func TestClosedConnections(t *testing.T) {
	t.Parallel()
	f := newFake(t, newLayer(t).echoes()).start()
	f.next().drop() // while it waits, on a fresh connection
	if got := f.invoke("id-1", `"1"`); got != `"1"` {
		t.Errorf("got %s", got)
	}
	f.next().drop() // on a kept one
	r := f.next()
	r.write("HTTP/1.1 200 OK\r\nLambda-Runtime-Aws-Req")
	r.drop()
	r = f.next()
	r.write("HTTP/1.1 200 OK\r\n" + headers("id-2") + "Content-Length: 10\r\n\r\n\"half")
	r.drop()
	f.next().hand("id-2", `"2"`)
	f.wait(pathOf("id-2", "response")).drop() // before it was read
	again := f.wait(pathOf("id-2", "response"))
	if got := string(again.accept()); got != `"2"` {
		t.Errorf("the second time it posts %s", got)
	}
	f.next().hand("id-3", `"3"`)
	first := f.wait(pathOf("id-3", "response"))
	first.content()
	first.drop() // after it was read: nobody knows whether it was taken
	second := f.wait(pathOf("id-3", "response"))
	if second.connection == first.connection {
		t.Error("the response is posted again on the same connection")
	}
	second.refuse("403 Forbidden", `{"errorMessage":"State transition is not allowed","errorType":"InvalidStateTransition"}`)
	f.log.wait(t, f.ctx, "the response was refused request_id=\"id-3\"")
	if got := f.invoke("id-4", `"4"`); got != `"4"` {
		t.Errorf("got %s", got)
	}
	f.next()
	f.stop()
}

func TestClosedConnectionOfALargeResponse(t *testing.T) {
	t.Parallel()
	f := newFake(t, newLayer(t).speaks(`printf -v big '"%*s"' 3000000 ''; say result "$big"`)).start()
	f.next().hand("id-1", `{}`)
	r := f.wait(pathOf("id-1", "response"))
	if _, err := r.reader.Discard(100_000); err != nil {
		t.Fatal(err)
	}
	r.drop() // in the middle of the body
	if got := len(f.wait(pathOf("id-1", "response")).accept()); got != 3000002 {
		t.Errorf("got %d bytes", got)
	}
	f.next()
	f.stop()
}

func TestKeepAlive(t *testing.T) {
	t.Parallel()
	f := newFake(t, newLayer(t).echoes()).start()
	for i := range 20 {
		r := f.next()
		r.hand("id", fmt.Sprint(i))
		answer := f.wait(pathOf("id", "response"))
		if got := string(answer.accept()); got != fmt.Sprint(i) {
			t.Errorf("got %s, want %d", got, i)
		}
		if r.connection != 1 || answer.connection != 1 {
			t.Fatalf("invocation %d came on the connections %d and %d, want 1", i, r.connection, answer.connection)
		}
	}
	f.next().handWith("id-2", headers("id-2")+"Connection: close\r\n", `{}`)
	if r := f.wait(pathOf("id-2", "response")); r.connection != 2 {
		t.Errorf("connection %d, want a new one", r.connection)
	} else {
		r.accept()
	}
	f.next()
	f.stop()
}

func TestSlowAPI(t *testing.T) {
	t.Parallel()
	f := newFake(t, newLayer(t).echoes()).start()
	event := `"slow é 🧀"`
	r := f.next()
	f.become("running", "id-1")
	for _, c := range []byte("HTTP/1.1 200 OK\r\n" + headers("id-1") + fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(event), event)) {
		r.write(string([]byte{c})) // each a packet: no delay is set on neither side
	}
	r.finish()
	r = f.wait(pathOf("id-1", "response"))
	if got := string(r.content()); got != event {
		t.Errorf("got %s", got)
	}
	f.become("answered", "")
	for _, part := range []string{"HTTP/1.1 100 Continue\r\n\r\n", "HTTP/1.1 202 ", "Accepted\r\nContent-", "Length: 2\r\n\r\n", "{", "}"} {
		r.write(part)
	}
	r.finish()
	r = f.next()
	f.become("running", "id-2")
	r.write("HTTP/1.1 200 OK\r\n" + headers("id-2") + "Transfer-Encoding: chunked\r\nTrailer: X\r\n\r\n")
	for _, chunk := range []string{"4;x=y\r\n\"sl", "o\r\n", "A\r\nw again é\r\n", "1\r\n\"\r\n", "0\r\nX: y\r\n\r\n"} {
		r.write(chunk)
	}
	r.finish()
	if got := string(f.wait(pathOf("id-2", "response")).accept()); got != `"slow again é"` {
		t.Errorf("got %s", got)
	}
	f.next()
	f.stop()
}

func TestRefusedResponses(t *testing.T) {
	t.Parallel()
	f := newFake(t, newLayer(t).echoes()).start()
	for i, refusal := range []struct{ status, body, log string }{
		{"413 Request Entity Too Large", `{"errorMessage":"Exceeded maximum allowed payload size (6291556 bytes).","errorType":"RequestEntityTooLarge"}`,
			"the response of 4 bytes is too large: Lambda takes 6291556; the caller gets Function.ResponseSizeTooLarge"},
		{"400 Bad Request", `{"errorMessage":"Invalid request ID","errorType":"InvalidRequestID"}`, "the Runtime API answered 400 InvalidRequestID: Invalid request ID"},
		{"403 Forbidden", `{"errorMessage":"not allowed","errorType":"InvalidStateTransition"}`, "the Runtime API answered 403 InvalidStateTransition: not allowed"},
		{"404 Not Found", "404 page not found\n", `the Runtime API answered 404 404 page not found\n`},
		{"302 Found", "", "the Runtime API answered 302"},
	} {
		id := fmt.Sprintf("id-%d", i)
		f.next().hand(id, `"ev"`)
		f.wait(pathOf(id, "response")).refuse(refusal.status, refusal.body)
		f.log.wait(t, f.ctx, refusal.log)
	}
	if got := f.invoke("last", `"last"`); got != `"last"` { // and no /error came in between: the fake would have failed
		t.Errorf("got %s", got)
	}
	f.next()
	f.stop()
}

func TestRefusedError(t *testing.T) {
	t.Parallel()
	f := newFake(t, newLayer(t).speaks(`say error '{"errorType":"Oh No","errorMessage":"m"}'`)).start()
	f.next().hand("id-1", `{}`)
	r := f.wait(pathOf("id-1", "error"))
	if got := r.header["lambda-runtime-function-error-type"]; got != "Function.Unknown" {
		t.Errorf("got the type %q, want one that the platform keeps", got)
	}
	if got := string(r.refuse("403 Forbidden", "no")); got != `{"errorType":"Oh No","errorMessage":"m"}` {
		t.Errorf("got %s, want the document as it was written", got)
	}
	f.log.wait(t, f.ctx, "the error was refused")
	f.next()
	f.stop()
}

const nonRecoverable = "Container error. Non-recoverable state. Runtime should exit promptly.\n"

func TestNonRecoverable(t *testing.T) {
	t.Parallel()
	f := newFake(t, newLayer(t).echoes()).start()
	f.invoke("id-1", `{}`)
	f.next().reply("500 Internal Server Error", "", nonRecoverable)
	f.exit(1)
	f.log.wants(t, "[sor] error asking for the next invocation: the Runtime API is in a non-recoverable state: it answered 500 Container error.")

	g := newFake(t, newLayer(t).echoes()).start()
	g.next().hand("id-1", `{}`)
	g.wait(pathOf("id-1", "response")).refuse("500 Internal Server Error", nonRecoverable)
	g.exit(1)
	g.log.wants(t, "[sor] error posting the response of id-1: the Runtime API is in a non-recoverable state")
}

func TestBrokenAnswersToNext(t *testing.T) {
	t.Parallel()
	bomb := "HTTP/1.1 200 OK\r\n" + strings.Repeat("X: y\r\n", 5000)
	long := "HTTP/1.1 200 OK\r\nX: " + strings.Repeat("y", 1<<20)
	for name, answer := range map[string]string{
		"garbage": "SSH-2.0-OpenSSH\r\n", "noStatus": "HTTP/1.1 OK\r\n\r\n", "version": "HTTP/2 200\r\n\r\n",
		"headerBomb": bomb, "longHeader": long, "negative": "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
		"twoLengths": "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx",
		"huge":       "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999\r\n\r\n",
		"noChunk":    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
		"nul":        "HTTP/1.1 200 OK\r\nX: a\x00b\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFake(t, newLayer(t).echoes()).start()
			for range 3 {
				r := f.next()
				r.conn.Write([]byte(answer)) // it may hang up in the middle
				r.drop()
			}
			if got := f.invoke("id", `"fine"`); got != `"fine"` { // it asks again
				t.Errorf("got %s", got)
			}
			f.next()
			f.stop()
		})
	}
}

func TestBrokenForEver(t *testing.T) {
	t.Parallel()
	f := newFake(t, newLayer(t).echoes()).start()
	start := time.Now()
	for {
		select {
		case r := <-f.requests:
			r.conn.Write([]byte("garbage\r\n"))
			r.drop()
			continue
		case <-f.exited:
		case <-f.ctx.Done():
			t.Fatal("it asks for ever")
		}
		break
	}
	f.exit(1)
	f.log.wants(t, `a status line of "garbage"`)
	if took := time.Since(start); took > 15*time.Second {
		t.Errorf("it took %v", took)
	}
}

func TestRequestIDs(t *testing.T) {
	t.Parallel()
	for name, header := range map[string]string{
		"none": "X: y\r\n", "empty": "Lambda-Runtime-Aws-Request-Id:\r\n", "path": "Lambda-Runtime-Aws-Request-Id: ../../init/error?\r\n",
		"dots": "Lambda-Runtime-Aws-Request-Id: ..\r\n", "space": "Lambda-Runtime-Aws-Request-Id: a b\r\n", "slash": "Lambda-Runtime-Aws-Request-Id: a/b\r\n",
		"percent": "Lambda-Runtime-Aws-Request-Id: %2e\r\n", "utf8": "Lambda-Runtime-Aws-Request-Id: é\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFake(t, newLayer(t).echoes()).start()
			f.next().reply("200 OK", header, `{}`)
			f.exit(1)
			f.log.wants(t, "which can't be answered")
		})
	}
}

func TestDeadlines(t *testing.T) {
	t.Parallel()
	f := newFake(t, newLayer(t).speaks(`say result "${head#*\"deadlineMs\":}"`)).start()
	for _, deadline := range []string{"", "soon", "1e20", "99999999999999999999"} {
		f.next().handWith("id", "Lambda-Runtime-Aws-Request-Id: id\r\nLambda-Runtime-Deadline-Ms: "+deadline+"\r\n", `{}`)
		var ms int64
		fmt.Sscanf(string(f.wait(pathOf("id", "response")).accept()), "%d", &ms)
		if left := time.Until(time.UnixMilli(ms)); left < 14*time.Minute || left > 15*time.Minute {
			t.Errorf("%q: the handler has %v, want nearly the longest that Lambda has", deadline, left)
		}
		f.log.wait(t, f.ctx, fmt.Sprintf(`invocation without a deadline request_id="id" header=%q`, deadline))
	}
	f.next().handWith("late", headersFor("late", -time.Hour), `{}`)
	if got := f.failure("late", "Function.Timeout"); !strings.Contains(got, "within 0.00 seconds") && !strings.Contains(got, "-3600") {
		t.Errorf("got %s", got)
	}
	if got := f.invoke("after", `{}`); got == "" {
		t.Error("nothing")
	}
	f.next()
	f.stop()
}

func TestAPIGone(t *testing.T) {
	t.Parallel()
	f := newFake(t, newLayer(t).speaks("sleep 300 & say result 1")).start()
	f.invoke("id", `{}`)
	children := f.children()
	f.next()
	start := time.Now()
	f.hangUp()
	f.exit(1)
	if took := time.Since(start); took > 15*time.Second {
		t.Errorf("it took %v", took)
	}
	f.log.wants(t, "[sor] error connecting to "+f.listener.Addr().String())
	for _, pid := range children {
		if alive(pid) {
			t.Errorf("process %d is left", pid)
		}
	}
}

func TestEmptyEvent(t *testing.T) {
	t.Parallel()
	f := newFake(t, newLayer(t).speaks(`say result "[${#payload}]"`)).start()
	f.next().handWith("id", headers("id"), "")
	if got := string(f.wait(pathOf("id", "response")).accept()); got != "[0]" {
		t.Errorf("got %s", got)
	}
	f.next()
	f.stop()
}

// TestNothingPilesUp restarts the language runtime often and wants no descriptor and no process more than before.
func TestNothingPilesUp(t *testing.T) {
	t.Parallel()
	f := newFake(t, newLayer(t).speaks(`[[ $payload == 1 ]] && exit 7; say result "$payload"`).file("middlewares/m", "#!/bin/bash\ncat\n")).start("SLSMIDDLEWARES=m")
	before := 0
	for i := range 25 {
		f.fails("bad", `1`, "Runtime.ExitError")
		f.invoke("good", `2`)
		if i == 4 {
			before = f.descriptors()
		}
	}
	f.next()
	if after := f.descriptors(); after > before {
		t.Errorf("%d descriptors are open, and %d were", after, before)
	}
	if children := f.children(); len(children) != 1 {
		t.Errorf("it has the children %v, want the language runtime alone", children)
	}
	f.stop()
}

// TestEventIsNotLogged is the proof of concept's defect 12.
func TestEventIsNotLogged(t *testing.T) {
	t.Parallel()
	f := newFake(t, newLayer(t).echoes()).start()
	f.invoke("id", `"secret"`)
	f.next()
	f.stop()
	if log := f.log.String(); log != "" {
		t.Errorf("the log has %q, want nothing", log)
	}
}

// TestDescriptorsOfLambda wants what Lambda leaves open to reach nobody: the telemetry descriptor above all.
func TestDescriptorsOfLambda(t *testing.T) {
	t.Parallel()
	list := `for fd in /proc/$$/fd/*; do n=${fd##*/}; [[ $n -gt 4 && $(readlink "$fd") == *null ]] && printf '%s ' "$n"; done`
	l := newLayer(t).speaks(`say result "\"$(`+list+`; echo ${_LAMBDA_TELEMETRY_LOG_FD-unset})\""`).
		file("middlewares/m", "#!/bin/bash\n[[ $1 == after ]] || exit 0\nread -r response\nprintf '%s' \"$response\"\n"+
			"readlink /proc/$$/fd/9 && echo open\n:\n")
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	f := newFake(t, l)
	f.inherit = []*os.File{null, null, null, null, null, null, null}
	f.start("SLSMIDDLEWARES=m", "_LAMBDA_TELEMETRY_LOG_FD=9")
	if got := f.invoke("id", `{}`); got != `"unset"` {
		t.Errorf("got %s, want no descriptor of Lambda's and no variable", got)
	}
	f.next()
	f.stop()
}
