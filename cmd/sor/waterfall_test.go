package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/serverless/open-runtime/internal/frames"
)

func stage(t frames.Trace) stageRecord { return stageRecord{Trace: t} }

// onion is an invocation with everything in it: what began in init, an exec and a persistent middleware, one that has only
// an after, and a proxied handler.
var onion = []stageRecord{
	stage(frames.Trace{Stage: "sidecar", Kind: "sidecar", Name: "agent", StartUs: 300, DurationUs: 18_000}),
	stage(frames.Trace{Stage: "init", Kind: "init", Name: "language runtime", StartUs: 200, DurationUs: 41_000}),
	stage(frames.Trace{Stage: "init", Kind: "persistent", Name: "redact", StartUs: 900, DurationUs: 140_000}),
	stage(frames.Trace{RequestID: "1", Stage: "middleware", Kind: "exec", Name: "audit", Hook: "before", StartUs: 120, DurationUs: 2400, BytesIn: 14, BytesOut: 14, Unchanged: true}),
	stage(frames.Trace{RequestID: "1", Stage: "middleware", Kind: "persistent", Name: "redact", Hook: "before", StartUs: 2600, DurationUs: 90, BytesIn: 14, BytesOut: 22}),
	stage(frames.Trace{RequestID: "1", Stage: "handler", Kind: "proxied", Name: "hello", StartUs: 2800, DurationUs: 4200, BytesIn: 22, BytesOut: 6_000_000}),
	stage(frames.Trace{RequestID: "1", Stage: "middleware", Kind: "persistent", Name: "redact", Hook: "after", StartUs: 7100, DurationUs: 3000, BytesIn: 6_000_000, BytesOut: 6_000_010}),
	stage(frames.Trace{RequestID: "1", Stage: "middleware", Kind: "exec", Name: "sign", Hook: "after", StartUs: 10_200, DurationUs: 1000, BytesIn: 6_000_010, BytesOut: 6_000_090}),
	stage(frames.Trace{RequestID: "1", Stage: "middleware", Kind: "exec", Name: "audit", Hook: "after", StartUs: 11_300, DurationUs: 900, BytesIn: 6_000_090}),
	stage(frames.Trace{RequestID: "1", Stage: "sidecar", Kind: "sidecar", Name: "agent", Hook: "flush", StartUs: 12_300, DurationUs: 100}),
}

// early is an answer of a before, and a failure of an after.
var early = []stageRecord{
	stage(frames.Trace{RequestID: "2", Stage: "middleware", Kind: "exec", Name: "outer", Hook: "before", StartUs: 10, DurationUs: 1000, BytesIn: 2, BytesOut: 9}),
	stage(frames.Trace{RequestID: "2", Stage: "middleware", Kind: "exec", Name: "a-middleware-with-a-name-that-is-far-too-long", Hook: "before", StartUs: 1100, DurationUs: 900, BytesIn: 9, BytesOut: 33, Respond: true}),
	stage(frames.Trace{RequestID: "2", Stage: "middleware", Kind: "exec", Name: "outer", Hook: "after", StartUs: 2100, DurationUs: 170_000, BytesIn: 33, ErrorType: "Runtime.MiddlewareError"}),
}

// TestWaterfall draws what a person sees: testdata/waterfall/*.txt, written anew by -update.
func TestWaterfall(t *testing.T) {
	tests := map[string][]string{
		"onion-80":      waterfall(onion, 13.02, look{width: 80}),
		"onion-120":     waterfall(onion, 13.02, look{width: 120}),
		"onion-unicode": waterfall(onion, 13.02, look{width: 100, unicode: true}),
		"early-100":     waterfall(early, 172.4, look{width: 100}),
		"nothing":       waterfall(nil, 1.2, look{width: 80}),
	}
	for name, lines := range tests {
		got := strings.Join(lines, "\n") + "\n"
		file := filepath.Join("testdata", "waterfall", name+".txt")
		if *update {
			if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// TestBar: whatever the numbers, a bar is as wide as its column, and is seen.
func TestBar(t *testing.T) {
	for _, unicode := range []bool{false, true} {
		l := look{unicode: unicode}
		for _, r := range []row{{}, {start: -5, took: 3}, {start: 100, took: 100}, {start: 99, took: 0}, {start: 50, took: 1000}, {took: 100}, {start: 200}} {
			for _, width := range []int{1, 7, 60} {
				bar := l.bar(r, 100, width)
				if utf8.RuneCountInString(bar) != width || strings.TrimSpace(bar) == "" {
					t.Errorf("%+v in %d: %q", r, width, bar)
				}
			}
		}
	}
}

// TestShowTrace: after the waterfall comes what each stage made.
func TestShowTrace(t *testing.T) {
	var out bytes.Buffer
	answer := `{"ok":true}`
	newUI(&out).showTrace([]byte("{}"), []stageRecord{
		{Trace: frames.Trace{RequestID: "1", Stage: "middleware", Name: "audit", Hook: "before", Unchanged: true}},
		{Trace: frames.Trace{RequestID: "1", Stage: "handler", Name: "handler.hello", DurationUs: 1000, BytesIn: 2, BytesOut: 11}, Output: &answer},
		{Trace: frames.Trace{RequestID: "1", Stage: "middleware", Name: "audit", Hook: "after", ErrorType: "Runtime.MiddlewareError"}},
	}, 1.5)
	_, made, _ := strings.Cut(out.String(), "trace  event")
	want := `                 {}
trace  audit before          unchanged
trace  handler               {"ok":true}
trace  audit after           failed: Runtime.MiddlewareError
`
	if diff := cmp.Diff(want, made); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
