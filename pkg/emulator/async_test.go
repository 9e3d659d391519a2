package emulator_test

import (
	"context"
	"encoding/json"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/serverless/open-runtime/internal/frames"
	"github.com/serverless/open-runtime/pkg/emulator"
	"github.com/serverless/open-runtime/pkg/emulator/emulatortest"
)

// tries is a function whose first attempts fail.
type tries struct {
	function *emulator.Function
	throttle int // attempts that are throttled first

	mu  sync.Mutex
	at  []time.Duration // when an attempt came, since the first
	beg time.Time
}

func (a *tries) begin(ctx context.Context, told frames.SupervisorInvoke, event []byte) (*emulator.Invocation, error) {
	a.mu.Lock()
	if a.beg.IsZero() {
		a.beg = time.Now()
	}
	a.at = append(a.at, time.Since(a.beg).Round(time.Millisecond))
	throttled := len(a.at) <= a.throttle
	a.mu.Unlock()
	if throttled {
		return nil, emulator.ErrThrottled
	}
	return a.function.Begin(ctx, told, event)
}

// send sends one event through a queue and gives its record.
func send(t *testing.T, a *tries, o emulator.AsyncOptions, work func(*emulatortest.Box, frames.SupervisorInvoke, []byte)) emulator.AsyncRecord {
	a.function = emulator.NewFunction(emulator.FunctionOptions{Sandbox: &emulatortest.Sandbox{Work: work}})
	defer func() { a.function.Close(t.Context()) }()
	records := make(chan emulator.AsyncRecord, 1)
	o.Begin, o.ARN, o.Version = a.begin, "arn:aws:lambda:us-east-1:012345678912:function:f:$LATEST", "$LATEST"
	o.Record = func(r emulator.AsyncRecord) { records <- r }
	q := emulator.NewQueue(o)
	if err := q.Send(frames.SupervisorInvoke{ID: "id"}, []byte(`{"a":1}`)); err != nil {
		t.Fatal(err)
	}
	record := <-records
	q.Close()
	if err := q.Send(frames.SupervisorInvoke{ID: "id"}, nil); !errors.Is(err, emulator.ErrClosed) {
		t.Errorf("after the end: %v", err)
	}
	return record
}

func fail(b *emulatortest.Box, inv frames.SupervisorInvoke, _ []byte) {
	b.Fail(inv.ID, "Oops", `{"errorType":"Oops"}`)
}

// Three attempts, after a minute and after two more, and then the record of a failure.
func TestAsyncRetries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &tries{}
		record := send(t, a, emulator.AsyncOptions{}, fail)
		if diff := cmp.Diff([]time.Duration{0, time.Minute, 3 * time.Minute}, a.at); diff != "" {
			t.Error(diff)
		}
		got, err := json.Marshal(record)
		if err != nil {
			t.Fatal(err)
		}
		want := `{"version":"1.0","timestamp":"2000-01-01T00:03:00.000Z","requestContext":{"requestId":"id","functionArn":"arn:aws:lambda:us-east-1:012345678912:function:f:$LATEST",` +
			`"condition":"RetriesExhausted","approximateInvokeCount":3},"requestPayload":{"a":1},"responseContext":{"statusCode":200,"executedVersion":"$LATEST","functionError":"Unhandled"},` +
			`"responsePayload":{"errorType":"Oops"}}`
		if string(got) != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	})
}

// A delay that is given takes the place of Lambda's minute.
func TestAsyncRetryDelay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &tries{}
		send(t, a, emulator.AsyncOptions{RetryDelay: time.Second}, fail)
		if diff := cmp.Diff([]time.Duration{0, time.Second, 3 * time.Second}, a.at); diff != "" {
			t.Error(diff)
		}
	})
}

// A throttled event never ran: it is no attempt, and it is tried for long, more and more seldom.
func TestAsyncThrottled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &tries{throttle: 4}
		record := send(t, a, emulator.AsyncOptions{}, emulatortest.Echo)
		if diff := cmp.Diff([]time.Duration{0, time.Second, 3 * time.Second, 7 * time.Second, 15 * time.Second}, a.at); diff != "" {
			t.Error(diff)
		}
		if c := record.RequestContext; !record.Succeeded() || c.Attempts != 1 || string(record.Payload) != `{"a":1}` {
			t.Errorf("%+v", record)
		}
		a = &tries{throttle: 1 << 20}
		record = send(t, a, emulator.AsyncOptions{Age: time.Hour}, emulatortest.Echo)
		if c := record.RequestContext; c.Condition != "EventAgeExceeded" || c.Attempts != 0 || record.Response != nil {
			t.Errorf("%+v", record)
		}
		if n := len(a.at); n < 15 || n > 25 {
			t.Errorf("%d attempts in an hour", n)
		}
	})
}

