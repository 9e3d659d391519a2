//go:build linux

// Package sidecar starts the sidecars of a layer before the language runtime, keeps them up, and stops them with it: the
// contract of docs/protocol/sidecar.md.
//
// It promises: the order of the list; that whatever is wrong with a sidecar is told with its name and the cause; that one
// that ends is started again; that one that the function can do without never fails an invocation; that Shutdown leaves no
// process, descriptor or goroutine.
//
// It does not talk to the Runtime API, and knows neither invocations nor language runtimes.
package sidecar

import (
	"context"
	"sync"
	"time"

	"github.com/serverless/open-runtime/internal/logline"
	"github.com/serverless/open-runtime/internal/manifest"
	"github.com/serverless/open-runtime/internal/runtimeapi"
)

// Options say where sidecars are and who hears of them.
type Options struct {
	Root    string                           // "/opt"
	Dir     string                           // what they are started in: "/var/task"
	Environ []string                         // the function's environment
	Arch    string                           // of the machine; default: this program's
	Log     func(source string, line []byte) // a line that a sidecar printed, or a warning (source "sor"); the slice is valid during the call
	Trace   func(Record)                     // may be nil
}

// A Record is something that happened to a sidecar.
type Record struct {
	Name  string
	Stage string // "sidecar"
	Event string // start, ready, restart, flush or stop
	Start time.Time
	// Duration is: of a start until the program ran; of ready from there until it was; of a restart from its end until it
	// was ready again, or ended again; of a flush until it was answered; of a stop until it had ended.
	Duration  time.Duration
	ErrorType string // when it went wrong
}

// A sidecar is one program, whatever became of it. One goroutine owns it from Start to Shutdown.
type sidecar struct {
	name     string
	exe      string
	manifest manifest.Sidecar
	critical bool
	environ  []string
	options  Options

	first chan error // what became of its first start
	done  chan struct{}

	mu      sync.Mutex
	up      *life         // while it is ready
	cause   error         // why it is not
	changed chan struct{} // closed when up was set or its owner left
	mute    limiter       // of warnings about flushes
}

func (c *sidecar) warn(message string, pairs ...string) {
	c.options.Log(logline.Own, logline.Warning(message, append([]string{"sidecar", c.name}, pairs...)...))
}

func (c *sidecar) trace(event string, start time.Time, failed bool) {
	if c.options.Trace == nil {
		return
	}
	r := Record{Name: c.name, Stage: "sidecar", Event: event, Start: start, Duration: time.Since(start)}
	if failed {
		r.ErrorType = runtimeapi.ErrorSidecar
	}
	c.options.Trace(r)
}

// document makes the error of an init or an invocation from a cause.
func (c *sidecar) document(cause error) *runtimeapi.Error {
	return &runtimeapi.Error{Type: runtimeapi.ErrorSidecar, Message: "sidecar " + c.name + ": " + cause.Error()}
}

// risen, fallen and left are the owner's: what it does to a sidecar, the others see.
func (c *sidecar) risen(l *life) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.up, c.cause = l, nil
	close(c.changed)
	c.changed = make(chan struct{})
}

func (c *sidecar) fallen(cause error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.up, c.cause = nil, cause
}

// await waits until it is ready.
func (c *sidecar) await(ctx context.Context) error {
	for {
		c.mu.Lock()
		up, cause, changed := c.up, c.cause, c.changed
		c.mu.Unlock()
		if up != nil {
			return nil
		}
		select {
		case <-changed:
		case <-c.done:
			c.mu.Lock()
			defer c.mu.Unlock()
			return c.document(c.cause)
		case <-ctx.Done():
			return c.document(notUp(cause))
		}
	}
}
