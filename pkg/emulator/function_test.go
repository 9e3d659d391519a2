package emulator_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/serverless/open-runtime/internal/frames"
	"github.com/serverless/open-runtime/pkg/emulator"
	"github.com/serverless/open-runtime/pkg/emulator/emulatortest"
)

// function makes a Function of scripted sandboxes, and closes it at the end.
func function(t *testing.T, s *emulatortest.Sandbox, change ...func(*emulator.FunctionOptions)) *emulator.Function {
	o := emulator.FunctionOptions{Sandbox: s, Options: emulator.Options{Config: frames.Config{FunctionName: "f"}}}
	for _, one := range change {
		one(&o)
	}
	f := emulator.NewFunction(o)
	t.Cleanup(func() {
		f.Close(context.WithoutCancel(t.Context()))
		if _, _, live, _ := s.Count(); live != 0 {
			t.Errorf("%d sandboxes are left", live)
		}
	})
	return f
}

func begin(t *testing.T, f *emulator.Function, id, event string) *emulator.Invocation {
	t.Helper()
	inv, err := f.Begin(t.Context(), frames.SupervisorInvoke{ID: id}, []byte(event))
	if err != nil {
		t.Fatal(err)
	}
	return inv
}

func answer(t *testing.T, inv *emulator.Invocation, want string) {
	t.Helper()
	result, err := inv.Result(t.Context())
	if err != nil || string(result.Payload) != want {
		t.Errorf("got %+v, %v, want %s", result, err, want)
	}
}

// gate holds invocations until it is opened.
type gate struct{ entered, open chan struct{} }

func newGate() gate { return gate{make(chan struct{}, 100), make(chan struct{})} }

func (g gate) work(b *emulatortest.Box, inv frames.SupervisorInvoke, event []byte) {
	g.entered <- struct{}{}
	select {
	case <-g.open:
	case <-b.Dead.Done():
	}
	emulatortest.Echo(b, inv, event)
}

// One after another they share a sandbox; at once each has its own.
func TestFunctionGrows(t *testing.T) {
	s := &emulatortest.Sandbox{Work: emulatortest.Echo}
	f := function(t, s)
	for i := range 5 {
		answer(t, begin(t, f, fmt.Sprint(i), "1"), "1")
	}
	if started, _, _, _ := s.Count(); started != 1 {
		t.Errorf("%d sandboxes for one caller", started)
	}
	g := newGate()
	s = &emulatortest.Sandbox{Work: g.work}
	f = function(t, s)
	var under []*emulator.Invocation
	for i := range 4 {
		under = append(under, begin(t, f, fmt.Sprint(i), fmt.Sprint(i)))
	}
	close(g.open)
	for i, inv := range under {
		answer(t, inv, fmt.Sprint(i))
	}
	if _, most, _, _ := s.Count(); most != 4 {
		t.Errorf("%d sandboxes for four callers", most)
	}
}

