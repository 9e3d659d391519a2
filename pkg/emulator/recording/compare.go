package recording

// How two runs of one invocation differ. Times are no difference, and neither is what the log says.

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/serverless/open-runtime/internal/jsontext"
	"github.com/serverless/open-runtime/internal/runtimeapi"
)

// What may differ.
const (
	DiffersFailure   = "failure"   // there was an answer, or there is none
	DiffersStatus    = "status"    // of the report: success, error, timeout
	DiffersErrorType = "errorType" // of a function that failed
	DiffersPayload   = "payload"   // the answer, or the error document
	DiffersCalls     = "calls"     // over the APIs of the sandbox: method, path and status
)

// A Difference is one, with its first place. What was not there is "".
type Difference struct {
	What     string `json:"what"`
	Path     string `json:"path,omitempty"` // in a payload that is JSON; of one that is not, and of calls, the number
	Recorded string `json:"recorded"`
	Now      string `json:"now"`
}

// Compare says how a turn differs from the one that was recorded. What is at the paths to ignore, and below, is no
// difference. Both have outcomes.
func Compare(recorded, now *Turn, ignore []Path) []Difference {
	var found []Difference
	differ := func(what, was, is string) {
		if was != is {
			found = append(found, Difference{What: what, Recorded: was, Now: is})
		}
	}
	was, is := recorded.Outcome, now.Outcome
	differ(DiffersFailure, was.Failure, is.Failure)
	if was.Report == nil || is.Report == nil {
		return found
	}
	differ(DiffersStatus, was.Report.Status, is.Report.Status)
	differ(DiffersErrorType, was.ErrorType, is.ErrorType)
	one, other := recorded.payload(), now.payload()
	if d := comparePayloads(one, other, ignore); d != nil {
		found = append(found, *d)
	}
	if d := compareCalls(recorded.calls(), now.calls()); d != nil {
		found = append(found, *d)
	}
	return found
}

// payload is the answer; of one that the caller took as a stream, what the runtime posted.
func (t *Turn) payload() []byte {
	if !t.Streamed || len(t.Outcome.Payload) > 0 {
		return t.Outcome.Payload
	}
	for _, call := range t.Calls {
		if strings.HasSuffix(call.Request.Path, runtimeapi.SuffixResponse) {
			return call.Request.Body
		}
	}
	return nil
}

func comparePayloads(was, is []byte, ignore []Path) *Difference {
	if bytes.Equal(was, is) {
		return nil
	}
	if jsontext.Check(was) != nil || jsontext.Check(is) != nil {
		return compareBytes(was, is)
	}
	return compareValues(parse(was), parse(is), nil, ignore)
}

// parse reads JSON, its numbers as they are written.
func parse(text []byte) any {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	var value any
	_ = decoder.Decode(&value) // it is JSON
	return value
}

// compareBytes shows what follows the first byte that differs.
func compareBytes(was, is []byte) *Difference {
	at := 0
	for at < len(was) && at < len(is) && was[at] == is[at] {
		at++
	}
	for at > 0 && at < len(was) && !utf8.RuneStart(was[at]) {
		at--
	}
	return &Difference{What: DiffersPayload, Path: fmt.Sprintf("byte %d", at), Recorded: quoted(was[at:]), Now: quoted(is[min(at, len(is)):])}
}

// excerpt is how much of a value is shown, in bytes.
const excerpt = 80

func quoted(text []byte) string {
	if len(text) == 0 {
		return ""
	}
	if len(text) > excerpt {
		return fmt.Sprintf("%q…", text[:excerpt])
	}
	return fmt.Sprintf("%q", text)
}

// shown is a value as JSON, or the beginning of it.
func shown(value any) string {
	text, err := json.Marshal(value)
	if err != nil { // it came from JSON: cannot happen
		return ""
	}
	if len(text) > excerpt {
		return strings.ToValidUTF8(string(text[:excerpt]), "") + "…"
	}
	return string(text)
}

// compareValues gives the first difference, in the order of the recorded arrays and of the names of members.
func compareValues(was, is any, at Path, ignore []Path) *Difference {
	if isIgnored(at, ignore) {
		return nil
	}
	switch one := was.(type) {
	case map[string]any:
		if other, ok := is.(map[string]any); ok {
			return compareObjects(one, other, at, ignore)
		}
	case []any:
		if other, ok := is.([]any); ok {
			return compareArrays(one, other, at, ignore)
		}
	case json.Number:
		if other, ok := is.(json.Number); ok && sameNumber(one, other) {
			return nil
		}
	default:
		if was == is {
			return nil
		}
	}
	return &Difference{What: DiffersPayload, Path: at.String(), Recorded: shown(was), Now: shown(is)}
}

func isIgnored(at Path, ignore []Path) bool {
	return slices.ContainsFunc(ignore, func(p Path) bool { return p.matches(at) })
}

func compareObjects(was, is map[string]any, at Path, ignore []Path) *Difference {
	var names []string
	for name := range was {
		names = append(names, name)
	}
	for name := range is {
		if _, both := was[name]; !both {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		one, inOne := was[name]
		other, inOther := is[name]
		if d := compareParts(one, other, inOne, inOther, append(at[:len(at):len(at)], step{name: name}), ignore); d != nil {
			return d
		}
	}
	return nil
}

func compareArrays(was, is []any, at Path, ignore []Path) *Difference {
	part := func(of []any, i int) (any, bool) {
		if i < len(of) {
			return of[i], true
		}
		return nil, false
	}
	for i := range max(len(was), len(is)) {
		one, inOne := part(was, i)
		other, inOther := part(is, i)
		if d := compareParts(one, other, inOne, inOther, append(at[:len(at):len(at)], step{index: i, element: true}), ignore); d != nil {
			return d
		}
	}
	return nil
}

// compareParts compares what may be in one of both alone.
func compareParts(was, is any, inWas, inIs bool, at Path, ignore []Path) *Difference {
	switch {
	case inWas == inIs:
		return compareValues(was, is, at, ignore)
	case isIgnored(at, ignore):
		return nil
	}
	d := &Difference{What: DiffersPayload, Path: at.String()}
	if inWas {
		d.Recorded = shown(was)
	} else {
		d.Now = shown(is)
	}
	return d
}

// sameNumber says whether two are the same number, however they are written.
func sameNumber(a, b json.Number) bool {
	if a == b {
		return true
	}
	one, err := a.Float64()
	other, otherErr := b.Float64()
	_, errA := a.Int64()
	_, errB := b.Int64()
	return err == nil && otherErr == nil && one == other && (errA != nil || errB != nil) // two whole numbers differ when they are written so
}

// calls lists those of an invocation: the runtime's in their order, and then those of extensions, which run beside it, sorted.
func (t *Turn) calls() []string {
	var runtime, others []string
	for _, call := range t.Calls {
		text := fmt.Sprintf("%s %s %d", call.Request.Method, strings.Replace(call.Request.Path, "/"+t.RequestID+"/", "/{id}/", 1), call.Answer.Status)
		if strings.HasPrefix(call.Request.Path, runtimeapi.PathInvocation) {
			runtime = append(runtime, text)
		} else {
			others = append(others, text)
		}
	}
	slices.Sort(others)
	return append(runtime, others...)
}

func compareCalls(was, is []string) *Difference {
	part := func(of []string, i int) string {
		if i < len(of) {
			return of[i]
		}
		return ""
	}
	for i := range max(len(was), len(is)) {
		if one, other := part(was, i), part(is, i); one != other {
			return &Difference{What: DiffersCalls, Path: fmt.Sprintf("call %d", i+1), Recorded: one, Now: other}
		}
	}
	return nil
}
