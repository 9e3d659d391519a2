package privilege_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/serverless/open-runtime/internal/privilege"
)

// What pkg/middleware's tests say of processes, here of lists.
func TestView(t *testing.T) {
	environ := []string{
		"PATH=/bin", "AWS_LAMBDA_FUNCTION_NAME=f", "TABLE=t", "OTHER=o", "AWS_SECRET_ACCESS_KEY=s", "AWS_WEB_IDENTITY_TOKEN_FILE=f",
		"SOR_MIDDLEWARE=lie", "SOR_SIDECAR=lie", "SOR_HOOK=lie", "junk", "=odd",
	}
	for _, test := range []struct {
		view privilege.View
		want []string
	}{
		{privilege.View{}, []string{"PATH=/bin", "AWS_LAMBDA_FUNCTION_NAME=f", "TABLE=t", "OTHER=o", "SOR_HOOK=lie", "=odd"}},
		{privilege.View{Credentials: true, Never: []string{"SOR_HOOK"}}, []string{
			"PATH=/bin", "AWS_LAMBDA_FUNCTION_NAME=f", "TABLE=t", "OTHER=o", "AWS_SECRET_ACCESS_KEY=s", "AWS_WEB_IDENTITY_TOKEN_FILE=f", "=odd",
		}},
		{privilege.View{Names: []string{"TABLE", "AWS_SECRET_ACCESS_KEY"}}, []string{"PATH=/bin", "AWS_LAMBDA_FUNCTION_NAME=f", "TABLE=t", "SOR_HOOK=lie"}},
		{privilege.View{Names: []string{}}, []string{"PATH=/bin", "AWS_LAMBDA_FUNCTION_NAME=f", "SOR_HOOK=lie"}},
	} {
		if diff := cmp.Diff(test.want, test.view.Of(environ)); diff != "" {
			t.Errorf("%+v (-want +got):\n%s", test.view, diff)
		}
	}
}

func TestVariable(t *testing.T) {
	environ := []string{"A=1", "AB=2", "A=3", "B="}
	for key, want := range map[string]string{"A": "3", "AB": "2", "B": "", "C": ""} {
		if got := privilege.Variable(environ, key); got != want {
			t.Errorf("%s: got %q, want %q", key, got, want)
		}
	}
}
