//go:build linux

package bootstrap

// The shutdown phase. Lambda sends SIGTERM only where an extension is registered, and kills at once where none is: so the
// bootstrap registers an internal one, which asks for no events and costs no process.
// https://docs.aws.amazon.com/lambda/latest/dg/runtimes-extensions-api.html#runtimes-lifecycle-shutdown

import (
	"context"
	"sync"
	"time"

	"github.com/serverless/open-runtime/internal/http1"
	"github.com/serverless/open-runtime/internal/process"
	"github.com/serverless/open-runtime/internal/runtimeapi"
)

// extensionName is that of the internal extension; a function's own client may register one of another name.
const extensionName = "open-runtime"

// A registration is the internal extension, which waits for an event that never comes.
type registration struct {
	done chan struct{} // closed when it is registered, or never will be
	stop context.CancelFunc
	all  sync.WaitGroup
}

// register registers beside whatever else init does. An API that has no extensions says no, and Lambda's SIGTERM stays out.
func (b *bootstrap) register(ctx context.Context) *registration {
	ctx, stop := context.WithCancel(ctx)
	r := &registration{done: make(chan struct{}), stop: stop}
	r.all.Go(func() {
		client := http1.New(b.settings.api) // of its own: one connection is taken for good
		defer client.Close()
		id := registerExtension(ctx, client)
		close(r.done)
		if id != "" {
			awaitEvent(ctx, client, id)
		}
	})
	return r
}

// wait waits until it is registered: that has to be before the first /next.
func (r *registration) wait(ctx context.Context) {
	select {
	case <-r.done:
	case <-ctx.Done():
	}
}

func (r *registration) end() {
	r.stop()
	r.all.Wait()
}

// registerExtension gives the identifier of the extension, "" when there is none.
func registerExtension(ctx context.Context, client *http1.Client) string {
	resp, err := client.Do(ctx, &http1.Request{
		Method: "POST", Path: runtimeapi.PathRegister, Body: []byte(`{"events":[]}`),
		Header: http1.Header{{Name: "Content-Type", Value: "application/json"}, {Name: runtimeapi.HeaderExtensionName, Value: extensionName}},
	}, mostAnswer)
	if err != nil || resp.Status != 200 {
		return ""
	}
	return resp.Header.Get(runtimeapi.HeaderExtensionID)
}

// awaitEvent says that the extension is ready. There is no event that it asked for.
func awaitEvent(ctx context.Context, client *http1.Client, id string) {
	// Whatever comes, or does not, is nothing to act upon: the end is told by SIGTERM.
	_, _ = client.Do(ctx, &http1.Request{Method: "GET", Path: runtimeapi.PathExtensionNext, Header: http1.Header{{Name: runtimeapi.HeaderExtensionID, Value: id}}}, mostAnswer)
}

// shutdownGrace is how long all that the bootstrap started may take to end. Lambda gives the whole environment 300 to
// 2000 ms and then kills it.
const shutdownGrace = 2 * time.Second

// sidecarsWait is how long sidecars are left alone at the end, for the others may flush to them: a part of the 500 ms that an
// environment with an internal extension has.
const sidecarsWait = 200 * time.Millisecond

// shutdown asks all that was started to finish, sidecars last, waits, and kills what is still there.
func (b *bootstrap) shutdown() {
	ctx, done := context.WithTimeout(context.Background(), shutdownGrace)
	defer done()
	var inner sync.WaitGroup
	if b.runtime != nil {
		inner.Go(func() { b.runtime.shutdown(ctx) })
	}
	if b.set != nil {
		inner.Go(func() { b.set.Shutdown(ctx) })
	}
	if b.sidecars.set != nil {
		b.sidecars.shutdown(ctx, &inner)
	}
	inner.Wait()
	process.KillOrphans(nil)
}
