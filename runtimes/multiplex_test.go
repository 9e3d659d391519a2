//go:build linux

package runtimes_test

// Several invocations at once in one process, as Node runs them.

import (
	"fmt"
	"strings"
	"testing"

	"github.com/serverless/open-runtime/internal/frames"
)

var offersAll = []string{frames.CapabilityCancel, frames.CapabilityStream, frames.CapabilityMultiplex}

// sendAll sends n invocations, with ids and events by their numbers.
func (r *rt) sendAll(n int) {
	r.t.Helper()
	for i := range n {
		r.send(invocation(fmt.Sprint(i)), fmt.Appendf(nil, `{"n":%d,"all":%d}`, i, n))
	}
}

func TestMultiplex(t *testing.T) {
	const n = 100
	r := startWith(t, offersAll, "node", "life.together").ready()
	r.sendAll(n)
	answers := map[string]frames.Frame{}
	for range n {
		f := r.read()
		answers[f.ID] = f
	}
	log := r.shutdown()
	for i := range n {
		f := answers[fmt.Sprint(i)]
		if want := fmt.Sprintf(`[%d,"request-%d","Root=1-2-3;Sampled=0",null]`, i, i); i%10 != 3 && string(f.Payload) != want {
			t.Errorf("got %s %s, want %s", f.Header, f.Payload, want)
		}
		if i%10 == 3 {
			if e := r.document(f); e.Message != fmt.Sprintf("error of %d", i) {
				t.Errorf("got %s %s", f.Header, f.Payload)
			}
			if !strings.Contains(log, fmt.Sprintf("\trequest-%d\tERROR\tInvoke Error \t{\"errorType\":\"RangeError\",\"errorMessage\":\"error of %d\"", i, i)) {
				t.Errorf("the error of %d is not in the log under its id", i)
			}
		}
		if !strings.Contains(log, fmt.Sprintf("\trequest-%d\tINFO\tline of %d\n", i, i)) {
			t.Errorf("the line of %d is not in the log under its id", i)
		}
	}
	if t.Failed() {
		t.Logf("log: %s", log)
	}
}

func TestMultiplexStreams(t *testing.T) {
	const n = 20
	r := startWith(t, offersAll, "node", "life.streamTogether").ready()
	r.sendAll(n)
	data := map[string][]byte{}
	for ended := 0; ended < n; {
		f := r.read()
		switch f.Type {
		case frames.TypeChunk:
			data[f.ID] = append(data[f.ID], f.Payload...)
		case frames.TypeEnd:
			ended++
		default:
			t.Fatalf("got %s %s", f.Header, f.Payload)
		}
	}
	for i := range n {
		if want := strings.Repeat(fmt.Sprintf("%d;", i), 50001); string(data[fmt.Sprint(i)]) != want {
			t.Errorf("stream %d has %d bytes, want %d of its own", i, len(data[fmt.Sprint(i)]), len(want))
		}
	}
	r.shutdown()
}

// What nobody catches ends the process, and so all that were running.
func TestMultiplexUncaught(t *testing.T) {
	const n = 10
	r := startWith(t, offersAll, "node", "life.oneThrows").ready()
	r.sendAll(n)
	told := map[string]bool{}
	for range n {
		f := r.read()
		if e := r.document(f); e.Type != "RangeError" || e.Message != "thrown by one" {
			t.Errorf("got %s %s", f.Header, f.Payload)
		}
		told[f.ID] = true
	}
	if len(told) != n {
		t.Errorf("%d were told, want %d", len(told), n)
	}
	r.end("exit status 129")
}

// A cancel is for one.
func TestMultiplexCancel(t *testing.T) {
	r := startWith(t, offersAll, "node", "life.oneCancelled").ready()
	r.sendAll(3)
	r.said("begun", 3)
	for _, id := range []string{"1", "0", "2"} {
		r.send(frames.Cancel{Type: frames.TypeCancel, ID: id}, nil)
		if f := r.read(); f.ID != id || string(f.Payload) != id {
			t.Errorf("got %s %s", f.Header, f.Payload)
		}
	}
	r.shutdown()
}

func TestMultiplexCallback(t *testing.T) {
	r := startWith(t, offersAll, "node", "life.calls").ready()
	if got := r.result("1", `{}`); got != `"at once"` {
		t.Errorf("got %s", got)
	}
	r.shutdown()
}
