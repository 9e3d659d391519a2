package emulator

// Asynchronous invocations: a queue, attempts, and the record of how it went.
// https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/serverless/open-runtime/internal/frames"
)

// AsyncOptions say how a Queue tries. What is zero is as on Lambda.
type AsyncOptions struct {
	// Begin is how an event is handed over: that of a Function.
	Begin func(context.Context, frames.SupervisorInvoke, []byte) (*Invocation, error)
	// ARN is the function's, with the version that is executed.
	ARN, Version string

	RetryDelay time.Duration // before the second attempt; twice that before the third
	Attempts   int           // at the most, of an event that the function fails
	Age        time.Duration // after which an event is given up

	// Again is told of each attempt that is followed by another: how many times the function had the event, what the outcome
	// was (a result, or why there is none), and after which wait it is tried again. It may be nil.
	Again func(id string, attempts int, result *Result, err error, wait time.Duration)

	// Record gets the destination record of each event, when it is done with. It is called by several goroutines at once.
	Record func(AsyncRecord)
}

// Lambda's own, where it is not told otherwise.
// https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-configuring.html
const (
	AsyncRetryDelay = time.Minute   // before the second attempt
	AsyncAttempts   = 3             // of an event that the function fails
	AsyncAge        = 6 * time.Hour // after which an event is given up
)

// How an event is tried again that never ran.
const (
	systemDelay     = time.Second // before a throttled event is tried again; then twice as long each time
	systemDelayMost = 5 * time.Minute
)

// mostQueued is how many events wait at the most: ours, so that a caller without end does not take all memory.
const mostQueued = 10_000

// ErrQueueFull says that no more events can wait.
var ErrQueueFull = fmt.Errorf("%d events wait already", mostQueued)

// Conditions of a record. The last is ours: the emulator ended before the event was done with.
const (
	ConditionSuccess                 = "Success"
	ConditionRetriesExhausted        = "RetriesExhausted"
	ConditionEventAgeExceeded        = "EventAgeExceeded"
	ConditionZeroReservedConcurrency = "ZeroReservedConcurrency"
	ConditionEmulatorEnded           = "EmulatorEnded"
)

// An AsyncRecord is what a destination is sent of an event.
// https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html
type AsyncRecord struct {
	Version        string          `json:"version"` // 1.0
	Timestamp      string          `json:"timestamp"`
	RequestContext asyncContext    `json:"requestContext"`
	RequestPayload json.RawMessage `json:"requestPayload"`
	Response       *asyncResponse  `json:"responseContext,omitempty"`
	Payload        json.RawMessage `json:"responsePayload,omitempty"`
}

type asyncContext struct {
	RequestID   string `json:"requestId"`
	FunctionARN string `json:"functionArn"`
	Condition   string `json:"condition"`
	Attempts    int    `json:"approximateInvokeCount"`
}

type asyncResponse struct {
	StatusCode      int    `json:"statusCode"`
	ExecutedVersion string `json:"executedVersion"`
	FunctionError   string `json:"functionError,omitempty"`
}

// Succeeded says whether the function answered.
func (r AsyncRecord) Succeeded() bool { return r.RequestContext.Condition == ConditionSuccess }

// A Queue holds asynchronous invocations until the function has answered, or has failed too often.
type Queue struct {
	options AsyncOptions
	life    context.Context
	end     context.CancelFunc
	work    sync.WaitGroup

	mu     sync.Mutex
	closed bool
	queued int
}

// NewQueue makes a Queue.
func NewQueue(o AsyncOptions) *Queue {
	if o.RetryDelay == 0 {
		o.RetryDelay = AsyncRetryDelay
	}
	if o.Attempts == 0 {
		o.Attempts = AsyncAttempts
	}
	if o.Age == 0 {
		o.Age = AsyncAge
	}
	q := &Queue{options: o}
	q.life, q.end = context.WithCancel(context.Background())
	return q
}

