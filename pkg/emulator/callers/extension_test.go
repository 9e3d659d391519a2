//go:build linux

package callers_test

// An external extension on AWS's own crate, which subscribes to telemetry: it is strict, and drops a whole batch for one record
// that is not as AWS documents it.

import (
	"encoding/json"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// seen is a line of the extension.
type seen struct {
	Watcher, Function, Version, Reason, RequestID, ARN, Trace string
	DeadlineMs                                                int64
	Telemetry                                                 struct {
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

// ofType is a line about a record of this type.
func ofType(kind string) *regexp.Regexp {
	return regexp.MustCompile(`(?m)^\{"telemetry":.*"type":"` + regexp.QuoteMeta(kind) + `".*$`)
}

// One environment from its init to its end.
func TestExtension(t *testing.T) {
	s := start(t, nil, watched(t, ""))
	if _, err := s.invoke([]byte(`{"op":"log","id":"Ada"}`)); err != nil {
		t.Fatal(err)
	}
	s.wait(ofType("platform.report"))
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
	for _, want := range []string{
		"registered", "INVOKE", "SHUTDOWN", "platform.initStart", "platform.initRuntimeDone", "platform.initReport", "platform.extension",
		"platform.telemetrySubscription", "platform.start", "platform.runtimeDone", "platform.report", "function",
	} {
		if counts[want] == 0 {
			t.Errorf("the extension saw no %s, but %v", want, slices.Sorted(maps.Keys(counts)))
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
			s.wait(regexp.MustCompile(`"reason":"` + one.reason + `","watcher":"SHUTDOWN"`))
			if _, err := s.invoke([]byte(`{}`)); err != nil {
				t.Error(err)
			}
			s.wait(regexp.MustCompile(`(?s)"watcher":"registered".*"watcher":"registered"`))
			s.end()
		})
	}
}
