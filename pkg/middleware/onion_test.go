//go:build linux

package middleware_test

// The order of the onion: what runs, in which turn, with what.

import (
	"context"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/serverless/open-runtime/internal/runtimeapi"
	"github.com/serverless/open-runtime/pkg/middleware"
)

const (
	all   = `{"hooks":["before","after","error"]}`
	trace = `echo "$SOR_MIDDLEWARE.$1" >>"$DIR/order"` // says that a hook ran
)

func (l *layer) order() string { return strings.Join(strings.Fields(l.told("order")), " ") }

func (l *layer) wantOrder(want string) {
	l.t.Helper()
	if got := l.order(); got != want {
		l.t.Errorf("order %q, want %q", got, want)
	}
}

var broken = &runtimeapi.Error{Type: "Function.Broken", Message: "it broke"}

func TestChainOrder(t *testing.T) {
	var order []string
	named := func(name string) middleware.Middleware {
		return func(next middleware.Handler) middleware.Handler {
			return func(ctx context.Context, inv *middleware.Invocation, event []byte) (middleware.Response, error) {
				order = append(order, name+" in")
				defer func() { order = append(order, name+" out") }()
				return next(ctx, inv, event)
			}
		}
	}
	_, err := middleware.Chain(echo, named("a"), named("b"))(t.Context(), invocation(), nil)
	if want := []string{"a in", "b in", "b out", "a out"}; err != nil || !cmp.Equal(order, want) {
		t.Errorf("got %v, %v; want %v", order, err, want)
	}
}

func TestOrder(t *testing.T) {
	l := newLayer(t)
	for _, name := range []string{"a", "b", "c"} {
		l.script(name, `read -r input; echo "${input%]},\"$SOR_MIDDLEWARE.$1\"]"`)
	}
	var seen string
	got := l.mustInvoke("a, b ,c", func(_ context.Context, _ *middleware.Invocation, event []byte) (middleware.Response, error) {
		seen = string(event)
		return middleware.Response{Payload: []byte(`["response"]`), ContentType: "text/x"}, nil
	}, `["event"]`)
	if want := `["event","a.before","b.before","c.before"]`; seen != want {
		t.Errorf("the handler saw %s, want %s", seen, want)
	}
	if want := `["response","c.after","b.after","a.after"]`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestOrderOfErrors(t *testing.T) {
	l := newLayer(t)
	for _, name := range []string{"a", "b", "c"} {
		l.script(name, trace)
		l.manifest(name, all)
	}
	_, err := l.invoke("a,b,c", fails(broken), `{}`)
	wantError(t, err, "Function.Broken", "it broke")
	l.wantOrder("a.before b.before c.before c.error b.error a.error")
}

// The content type of a response stays, whatever an after makes of its payload.
func TestContentTypeStays(t *testing.T) {
	l := newLayer(t)
	l.script("a", `[ $1 = before ] || echo changed`)
	response, err := l.load("a").Chain(func(context.Context, *middleware.Invocation, []byte) (middleware.Response, error) {
		return middleware.Response{Payload: []byte("x"), ContentType: "text/plain"}, nil
	})(t.Context(), invocation(), nil)
	if want := (middleware.Response{Payload: []byte("changed"), ContentType: "text/plain"}); err != nil || !cmp.Equal(response, want) {
		t.Errorf("got %+v, %v; want %+v", response, err, want)
	}
}

// payloads are what cat must not change, in before and after.
var payloads = []string{
	`{}`, "{}\n", "{}\n\n", "\n", "\n\n\n", "", "{\"a\":\n\n1}", "{}\r\n", "\r", ` { "a" : 1 } `, `"ä😀\u0000"`, "not JSON",
	"\x00", "\x00\x01\xfe\xff\n\x00", "\xef\xbb\xbf{}", "-n", `\c`, strings.Repeat("x", 65535), strings.Repeat("x", 65536), strings.Repeat("\n", 65537),
}

func TestCatChangesNothing(t *testing.T) {
	l := newLayer(t)
	l.script("cat", "cat")
	set := l.load("cat")
	for _, payload := range payloads {
		var seen []byte
		response, err := set.Chain(func(_ context.Context, _ *middleware.Invocation, event []byte) (middleware.Response, error) {
			seen = event
			return middleware.Response{Payload: event}, nil
		})(t.Context(), invocation(), []byte(payload))
		if err != nil || string(seen) != payload || string(response.Payload) != payload {
			t.Errorf("%.40q: the handler saw %.40q, the caller %.40q, %v", payload, seen, response.Payload, err)
		}
	}
}

// One newline is added on the way in, whatever is there already.
func TestNewlineOnTheWayIn(t *testing.T) {
	l := newLayer(t)
	l.script("a", `cat >"$DIR/$1"`)
	for _, payload := range []string{"{}", "{}\n", ""} {
		l.mustInvoke("a", echo, payload)
		for _, hook := range []string{"before", "after"} {
			if got := l.told(hook); got != payload+"\n" {
				t.Errorf("%s of %q got %q", hook, payload, got)
			}
		}
	}
}

// One trailing newline is trimmed on the way out, not more.
func TestNewlineOnTheWayOut(t *testing.T) {
	l := newLayer(t)
	l.script("a", `[ $1 = before ] || printf "$PRINT"`)
	environ := l.Environ
	for printed, want := range map[string]string{`x`: "x", `x\n`: "x", `x\n\n`: "x\n", `x\r\n`: "x\r", `\n\n`: "\n", `\nx`: "\nx"} {
		l.Environ = append(environ, "PRINT="+printed)
		if got := l.mustInvoke("a", echo, `{}`); got != want {
			t.Errorf("printed %q: got %q, want %q", printed, got, want)
		}
	}
}

func TestUnchanged(t *testing.T) {
	l := newLayer(t)
	for name, script := range map[string]string{"nothing": "exit 0", "newline": "echo", "reads": "cat >/dev/null", "silent": "echo seen >&2"} {
		l.script(name, script)
		if got := l.mustInvoke(name, echo, `{"a":1}`); got != `{"a":1}` {
			t.Errorf("%s: got %q", name, got)
		}
	}
}

// Hooks that the manifest does not list cost no process.
func TestHooksOfTheManifest(t *testing.T) {
	l := newLayer(t)
	l.script("a", trace)
	for hooks, want := range map[string]string{
		`[]`: "", `["before"]`: "a.before", `["after"]`: "a.after", `["error"]`: "", `["after","before"]`: "a.before a.after",
	} {
		l.manifest("a", `{"hooks":`+hooks+`}`)
		l.Environ[1] = "DIR=" + t.TempDir()
		l.mustInvoke("a", echo, `{}`)
		l.wantOrder(want)
	}
}

// A program of 2018 knows two words.
func TestErrorOnlyWhereListed(t *testing.T) {
	l := newLayer(t)
	l.script("a", trace)
	_, err := l.invoke("a", fails(broken), `{}`)
	wantError(t, err, "Function.Broken")
	l.wantOrder("a.before")
}
