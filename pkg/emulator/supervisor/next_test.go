//go:build linux

package supervisor_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/serverless/open-runtime/internal/frames"
	"github.com/serverless/open-runtime/internal/runtimeapi"
	"github.com/serverless/open-runtime/pkg/emulator"
)

// platformHeaders are the headers of /next that are the platform's, as they are on the wire.
func platformHeaders(got said) map[string]string {
	found := map[string]string{}
	for name := range got.Header {
		if strings.HasPrefix(name, "Lambda-") || strings.HasPrefix(name, "Content-") {
			found[name] = got.Header.Get(name)
		}
	}
	return found
}

// N1: an invocation's headers; those that are empty are not sent.
func TestNextHeaders(t *testing.T) {
	p := newPuppet(t)
	trace := regexp.MustCompile(`^Root=1-[0-9a-f]{8}-[0-9a-f]{24};Parent=[0-9a-f]{16};Sampled=0$`)
	p.turn(`{"a":1}`, func(next said) {
		got := platformHeaders(next)
		if !trace.MatchString(got["Lambda-Runtime-Trace-Id"]) {
			t.Errorf("trace ID %q", got["Lambda-Runtime-Trace-Id"])
		}
		delete(got, "Lambda-Runtime-Trace-Id")
		delete(got, "Lambda-Runtime-Deadline-Ms")
		equal(t, "headers", got, map[string]string{
			"Lambda-Runtime-Aws-Request-Id": requestID, "Lambda-Runtime-Invoked-Function-Arn": arn,
			"Content-Type": "application/json", "Content-Length": "7",
		})
		p.respond("null")
	})

	const clientContext, identity, root = `{"client":{"installationId":"é"}}`, `{"cognitoIdentityId":"a","cognitoIdentityPoolId":"b"}`, "Root=1-0-0;Sampled=1"
	end := p.begin("x", func(inv *frames.SupervisorInvoke) {
		inv.FunctionARN, inv.TraceID, inv.ClientContext, inv.CognitoIdentity = arn+":live", root, clientContext, identity
		inv.TenantID, inv.ContentType = "blue", "text/plain"
	})
	got := platformHeaders(p.waiting())
	delete(got, "Lambda-Runtime-Deadline-Ms")
	equal(t, "headers, with all that a caller can give", got, map[string]string{
		"Lambda-Runtime-Aws-Request-Id": requestID, "Lambda-Runtime-Invoked-Function-Arn": arn + ":live", "Lambda-Runtime-Trace-Id": root,
		"Lambda-Runtime-Client-Context": clientContext, "Lambda-Runtime-Cognito-Identity": identity, "Lambda-Runtime-Aws-Tenant-Id": "blue",
		"Content-Type": "text/plain", "Content-Length": "1",
	})
	p.respond("null")
	p.next()
	end()
}

// N2: a runtime that asks again while it works gets the same event again, and its answer is taken once.
func TestNextTwice(t *testing.T) {
	p := newPuppet(t)
	got := p.turn(`{"a":1}`, func(first said) {
		again := p.next()()
		again.wants(t, "next, again", http.StatusOK, `{"a":1}`)
		equal(t, "headers, again", platformHeaders(again), platformHeaders(first))
		p.respond("1").wants(t, "response", http.StatusAccepted, accepted)
	})
	equal(t, "answer", string(got.Payload), "1")
}

// Two requests for the next event that wait at the same time get the same one.
func TestNextAtTheSameTime(t *testing.T) {
	p := newPuppet(t)
	one, other := p.next(), p.next()
	end := p.begin(`"both"`)
	one().wants(t, "one", http.StatusOK, `"both"`)
	other().wants(t, "other", http.StatusOK, `"both"`)
	p.respond("1").wants(t, "response", http.StatusAccepted, accepted)
	p.next()
	equal(t, "answer", string(end().Payload), "1")
}

// N3 and N4: /next waits as long as it takes, and one connection serves a whole life. The server has no time limits; that
// a runtime which gave up waiting does not take the event with it is what can be tried.
func TestNextWaits(t *testing.T) {
	p := newPuppet(t)
	address := strings.TrimPrefix(p.url, "http://")
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(conn, "GET "+runtimeapi.PathNext+" HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	conn.Close()
	dials := 0
	transport := &http.Transport{DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
		dials++
		return (&net.Dialer{}).DialContext(ctx, network, address)
	}}
	defer transport.CloseIdleConnections()
	p.http = &http.Client{Transport: transport}
	last := func() *emulator.Result { return nil }
	for i := range 3 {
		want := strconv.Itoa(i)
		next := p.next()
		last()
		last = p.begin(want)
		next().wants(t, "next", http.StatusOK, want)
		p.respond(want).wants(t, "response", http.StatusAccepted, accepted)
	}
	p.next()
	last()
	equal(t, "connections", dials, 1)
}

// N5: the deadline is the function's timeout from now.
func TestDeadline(t *testing.T) {
	p := newPuppet(t, timeout(7*time.Second))
	before := time.Now()
	p.turn("1", func(next said) {
		ms, err := strconv.ParseInt(next.Header.Get(runtimeapi.HeaderDeadlineMs), 10, 64)
		if after := time.Now(); err != nil || ms < before.Add(7*time.Second).UnixMilli() || ms > after.Add(7*time.Second).UnixMilli() {
			t.Errorf("deadline %d (%v); want 7 s after %d", ms, err, before.UnixMilli())
		}
		p.respond("null")
	})
}
