package chaos_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/serverless/open-runtime/internal/frames"
	"github.com/serverless/open-runtime/pkg/emulator"
	"github.com/serverless/open-runtime/pkg/emulator/chaos"
	"github.com/serverless/open-runtime/pkg/emulator/emulatortest"
	"github.com/serverless/open-runtime/pkg/emulator/invokeapi"
)

var _ invokeapi.Function = (*chaos.Function)(nil)

// A rig is a function with faults, and what was seen of it.
type rig struct {
	*chaos.Function
	box *emulatortest.Sandbox

	mu    sync.Mutex
	told  []string
	given []frames.SupervisorInvoke
}

func newRig(t *testing.T, spec string, answer func(*emulatortest.Box, frames.SupervisorInvoke, []byte)) *rig {
	t.Helper()
	parsed, err := chaos.Parse(spec)
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{}
	r.box = &emulatortest.Sandbox{Work: func(b *emulatortest.Box, inv frames.SupervisorInvoke, event []byte) {
		r.mu.Lock()
		r.given = append(r.given, inv)
		r.mu.Unlock()
		answer(b, inv, event)
	}}
	f := emulator.NewFunction(emulator.FunctionOptions{Sandbox: r.box, Options: emulator.Options{Config: frames.Config{FunctionName: "hello"}}})
	t.Cleanup(func() { f.Close(context.WithoutCancel(t.Context())) })
	r.Function = chaos.New(chaos.Options{
		Spec: parsed, Seed: 1, Begin: f.Begin, Config: f.Config, EndIdle: f.EndIdle,
		Tell: func(fault string) {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.told = append(r.told, fault)
		},
	})
	return r
}

// finish waits for the end of an invocation that began.
func finish(t *testing.T, inv *emulator.Invocation, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := inv.Result(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func (r *rig) said(t *testing.T, want ...string) {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	if diff := cmp.Diff(want, r.told); diff != "" {
		t.Errorf("what was told (-want +got):\n%s", diff)
	}
}

func (r *rig) invocations() []frames.SupervisorInvoke {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]frames.SupervisorInvoke(nil), r.given...)
}

func TestKill(t *testing.T) {
	r := newRig(t, "kill=100%:12ms", emulatortest.Echo)
	inv, err := r.Begin(t.Context(), frames.SupervisorInvoke{ID: "a"}, []byte("1"))
	finish(t, inv, err)
	r.said(t, "killing the runtime after 12 ms (invocation 1)")
	if got := r.invocations(); len(got) != 1 || got[0].KillAfterMs != 12 {
		t.Errorf("the sandbox was told %+v", got)
	}
}

func TestThrottle(t *testing.T) {
	r := newRig(t, "throttle=100%,kill=100%,delay=100%:15m", emulatortest.Echo)
	if _, err := r.Begin(t.Context(), frames.SupervisorInvoke{ID: "a"}, nil); !errors.Is(err, emulator.ErrThrottled) {
		t.Errorf("got %v", err)
	}
	r.said(t, "throttling (invocation 1)")
	if got := r.invocations(); len(got) != 0 {
		t.Errorf("the sandbox was told %+v", got)
	}
}

func TestDelay(t *testing.T) {
	r := newRig(t, "delay=100%:50ms", emulatortest.Echo)
	begun := time.Now()
	inv, err := r.Begin(t.Context(), frames.SupervisorInvoke{ID: "a"}, nil)
	finish(t, inv, err)
	if took := time.Since(begun); took < 50*time.Millisecond {
		t.Errorf("it took %s", took)
	}
	r.said(t, "delaying the event for 50ms (invocation 1)")

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	r = newRig(t, "delay=100%:15m", emulatortest.Echo)
	if _, err := r.Begin(ctx, frames.SupervisorInvoke{ID: "b"}, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("who no longer waits gets %v", err)
	}
}

func TestCold(t *testing.T) {
	r := newRig(t, "cold=100%", emulatortest.Echo)
	for i := range 3 {
		inv, err := r.Begin(t.Context(), frames.SupervisorInvoke{ID: fmt.Sprint(i)}, nil)
		finish(t, inv, err)
	}
	if started, most, _, _ := r.box.Count(); started != 3 || most != 1 {
		t.Errorf("%d sandboxes were started, %d at once; want 3, one after the other", started, most)
	}
}

// An asynchronous event comes twice with one request ID; one that a caller waits for, or that failed, does not.
func TestDuplicate(t *testing.T) {
	r := newRig(t, "duplicate=100%", func(b *emulatortest.Box, inv frames.SupervisorInvoke, event []byte) {
		if strings.HasPrefix(inv.ID, "bad") {
			b.Fail(inv.ID, "Error", "{}")
			return
		}
		emulatortest.Echo(b, inv, event)
	})
	inv, err := r.Begin(t.Context(), frames.SupervisorInvoke{ID: "waited for"}, []byte("1"))
	finish(t, inv, err)
	inv, err = r.BeginAsync(t.Context(), frames.SupervisorInvoke{ID: "bad"}, []byte("1"))
	finish(t, inv, err)
	inv, err = r.BeginAsync(t.Context(), frames.SupervisorInvoke{ID: "good"}, []byte("1"))
	finish(t, inv, err)
	var ids []string
	for _, one := range r.invocations() {
		ids = append(ids, one.ID)
	}
	if diff := cmp.Diff([]string{"waited for", "bad", "good", "good"}, ids); diff != "" {
		t.Errorf("deliveries (-want +got):\n%s", diff)
	}
	r.said(t, "delivering the event good once more (invocation 3)")
}
