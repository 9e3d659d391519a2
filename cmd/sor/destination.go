package main

// Where asynchronous invocations end: a line on stderr for one that failed for good, and a record in a file for each.

import (
	"encoding/json"
	"fmt"
	"log/slog"
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
	file, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
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
func (f *servedFunction) startQueue(records *destination, retryDelay time.Duration) *emulator.Queue {
	config := f.Config()
	f.queue = emulator.NewQueue(emulator.AsyncOptions{
		Begin: f.beginAsync, ARN: config.FunctionARN + ":" + config.FunctionVersion, Version: config.FunctionVersion, RetryDelay: retryDelay,
		Record: func(r emulator.AsyncRecord) {
			if c := r.RequestContext; !r.Succeeded() {
				f.warn("%sthe event %s is given up: %s after %d attempts", f.prefix, c.RequestID, c.Condition, c.Attempts)
			}
			if err := records.write(r); err != nil {
				f.warn("%swriting the record of %s: %v", f.prefix, r.RequestContext.RequestID, err)
			}
		},
	})
	return f.queue
}

// logger tells on stderr what a server has to say.
func (w *workspace) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(lines{w.ui}, &slog.HandlerOptions{ReplaceAttr: withoutTime}))
}

func withoutTime(_ []string, a slog.Attr) slog.Attr {
	if a.Key == slog.TimeKey {
		return slog.Attr{}
	}
	return a
}

// lines prints what is written to it as lines of the ui.
type lines struct{ ui *ui }

func (l lines) Write(p []byte) (int, error) {
	l.ui.raw(p[:max(len(p)-1, 0)])
	return len(p), nil
}
