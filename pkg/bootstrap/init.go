//go:build linux

package bootstrap

// The INIT phase: everything that can be known of the layer is checked, and all that is wrong is told together.

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/serverless/open-runtime/internal/manifest"
	"github.com/serverless/open-runtime/internal/runtimeapi"
	"github.com/serverless/open-runtime/pkg/middleware"
	"github.com/serverless/open-runtime/pkg/sidecar"
)

// otherCauses is how long the handler is waited for when something is wrong already: what is wrong with it is told as well,
// if that is known soon.
const otherCauses = 2 * time.Second

// init starts the sidecars, and then the language runtime and the middlewares beside each other, and waits until all of them
// are ready. What can be checked without starting it is checked in any case, so that all that is wrong is told together.
func (b *bootstrap) init(ctx context.Context) *runtimeapi.Error {
	limit, done := context.WithTimeout(ctx, b.settings.initLimit)
	defer done()
	began := time.Now()
	var wrong []*runtimeapi.Error
	check := func(failed *runtimeapi.Error) bool {
		if failed != nil {
			wrong = append(wrong, failed)
		}
		return failed == nil
	}
	defaults, failed := b.readDefaults()
	start := check(failed) && check(b.checkPins(defaults.SHA256)) // what is not what it was tested with is not run
	start = check(b.startSidecars(limit, defaults, start)) && start
	var found bool
	if b.runtime, failed = b.findRuntime(); check(failed) {
		b.runtime.spare = b.sidecars.owns
		b.runtime.open()
		if found = start; found {
			b.runtime.pool.First()
		}
	}
	if set, failed := b.loadMiddlewares(defaults); check(failed) {
		b.set = set
		if found {
			b.runtime.spare = func(pid int) bool { return set.Daemon(pid) || b.sidecars.owns(pid) }
			set.Start()
		}
	}
	if len(wrong) > 0 {
		limit, done = context.WithTimeout(limit, otherCauses) // what is wrong is to be told within Lambda's time for init
		defer done()
	}
	if found {
		failed = b.runtime.awaitOpen(ctx, limit.Done(), len(wrong) == 0)
		b.tracer.started(b.settings.handler, b.runtime.kind(), began, errorType(failed))
		check(failed)
		if b.set != nil {
			if err := b.set.Ready(limit); err != nil {
				check(runtimeapi.AsError(err, runtimeapi.ErrorMiddleware))
			}
		}
	}
	b.tracer.initLine()
	return together(wrong)
}

func errorType(failed *runtimeapi.Error) string {
	if failed == nil {
		return ""
	}
	return failed.Type
}

// loadMiddlewares finds the middlewares that the function uses and checks them.
func (b *bootstrap) loadMiddlewares(defaults manifest.Defaults) (*middleware.Set, *runtimeapi.Error) {
	refs, err := listed("middlewares", envMiddlewares, b.settings.middlewares, defaults.Middlewares)
	if err != nil {
		return nil, &runtimeapi.Error{Type: runtimeapi.ErrorMiddleware, Message: err.Error()}
	}
	set, err := middleware.Load(refs, b.middlewareOptions())
	if err != nil {
		return nil, runtimeapi.AsError(err, runtimeapi.ErrorMiddleware)
	}
	return set, nil
}

// startSidecars checks the sidecars of the function, starts them one after the other, if they may be, and waits until they are
// ready. A handler that needs one that is not would only fail too, and hide why.
func (b *bootstrap) startSidecars(ctx context.Context, defaults manifest.Defaults, start bool) *runtimeapi.Error {
	refs, err := listed("sidecars", envSidecars, b.settings.sidecars, defaults.Sidecars)
	if err != nil {
		return &runtimeapi.Error{Type: runtimeapi.ErrorSidecar, Message: err.Error()}
	}
	set, err := sidecar.Load(refs, sidecar.Options{
		Root: b.options.Opt, Dir: b.options.Task, Environ: b.settings.environ, Log: b.log.line, Trace: b.tracer.sidecar(),
	})
	if err == nil && start {
		b.sidecars.set = set
		err = set.Start(ctx)
	}
	if err != nil {
		return runtimeapi.AsError(err, runtimeapi.ErrorSidecar)
	}
	return nil
}

// together makes one error of several: the type and the stack of the first, and every message.
func together(wrong []*runtimeapi.Error) *runtimeapi.Error {
	if len(wrong) < 2 {
		for _, failed := range wrong {
			return failed
		}
		return nil
	}
	var messages []string
	for _, failed := range wrong {
		messages = append(messages, failed.Message)
	}
	return &runtimeapi.Error{Type: wrong[0].Type, Message: strings.Join(messages, "\n"), StackTrace: wrong[0].StackTrace}
}

func (b *bootstrap) middlewareOptions() middleware.Options {
	o := middleware.Options{Root: b.options.Opt, Environ: b.settings.environ, Log: b.log.line, Trace: b.tracer.stage(), Concurrency: b.settings.concurrency}
	if name, ok := strings.CutPrefix(b.settings.debug, "middlewares/"); ok {
		o.Debug, o.Debugger = name, b.settings.debugger
	}
	return o
}

// listed gives what a function uses: what its variable says when it is set, else what sor.json says.
func listed(what, variable string, set *string, defaults []string) ([]manifest.Ref, error) {
	source, refs, err := "sor.json", []manifest.Ref(nil), error(nil)
	if set != nil {
		source = variable
		refs, err = manifest.ParseList(*set)
	} else {
		refs, err = manifest.ParseRefs(defaults)
	}
	if err != nil {
		return nil, fmt.Errorf("reading the list of %s in %s: %w", what, source, err)
	}
	return refs, nil
}

// readDefaults reads sor.json, which is of all who packed the layer's middlewares and sidecars.
func (b *bootstrap) readDefaults() (manifest.Defaults, *runtimeapi.Error) {
	wrong := func(err error) *runtimeapi.Error {
		return &runtimeapi.Error{Type: runtimeapi.ErrorMiddleware, Message: "reading sor.json: " + err.Error()}
	}
	data, err := manifest.ReadIn(b.options.Opt, filepath.Join(b.options.Opt, "sor.json"))
	if err != nil {
		return manifest.Defaults{}, wrong(err)
	}
	if data == nil {
		return manifest.Defaults{}, nil
	}
	defaults, warnings, err := manifest.ParseDefaults(data)
	for _, warning := range warnings {
		b.log.warning("sor.json", "cause", warning)
	}
	if err != nil {
		return defaults, wrong(err)
	}
	return defaults, nil
}
