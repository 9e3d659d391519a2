package main

// Where asynchronous invocations end: a line on stderr for one that failed for good, and a record in a file for each.

import (
	"encoding/json"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/serverless/open-runtime/pkg/emulator"
)

// destination is a file of records, one a line; without a file they are dropped.
type destination struct {
	mu   sync.Mutex
	file *os.File
}

func (w *workspace) openDestination(path string) (*destination, error) {
	if path == "" {
		return &destination{}, nil
	}
	file, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600) // payloads are for their owner's eyes
	if err != nil {
		return nil, fail(exitUsage, "--destination names a file that can be written", fmt.Errorf("opening the destination: %w", err))
	}
	return &destination{file: file}, nil
}

func (d *destination) close() {
	if d.file != nil {
		d.file.Close()
	}
}

func (d *destination) write(record emulator.AsyncRecord) error {
	if d.file == nil {
		return nil
	}
	line, err := json.Marshal(record)
	if err != nil {
		return fmt.Errorf("encoding a record: %w", err)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	_, err = d.file.Write(append(line, '\n'))
	return err
}

// startQueue makes the function's queue of asynchronous invocations.
func (f *servedFunction) startQueue(records *destination, o emulator.AsyncOptions) *emulator.Queue {
	config := f.Config()
	o.Begin, o.ARN, o.Version = f.beginAsync, config.FunctionARN+":"+config.FunctionVersion, config.FunctionVersion
	o.Again = f.tellAgain
	o.Record = func(r emulator.AsyncRecord) {
		if c := r.RequestContext; !r.Succeeded() {
			f.warn("%sthe event %s is given up: %s after %s", f.prefix, c.RequestID, c.Condition, attempts(c.Attempts))
		}
		if err := records.write(r); err != nil {
			f.warn("%swriting the record of %s: %v", f.prefix, r.RequestContext.RequestID, err)
		}
	}
	f.queue = emulator.NewQueue(o)
	return f.queue
}

// tellAgain says that an event is tried again, and when.
func (f *servedFunction) tellAgain(id string, failed int, result *emulator.Result, err error, wait time.Duration) {
	if result != nil {
		f.say("note: %sthe event %s failed with %s, %s of %d: again in %s", f.prefix, id, result.ErrorType, attempts(failed), f.o.async.Attempts, wait)
		return
	}
	f.say("note: %sthe event %s did not run: %v: again in %s", f.prefix, id, err, wait)
}

func attempts(n int) string {
	if n == 1 {
		return "1 attempt"
	}
	return fmt.Sprintf("%d attempts", n)
}
