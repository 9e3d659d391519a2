package runtimeapi_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/serverless/open-runtime/internal/runtimeapi"
)

// What AWS's own clients write, as it was measured.
func TestParseError(t *testing.T) {
	tests := map[string]struct {
		document string
		want     runtimeapi.Error
	}{
		"ours": {
			`{"errorType":"TypeError","errorMessage":"m","stackTrace":["a","b"]}`,
			runtimeapi.Error{Type: "TypeError", Message: "m", StackTrace: []string{"a", "b"}},
		},
		"Node": {
			`{"errorType":"TypeError","errorMessage":"m","trace":["TypeError: m","    at f"]}`,
			runtimeapi.Error{Type: "TypeError", Message: "m", StackTrace: []string{"TypeError: m", "    at f"}},
		},
		"both, the stack wins": {
			`{"errorType":"E","errorMessage":"","stackTrace":[],"trace":["x"]}`,
			runtimeapi.Error{Type: "E"},
		},
		"Go, a panic": {
			`{"errorMessage":"boom","errorType":"string","stackTrace":[{"path":"main.go","line":7,"label":"main"}]}`,
			runtimeapi.Error{Type: "string", Message: "boom", StackTrace: []string{`{"path":"main.go","line":7,"label":"main"}`}},
		},
		"Python at init":     {`{"errorMessage":"m","errorType":"Runtime.ImportModuleError","requestId":"","stackTrace":[]}`, runtimeapi.Error{Type: "Runtime.ImportModuleError", Message: "m"}},
		"a type alone":       {`{"errorType":"E"}`, runtimeapi.Error{Type: "E"}},
		"a message alone":    {` {"errorMessage":"ä\n\u0000"} `, runtimeapi.Error{Message: "ä\n\x00"}},
		"null for no stack":  {`{"errorType":"E","stackTrace":null,"trace":null}`, runtimeapi.Error{Type: "E"}},
		"a stack of text":    {`{"errorType":"E","errorMessage":"m","stackTrace":"a\nb"}`, runtimeapi.Error{Type: "E", Message: "m"}},
		"numbers in a stack": {`{"errorType":"E","stackTrace":[1,null,"a"]}`, runtimeapi.Error{Type: "E", StackTrace: []string{"1", "", "a"}}},
	}
	for name, test := range tests {
		e, ok := runtimeapi.ParseError([]byte(test.document))
		if !ok {
			t.Errorf("%s is taken for no error document", name)
			continue
		}
		if string(e.JSON()) != test.document {
			t.Errorf("%s: goes on as %s", name, e.JSON())
		}
		e.Document = nil
		if diff := cmp.Diff(test.want, *e); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func TestNoErrorDocument(t *testing.T) {
	for _, text := range []string{
		``, `null`, `{}`, `[]`, `"errorType"`, `{"errorType":""}`, `{"message":"m"}`, `{"errorType":7}`,
		`{"errorType":"E"`, `{"errorType":"E"}{}`,
	} {
		if e, ok := runtimeapi.ParseError([]byte(text)); ok {
			t.Errorf("%q is taken for %+v", text, e)
		}
	}
}

func TestErrorJSON(t *testing.T) {
	e := &runtimeapi.Error{Type: runtimeapi.ErrorExit, Message: "exit status 3 <&>"}
	const want = `{"errorType":"Runtime.ExitError","errorMessage":"exit status 3 \u003c\u0026\u003e","stackTrace":[]}`
	if got := string(e.JSON()); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if e.StackTrace != nil {
		t.Error("writing an error changed it")
	}
	if got := e.Error(); got != "Runtime.ExitError: exit status 3 <&>" {
		t.Errorf("got %q", got)
	}
}

func TestHeaderType(t *testing.T) {
	for _, kept := range []string{"Runtime.ExitError", "Function.Timeout", "Runtime.Ab.c"} {
		if got := runtimeapi.HeaderType(kept, "other"); got != kept {
			t.Errorf("%s becomes %s", kept, got)
		}
	}
	for _, replaced := range []string{
		"", "TypeError", "unhandled", "runtime.ExitError", "Runtime.exitError", "Runtime.", "Runtime.E", "XRuntime.ExitError", "Function<Runtime.ExitError>",
	} {
		if got := runtimeapi.HeaderType(replaced, "Runtime.Unknown"); got != "Runtime.Unknown" {
			t.Errorf("%s stays %s", replaced, got)
		}
	}
}

// The words of the paths are AWS's, and so is the difference between what may be sent and what may be answered.
func TestWords(t *testing.T) {
	response := runtimeapi.PathInvocation + "id" + runtimeapi.SuffixResponse
	if response != "/2018-06-01/runtime/invocation/id/response" || !strings.HasPrefix(runtimeapi.PathNext, runtimeapi.PathInvocation) {
		t.Errorf("got %s and %s", response, runtimeapi.PathNext)
	}
	if runtimeapi.MaxEvent != 6291456 || runtimeapi.MaxResponse != 6291556 {
		t.Errorf("got %d and %d", runtimeapi.MaxEvent, runtimeapi.MaxResponse)
	}
}

// FuzzParseError: an error document goes on as it is.
func FuzzParseError(f *testing.F) {
	for _, seed := range []string{
		`{"errorType":"E","errorMessage":"m","stackTrace":["a"]}`, `{"errorMessage":"m","trace":[{"path":"x"}]}`, `{"errorType":"E","stackTrace":"a"}`, `{}`, `[`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		e, ok := runtimeapi.ParseError(data)
		if ok && (string(e.JSON()) != string(data) || e.Type == "" && e.Message == "") {
			t.Errorf("%q gives %+v", data, e)
		}
	})
}
