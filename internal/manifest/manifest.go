package manifest

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// Protocols.
const (
	ProtocolExec       = "exec"
	ProtocolFrames     = "frames/1"
	ProtocolWasm       = "wasm"
	ProtocolRuntimeAPI = "runtime-api"
)

// Hooks of a middleware.
const (
	HookBefore = "before"
	HookAfter  = "after"
	HookError  = "error"
)

// What a middleware's after needs of a response.
const (
	ResponseBuffer = "buffer" // all of it: a streamed response is collected first
	ResponseHead   = "head"   // of a streamed response its head alone, of any other all
	ResponseNone   = "none"   // nothing of it
)

// Middleware is what NAME.json says, with the defaults of a middleware that has none.
type Middleware struct {
	Protocol    string   `json:"protocol"`
	Hooks       []string `json:"hooks"`
	TimeoutMs   int      `json:"timeoutMs"` // 0: the invocation's time
	Required    *bool    `json:"required"`
	Env         []string `json:"env"` // nil: all of the function's own variables
	Credentials *bool    `json:"credentials"`
	Response    string   `json:"response"` // what its after needs
}

// longestMs is how long an invocation may take at all, in milliseconds.
// https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
const longestMs = 15 * 60 * 1000

// DefaultMiddleware is the contract of 2018: exec, before and after.
func DefaultMiddleware() Middleware {
	return Middleware{Protocol: ProtocolExec, Hooks: []string{HookBefore, HookAfter}, Response: ResponseBuffer}
}

// Has says whether the middleware has a hook.
func (m Middleware) Has(hook string) bool { return slices.Contains(m.Hooks, hook) }

// Optional says whether a failure is skipped.
func (m Middleware) Optional() bool { return m.Required != nil && !*m.Required }

// SeesCredentials says whether it gets the function's AWS keys.
func (m Middleware) SeesCredentials() bool { return m.Credentials == nil || *m.Credentials }

// ParseMiddleware reads NAME.json. Unknown keys are warnings.
func ParseMiddleware(data []byte) (m Middleware, warnings []string, err error) {
	m = DefaultMiddleware()
	warnings, err = parse(data, &m, "protocol", "hooks", "timeoutMs", "required", "env", "credentials", "response")
	if err != nil {
		return m, warnings, err
	}
	if m.Hooks == nil { // null, which says as little as no key
		m.Hooks = DefaultMiddleware().Hooks
	}
	if !slices.Contains([]string{ProtocolExec, ProtocolFrames, ProtocolWasm}, m.Protocol) {
		return m, warnings, fmt.Errorf("there is no protocol %q; there are exec, frames/1 and wasm", m.Protocol)
	}
	for _, hook := range m.Hooks {
		if !slices.Contains([]string{HookBefore, HookAfter, HookError}, hook) {
			return m, warnings, fmt.Errorf("there is no hook %q; there are before, after and error", hook)
		}
	}
	if !slices.Contains([]string{ResponseBuffer, ResponseHead, ResponseNone}, m.Response) {
		return m, warnings, fmt.Errorf("response is %q; there are buffer, head and none", m.Response)
	}
	if m.TimeoutMs < 0 || m.TimeoutMs > longestMs {
		return m, warnings, fmt.Errorf("timeoutMs is %d; a time limit is from 1 to %d, and 0 is none", m.TimeoutMs, longestMs)
	}
	return m, warnings, nil
}

// Runtime is what language-runtime.json says. Without the file the protocol is "", the lines of 2018.
type Runtime struct {
	Protocol string   `json:"protocol"`
	Command  []string `json:"command"`
}

// ParseRuntime reads language-runtime.json.
func ParseRuntime(data []byte) (r Runtime, warnings []string, err error) {
	warnings, err = parse(data, &r, "protocol", "command")
	if err == nil && !slices.Contains([]string{"", ProtocolFrames, ProtocolRuntimeAPI}, r.Protocol) {
		err = fmt.Errorf("there is no protocol %q; there are frames/1 and runtime-api", r.Protocol)
	}
	return r, warnings, err
}

// Defaults is what sor.json says: nil where it has no key. An empty list is a decision.
type Defaults struct {
	Middlewares []string `json:"middlewares"`
	Sidecars    []string `json:"sidecars"`

	// SHA256 pins files of other layers: paths under /opt, and the SHA-256 of their bytes in hexadecimal digits, "" for one
	// that is not there.
	SHA256 map[string]string `json:"sha256"`
}

// ParseDefaults reads sor.json.
func ParseDefaults(data []byte) (d Defaults, warnings []string, err error) {
	warnings, err = parse(data, &d, "middlewares", "sidecars", "sha256")
	return d, warnings, err
}

// JSON spells it with only the keys that there are.
func (d Defaults) JSON() []byte {
	fields := map[string]any{}
	if d.Middlewares != nil {
		fields["middlewares"] = d.Middlewares
	}
	if d.Sidecars != nil {
		fields["sidecars"] = d.Sidecars
	}
	if d.SHA256 != nil {
		fields["sha256"] = d.SHA256
	}
	data, err := json.MarshalIndent(fields, "", "  ")
	if err != nil { // strings only: cannot happen
		return []byte("{}\n")
	}
	return append(data, '\n')
}

// parse decodes an object into v and names the keys that are not known.
func parse(data []byte, v any, known ...string) (warnings []string, err error) {
	var keys map[string]json.RawMessage
	if err := json.Unmarshal(data, &keys); err != nil {
		return nil, fmt.Errorf("it is not a JSON object: %w", plain(err))
	}
	if keys == nil {
		return nil, errors.New("it is not a JSON object: it is null")
	}
	for key := range keys {
		if !slices.Contains(known, key) {
			warnings = append(warnings, fmt.Sprintf("unknown key %q; known are %s", key, strings.Join(known, ", ")))
			delete(keys, key) // encoding/json would take it in another case
		}
	}
	slices.Sort(warnings)
	kept, err := json.Marshal(keys)
	if err != nil {
		return warnings, err
	}
	return warnings, plain(json.Unmarshal(kept, v))
}

// plain puts a value of the wrong kind into words of JSON instead of Go.
func plain(err error) error {
	wrong, ok := errors.AsType[*json.UnmarshalTypeError](err)
	if !ok {
		return err
	}
	kind := map[reflect.Kind]string{
		reflect.String: "a string", reflect.Bool: "true or false", reflect.Int: "a whole number", reflect.Slice: "a list", reflect.Map: "an object",
	}[wrong.Type.Kind()]
	if wrong.Field == "" {
		return fmt.Errorf("it is of the kind %s, and must be %s", wrong.Value, kind)
	}
	return fmt.Errorf("%s is of the kind %s, and must be %s", wrong.Field, wrong.Value, kind)
}
