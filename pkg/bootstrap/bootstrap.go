//go:build linux

// Package bootstrap is the open runtime: it asks Lambda's Runtime API for invocations, takes each through the middlewares
// and the language runtime, and posts what came out. next → before → handler → after → response.
//
// It promises: an answer for every invocation, with the true cause when there is no response; that what is wrong with the
// layer is told at init, all of it; that a language runtime which hangs, dies or floods costs its own invocation and no
// other; that nothing it started outlives it in its process group.
//
// It serves a Runtime API to language runtimes that speak it, with the middlewares in between, and plays Lambda to nobody else. It
// knows no language, and looks into no payload.
// https://docs.aws.amazon.com/lambda/latest/dg/runtimes-custom.html
package bootstrap

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/serverless/open-runtime/internal/http1"
	"github.com/serverless/open-runtime/internal/process"
	"github.com/serverless/open-runtime/internal/runtimeapi"
	"github.com/serverless/open-runtime/pkg/middleware"
)

// Options say how the bootstrap was started and where Lambda's folders are.
type Options struct {
	Environ []string // as in os.Environ
	Args    []string // a managed runtime's own command line, when it is started as its wrapper

	// Folders of the file system; empty for Lambda's own.
	Opt, Task string

	Stdout, Stderr *os.File // the function's log
}

// ErrInit says that the cause was told to the Runtime API: there is nothing left to do but to exit.
var ErrInit = errors.New("init failed")

// spareThreads are there for when no more can be started.
const spareThreads = 8

// bootstrap is one life of the open runtime.
type bootstrap struct {
	options  Options
	settings settings
	log      logger
	source   *source
	tracer   *tracer
	sidecars sidecars
	set      *middleware.Set
	runtime  *languageRuntime
}

// Run serves invocations until ctx ends, which is Lambda's SIGTERM, or the Runtime API can't be asked any more. After
// ErrInit the process exits with status 1, as Lambda expects it.
func Run(ctx context.Context, o Options) error {
	b := &bootstrap{options: o.withDefaults()}
	b.log = logger{b.options.Stderr}
	var warnings []string
	b.settings, warnings = readSettings(o.Environ)
	for _, warning := range warnings {
		b.log.warning(warning)
	}
	if b.settings.api == "" {
		return errors.New("this program is started by Lambda, or by sor: AWS_LAMBDA_RUNTIME_API is not set")
	}
	if err := process.NoInherit(); err != nil {
		return fmt.Errorf("closing inherited descriptors to children: %w", err)
	}
	if err := process.Subreap(); err != nil {
		return err
	}
	b.tracer = newTracer(b.settings, b.log)
	client := http1.New(b.settings.api)
	defer client.Close()
	b.source = &source{client: client, log: b.log, function: b.settings.function}
	if b.settings.only != "" {
		return b.runOnly(ctx)
	}
	registered := b.register(ctx)
	defer registered.end()
	go process.SpareThreads(spareThreads) // a handler that starts processes without end gets an answer all the same
	failed := b.init(ctx)
	defer b.shutdown() // after the cause was told
	registered.wait(ctx)
	if failed != nil {
		return b.initFailed(ctx, failed)
	}
	return b.serve(ctx)
}

func (o Options) withDefaults() Options {
	if o.Opt == "" {
		o.Opt = "/opt"
	}
	if o.Task == "" {
		o.Task = "/var/task"
	}
	if o.Stdout == nil {
		o.Stdout = os.Stdout
	}
	if o.Stderr == nil {
		o.Stderr = os.Stderr
	}
	return o
}

func (b *bootstrap) initFailed(ctx context.Context, failed *runtimeapi.Error) error {
	if err := b.source.initError(ctx, failed); err != nil {
		return fmt.Errorf("reporting that init failed: %w; it failed with %w", err, failed)
	}
	return fmt.Errorf("%w: %w", ErrInit, failed)
}

// serve is as many loops as there may be invocations at once. When one of them can't go on, the others ask for nothing more
// and finish what they have.
func (b *bootstrap) serve(ctx context.Context) error {
	asking, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var loops sync.WaitGroup
	for range b.settings.concurrency {
		loops.Go(func() {
			if err := b.loop(ctx, asking); err != nil {
				stop(err)
			}
		})
	}
	loops.Wait()
	if ctx.Err() != nil {
		return nil
	}
	return context.Cause(asking)
}

// loop takes one invocation after the other, as long as asking. What is no longer of use is replaced before the next
// invocation is asked for: a language runtime loads its handler while that is waited for.
func (b *bootstrap) loop(ctx, asking context.Context) error {
	settle := sync.OnceFunc(b.settings.settle)
	for {
		inv, err := b.source.next(asking)
		if asking.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		settle()
		err = b.invoke(ctx, inv)
		if ctx.Err() != nil { // a language runtime that is at work hears of it as one that waits does
			return nil
		}
		if err != nil {
			return err
		}
		b.runtime.renew()
		b.set.Renew()
		b.sidecars.flush(ctx)
	}
}

// invoke takes one invocation through the chain and posts what comes out. Its error is one of the Runtime API, after which
// there is no use in going on.
func (b *bootstrap) invoke(ctx context.Context, inv *invocation) error {
	told := b.settings.tell(inv)
	trace := b.tracer.begin(inv, told)
	chain := b.set.Chain(func(ctx context.Context, told *middleware.Invocation, event []byte) (middleware.Response, error) {
		start := time.Now()
		response, failed := b.runtime.handle(ctx, inv, told, event)
		response = trace.handler(b.runtime, start, len(event), response, failed)
		if failed != nil {
			return response, failed
		}
		return response, nil
	})
	response, err := middleware.Response{}, b.sidecars.await(ctx, told)
	if err == nil {
		response, err = chain(ctx, told, inv.event)
	}
	defer func() {
		inv.release()
		trace.end()
	}()
	id := inv.context.RequestID
	switch {
	case ctx.Err() != nil: // the environment ends, and with it whoever waited
		return ctx.Err()
	case err != nil:
		return b.source.fail(ctx, id, runtimeapi.AsError(err, runtimeapi.ErrorUnknown), inv.alongside(true))
	case response.Stream != nil:
		return b.source.stream(ctx, id, response, inv.alongside(false))
	}
	return b.source.respond(ctx, id, response, inv.alongside(false))
}
