package main

// sor start --chaos: invocations that go wrong now and then, and the seed that has them go wrong again.

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"

	"github.com/spf13/cobra"

	"github.com/serverless/open-runtime/internal/frames"
	"github.com/serverless/open-runtime/pkg/emulator"
	"github.com/serverless/open-runtime/pkg/emulator/chaos"
)

type chaosOptions struct {
	text string
	seed uint64
	spec chaos.Spec // what text says
}

func (o *chaosOptions) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&o.text, "chaos", "", "what goes wrong, and how often: kill=5%,delay=10%:200ms,throttle=1%,duplicate=10%,cold=5%")
	f.Uint64Var(&o.seed, "chaos-seed", 0, "of a run whose faults are to happen again (default: another each time, and it is said)")
}

// check reads the spec, and draws a seed when none is given.
func (o *chaosOptions) check(seeded bool) error {
	if o.text == "" {
		if seeded {
			return fail(exitUsage, "as in --chaos kill=5%", errors.New("--chaos-seed is for --chaos"))
		}
		return nil
	}
	var err error
	if o.spec, err = chaos.Parse(o.text); err != nil {
		hint := "as in --chaos kill=5%,delay=10%:200ms"
		if unknown, ok := errors.AsType[*chaos.UnknownError](err); ok {
			hint = alternatives("faults", unknown.Name, chaos.Names())
		}
		return fail(exitUsage, hint, fmt.Errorf("--chaos: %w", err))
	}
	if !seeded {
		o.seed = uint64(rand.Uint32())
	}
	return nil
}

// chaos makes the faults of a function; nil without --chaos.
func (f *servedFunction) chaos(o chaosOptions) *chaos.Function {
	if o.text == "" {
		return nil
	}
	return chaos.New(chaos.Options{
		Spec: o.spec, Seed: o.seed, Begin: f.begin, Config: f.Config, EndIdle: f.function.EndIdle,
		Tell: func(fault string) {
			if !f.quiet {
				f.line(f.prefix + "chaos: " + fault)
			}
		},
	})
}

// Begin begins an invocation, with what goes wrong with it.
func (f *servedFunction) Begin(ctx context.Context, told frames.SupervisorInvoke, event []byte) (*emulator.Invocation, error) {
	if f.faults != nil {
		inv, err := f.faults.Begin(ctx, told, event)
		f.recordThrottled(told, event, err)
		return inv, err
	}
	return f.begin(ctx, told, event)
}

// beginAsync is Begin for an event of the queue.
func (f *servedFunction) beginAsync(ctx context.Context, told frames.SupervisorInvoke, event []byte) (*emulator.Invocation, error) {
	if f.faults != nil {
		inv, err := f.faults.BeginAsync(ctx, told, event)
		f.recordThrottled(told, event, err)
		return inv, err
	}
	return f.begin(ctx, told, event)
}

// recordThrottled records an invocation that was throttled on purpose before it was about to be handed over.
func (f *servedFunction) recordThrottled(told frames.SupervisorInvoke, event []byte, err error) {
	if errors.Is(err, chaos.ErrThrottled) {
		f.recorder.refused(f.name, told, event, err)
	}
}
