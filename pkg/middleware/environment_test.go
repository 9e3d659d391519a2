//go:build linux

package middleware_test

// What a middleware sees of the environment.

import (
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/serverless/open-runtime/internal/frames"
	"github.com/serverless/open-runtime/pkg/middleware"
)

// dump writes the environment as the kernel handed it over to a file next to the middleware: DIR may be hidden.
const dump = `cat /proc/$$/environ >"$0.$1"`

// environOf gives what a hook of the middleware a saw, sorted.
func (l *layer) environOf(hook string) []string {
	l.t.Helper()
	l.Environ = append(l.Environ, "DIR="+l.root+"/middlewares")
	environ := strings.Split(strings.TrimSuffix(l.told("a."+hook), "\x00"), "\x00")
	slices.Sort(environ)
	return environ
}

func TestVariablesOfARun(t *testing.T) {
	deadline := time.UnixMilli(1780000000123)
	inv := &middleware.Invocation{Deadline: deadline, Context: frames.Context{
		RequestID: "8476a536", FunctionARN: "arn:aws:lambda:eu-west-1:123456789012:function:f", FunctionName: "f",
		TraceID: "Root=1-5759e988;Sampled=1", TenantID: "tenant ä", ClientContext: `{"custom":{"a":"b"}}`,
	}}
	for _, hook := range []string{"before", "after", "error"} {
		l := newLayer(t)
		l.Environ = []string{"PATH=/usr/bin:/bin", "OWN=1", "EMPTY=", "EQUALS=a=b"}
		l.manifest("a", all)
		l.script("a", dump)
		handler := echo
		if hook == "error" {
			handler = fails(broken)
		}
		if _, err := l.load("a").Chain(handler)(t.Context(), inv, []byte(`{}`)); err != nil && hook != "error" {
			t.Fatal(err)
		}
		want := []string{
			"EMPTY=", "EQUALS=a=b", "OWN=1", "PATH=/usr/bin:/bin",
			"SOR_CLIENT_CONTEXT=" + `{"custom":{"a":"b"}}`,
			"SOR_DEADLINE_MS=" + strconv.FormatInt(deadline.UnixMilli(), 10),
			"SOR_FUNCTION_ARN=arn:aws:lambda:eu-west-1:123456789012:function:f",
			"SOR_HOOK=" + hook, "SOR_MIDDLEWARE=a", "SOR_REQUEST_ID=8476a536", "SOR_TENANT_ID=tenant ä",
			"SOR_TRACE_ID=Root=1-5759e988;Sampled=1", "_X_AMZN_TRACE_ID=Root=1-5759e988;Sampled=1",
		}
		if hook == "after" {
			want = slices.Insert(want, slices.Index(want, "SOR_REQUEST_ID=8476a536")+1, "SOR_RESPONSE=buffer")
		}
		if diff := cmp.Diff(want, l.environOf(hook)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", hook, diff)
		}
	}
}

// What there is none of is not set: a trace, a tenant, a client context. A function's own variables of these names would
// only lie, and SOR_TRACE, a descriptor of the bootstrap's, is never passed.
func TestVariablesThatAreNotThere(t *testing.T) {
	l := newLayer(t)
	l.Environ = []string{
		"PATH=/usr/bin:/bin", "SOR_TRACE=5", "SOR_TRACE_ID=lie", "_X_AMZN_TRACE_ID=lie", "SOR_TENANT_ID=lie", "SOR_CLIENT_CONTEXT=lie",
		"SOR_HOOK=lie", "SOR_MIDDLEWARE=lie", "SOR_REQUEST_ID=lie", "SOR_FUNCTION_ARN=lie", "SOR_DEADLINE_MS=lie", "SOR_OWN=kept", "junk",
	}
	l.script("a", dump)
	l.mustInvoke("a", echo, `{}`)
	want := []string{
		"PATH=/usr/bin:/bin", "SOR_DEADLINE_MS=0", "SOR_FUNCTION_ARN=arn:aws:lambda:eu-west-1:1:function:f", "SOR_HOOK=before",
		"SOR_MIDDLEWARE=a", "SOR_OWN=kept", "SOR_REQUEST_ID=request-1",
	}
	if diff := cmp.Diff(want, l.environOf("before")); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestLeastPrivilege(t *testing.T) {
	secrets := []string{
		"AWS_ACCESS_KEY_ID=s", "AWS_SECRET_ACCESS_KEY=s", "AWS_SESSION_TOKEN=s", "AWS_SECURITY_TOKEN=s", "AWS_ACCESS_KEY=s",
		"AWS_CONTAINER_CREDENTIALS_FULL_URI=s", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI=s", "AWS_CONTAINER_AUTHORIZATION_TOKEN=s",
		"AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE=s", "AWS_WEB_IDENTITY_TOKEN_FILE=s",
	}
	lambdas := []string{
		"AWS_REGION=r", "AWS_DEFAULT_REGION=r", "AWS_EXECUTION_ENV=e", "AWS_LAMBDA_FUNCTION_NAME=f", "AWS_LAMBDA_RUNTIME_API=127.0.0.1:1",
		"AWS_XRAY_CONTEXT_MISSING=LOG_ERROR", "_AWS_XRAY_DAEMON_ADDRESS=x", "LAMBDA_TASK_ROOT=/var/task", "_HANDLER=h", "LANG=en_US.UTF-8", "TZ=:UTC",
		"LD_LIBRARY_PATH=/opt/lib", "PATH=/usr/bin:/bin", "SOR_MARGIN_MS=1",
	}
	own := []string{"TABLE_NAME=orders", "DATABASE_PASSWORD=p", "TABLE=t", "AWS_PROFILE=mine"}
	for _, test := range []struct {
		manifest string
		want     [][]string
	}{
		{`{}`, [][]string{secrets, lambdas, own}},
		{`{"env":null,"credentials":true}`, [][]string{secrets, lambdas, own}},
		{`{"credentials":false}`, [][]string{lambdas, own}},
		{`{"env":[]}`, [][]string{secrets, lambdas}},
		{`{"env":["TABLE_NAME","NOT_THERE"],"credentials":false}`, [][]string{lambdas, own[:1]}},
		{`{"env":["AWS_SECRET_ACCESS_KEY"],"credentials":false}`, [][]string{lambdas}},
	} {
		l := newLayer(t)
		l.Environ = slices.Concat(secrets, lambdas, own)
		l.manifest("a", test.manifest)
		l.script("a", dump)
		l.mustInvoke("a", echo, `{}`)
		want := slices.Concat(test.want...)
		slices.Sort(want)
		got := slices.DeleteFunc(l.environOf("before"), func(entry string) bool {
			return strings.HasPrefix(entry, "SOR_") && !strings.HasPrefix(entry, "SOR_MARGIN_MS=")
		})
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.manifest, diff)
		}
	}
}

// Each middleware of a set sees its own.
func TestVariablesAreNotShared(t *testing.T) {
	l := newLayer(t)
	l.manifest("a", `{"env":["DIR"],"credentials":false}`)
	l.script("a", `echo "$SOR_MIDDLEWARE:$AWS_SECRET_ACCESS_KEY:$SOR_HOOK" >>"$DIR/order"`)
	l.script("b", `echo "$SOR_MIDDLEWARE:$AWS_SECRET_ACCESS_KEY:$SOR_HOOK" >>"$DIR/order"`)
	l.Environ = append(l.Environ, "AWS_SECRET_ACCESS_KEY=s")
	l.mustInvoke("a,b", echo, `{}`)
	l.wantOrder("a::before b:s:before b:s:after a::after")
}
