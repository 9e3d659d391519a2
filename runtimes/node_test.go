//go:build linux

package runtimes_test

// What only the Node runtime does: modules, callbacks, the console, an event loop that runs empty.

import (
	"regexp"
	"strings"
	"testing"
)

func TestNodeAnswers(t *testing.T) {
	cases := map[string]string{
		"own.sync":              `{"sync":{}}`,
		"own.nothing":           `null`,
		"own.orders.v2.handler": `"nested"`,
		"module.handler":        `"module.mjs"`,
		"module.other":          `"of default"`,
		"esm/index.handler":     `"esm"`,
		"own.callback":          `"first"`,
		"own.impatient":         `"at once"`,
		"own.promiseOfThree":    `"promise"`,
		"own.succeed":           `"legacy"`,
		"own.unsettled":         `null`,
		"own.extend":            `"function"`,
		"own.keys": `["callbackWaitsForEmptyEventLoop","functionVersion","functionName","memoryLimitInMB","logGroupName",` +
			`"logStreamName","clientContext","identity","invokedFunctionArn","awsRequestId","tenantId"]`,
	}
	for handler, want := range cases {
		t.Run(handler, func(t *testing.T) {
			t.Parallel()
			r := start(t, "node", handler).ready()
			for _, id := range []string{"1", "2"} {
				if got := r.result(id, `{}`); got != want {
					t.Errorf("got %s, want %s", got, want)
				}
			}
			r.shutdown()
		})
	}
}

func TestNodeErrors(t *testing.T) {
	cases := map[string]struct{ kind, message, stack string }{
		"own.callbackError": {"RangeError", "by callback", "own.js"},
		"own.callbackText":  {"string", "just text", ""},
		"own.done":          {"Error", "legacy", "own.js"},
		"own.object":        {"object", "[object Object]", ""},
		"own.bigint":        {"Error", "Unable to stringify response body: Do not know how to serialize a BigInt", ""},
		"own.dateError":     {"SyntaxError", "", "own.js"},
		"own.later":         {"Error", "deep", "at deep ("},
	}
	for handler, want := range cases {
		t.Run(handler, func(t *testing.T) {
			t.Parallel()
			r := start(t, "node", handler).ready()
			for _, id := range []string{"1", "2"} {
				e := r.failure(id, `{}`)
				if e.Type != want.kind || want.message != "" && e.Message != want.message {
					t.Errorf("got %q %q, want %q %q", e.Type, e.Message, want.kind, want.message)
				}
				if stack := strings.Join(e.StackTrace, "\n"); !strings.Contains(stack, want.stack) {
					t.Errorf("the stack has no %q: %s", want.stack, stack)
				}
			}
			r.shutdown()
		})
	}
}

// What nobody catches is answered, and then ends the process, as AWS's client ends it.
func TestNodeUncaught(t *testing.T) {
	cases := map[string]struct{ kind, message, exit string }{
		"own.rejection": {"Runtime.UnhandledPromiseRejection", "Error: nobody listens", "exit status 128"},
		"own.exception": {"RangeError", "thrown later", "exit status 129"},
	}
	for handler, want := range cases {
		r := start(t, "node", handler).ready()
		if e := r.failure("1", `{}`); e.Type != want.kind || e.Message != want.message {
			t.Errorf("%s: got %q %q, want %q %q", handler, e.Type, e.Message, want.kind, want.message)
		}
		r.end(want.exit)
	}
}

func TestNodeModulesThatCannotBe(t *testing.T) {
	cases := map[string]struct{ kind, message string }{
		"needsmodule.handler":  {"Runtime.ImportModuleError", "not-installed"},
		"brokenmodule.handler": {"Runtime.UserCodeSyntaxError", ""},
		"never.handler":        {"Runtime.ImportModuleError", "never settles"},
		"own.notAFunction":     {"Runtime.HandlerNotFound", "own.notAFunction is not a function"},
		"../own.sync":          {"Runtime.MalformedHandlerName", "Bad handler"},
	}
	for handler, want := range cases {
		r := start(t, "node", handler)
		if e := r.document(r.read()); e.Type != want.kind || !strings.Contains(e.Message, want.message) {
			t.Errorf("%s: got %q %q, want %q with %q", handler, e.Type, e.Message, want.kind, want.message)
		}
		r.end("exit status 129")
	}
}

// A callback's answer waits for the event loop to run empty; nobody who reads a warning sees it twice.
func TestNodeCallbackWaits(t *testing.T) {
	r := start(t, "node", "own.waits").ready()
	for _, want := range []string{"0", "1"} {
		if got := r.result(want, `{}`); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	if log := r.shutdown(); strings.Count(log, "answers through a callback") != 1 || strings.Count(log, "flushed") != 2 {
		t.Errorf("want one warning and two flushes: %q", log)
	}
}

func TestNodeConsole(t *testing.T) {
	r := start(t, "node", "own.console", "AWS_LAMBDA_LOG_LEVEL=INFO").ready()
	r.result("1", `{}`)
	log := r.shutdown()
	form := regexp.MustCompile(`(?m)^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z\trequest-1\tWARN\tlow on cheddar 3$`)
	if !form.MatchString(log) || !strings.Contains(log, "\n{\"raw\":true}\n") || strings.Contains(log, "not this") {
		t.Errorf("got %q", log)
	}

	r = start(t, "node", "own.console", "AWS_LAMBDA_LOG_FORMAT=JSON").ready()
	r.result("1", `{}`)
	form = regexp.MustCompile(`(?m)^\{"timestamp":"[^"]*","level":"WARN","requestId":"request-1","tenantId":".*","message":"low on cheddar 3"\}$`)
	if log := r.shutdown(); !form.MatchString(log) {
		t.Errorf("got %q", log)
	}
}
