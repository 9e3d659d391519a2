//go:build linux

package middleware_test

// Time: a middleware's own limit, and the invocation's.

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/serverless/open-runtime/internal/runtimeapi"
	"github.com/serverless/open-runtime/pkg/middleware"
)

// briefly is a context whose time is over soon.
func briefly(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	t.Cleanup(cancel)
	return ctx
}

func TestOwnTimeLimit(t *testing.T) {
	for _, hook := range []string{"before", "after"} {
		l := newLayer(t)
		l.manifest("a", `{"timeoutMs":1000}`)
		l.script("a", `[ $1 != `+hook+` ] || { echo waiting >&2; sleep 1000; }`)
		t.Run(hook, func(t *testing.T) {
			t.Parallel()
			l.t = t
			done := within(t, soon)
			_, err := l.invoke("a", echo, `{}`)
			done()
			wantError(t, err, runtimeapi.ErrorMiddleware, "middleware a, "+hook+": timed out after 1000 ms\nlast lines of its stderr:\nwaiting")
			if want := `sor: timeout request_id="request-1" middleware=a hook=` + hook + " process "; !strings.Contains(l.logs(), want) || !strings.Contains(l.logs(), "sleep: sleeping in ") {
				t.Errorf("no line says %q: %s", want, l.logs())
			}
		})
	}
}

// timeoutMs is the time of one run, not of all.
func TestOwnTimeLimitIsOfOneRun(t *testing.T) {
	l := newLayer(t)
	l.manifest("a", `{"timeoutMs":2000}`)
	l.script("a", `sleep 1.1`)
	l.mustInvoke("a", echo, `{}`)
}

func TestInvocationTime(t *testing.T) {
	for _, test := range []struct{ list, manifest string }{
		{"a", `{}`}, {"a", `{"timeoutMs":60000}`},
		{"a?", `{}`}, {"a?", `{"timeoutMs":60000}`}, {"a", `{"required":false}`}, // nobody is skipped any more
	} {
		for _, hook := range []string{"before", "after"} {
			l := newLayer(t) // written before the first of them forks: a file is busy while a fork has it open for writing
			l.manifest("a", test.manifest)
			l.script("a", `[ $1 != `+hook+` ] || { echo waiting >&2; sleep 1000; }`)
			t.Run(test.list+" "+test.manifest+" "+hook, func(t *testing.T) {
				t.Parallel()
				l.t = t
				done := within(t, soon)
				_, err := l.invokeIn(briefly(t), test.list, echo, `{}`)
				done()
				wantError(t, err, runtimeapi.ErrorTimeout, "middleware a, "+hook+": the invocation's time was over before it finished",
					"\nlast lines of its stderr:\nwaiting")
			})
		}
	}
}

// With no time left nothing is started.
func TestNoTimeLeft(t *testing.T) {
	l := newLayer(t)
	l.script("a", trace)
	l.manifest("a", all)
	ctx, cancel := context.WithDeadline(t.Context(), time.Unix(1, 0))
	defer cancel()
	_, err := l.invokeIn(ctx, "a?", unreached(t), `{}`)
	wantError(t, err, runtimeapi.ErrorTimeout, "middleware a, before")
	l.wantOrder("")
}

// Without time left there is nobody to ask about an error.
func TestNoErrorHookWithoutTime(t *testing.T) {
	l := newLayer(t)
	l.script("a", trace)
	l.manifest("a", `{"hooks":["error"]}`)
	ctx, cancel := context.WithCancel(t.Context())
	_, err := l.invokeIn(ctx, "a", func(context.Context, *middleware.Invocation, []byte) (middleware.Response, error) {
		cancel()
		return middleware.Response{}, broken
	}, `{}`)
	if err != broken {
		t.Errorf("got %v, want the error that was given", err)
	}
	l.wantOrder("")
}

// The time of an error hook ends with the invocation's, and the error stays.
func TestErrorHookRunsOutOfTime(t *testing.T) {
	l := newLayer(t)
	l.script("a", `sleep 1000`)
	l.manifest("a", `{"hooks":["error"]}`)
	done := within(t, soon)
	_, err := l.invokeIn(briefly(t), "a", fails(broken), `{}`)
	done()
	if err != broken {
		t.Errorf("got %v, want the error that was given", err)
	}
}

func TestStopped(t *testing.T) {
	l := newLayer(t)
	l.script("a", `echo >"$DIR/started"; sleep 1000`)
	ctx, cancel := context.WithCancelCause(t.Context())
	go func() {
		defer cancel(errors.New("the sandbox shuts down"))
		tick := time.NewTicker(time.Millisecond)
		defer tick.Stop()
		for l.told("started") == "" {
			select {
			case <-tick.C:
			case <-t.Context().Done():
				return
			}
		}
	}()
	_, err := l.invokeIn(ctx, "a?", unreached(t), `{}`)
	wantError(t, err, runtimeapi.ErrorMiddleware, "middleware a, before: it was stopped: the sandbox shuts down")
}