// Send takes an event. It is tried at once, and again as Lambda does it; its request ID stays. It fails with
// ErrClosed or ErrQueueFull.
func (q *Queue) Send(told frames.SupervisorInvoke, event []byte) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return ErrClosed
	}
	if q.queued == mostQueued {
		return ErrQueueFull
	}
	q.queued++
	q.work.Go(func() {
		q.deliver(told, event)
		q.mu.Lock()
		defer q.mu.Unlock()
		q.queued--
	})
	return nil
}

// Close takes no more events and gives up those that wait. An event that is under way ends with its function, which is to be
// closed beside the queue. Each event has its record when Close returns.
func (q *Queue) Close() {
	q.mu.Lock()
	q.closed = true
	q.mu.Unlock()
	q.end()
	q.work.Wait()
}

// deliver tries until there is a record.
func (q *Queue) deliver(told frames.SupervisorInvoke, event []byte) {
	record := AsyncRecord{Version: "1.0", RequestPayload: asJSON(event)}
	record.RequestContext = asyncContext{RequestID: told.ID, FunctionARN: q.options.ARN}
	born := time.Now()
	retry, system := q.options.RetryDelay, systemDelay
	for {
		result, delivered, err := q.attempt(told, event)
		if delivered {
			record.RequestContext.Attempts++
		}
		var wait time.Duration
		switch {
		case err == nil && result.ErrorType == "":
			q.conclude(&record, result, ConditionSuccess)
			return
		case delivered: // the function failed, or its sandbox ended under it
			if record.RequestContext.Attempts >= q.options.Attempts {
				q.conclude(&record, result, ConditionRetriesExhausted)
				return
			}
			// a minute, and then two: the second wait is the longer one
			wait = retry
			retry *= 2
		case errors.Is(err, ErrSwitchedOff):
			q.conclude(&record, nil, ConditionZeroReservedConcurrency)
			return
		case unsendable(err):
			q.conclude(&record, nil, ConditionRetriesExhausted)
			return
		default: // it never ran
			wait = system
			system = min(2*system, systemDelayMost)
		}
		switch {
		case q.life.Err() != nil || errors.Is(err, ErrClosed):
			q.conclude(&record, result, ConditionEmulatorEnded)
			return
		case time.Since(born)+wait > q.options.Age:
			q.conclude(&record, result, ConditionEventAgeExceeded)
			return
		}
		if q.options.Again != nil {
			q.options.Again(told.ID, record.RequestContext.Attempts, result, err, wait)
		}
		if !q.sleep(wait) {
			q.conclude(&record, result, ConditionEmulatorEnded)
			return
		}
	}
}

// unsendable says that no sandbox will ever take the event.
func unsendable(err error) bool {
	_, ok := errors.AsType[*frames.ProtocolError](err)
	return ok && !errors.Is(err, ErrSandboxEnded)
}

// attempt says besides its outcome whether a sandbox had the event.
func (q *Queue) attempt(told frames.SupervisorInvoke, event []byte) (result *Result, delivered bool, err error) {
	inv, err := q.options.Begin(q.life, told, event)
	if err != nil {
		return nil, false, err
	}
	result, err = inv.Result(context.Background())
	return result, true, err
}

// sleep waits, and is false when the queue ends meanwhile.
func (q *Queue) sleep(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-q.life.Done():
		return false
	}
}

func (q *Queue) conclude(record *AsyncRecord, result *Result, condition string) {
	record.Timestamp = time.Now().UTC().Format("2006-01-02T15:04:05.000Z")
	record.RequestContext.Condition = condition
	if result != nil {
		record.Response = &asyncResponse{StatusCode: 200, ExecutedVersion: q.options.Version}
		if result.ErrorType != "" {
			record.Response.FunctionError = "Unhandled"
		}
		record.Payload = asJSON(result.Payload)
	}
	if q.options.Record != nil {
		q.options.Record(*record)
	}
}

// asJSON gives a payload as it is, if it is JSON, else as a JSON string.
func asJSON(payload []byte) json.RawMessage {
	if json.Valid(payload) && utf8.Valid(payload) {
		return payload
	}
	text, err := json.Marshal(string(payload))
	if err != nil { // a string: cannot happen
		return json.RawMessage("null")
	}
	return text
}
