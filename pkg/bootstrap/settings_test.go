//go:build linux

package bootstrap

// Tables for what decides without talking to anyone.

import (
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/serverless/open-runtime/internal/runtimeapi"
	"github.com/serverless/open-runtime/pkg/sidecar"
)

func TestInnerDeadline(t *testing.T) {
	now := time.Now()
	ms := func(n int) *time.Duration { d := time.Duration(n) * time.Millisecond; return &d }
	for _, test := range []struct {
		left       time.Duration
		configured *time.Duration
		margin     time.Duration
	}{
		{3 * time.Second, nil, 250 * time.Millisecond},
		{15 * time.Minute, nil, 250 * time.Millisecond},
		{2500 * time.Millisecond, nil, 250 * time.Millisecond},
		{time.Second, nil, 100 * time.Millisecond},
		{10 * time.Millisecond, nil, time.Millisecond},
		{0, nil, 0},
		{-time.Hour, nil, 0},
		{time.Second, ms(0), 0},
		{time.Second, ms(400), 400 * time.Millisecond},
		{time.Second, ms(600), 500 * time.Millisecond},
		{-time.Second, ms(600), 0},
	} {
		deadline := now.Add(test.left)
		if got := deadline.Sub(innerDeadline(now, deadline, test.configured)); got != test.margin {
			t.Errorf("%v left, %v configured: the margin is %v, want %v", test.left, test.configured, got, test.margin)
		}
	}
}

func TestTell(t *testing.T) {
	none, some := time.Duration(0), 100*time.Millisecond
	received := time.Now()
	inv := &invocation{received: received, deadline: received.Add(time.Second)}
	for _, test := range []struct {
		margin      *time.Duration
		limit, last time.Time
	}{
		{nil, inv.deadline.Add(-100 * time.Millisecond), inv.deadline.Add(-20 * time.Millisecond)},
		{&some, inv.deadline.Add(-100 * time.Millisecond), inv.deadline.Add(-20 * time.Millisecond)},
		{&none, time.Time{}, time.Time{}},
	} {
		told := settings{margin: test.margin}.tell(inv)
		if !told.Limit.Equal(test.limit) || !told.Last.Equal(test.last) {
			t.Errorf("margin %v: limit %v, last %v", test.margin, told.Limit, told.Last)
		}
	}
}

func TestTimedOut(t *testing.T) {
	received := time.Date(2030, 1, 2, 3, 4, 5, 0, time.FixedZone("", 3600))
	inv := &invocation{received: received, deadline: received.Add(3 * time.Second)}
	got := inv.timedOut("handler x did not answer", received.Add(2750*time.Millisecond))
	want := &runtimeapi.Error{
		Type:    "Function.Timeout",
		Message: "handler x did not answer within 2.75 seconds; the invocation had 3.00 and its deadline is 2030-01-02T02:04:08.000Z",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestReadSettings(t *testing.T) {
	s, warnings := readSettings([]string{
		"AWS_LAMBDA_RUNTIME_API=127.0.0.1:9001", "_HANDLER=handler.hello", "AWS_LAMBDA_FUNCTION_NAME=demo", "AWS_LAMBDA_FUNCTION_VERSION=7",
		"AWS_LAMBDA_FUNCTION_MEMORY_SIZE=128", "AWS_LAMBDA_INITIALIZATION_TYPE=on-demand", "SLSMIDDLEWARES=", "SLSSIDECARS=a", "SOR_MARGIN_MS=30",
		"SOR_ONLY=m/before", "PATH=/bin", "_LAMBDA_TELEMETRY_LOG_FD=nonsense", "OTHER=a=b", "odd",
	})
	if len(warnings) > 0 {
		t.Errorf("got the warnings %q", warnings)
	}
	if s.api != "127.0.0.1:9001" || s.handler != "handler.hello" || *s.middlewares != "" || *s.sidecars != "a" || *s.margin != 30*time.Millisecond ||
		s.only != "m/before" || s.path != "/bin" || s.initLimit != initLimit || s.function.FunctionName != "demo" || s.function.FunctionVersion != "7" || s.function.MemoryMB != 128 {
		t.Errorf("got %+v", s)
	}
	for _, entry := range s.environ { // of children
		if name, _, _ := strings.Cut(entry, "="); name == envOnly || name == envTelemetryFD || name == envTrace {
			t.Errorf("children would get %s", entry)
		}
	}
	if want := "OTHER=a=b odd"; !strings.HasSuffix(strings.Join(s.environ, " "), want) {
		t.Errorf("got %q, want what is not ours as it is", s.environ)
	}
	for _, kind := range []string{"provisioned-concurrency", "snap-start"} {
		if s, _ := readSettings([]string{"AWS_LAMBDA_INITIALIZATION_TYPE=" + kind}); s.initLimit != longInitLimit {
			t.Errorf("%s: %v for init", kind, s.initLimit)
		}
	}
}

func TestReadSettingsThatAreWrong(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	for _, entry := range []string{
		"SOR_MARGIN_MS=-1", "SOR_MARGIN_MS=1s", "SOR_MARGIN_MS=", "SOR_MARGIN_MS=99999999999999999999", "SOR_TRACE=3", "SOR_TRACE=fd:2", "SOR_TRACE=fd:x",
		"SOR_TRACE=fd:999999", "AWS_LAMBDA_MAX_CONCURRENCY=0", "AWS_LAMBDA_MAX_CONCURRENCY=many", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE=",
	} {
		s, warnings := readSettings([]string{entry})
		if len(warnings) != 1 || !strings.HasPrefix(warnings[0], strings.Replace(entry, "=", " is \"", 1)) {
			t.Errorf("%s: got the warnings %q", entry, warnings)
		}
		if s.margin != nil || s.traceFD != 0 || s.concurrency != 1 || s.function.MemoryMB != 0 {
			t.Errorf("%s: got %+v, want the defaults", entry, s)
		}
	}
}

func TestValidID(t *testing.T) {
	for id, want := range map[string]bool{
		"8476a536-e9f4-11e8-9739-2dfe598c3fcd": true, "a": true, "A.b_c-9": true, "...a": true,
		"": false, ".": false, "..": false, "a/b": false, "a b": false, "a%2f": false, "a\r\n": false, "é": false, "a?b": false, "a#": false, "a\x00": false,
	} {
		if got := validID(id); got != want {
			t.Errorf("%q: got %v, want %v", id, got, want)
		}
	}
}

func TestTogether(t *testing.T) {
	one := &runtimeapi.Error{Type: "A.B", Message: "one", StackTrace: []string{"x"}, Document: []byte("{}")}
	two := &runtimeapi.Error{Type: "C.D", Message: "two\nthree"}
	if got := together(nil); got != nil {
		t.Errorf("got %v of nothing", got)
	}
	if got := together([]*runtimeapi.Error{one}); got != one {
		t.Errorf("got %v, want the only one as it is", got)
	}
	want := &runtimeapi.Error{Type: "A.B", Message: "one\ntwo\nthree", StackTrace: []string{"x"}}
	if diff := cmp.Diff(want, together([]*runtimeapi.Error{one, two})); diff != "" {
		t.Error(diff)
	}
}

// What happens to a sidecar at the end of init is a record beside the line, or in it.
func TestInitLineBesideARecord(t *testing.T) {
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	tracer := newTracer(settings{traceLines: true}, logger{null})
	var beside sync.WaitGroup
	beside.Go(func() { tracer.sidecar()(sidecar.Record{Stage: "sidecar", Name: "a"}) })
	tracer.initLine()
	beside.Wait()
}
