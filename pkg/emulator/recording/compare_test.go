package recording_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/serverless/open-runtime/internal/runtimeapi"
	"github.com/serverless/open-runtime/pkg/emulator/recording"
)

// turn is one that answered with a payload.
func turn(payload string, calls ...recording.Call) *recording.Turn {
	r := report("success")
	return &recording.Turn{
		Invocation: recording.Invocation{RequestID: "a"}, Calls: calls,
		Outcome: &recording.Outcome{Payload: recording.Body(payload), Report: &r},
	}
}

func call(method, path string, status int) recording.Call {
	return recording.Call{Request: recording.Message{Method: method, Path: path}, Answer: recording.Message{Status: status}}
}

func TestComparePayloads(t *testing.T) {
	tests := []struct {
		name, was, is string
		ignore        []string
		want          *recording.Difference // What is set
	}{
		{name: "the same", was: `{"a":1}`, is: `{"a":1}`},
		{name: "written otherwise", was: `{"a":1,"b":[1.0,"é"]}`, is: `{ "b": [1, "\u00e9"], "a": 1 }`},
		{name: "a member", was: `{"a":{"b":1}}`, is: `{"a":{"b":2}}`, want: &recording.Difference{Path: "a.b", Recorded: "1", Now: "2"}},
		{name: "the first of two", was: `{"b":1,"a":1}`, is: `{"b":2,"a":2}`, want: &recording.Difference{Path: "a", Recorded: "1", Now: "2"}},
		{name: "an element", was: `[1,[2,3]]`, is: `[1,[2,4]]`, want: &recording.Difference{Path: "[1][1]", Recorded: "3", Now: "4"}},
		{name: "one more", was: `[1]`, is: `[1,null]`, want: &recording.Difference{Path: "[1]", Now: "null"}},
		{name: "one less", was: `{"a":1,"x.y":null}`, is: `{"a":1}`, want: &recording.Difference{Path: `["x.y"]`, Recorded: "null"}},
		{name: "another kind", was: `{"a":1}`, is: `{"a":"1"}`, want: &recording.Difference{Path: "a", Recorded: "1", Now: `"1"`}},
		{name: "an object and none", was: `{"a":{}}`, is: `{"a":[]}`, want: &recording.Difference{Path: "a", Recorded: "{}", Now: "[]"}},
		{name: "the whole", was: `1`, is: `2`, want: &recording.Difference{Recorded: "1", Now: "2"}},
		{name: "large numbers", was: `9007199254740993`, is: `9007199254740992`, want: &recording.Difference{Recorded: "9007199254740993", Now: "9007199254740992"}},
		{name: "an exponent", was: `100`, is: `1e2`},
		{name: "no JSON", was: "hello", is: "help", want: &recording.Difference{Path: "byte 3", Recorded: `"lo"`, Now: `"p"`}},
		{name: "no JSON any more", was: `{}`, is: "{", want: &recording.Difference{Path: "byte 1", Recorded: `"}"`}},
		{name: "in the middle of a letter", was: "né", is: "nè", want: &recording.Difference{Path: "byte 1", Recorded: `"é"`, Now: `"è"`}},
		{name: "no answer", was: "x", is: "", want: &recording.Difference{Path: "byte 0", Recorded: `"x"`}},
		{name: "ignored", was: `{"at":1,"b":2}`, is: `{"at":2,"b":2}`, ignore: []string{"at"}},
		{name: "ignored and gone", was: `{"at":1}`, is: `{}`, ignore: []string{"at"}},
		{name: "ignored with what is below", was: `{"at":{"x":[1]}}`, is: `{"at":{"x":[2]}}`, ignore: []string{"$.at"}},
		{name: "the rest is not ignored", was: `{"at":1,"b":2}`, is: `{"at":2,"b":3}`, ignore: []string{"at"}, want: &recording.Difference{Path: "b", Recorded: "2", Now: "3"}},
		{name: "ignored in each", was: `{"l":[{"t":1,"n":1},{"t":1}]}`, is: `{"l":[{"t":2,"n":1},{"t":3}]}`, ignore: []string{"l[*].t"}},
		{name: "ignored in one", was: `{"l":[1,2]}`, is: `{"l":[3,4]}`, ignore: []string{"l[0]"}, want: &recording.Difference{Path: "l[1]", Recorded: "2", Now: "4"}},
		{name: "any member", was: `{"a":{"t":1},"b":{"t":1}}`, is: `{"a":{"t":2},"b":{"t":2}}`, ignore: []string{"*.t"}},
		{name: "long values", was: `"` + strings.Repeat("x", 100) + `"`, is: "1", want: &recording.Difference{Recorded: `"` + strings.Repeat("x", 79) + "…", Now: "1"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var ignore []recording.Path
			for _, text := range test.ignore {
				path, err := recording.ParsePath(text)
				if err != nil {
					t.Fatal(err)
				}
				ignore = append(ignore, path)
			}
			var want []recording.Difference
			if test.want != nil {
				test.want.What = recording.DiffersPayload
				want = append(want, *test.want)
			}
			if diff := cmp.Diff(want, recording.Compare(turn(test.was), turn(test.is), ignore)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestCompare(t *testing.T) {
	failed := turn(`{}`)
	failed.Outcome.ErrorType, failed.Outcome.Report.Status = "Error", "error"
	slow := turn(`{}`)
	slow.Outcome.Report.DurationMs, slow.Outcome.Report.MaxMemoryUsedMB = 900, 100
	gone := turn("")
	gone.Outcome = &recording.Outcome{Failure: "the sandbox ended"}
	streamed := func(posted string) *recording.Turn {
		one := turn("", call("POST", runtimeapi.PathInvocation+"a/response", 202))
		one.Streamed, one.Calls[0].Request.Body = true, recording.Body(posted)
		return one
	}
	other := turn(`{}`, call("GET", runtimeapi.PathNext, 200), call("POST", runtimeapi.PathInvocation+"b/response", 202), call("GET", "/x", 200), call("PUT", "/y", 200))
	other.RequestID = "b"
	next, answered := call("GET", runtimeapi.PathNext, 200), call("POST", runtimeapi.PathInvocation+"a/response", 202)
	tests := []struct {
		name    string
		was, is *recording.Turn
		want    []recording.Difference
	}{
		{name: "times", was: turn(`{}`), is: slow},
		{
			name: "an error", was: turn(`{}`), is: failed,
			want: []recording.Difference{{What: "status", Recorded: "success", Now: "error"}, {What: "errorType", Now: "Error"}},
		},
		{name: "no answer", was: turn(`{}`), is: gone, want: []recording.Difference{{What: "failure", Now: "the sandbox ended"}}},
		{name: "the same stream", was: streamed("abc"), is: streamed("abc")},
		{
			name: "another stream", was: streamed("abc"), is: streamed("abd"),
			want: []recording.Difference{{What: "payload", Path: "byte 2", Recorded: `"c"`, Now: `"d"`}},
		},
		{
			name: "other request IDs, extensions in another order", is: other,
			was: turn(`{}`, call("PUT", "/y", 200), next, call("GET", "/x", 200), answered),
		},
		{
			name: "another status", was: turn(`{}`, next, answered), is: turn(`{}`, next, call("POST", runtimeapi.PathInvocation+"a/response", 413)),
			want: []recording.Difference{{What: "calls", Path: "call 2", Recorded: "POST " + runtimeapi.PathInvocation + "{id}/response 202", Now: "POST " + runtimeapi.PathInvocation + "{id}/response 413"}},
		},
		{
			name: "a call less", was: turn(`{}`, next, answered), is: turn(`{}`, next),
			want: []recording.Difference{{What: "calls", Path: "call 2", Recorded: "POST " + runtimeapi.PathInvocation + "{id}/response 202"}},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, recording.Compare(test.was, test.is, nil)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestParsePath(t *testing.T) {
	for text, want := range map[string]string{
		"a": "a", "$.a.b": "a.b", ".a": "a", "[0]": "[0]", "a[12].b-c": "a[12].b-c", "a[*].*": "a[*].*", `a["x.y"].z`: `a["x.y"].z`,
		`["a"]`: "a", `["q\"[0]"]`: `["q\"[0]"]`, "größe": "größe", `$["*"]`: `["*"]`, "$$": "$",
	} {
		path, err := recording.ParsePath(text)
		if err != nil || path.String() != want {
			t.Errorf("%s: got %s, %v, want %s", text, path, err, want)
		}
	}
	for _, text := range []string{"", "$", "a..b", "a[", "a[x]", "a[-1]", "a]", `a["x]`, "a.", "a[99999999999999999999]", `a["\q"]`} {
		if path, err := recording.ParsePath(text); err == nil {
			t.Errorf("%s is taken for %s", text, path)
		}
	}
}
