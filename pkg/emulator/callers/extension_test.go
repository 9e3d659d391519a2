//go:build linux

package callers_test

// An external extension on AWS's own crate, which subscribes to telemetry: it is strict, and drops a whole batch for one record
// that is not as AWS documents it.

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// seen is a line of the extension.
type seen struct {
	Watcher, Life, Function, Version, Reason, RequestID, ARN, Trace string
	DeadlineMs                                                      int64
	Telemetry                                                       struct {
		Time, Type string
		Record     json.RawMessage
	}
}

// lines gives what the extension has said so far.
func (s *server) lines() (all []seen) {
	s.t.Helper()
	for line := range strings.Lines(s.log.tail(mostLog)) {
		var one seen
		if json.Unmarshal([]byte(line), &one) == nil && one.Watcher != "" {
			all = append(all, one)
		}
	}
	return all
}

// records gives the telemetry of one type.
func (s *server) records(kind string) (found []string) {
	s.t.Helper()
	for _, one := range s.lines() {
		if one.Telemetry.Type == kind {
			found = append(found, string(one.Telemetry.Record))
		}
	}
	return found
}

func watched(t *testing.T, settings string) project {
	t.Helper()
	return project{
		name: "function", program: "./testdata/function", settings: "memory: 512\nlayers: [layer]\n" + settings,
		files: map[string]string{"layer/extensions/watcher": filepath.Join(peer(t, "extension"), "watcher")},
	}
}

// One environment from its init to its end.
func TestExtension(t *testing.T) {
	const times = 4
	s := start(t, []string{"--sandboxes", "1"}, watched(t, ""))
	for range times {
		if _, err := s.invoke([]byte(`{"op":"log","id":"Ada"}`)); err != nil {
			t.Fatal(err)
		}
	}
	s.wait(regexp.MustCompile(fmt.Sprintf(`(?s)(?:"type":"platform\.report".*){%d}`, times)))
	file, err := s.invoke([]byte(`{"op":"read","path":"/tmp/watcher.jsonl"}`)) // user and files are shared
	if err != nil || !strings.Contains(string(file), "platform.report") {
		t.Errorf("reading what the extension wrote: %v, %.500s", err, file)
	}
	s.end()
	s.wait(regexp.MustCompile(`"watcher":"SHUTDOWN"`))
	counts := map[string]int{}
	for _, one := range s.lines() {
		if one.Watcher == "telemetry" {
			counts[one.Telemetry.Type]++
		} else {
			counts[one.Watcher]++
		}
	}
	for want, least := range map[string]int{
		"registered": 1, "INVOKE": times + 1, "SHUTDOWN": 1, "platform.initStart": 1, "platform.initRuntimeDone": 1, "platform.initReport": 1,
		"platform.extension": 1, "platform.telemetrySubscription": 1, "platform.start": times, "platform.runtimeDone": times,
		"platform.report": times, "function": times,
	} {
		if counts[want] < least || counts[want] > least+1 {
			t.Errorf("the extension saw %s %d times, want %d; all: %v", want, counts[want], least, counts)
		}
	}
	for _, one := range s.lines() {
		switch {
		case one.Watcher == "registered" && (one.Function != "function" || one.Version != "$LATEST"),
			one.Watcher == "INVOKE" && (one.ARN != arn || one.DeadlineMs == 0 || !strings.HasPrefix(one.Trace, "Root=1-")),
			one.Watcher == "SHUTDOWN" && (one.Reason != "SPINDOWN" || one.DeadlineMs == 0):
			t.Errorf("the extension saw %+v", one)
		}
	}
	if got := s.records("function"); !slices.ContainsFunc(got, func(line string) bool { return strings.Contains(line, "a line of Ada") }) {
		t.Errorf("the function's lines are %q", got)
	}
}

// The runtime's end and a timeout are told as reasons, and the next environment has its extension again.
func TestExtensionReasons(t *testing.T) {
	g := newGate(t)
	for _, one := range []struct{ event, reason string }{
		{`{"op":"exit","status":3}`, "FAILURE"},
		{`{"op":"gate","gate":"` + g.url + `"}`, "TIMEOUT"},
	} {
		t.Run(one.reason, func(t *testing.T) {
			s := start(t, nil, watched(t, "timeout: 2\n"))
			if payload, err := s.invoke([]byte(one.event)); !isFunctionError(err) {
				t.Errorf("%s: %v, %s", one.event, err, payload)
			}
			s.wait(regexp.MustCompile(`"reason":"` + one.reason + `".*"watcher":"SHUTDOWN"`))
			if _, err := s.invoke([]byte(`{}`)); err != nil {
				t.Error(err)
			}
			s.wait(regexp.MustCompile(`(?s)"watcher":"registered".*"watcher":"registered"`))
			s.end()
		})
	}
}

// Environments listen on the same port, each on a loopback of its own: what an extension is told is of its own environment.
// That takes a network of their own; the namespace sandbox has one only when it reaches nothing.
func TestExtensionsSideBySide(t *testing.T) {
	s := start(t, []string{"--network", "none", "--warm", "2"}, watched(t, "timeout: 120\n"))
	var invocations int
	for invoked := map[string][]string{}; len(invoked) < 2; invoked = s.told("INVOKE") {
		crowd(t, s, 2, 2, []byte(`{"op":"work","rounds":1000000}`)) // long enough for the other to come meanwhile
		invocations += 2
		s.wait(regexp.MustCompile(fmt.Sprintf(`(?s)(?:"type":"platform\.report".*){%d}`, invocations)))
	}
	if diff := cmp.Diff(s.told("INVOKE"), s.told("platform.start")); diff != "" {
		t.Errorf("INVOKE and platform.start by extension (-INVOKE +platform.start):\n%s", diff)
	}
}

// told gives the request IDs of INVOKE, or of one type of telemetry, by the extension's process.
func (s *server) told(what string) map[string][]string {
	s.t.Helper()
	ids := map[string][]string{}
	for _, one := range s.lines() {
		var record struct{ RequestID string }
		switch {
		case one.Watcher == what:
			ids[one.Life] = append(ids[one.Life], one.RequestID)
		case one.Telemetry.Type == what && json.Unmarshal(one.Telemetry.Record, &record) == nil:
			ids[one.Life] = append(ids[one.Life], record.RequestID)
		}
	}
	return ids
}
