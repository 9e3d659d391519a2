// Package chaos makes invocations go wrong now and then, in the ways that Lambda's own do: the runtime is killed, an event
// comes late, the caller is throttled, an asynchronous event is delivered twice, a sandbox is cold when a warm one was there.
//
// What happens to an invocation follows from a seed, the function's name and the invocation's number: the same seed and the
// same order of invocations give the same faults. It changes no event and no answer, and ends nothing but sandboxes.
package chaos

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/serverless/open-runtime/internal/frames"
	"github.com/serverless/open-runtime/pkg/emulator"
)

// Options say what goes wrong, and how often.
type Options struct {
	Spec Spec
	Seed uint64

	Begin   func(context.Context, frames.SupervisorInvoke, []byte) (*emulator.Invocation, error) // that of the function
	Config  func() frames.Config
	EndIdle func()             // ends the sandboxes that are warm and idle
	Tell    func(fault string) // is told of each fault, before it happens; by several goroutines at once
}

// A Function is one whose invocations go wrong.
type Function struct {
	options Options
	begun   atomic.Uint64
}

// ErrThrottled is emulator.ErrThrottled of an invocation that is throttled on purpose: the function is not asked.
var ErrThrottled error = throttled{}

type throttled struct{}

func (throttled) Error() string { return "it was throttled on purpose" }

// Is says that callers are told what they are told of any throttled invocation.
func (throttled) Is(target error) bool { return target == emulator.ErrThrottled }

// New makes a Function of another.
func New(o Options) *Function { return &Function{options: o} }

// Config is that of the function.
func (f *Function) Config() frames.Config { return f.options.Config() }

// Begin begins an invocation, with its faults. One that is throttled fails with ErrThrottled.
func (f *Function) Begin(ctx context.Context, told frames.SupervisorInvoke, event []byte) (*emulator.Invocation, error) {
	number, faults := f.draw()
	return f.begin(ctx, number, faults, told, event)
}

// BeginAsync begins the invocation of an asynchronous event. An event that is to come twice comes again, with its request
// ID, when the function has answered it; the second answer is the one that counts.
// https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html
func (f *Function) BeginAsync(ctx context.Context, told frames.SupervisorInvoke, event []byte) (*emulator.Invocation, error) {
	number, faults := f.draw()
	inv, err := f.begin(ctx, number, faults, told, event)
	if err != nil || !faults.Duplicate {
		return inv, err
	}
	result, err := inv.Result(context.WithoutCancel(ctx)) // it ends with its function
	if err != nil || result.ErrorType != "" {
		return inv, nil // it will come again anyway
	}
	f.tell(number, "delivering the event %s once more", told.ID)
	return f.options.Begin(ctx, told, event)
}

// draw gives the next invocation its number and its faults.
func (f *Function) draw() (uint64, Faults) {
	number := f.begun.Add(1)
	return number, f.options.Spec.Faults(f.options.Seed, f.Config().FunctionName, number)
}

func (f *Function) begin(ctx context.Context, number uint64, faults Faults, told frames.SupervisorInvoke, event []byte) (*emulator.Invocation, error) {
	if faults.Throttle {
		f.tell(number, "throttling")
		return nil, ErrThrottled
	}
	if faults.Delay > 0 {
		f.tell(number, "delaying the event for %s", faults.Delay)
		if err := wait(ctx, faults.Delay); err != nil {
			return nil, err
		}
	}
	if faults.Cold {
		f.tell(number, "ending what is warm")
		f.options.EndIdle()
	}
	if faults.Kill > 0 {
		told.KillAfterMs = faults.Kill.Milliseconds()
		f.tell(number, "killing the runtime after %d ms", told.KillAfterMs)
	}
	return f.options.Begin(ctx, told, event)
}

func (f *Function) tell(number uint64, format string, args ...any) {
	if f.options.Tell != nil {
		f.options.Tell(fmt.Sprintf(format+" (invocation %d)", append(args, number)...))
	}
}

func wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
