package main

// --trace: each stage of an invocation, how long it took and what it made.

import (
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/serverless/open-runtime/internal/frames"
)

// stageRecord is one stage in --json.
type stageRecord struct {
	frames.Trace
	Output *string `json:"output,omitempty"` // what the stage made, when it is text
}

func newStageRecord(trace frames.Trace, payload []byte) stageRecord {
	record := stageRecord{Trace: trace}
	record.Type = ""
	if payload != nil && utf8.Valid(payload) {
		text := string(payload)
		record.Output = &text
	}
	return record
}

// MarshalJSON leaves the type of the frame out.
func (r stageRecord) MarshalJSON() ([]byte, error) {
	type plain frames.Trace
	data, err := json.Marshal(struct {
		Type string `json:"type,omitempty"`
		plain
		Output *string `json:"output,omitempty"`
	}{plain: plain(r.Trace), Output: r.Output})
	return data, err
}

const widestOutput = 160 // of what a stage made, in characters

// showTrace prints the stages of one invocation: a waterfall whose offsets count from its beginning.
func (u *ui) showTrace(event []byte, stages []stageRecord) {
	u.line(u.dim("trace    start    took  stage"))
	u.line(fmt.Sprintf("%s %7s %7s  %s", "trace ", "", "", "event             "+abridge(string(event))))
	for _, s := range stages {
		u.line(fmt.Sprintf("%s %7s %7s  %-17s %s", "trace ", micros(s.StartUs), micros(s.DurationUs), stageName(s), stageResult(s)))
	}
}

func stageName(s stageRecord) string {
	if s.Hook != "" {
		return s.Name + " " + s.Hook
	}
	return s.Stage
}

func stageResult(s stageRecord) string {
	switch {
	case s.ErrorType != "":
		return "failed: " + s.ErrorType
	case s.Unchanged:
		return "unchanged"
	case s.Output == nil:
		return fmt.Sprintf("%d bytes", s.BytesOut)
	}
	result := abridge(*s.Output)
	if s.Respond {
		result = "early response: " + result
	}
	return result
}

func micros(us int64) string { return fmt.Sprintf("%.1fms", float64(us)/1000) }

// abridge gives text on one line, cut where it is too long to read.
func abridge(text string) string {
	text = strings.Map(func(r rune) rune {
		if r < ' ' {
			return ' '
		}
		return r
	}, text)
	if utf8.RuneCountInString(text) <= widestOutput {
		return text
	}
	runes := []rune(text)
	return fmt.Sprintf("%s… (%d bytes)", string(runes[:widestOutput]), len(text))
}
