package conform

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"time"
)

// T is a case at work. Its verdicts end the case at once. It is for the goroutine that runs the case.
type T struct {
	ctx        context.Context
	status     Status
	cause, fix string
	cleanups   []func()
	sources    []func() string // logs of what was started
}

// Context ends when the kit is interrupted.
func (t *T) Context() context.Context { return t.ctx }

// Failf is the verdict that the contract is broken: what was seen, and, as fix, what to do about it.
func (t *T) Failf(fix, format string, args ...any) {
	t.status, t.cause, t.fix = Failed, fmt.Sprintf(format, args...), fix
	runtime.Goexit()
}

// Skipf says why the case has nothing to judge.
func (t *T) Skipf(format string, args ...any) {
	t.status, t.cause = Skipped, fmt.Sprintf(format, args...)
	runtime.Goexit()
}

// must is for what this machine does, not the program that is judged.
func (t *T) must(err error) {
	if err != nil {
		t.Failf("this is about this machine, not about the program: try again where it works", "%v", err)
	}
}

// cleanup is called at the end of the case, the last first.
func (t *T) cleanup(f func()) { t.cleanups = append(t.cleanups, f) }

func (t *T) cleanUp() {
	for _, f := range slices.Backward(t.cleanups) {
		f()
	}
}

// showLog has the end of a log in the report when the case fails.
func (t *T) showLog(source func() string) { t.sources = append(t.sources, source) }

// shownLog is how much of a log is worth reading in a report, in bytes.
const shownLog = 2000

func (t *T) logs() string {
	if t.status != Failed {
		return ""
	}
	var text strings.Builder
	for _, source := range t.sources {
		text.WriteString(source())
	}
	whole := strings.ToValidUTF8(text.String(), "\ufffd")
	if len(whole) <= shownLog {
		return whole
	}
	_, end, _ := strings.Cut(whole[len(whole)-shownLog:], "\n")
	return end
}

// excerpt gives the beginning of a payload for a sentence.
func excerpt(data []byte) string {
	const most = 100
	if len(data) <= most {
		return fmt.Sprintf("%q", data)
	}
	return fmt.Sprintf("%q and %d bytes more", data[:most], len(data)-most)
}

// after is a channel that is ready when d has passed or the kit is interrupted.
func (t *T) after(d time.Duration) <-chan struct{} {
	ctx, cancel := context.WithTimeout(t.ctx, d)
	t.cleanup(cancel)
	return ctx.Done()
}

// sameJSON says whether two texts are the same JSON.
func sameJSON(a, b []byte) bool {
	var x, y any
	return json.Unmarshal(a, &x) == nil && json.Unmarshal(b, &y) == nil && reflect.DeepEqual(x, y)
}

// either is a channel that is ready when done is, or when d has passed.
func (t *T) either(done <-chan struct{}, d time.Duration) <-chan struct{} {
	ctx, cancel := context.WithTimeout(t.ctx, d)
	t.cleanup(cancel)
	go func() {
		select {
		case <-done:
			cancel()
		case <-ctx.Done():
		}
	}()
	return ctx.Done()
}