// What waits when the emulator ends has a record that says so.
func TestAsyncEnd(t *testing.T) {
	f := emulator.NewFunction(emulator.FunctionOptions{Sandbox: &emulatortest.Sandbox{Work: fail}})
	defer func() { f.Close(t.Context()) }()
	records := make(chan emulator.AsyncRecord, 3)
	failed := make(chan struct{}, 3)
	begin := func(ctx context.Context, told frames.SupervisorInvoke, event []byte) (*emulator.Invocation, error) {
		inv, err := f.Begin(ctx, told, event)
		failed <- struct{}{}
		return inv, err
	}
	q := emulator.NewQueue(emulator.AsyncOptions{Begin: begin, Record: func(r emulator.AsyncRecord) { records <- r }})
	for _, id := range []string{"a", "b", "c"} {
		if err := q.Send(frames.SupervisorInvoke{ID: id}, []byte("{}")); err != nil {
			t.Fatal(err)
		}
	}
	for range 3 {
		<-failed
	}
	q.Close()
	for range 3 {
		if got := <-records; got.RequestContext.Condition != "EmulatorEnded" {
			t.Errorf("%+v", got)
		}
	}
}

// A function that has been closed takes none of its events any more: there is nothing to wait for.
func TestAsyncOfAClosedFunction(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		records := make(chan emulator.AsyncRecord, 1)
		begun := time.Now()
		q := emulator.NewQueue(emulator.AsyncOptions{
			Begin: func(context.Context, frames.SupervisorInvoke, []byte) (*emulator.Invocation, error) {
				return nil, emulator.ErrClosed
			},
			Record: func(r emulator.AsyncRecord) { records <- r },
		})
		defer q.Close()
		if err := q.Send(frames.SupervisorInvoke{ID: "id"}, []byte("{}")); err != nil {
			t.Fatal(err)
		}
		if r := <-records; r.RequestContext.Condition != "EmulatorEnded" || time.Since(begun) != 0 {
			t.Errorf("after %s: %+v", time.Since(begun), r)
		}
	})
}

// An event that the function fails until it is too old is given up for its age, with the last answer.
func TestAsyncAgeOfAFailingFunction(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &tries{}
		record := send(t, a, emulator.AsyncOptions{Age: 2 * time.Minute}, fail)
		if c := record.RequestContext; c.Condition != "EventAgeExceeded" || c.Attempts != 2 || string(record.Payload) != `{"errorType":"Oops"}` || record.Succeeded() {
			t.Errorf("%+v", record)
		}
		a = &tries{}
		record = send(t, a, emulator.AsyncOptions{Attempts: 1}, fail)
		if c := record.RequestContext; c.Condition != "RetriesExhausted" || c.Attempts != 1 {
			t.Errorf("%+v", record)
		}
	})
}

// An event whose sandbox dies under it was delivered: it is tried as often as one that the function fails. One that a function
// with no concurrency at all gets is given up at once.
func TestAsyncOfADyingSandbox(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &tries{}
		record := send(t, a, emulator.AsyncOptions{}, func(b *emulatortest.Box, _ frames.SupervisorInvoke, _ []byte) { b.Die() })
		if c := record.RequestContext; c.Condition != "RetriesExhausted" || c.Attempts != 3 || len(a.at) != 3 {
			t.Errorf("%+v after %v", record, a.at)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		f := emulator.NewFunction(emulator.FunctionOptions{Sandbox: &emulatortest.Sandbox{}, Reserved: new(0)})
		records := make(chan emulator.AsyncRecord, 1)
		q := emulator.NewQueue(emulator.AsyncOptions{Begin: f.Begin, Record: func(r emulator.AsyncRecord) { records <- r }})
		if err := q.Send(frames.SupervisorInvoke{ID: "id"}, []byte(`1`)); err != nil {
			t.Fatal(err)
		}
		if c := (<-records).RequestContext; c.Condition != "ZeroReservedConcurrency" || c.Attempts != 0 {
			t.Errorf("%+v", c)
		}
		q.Close()
		f.Close(t.Context())
	})
}