// Who asks again as soon as it has its answer gets the same sandbox, which is free a moment later; one that takes its time
// with that is not waited for.
func TestFunctionIsPatient(t *testing.T) {
	slow := make(chan struct{})
	s := &emulatortest.Sandbox{Work: func(b *emulatortest.Box, inv frames.SupervisorInvoke, event []byte) {
		b.Say(frames.SupervisorAnswer{Type: frames.TypeResult, ID: inv.ID}, event)
		if string(event) == "slow" {
			<-slow
		} else {
			time.AfterFunc(2*time.Millisecond, func() { b.Report(inv.ID, "") })
			return
		}
		b.Report(inv.ID, "")
	}}
	f := function(t, s)
	for i := range 20 {
		if _, err := begin(t, f, fmt.Sprint(i), "1").Answer(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if started, _, _, _ := s.Count(); started != 1 {
		t.Errorf("%d sandboxes for one caller", started)
	}
	if _, err := begin(t, f, "a", "slow").Answer(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := begin(t, f, "b", "1").Answer(t.Context()); err != nil {
		t.Fatal(err)
	}
	if started, _, _, _ := s.Count(); started != 2 {
		t.Errorf("%d sandboxes, one of which takes its time", started)
	}
	close(slow)
}

// With several invocations in one environment, that is filled first.
func TestFunctionFills(t *testing.T) {
	g := newGate()
	s := &emulatortest.Sandbox{Work: g.work}
	f := function(t, s, func(o *emulator.FunctionOptions) { o.Config.Concurrency = 3 })
	var under []*emulator.Invocation
	for i := range 4 {
		under = append(under, begin(t, f, fmt.Sprint(i), "1"))
	}
	if started, _, _, _ := s.Count(); started != 2 {
		t.Errorf("%d sandboxes for four at three each", started)
	}
	close(g.open)
	for _, inv := range under {
		answer(t, inv, "1")
	}
}

func TestReservedConcurrency(t *testing.T) {
	g := newGate()
	f := function(t, &emulatortest.Sandbox{Work: g.work}, func(o *emulator.FunctionOptions) { o.Reserved = new(2) })
	first, second := begin(t, f, "1", "1"), begin(t, f, "2", "2")
	if _, err := f.Begin(t.Context(), frames.SupervisorInvoke{ID: "3"}, nil); !errors.Is(err, emulator.ErrThrottled) {
		t.Errorf("got %v", err)
	}
	close(g.open)
	answer(t, first, "1")
	answer(t, second, "2")
}

// A reserved concurrency of 0 is how a function is switched off.
func TestNoConcurrency(t *testing.T) {
	f := function(t, &emulatortest.Sandbox{}, func(o *emulator.FunctionOptions) { o.Reserved = new(0) })
	if _, err := f.Begin(t.Context(), frames.SupervisorInvoke{ID: "1"}, nil); !errors.Is(err, emulator.ErrThrottled) {
		t.Errorf("got %v", err)
	}
}

// Where the machine has no more sandboxes, an invocation waits; who gives up waiting has had none.
func TestFunctionWaits(t *testing.T) {
	g := newGate()
	s := &emulatortest.Sandbox{Work: g.work}
	f := function(t, s, func(o *emulator.FunctionOptions) { o.Sandboxes = 1 })
	first := begin(t, f, "1", "1")
	<-g.entered
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := f.Begin(ctx, frames.SupervisorInvoke{ID: "2"}, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	var waiting sync.WaitGroup
	waiting.Go(func() {
		inv, err := f.Begin(t.Context(), frames.SupervisorInvoke{ID: "3"}, []byte("3"))
		if err != nil {
			t.Error(err)
			return
		}
		answer(t, inv, "3")
	})
	close(g.open)
	answer(t, first, "1")
	waiting.Wait()
	if started, _, _, _ := s.Count(); started != 1 {
		t.Errorf("%d sandboxes were started", started)
	}
}

func TestIdleSpindown(t *testing.T) {
	s := &emulatortest.Sandbox{Work: emulatortest.Echo}
	f := function(t, s, func(o *emulator.FunctionOptions) { o.Idle = 20 * time.Millisecond })
	answer(t, begin(t, f, "1", "1"), "1")
	eventually(t, func() bool { _, _, live, _ := s.Count(); return live == 0 })
	answer(t, begin(t, f, "2", "2"), "2")
}

// eventually polls; what it waits for has no channel.
func eventually(t *testing.T, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	limit := time.After(20 * time.Second)
	for !ok() {
		select {
		case <-tick.C:
		case <-limit:
			t.Fatal("it never came")
		}
	}
}

// A sandbox that dies fails the invocations in it; one that died idle is replaced, and nobody hears of it.
func TestSandboxesThatDie(t *testing.T) {
	s := &emulatortest.Sandbox{Work: func(b *emulatortest.Box, inv frames.SupervisorInvoke, event []byte) {
		if string(event) == "die" {
			b.Die()
			return
		}
		emulatortest.Echo(b, inv, event)
		if string(event) == "answer and die" {
			b.Die()
		}
	}}
	f := function(t, s)
	if _, err := begin(t, f, "1", "die").Result(t.Context()); !errors.Is(err, emulator.ErrSandboxEnded) {
		t.Errorf("got %v", err)
	}
	for i := range 20 {
		answer(t, begin(t, f, fmt.Sprint("a", i), "answer and die"), "answer and die")
		eventually(t, func() bool { _, _, live, _ := s.Count(); return live == 0 })
		answer(t, begin(t, f, fmt.Sprint("b", i), "2"), "2")
	}
}

// A sandbox that can't be started is told to who wanted it; the next one tries again.
func TestSandboxesThatDoNotStart(t *testing.T) {
	broken := errors.New("no room")
	f := function(t, &emulatortest.Sandbox{Work: emulatortest.Echo, Fails: func(started int) error {
		if started == 1 {
			return broken
		}
		return nil
	}})
	if _, err := f.Begin(t.Context(), frames.SupervisorInvoke{ID: "1"}, nil); !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
	answer(t, begin(t, f, "2", "2"), "2")
}

// What is under way at a Close is answered, unless there is no time.
func TestCloseOfAFunction(t *testing.T) {
	g := newGate()
	f := function(t, &emulatortest.Sandbox{Work: g.work})
	inv := begin(t, f, "1", "1")
	closed := make(chan struct{})
	go func() { defer close(closed); f.Close(t.Context()) }()
	eventually(t, func() bool {
		_, err := f.Begin(t.Context(), frames.SupervisorInvoke{ID: "2"}, nil)
		return errors.Is(err, emulator.ErrClosed)
	})
	close(g.open)
	answer(t, inv, "1")
	<-closed

	g = newGate()
	f = emulator.NewFunction(emulator.FunctionOptions{Sandbox: &emulatortest.Sandbox{Work: g.work}})
	inv = begin(t, f, "1", "1")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	finished := make(chan struct{})
	cut := 0
	go func() { defer close(finished); cut = f.Close(ctx) }()
	if _, err := inv.Result(t.Context()); !errors.Is(err, emulator.ErrSandboxEnded) {
		t.Errorf("got %v", err)
	}
	if <-finished; cut != 1 {
		t.Errorf("%d invocations were cut off, want 1", cut)
	}
}

// What waits for its sandbox to start is cut off too, and counted.
func TestCloseInColdStart(t *testing.T) {
	for range 100 {
		entered := make(chan struct{})
		f := emulator.NewFunction(emulator.FunctionOptions{Sandbox: &emulatortest.Sandbox{}, Place: func(ctx context.Context) (emulator.Placement, error) {
			close(entered)
			<-ctx.Done()
			return emulator.Placement{}, ctx.Err()
		}})
		begun := make(chan error, 1)
		go func() {
			_, err := f.Begin(t.Context(), frames.SupervisorInvoke{ID: "1"}, nil)
			begun <- err
		}()
		<-entered
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if cut := f.Close(ctx); cut != 1 {
			t.Fatalf("%d invocations were cut off, want 1", cut)
		}
		if err := <-begun; err == nil {
			t.Fatal("it has begun")
		}
	}
}

// An idle sandbox that is used again at the last moment is not ended by the timer of the time before.
func TestIdleJustUsed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const idle = time.Minute
		s := &emulatortest.Sandbox{Work: emulatortest.Echo}
		f := emulator.NewFunction(emulator.FunctionOptions{Sandbox: s, Idle: idle})
		for range 20 {
			answer(t, begin(t, f, "1", "1"), "1")
			<-time.After(idle) // the clock of the test: the timer and the next invocation come at the same moment
		}
		synctest.Wait()
		<-time.After(idle)
		synctest.Wait()
		if f.Sandboxes() != 0 {
			t.Error("an idle sandbox is still there")
		}
		f.Close(t.Context())
	})
}

// A new version: in place where a sandbox's folders can be brought up to date, and when nothing is under way in it.
func TestReplace(t *testing.T) {
	g := newGate()
	s := &emulatortest.Sandbox{Work: g.work}
	var mu sync.Mutex
	updates, released := 0, 0
	f := function(t, s, func(o *emulator.FunctionOptions) {
		o.Place = func(context.Context) (emulator.Placement, error) {
			count := func(n *int) { mu.Lock(); *n++; mu.Unlock() }
			return emulator.Placement{Update: func(context.Context) error { count(&updates); return nil }, Release: func() { count(&released) }}, nil
		}
	})
	busy := begin(t, f, "1", "1")
	<-g.entered
	config := f.Config()
	config.Handler = "new"
	f.Replace(t.Context(), config, emulator.Spec{})
	if _, _, _, resets := s.Count(); resets != 0 {
		t.Error("a sandbox was reset under an invocation")
	}
	close(g.open)
	answer(t, busy, "1")
	eventually(t, func() bool { _, _, _, resets := s.Count(); return resets == 1 })
	answer(t, begin(t, f, "2", "2"), "2")
	f.Replace(t.Context(), config, emulator.Spec{})
	answer(t, begin(t, f, "3", "3"), "3")
	started, _, _, resets := s.Count()
	f.Replace(t.Context(), config, emulator.Spec{MemoryMB: 512}) // more memory takes another sandbox
	answer(t, begin(t, f, "4", "4"), "4")
	if larger, _, _, _ := s.Count(); larger != 2 {
		t.Errorf("%d sandboxes were started", larger)
	}
	eventually(t, func() bool { mu.Lock(); defer mu.Unlock(); return released == 1 })
	mu.Lock()
	defer mu.Unlock()
	if f.Config().Handler != "new" || started != 1 || resets != 2 || updates != 2 {
		t.Errorf("%d sandboxes, %d resets, %d updates", started, resets, updates)
	}
}

// Without folders of their own, sandboxes are replaced by others.
func TestReplaceByAnother(t *testing.T) {
	s := &emulatortest.Sandbox{Work: emulatortest.Echo}
	f := function(t, s)
	answer(t, begin(t, f, "1", "1"), "1")
	f.Replace(t.Context(), f.Config(), emulator.Spec{Task: "/new"})
	answer(t, begin(t, f, "2", "2"), "2")
	if started, _, _, resets := s.Count(); started != 2 || resets != 0 {
		t.Errorf("%d sandboxes, %d resets", started, resets)
	}
}

// Many callers, sandboxes that die and are replaced, and a function that is closed under them: each has one answer.
func TestFunctionUnderLoad(t *testing.T) {
	s := &emulatortest.Sandbox{Work: func(b *emulatortest.Box, inv frames.SupervisorInvoke, event []byte) {
		if len(event)%17 == 0 {
			b.Die()
			return
		}
		emulatortest.Echo(b, inv, event)
	}}
	f := function(t, s, func(o *emulator.FunctionOptions) { o.Idle = time.Millisecond; o.Sandboxes = 6 })
	var callers sync.WaitGroup
	for caller := range 8 {
		callers.Go(func() {
			for i := range 200 {
				event := fmt.Sprintf("%d %0*d", caller, i%20, i)
				inv, err := f.Begin(t.Context(), frames.SupervisorInvoke{ID: fmt.Sprint(caller, "-", i)}, []byte(event))
				if err != nil {
					t.Error(err)
					return
				}
				result, err := inv.Result(t.Context())
				if dies := len(event)%17 == 0; dies != (err != nil) || err == nil && string(result.Payload) != event {
					t.Errorf("%q: %+v, %v", event, result, err)
				}
			}
		})
	}
	callers.Wait()
}

// What can't be told to a sandbox ends none, and is not tried on one after the other: a caller may say too much of an
// invocation.
func TestTooMuchIsSaidOfAnInvocation(t *testing.T) {
	s := &emulatortest.Sandbox{Work: emulatortest.Echo}
	f := function(t, s)
	answer(t, begin(t, f, "a", "1"), "1")
	_, err := f.Begin(t.Context(), frames.SupervisorInvoke{ID: "b", TraceID: strings.Repeat("x", frames.MaxHeader)}, []byte("2"))
	if _, ours := errors.AsType[*frames.ProtocolError](err); !ours {
		t.Errorf("got %v", err)
	}
	answer(t, begin(t, f, "c", "3"), "3")
	if started, _, _, _ := s.Count(); started != 1 {
		t.Errorf("%d sandboxes were started", started)
	}
}

// Idle sandboxes can be ended before their time, and nothing is left of them; one at work goes on.
func TestEndIdle(t *testing.T) {
	g := newGate()
	s := &emulatortest.Sandbox{Work: func(b *emulatortest.Box, inv frames.SupervisorInvoke, event []byte) {
		if string(event) == "slow" {
			g.work(b, inv, event)
			return
		}
		emulatortest.Echo(b, inv, event)
	}}
	f := function(t, s)
	slow := begin(t, f, "1", "slow")
	<-g.entered
	answer(t, begin(t, f, "2", "2"), "2")
	f.EndIdle()
	if started, _, live, _ := s.Count(); started != 2 || live != 1 {
		t.Errorf("%d were started and %d are left; want 2 and 1", started, live)
	}
	answer(t, begin(t, f, "3", "3"), "3")
	if started, _, _, _ := s.Count(); started != 3 {
		t.Errorf("%d were started; want 3", started)
	}
	close(g.open)
	answer(t, slow, "slow")
}

// A record says of which sandbox it is.
func TestRecordsOfSandboxes(t *testing.T) {
	var mu sync.Mutex
	got := map[int]int64{}
	s := &emulatortest.Sandbox{Work: func(b *emulatortest.Box, inv frames.SupervisorInvoke, event []byte) {
		b.Say(frames.Record{Type: frames.TypeRecord, Exchange: 1, Method: "GET", Path: "/" + inv.ID}, nil)
		emulatortest.Echo(b, inv, event)
	}}
	f := function(t, s, func(o *emulator.FunctionOptions) {
		o.Record = func(r frames.Record, _ []byte) {
			mu.Lock()
			defer mu.Unlock()
			got[r.Sandbox] += r.Exchange
		}
	})
	answer(t, begin(t, f, "1", "1"), "1")
	f.EndIdle()
	answer(t, begin(t, f, "2", "2"), "2")
	mu.Lock()
	defer mu.Unlock()
	if len(got) != 2 || got[1] != 1 || got[2] != 1 {
		t.Errorf("exchanges by sandbox: %v", got)
	}
}
