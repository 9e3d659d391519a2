package conform

// The report: for people a line a case, for programs JSON.

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
)

// Line is a case in the report for people, without a newline: its name, and after a failure what to do.
func (r Result) Line() string {
	switch r.Status {
	case Failed:
		return "FAIL " + r.Name + "  " + r.sentence()
	case Skipped:
		return "skip " + r.Name + "  " + r.Cause
	}
	return "ok   " + r.Name
}

func (r Result) sentence() string {
	if r.Fix == "" {
		return r.Cause
	}
	return r.Cause + "; " + r.Fix
}

// Details are the lines under a failure: the contract's sentence, and the end of the program's log.
func (r Result) Details() []string {
	if r.Status != Failed {
		return nil
	}
	lines := []string{"     contract: " + r.Why + " (" + r.See + ")"}
	for line := range strings.Lines(r.Log) {
		lines = append(lines, "     | "+strings.TrimRight(line, "\r\n"))
	}
	return lines
}

// Summary is the last line.
func (r *Report) Summary() string {
	text := fmt.Sprintf("%s: %d passed, %d failed", r.Subject, r.Count(Passed), r.Count(Failed))
	if n := r.Count(Skipped); n > 0 {
		text += fmt.Sprintf(", %d skipped", n)
	}
	return text
}

// WriteJSON writes the report as one object on one line.
func (r *Report) WriteJSON(w io.Writer) error {
	type timed struct {
		Result
		DurationMs float64 `json:"durationMs"`
	}
	out := struct {
		Subject string  `json:"subject"`
		Passed  int     `json:"passed"`
		Failed  int     `json:"failed"`
		Skipped int     `json:"skipped"`
		Cases   []timed `json:"cases"`
	}{r.Subject, r.Count(Passed), r.Count(Failed), r.Count(Skipped), []timed{}}
	for _, result := range r.Results {
		out.Cases = append(out.Cases, timed{result, milliseconds(result.Duration)})
	}
	return json.NewEncoder(w).Encode(out)
}
