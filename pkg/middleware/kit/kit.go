// Package kit makes a middleware of the Serverless Open Runtime of a few functions: the same program keeps the exec contract
// when it is started with a hook as its argument, and speaks frames/1 when it is started without, as its manifest
// NAME.json asks for (docs/protocol/middleware.md).
//
//	func main() { kit.Main(kit.Hooks{Before: before}) }
//
//	func before(ctx context.Context, inv *kit.Invocation, event []byte) (kit.Result, error) {
//		if expired(event) {
//			return kit.RespondJSON(map[string]int{"statusCode": 403})
//		}
//		return kit.Unchanged(), nil
//	}
//
// It promises: what a hook prints with os.Stdout is a log; a panic is the failure of one invocation; no child of a hook
// gets the descriptors of the protocol. It is the standard library and nothing else, in Go 1.21: sor init copies these
// very files into a project, so that it builds without a network.
package kit

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"
)

// Names of the hooks.
const (
	HookBefore = "before"
	HookAfter  = "after"
	HookError  = "error"
)

// A Hook gets a document and says what becomes of it. Its bytes are the hook's own. In persistent mode hooks run at the same
// time, and ctx ends when the runtime cancels the invocation; in both modes it has the invocation's deadline.
type Hook func(ctx context.Context, inv *Invocation, document []byte) (Result, error)

// Hooks are those of a middleware. One that is nil leaves everything as it is.
type Hooks struct {
	Before Hook // gets the event
	After  Hook // gets the response
	Error  Hook // gets the error document; NAME.json must list it

	Shutdown func() // before a persistent middleware exits; there are some 300 ms
}

func (h Hooks) named(name string) (Hook, error) {
	switch name {
	case HookBefore:
		return h.Before, nil
	case HookAfter:
		return h.After, nil
	case HookError:
		return h.Error, nil
	}
	return nil, fmt.Errorf("there is no hook %q; there are before, after and error", name)
}

// Invocation is what the runtime says of one.
type Invocation struct {
	Hook       string
	Middleware string // the name that this middleware has
	RequestID  string
	Deadline   time.Time // zero when there is none

	FunctionARN, FunctionName, FunctionVersion string
	MemoryMB                                   int

	TraceID, TenantID string
	ClientContext     string // JSON
	CognitoIdentity   string // JSON; persistent mode only

	Response    string // for after: buffer, head or none, what the document is of the response
	ContentType string // for after: of the response; persistent mode only
}

// A Result is what becomes of a document. The zero Result leaves it as it is.
type Result struct {
	kind     kind
	document []byte
}

type kind int

const (
	unchanged kind = iota
	replace
	respond
)

// Unchanged leaves the document as it is.
func Unchanged() Result { return Result{} }

// Replace puts document in the place of what the hook got. An empty one takes persistent mode.
func Replace(document []byte) Result { return Result{replace, document} }

// Respond answers at once: in before, the handler and the middlewares further in do not run; in error, the error is
// handled. An empty response takes persistent mode, and after has none to give.
func Respond(response []byte) Result { return Result{respond, response} }

// ReplaceJSON is Replace with v as JSON.
func ReplaceJSON(v any) (Result, error) { return encode(replace, v) }

// RespondJSON is Respond with v as JSON.
func RespondJSON(v any) (Result, error) { return encode(respond, v) }

func encode(kind kind, v any) (Result, error) {
	document, err := json.Marshal(v)
	return Result{kind, document}, err
}

// An Error fails an invocation with a type of its own. In exec mode there is no way to say one: every failure of a hook is
// a Runtime.MiddlewareError there, as every other error is in both modes.
type Error struct {
	Type    string // such as Auth.Expired
	Message string
}

func (e *Error) Error() string { return e.Message }

const defaultType = "Runtime.MiddlewareError"

// A panicked hook is an error with a stack.
type panicked struct {
	message string
	stack   []string
}

func (e *panicked) Error() string { return e.message }

// Main runs the middleware and ends the process.
func Main(hooks Hooks) {
	stdout := os.Stdout
	os.Stdout = os.Stderr // what hooks print is a log
	if len(os.Args) > 1 {
		os.Exit(runOnce(hooks, os.Args[1], os.Stdin, stdout))
	}
	in, out, ok := openFrames()
	if !ok {
		fmt.Fprintln(os.Stderr, byHand)
		os.Exit(2)
	}
	os.Exit(serve(hooks, in, out))
}

const byHand = "this is a middleware, started by the open runtime; to try it: sor middleware run NAME before, or echo '{}' | NAME before"

// call runs a hook. A panic is its error.
func call(ctx context.Context, hooks Hooks, inv *Invocation, document []byte) (result Result, err error) {
	hook, err := hooks.named(inv.Hook)
	if hook == nil || err != nil {
		return Result{}, err
	}
	defer func() {
		if cause := recover(); cause != nil {
			result, err = Result{}, &panicked{fmt.Sprintf("panic: %v", cause), stackOfPanic()}
		}
	}()
	result, err = hook(ctx, inv, document)
	if err == nil && result.kind == respond && inv.Hook == HookAfter {
		err = errors.New("after can't respond: the response is what it got; it may replace it")
	}
	return result, err
}
