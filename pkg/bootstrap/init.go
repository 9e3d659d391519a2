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
)

// otherCauses is how long the handler is waited for when something is wrong already: what is wrong with it is told as well,
// if that is known soon.
const otherCauses = 2 * time.Second

// init starts the language runtime, loads the middlewares beside it, and waits until all of them are ready.
func (b *bootstrap) init(ctx context.Context) *runtimeapi.Error {
	limit, done := context.WithTimeout(ctx, b.settings.initLimit)
	defer done()
	began := time.Now()
	var wrong []*runtimeapi.Error
	var failed *runtimeapi.Error
	if b.runtime, failed = b.findRuntime(); failed != nil {
		wrong = append(wrong, failed)
	} else {
		b.runtime.open()
		b.runtime.pool.First()
	}
	set, failed := b.loadMiddlewares()
	if failed != nil {
		wrong = append(wrong, failed)
	} else {
		b.set = set
		set.Start()
	}
	if b.runtime != nil && set != nil {
		b.runtime.spare = set.Daemon
	}
	if len(wrong) > 0 {
		limit, done = context.WithTimeout(limit, otherCauses) // what is wrong is to be told within Lambda's time for init
		defer done()
	}
	if b.runtime != nil {
		failed = b.runtime.awaitOpen(ctx, limit.Done(), len(wrong) == 0)
		b.tracer.started(b.settings.handler, b.runtime.kind(), began, errorType(failed))
		if failed != nil {
			wrong = append(wrong, failed)
		}
	}
	if set != nil {
		if err := set.Ready(limit); err != nil {
			wrong = append(wrong, runtimeapi.AsError(err, runtimeapi.ErrorMiddleware))
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
func (b *bootstrap) loadMiddlewares() (*middleware.Set, *runtimeapi.Error) {
	refs, failed := b.lists()
	if failed != nil {
		return nil, failed
	}
	set, err := middleware.Load(refs, b.middlewareOptions())
	if err != nil {
		return nil, runtimeapi.AsError(err, runtimeapi.ErrorMiddleware)
	}
	return set, nil
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
	return middleware.Options{Root: b.options.Opt, Environ: b.settings.environ, Log: b.log.line, Trace: b.tracer.stage(), Concurrency: b.settings.concurrency}
}

// lists gives the middlewares that the function uses: those of SLSMIDDLEWARES when it is set, else those of sor.json.
func (b *bootstrap) lists() ([]manifest.Ref, *runtimeapi.Error) {
	defaults, err := b.readDefaults()
	if err != nil {
		return nil, &runtimeapi.Error{Type: runtimeapi.ErrorMiddleware, Message: err.Error()}
	}
	if failed := b.checkPins(defaults.SHA256); failed != nil {
		return nil, failed
	}
	sidecars := defaults.Sidecars
	if b.settings.sidecars != nil {
		sidecars = strings.FieldsFunc(*b.settings.sidecars, func(r rune) bool { return r == ',' || r == ' ' })
	}
	if len(sidecars) > 0 {
		return nil, &runtimeapi.Error{
			Type:    runtimeapi.ErrorRuntimeStart,
			Message: fmt.Sprintf("sidecars are listed (%s), and this version of the open runtime starts none", strings.Join(sidecars, ", ")),
		}
	}
	source, refs := "sor.json", []manifest.Ref(nil)
	if b.settings.middlewares != nil {
		source = envMiddlewares
		refs, err = manifest.ParseList(*b.settings.middlewares)
	} else {
		refs, err = manifest.ParseRefs(defaults.Middlewares)
	}
	if err != nil {
		return nil, &runtimeapi.Error{Type: runtimeapi.ErrorMiddleware, Message: fmt.Sprintf("reading the list of middlewares in %s: %v", source, err)}
	}
	return refs, nil
}

func (b *bootstrap) readDefaults() (manifest.Defaults, error) {
	data, err := manifest.Read(filepath.Join(b.options.Opt, "sor.json"))
	if err != nil {
		return manifest.Defaults{}, fmt.Errorf("reading sor.json: %w", err)
	}
	if data == nil {
		return manifest.Defaults{}, nil
	}
	defaults, warnings, err := manifest.ParseDefaults(data)
	for _, warning := range warnings {
		b.log.warning("sor.json", "cause", warning)
	}
	if err != nil {
		return defaults, fmt.Errorf("reading sor.json: %w", err)
	}
	return defaults, nil
}
