//go:build linux

package middleware

// What a middleware sees of the function's environment, and what it is told of an invocation.

import (
	"slices"
	"strconv"
	"strings"

	"github.com/serverless/open-runtime/internal/manifest"
	"github.com/serverless/open-runtime/internal/runtimeapi"
)

// secrets are the variables with which a process gets at the function's AWS credentials.
// https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html
var secrets = []string{
	"AWS_ACCESS_KEY_ID", "AWS_ACCESS_KEY", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_SECURITY_TOKEN",
	"AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
	"AWS_CONTAINER_AUTHORIZATION_TOKEN", "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
	"AWS_WEB_IDENTITY_TOKEN_FILE",
}

// platform are the variables that Lambda sets and that hold no secret, beside those with a prefix of its own.
var platform = []string{
	"AWS_REGION", "AWS_DEFAULT_REGION", "AWS_EXECUTION_ENV", "_HANDLER", "TZ", "LANG", "HOME", "PWD",
	"PATH", "LD_LIBRARY_PATH", "NODE_PATH", "PYTHONPATH", "GEM_PATH", "GEM_HOME", "RUBYLIB",
}

var platformPrefixes = []string{"AWS_LAMBDA_", "LAMBDA_", "AWS_XRAY_", "_AWS_XRAY_", "SOR_"}

// told are the variables of one run. A function's own of these names would only lie.
var told = []string{
	"SOR_HOOK", "SOR_REQUEST_ID", "SOR_DEADLINE_MS", "SOR_FUNCTION_ARN", "SOR_TRACE_ID", "SOR_MIDDLEWARE",
	"SOR_TENANT_ID", "SOR_CLIENT_CONTEXT", "SOR_RESPONSE", runtimeapi.TraceIDVariable,
	"SOR_TRACE", // a descriptor of the bootstrap's, that no child has
}

// environment gives what stays the same from run to run.
func environment(environ []string, name string, m manifest.Middleware) []string {
	var kept []string
	for _, entry := range environ {
		key, _, ok := strings.Cut(entry, "=")
		if ok && !slices.Contains(told, key) && sees(m, key) {
			kept = append(kept, entry)
		}
	}
	return slices.Clip(append(kept, "SOR_MIDDLEWARE="+name))
}

func sees(m manifest.Middleware, key string) bool {
	switch {
	case slices.Contains(secrets, key):
		return m.SeesCredentials()
	case m.Env == nil, slices.Contains(m.Env, key), slices.Contains(platform, key):
		return true
	}
	return slices.ContainsFunc(platformPrefixes, func(prefix string) bool { return strings.HasPrefix(key, prefix) })
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

// variable looks a variable up; the last one wins, as in a child.
func variable(environ []string, key string) string {
	for _, entry := range slices.Backward(environ) {
		if value, ok := strings.CutPrefix(entry, key+"="); ok {
			return value
		}
	}
	return ""
}
