//go:build linux

package middleware

// What a middleware sees of the function's environment, and what it is told of an invocation.

import (
	"slices"
	"strconv"

	"github.com/serverless/open-runtime/internal/manifest"
	"github.com/serverless/open-runtime/internal/privilege"
	"github.com/serverless/open-runtime/internal/runtimeapi"
)

// told are the variables of one run. A function's own of these names would only lie.
var told = []string{
	"SOR_HOOK", "SOR_REQUEST_ID", "SOR_DEADLINE_MS", "SOR_FUNCTION_ARN", "SOR_TRACE_ID",
	"SOR_TENANT_ID", "SOR_CLIENT_CONTEXT", "SOR_RESPONSE", runtimeapi.TraceIDVariable,
	"SOR_TRACE", // a descriptor of the bootstrap's, that no child has
}

// environment gives what stays the same from run to run.
func environment(environ []string, name string, m manifest.Middleware) []string {
	view := privilege.View{Names: m.Env, Credentials: m.SeesCredentials(), Never: told}
	return slices.Clip(append(view.Of(environ), privilege.MiddlewareMark+"="+name))
}

// runEnviron is the environment of one run.
func (p *program) runEnviron(t task, inv *Invocation) []string {
	deadline := "0"
	if told := t.deadline(inv); !told.IsZero() {
		deadline = strconv.FormatInt(told.UnixMilli(), 10)
	}
	env := append(slices.Clip(p.environ),
		"SOR_HOOK="+t.hook,
		"SOR_REQUEST_ID="+inv.RequestID,
		"SOR_DEADLINE_MS="+deadline,
		"SOR_FUNCTION_ARN="+inv.FunctionARN,
	)
	for _, pair := range [][2]string{
		{"SOR_TRACE_ID", inv.TraceID},
		{"SOR_TENANT_ID", inv.TenantID},
		{"SOR_CLIENT_CONTEXT", inv.ClientContext},
		{"SOR_RESPONSE", t.response},
		{runtimeapi.TraceIDVariable, inv.TraceID},
	} {
		if pair[1] != "" {
			env = append(env, pair[0]+"="+pair[1])
		}
	}
	return env
}
