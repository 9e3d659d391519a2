// Package conform is a conformance kit: cases that any middleware, language runtime or bootstrap can be put through, ours or
// somebody else's, and a report of how it did.
//
// It promises to judge the contracts of docs/protocol and nothing else: what a middleware makes of an event, or a handler of
// its own, is their business. Each case says which sentence of the contract it holds a program to, starts the program
// anew, drives it itself as the bootstrap would, and leaves nothing of it behind. It does not know sandboxes, layers or
// terminals: what a bootstrap runs in is handed in as a Launch. Programs are started on Linux only.
package conform

import (
	"context"
	"regexp"
	"runtime"
	"time"
)

// A Case is one thing that a contract asks for.
type Case struct {
	Name string   // what it is about, from the general to the special: frames.handshake.unknown-key
	Why  string   // the sentence of the contract, in short
	See  string   // where that sentence is: a page of docs/protocol
	Run  func(*T) // judges, by T
}

// Status is how a case ended.
type Status string

// How a case may end.
const (
	Passed  Status = "ok"
	Failed  Status = "fail"
	Skipped Status = "skip"
)

// A Result is how one case went.
type Result struct {
	Name     string        `json:"name"`
	Why      string        `json:"why"`
	See      string        `json:"see"`
	Status   Status        `json:"status"`
	Cause    string        `json:"cause,omitempty"` // what went wrong, or why it was skipped
	Fix      string        `json:"fix,omitempty"`   // what to do about it
	Log      string        `json:"log,omitempty"`   // the end of what the program wrote to its log, when it failed
	Duration time.Duration `json:"-"`
}

// A Report is how all cases went.
type Report struct {
	Subject string // what was judged, as the user calls it
	Results []Result
}

// Count gives how many cases ended so.
func (r *Report) Count(status Status) (n int) {
	for _, result := range r.Results {
		if result.Status == status {
			n++
		}
	}
	return n
}

// Match gives the cases whose names a pattern matches; nil is all of them.
func Match(cases []Case, pattern *regexp.Regexp) []Case {
	if pattern == nil {
		return cases
	}
	var matched []Case
	for _, c := range cases {
		if pattern.MatchString(c.Name) {
			matched = append(matched, c)
		}
	}
	return matched
}

// Available says whether programs can be started here.
func Available() bool { return runtime.GOOS == "linux" }

// Run runs cases one after the other: two at once would take each other's time. each is told every result; nil is not. When
// ctx ends, the error says so, and the report has what was done.
func Run(ctx context.Context, subject string, cases []Case, each func(Result)) (*Report, error) {
	report := &Report{Subject: subject}
	for _, c := range cases {
		result := run(ctx, c)
		if ctx.Err() != nil {
			return report, ctx.Err()
		}
		report.Results = append(report.Results, result)
		if each != nil {
			each(result)
		}
	}
	return report, nil
}

func run(ctx context.Context, c Case) Result {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	t := &T{ctx: ctx, status: Passed}
	start := time.Now()
	done := make(chan struct{})
	go func() { // of its own: a verdict ends it, however deep it was spoken
		defer close(done)
		defer t.cleanUp()
		c.Run(t)
	}()
	<-done
	return Result{
		Name: c.Name, Why: c.Why, See: c.See, Status: t.status, Cause: t.cause, Fix: t.fix, Log: t.logs(),
		Duration: time.Since(start),
	}
}
