package main

// --trace: each stage of an invocation as a bar on the time it took (waterfall.go), and what it made.

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

// showTrace prints the stages of one invocation, and of init before the first: when each ran, then what each made.
func (u *ui) showTrace(event []byte, stages []stageRecord, tookMs float64) {
	for _, line := range waterfall(stages, tookMs, look{width: u.width(), unicode: u.colour}) {
		u.line(line)
	}
	u.line(made("event", abridge(string(event))))
	for _, s := range stages {
		if s.RequestID != "" || s.Output != nil {
			u.line(made(stageName(s), stageResult(s)))
		}
	}
}

func made(name, what string) string { return fmt.Sprintf("trace  %-20s  %s", name, what) }

func stageName(s stageRecord) string {
	switch {
	case s.Stage == "handler", s.Name == "":
		return s.Stage
	case s.Stage == "middleware":
		return strings.TrimSpace(s.Name + " " + s.Hook)
	}
	return strings.TrimSpace(s.Stage + " " + s.Name + " " + s.Hook)
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
