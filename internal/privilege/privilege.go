// Package privilege says what a program beside the handler, a middleware or a sidecar, sees of the function's environment.
//
// It promises that whoever is to see no credentials sees none of the variables that lead to them. It is about variables
// alone: what a program may read or reach is the sandbox's business.
package privilege

import (
	"slices"
	"strings"
)

// The variable that only the processes of a middleware, or of a sidecar, have: its name. Who left them behind is known by it.
const (
	MiddlewareMark = "SOR_MIDDLEWARE"
	SidecarMark    = "SOR_SIDECAR"
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

// A View is what a manifest allows.
type View struct {
	Names       []string // of the function's own variables; nil: all
	Credentials bool
	Never       []string // variables that the runtime itself tells: a function's own of these names would only lie
}

// Of gives the variables of environ that are in view. Marks never are.
func (v View) Of(environ []string) []string {
	var kept []string
	for _, entry := range environ {
		key, _, ok := strings.Cut(entry, "=")
		if ok && key != MiddlewareMark && key != SidecarMark && !slices.Contains(v.Never, key) && v.sees(key) {
			kept = append(kept, entry)
		}
	}
	return kept
}

func (v View) sees(key string) bool {
	switch {
	case slices.Contains(secrets, key):
		return v.Credentials
	case v.Names == nil, slices.Contains(v.Names, key), slices.Contains(platform, key):
		return true
	}
	return slices.ContainsFunc(platformPrefixes, func(prefix string) bool { return strings.HasPrefix(key, prefix) })
}

// Variable looks a variable up; the last one wins, as in a child.
func Variable(environ []string, key string) string {
	for _, entry := range slices.Backward(environ) {
		if value, ok := strings.CutPrefix(entry, key+"="); ok {
			return value
		}
	}
	return ""
}
