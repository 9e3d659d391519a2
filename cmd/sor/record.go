package main

// --record: everything that was said in a run, in a file that sor replay drives again.

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"

	"github.com/spf13/cobra"

	"github.com/serverless/open-runtime/internal/frames"
	"github.com/serverless/open-runtime/pkg/emulator"
	"github.com/serverless/open-runtime/pkg/emulator/recording"
)

type recordOptions struct {
	path  string
	force bool
}

func (o *recordOptions) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&o.path, "record", "", "new file that gets every invocation, what is said over the sandbox's APIs, logs and answers (NDJSON; sor replay reads it)")
	f.BoolVar(&o.force, "record-force", false, "write over the file of --record")
}

// check says what can be known before anything starts.
func (o recordOptions) check() error {
	if o.path == "" {
		if o.force {
			return fail(exitUsage, "as in --record calls.ndjson", errors.New("--record-force is for --record"))
		}
		return nil
	}
	if _, err := os.Lstat(o.path); err == nil && !o.force {
		return o.isThere()
	}
	return nil
}

func (o recordOptions) isThere() error {
	return fail(exitUsage, "--record-force writes over it", fmt.Errorf("--record %s: it is there already", o.path))
}

// open makes the file. It is for its owner's eyes: it holds what the events hold.
func (o recordOptions) open() (*os.File, error) {
	how := os.O_EXCL
	if o.force {
		how = os.O_TRUNC
	}
	file, err := os.OpenFile(o.path, os.O_WRONLY|os.O_CREATE|how, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return nil, o.isThere()
	}
	if err != nil {
		return nil, fail(exitUsage, "--record names a file that can be written", fmt.Errorf("opening the recording: %w", err))
	}
	return file, nil
}

// A recorder writes what is said of several functions. A nil one writes nothing.
type recorder struct {
	*recording.Writer
	file  *os.File
	ui    *ui
	tell  sync.Once
	under sync.WaitGroup // invocations whose end is awaited

	mu      sync.Mutex
	follows map[[2]string]chan struct{} // by function and request ID; closed when the outcome is written
}

// newRecorder is nil without --record. Nothing is in the file before it is opened, which is to be before anything starts.
func (w *workspace) newRecorder(o recordOptions) *recorder {
	if o.path == "" {
		return nil
	}
	r := newRecorderTo(nil)
	r.ui = w.ui
	return r
}

// newRecorderTo writes where it is told, which may come later.
func newRecorderTo(out *recording.Writer) *recorder {
	return &recorder{Writer: out, follows: map[[2]string]chan struct{}{}}
}

// open begins the file.
func (r *recorder) open(o recordOptions, sessions ...*session) (err error) {
	if r == nil {
		return nil
	}
	if r.file, err = o.open(); err != nil {
		return err
	}
	header, secrets := recordHeader(sessions...)
	r.Writer = recording.NewWriter(r.file, header, secrets)
	return nil
}

// recordHeader says whose invocations are recorded, and what is not to be.
func recordHeader(sessions ...*session) (header recording.Header, secrets []string) {
	header.Sor = sorVersion()
	for _, s := range sessions {
		header.Sandbox = s.box.Name()
		config := s.options.Config
		header.Functions = append(header.Functions, recording.Function{
			Name: config.FunctionName, Handler: config.Handler, MemoryMB: config.MemoryMB, TimeoutMs: config.TimeoutMs, Target: s.project.Target,
		})
		for _, secret := range config.Credentials {
			secrets = append(secrets, secret)
		}
	}
	return header, secrets
}

// of has a function's sandboxes tell what is said over their APIs.
func (r *recorder) of(function string, o *emulator.Options) {
	if r != nil {
		o.Config.Record = true
		o.Record = func(record frames.Record, body []byte) { r.Record(function, record, body) }
	}
}

func (r *recorder) begin(function string, told frames.SupervisorInvoke, event []byte) {
	if r == nil {
		return
	}
	r.mu.Lock()
	before := r.follows[[2]string{function, told.ID}]
	r.mu.Unlock()
	if before != nil { // it is delivered again: outcomes are in the order of the invocations
		<-before
	}
	r.Begin(function, told, event)
}

// follow records the end of an invocation that began, or did not.
func (r *recorder) follow(function, requestID string, inv *emulator.Invocation, err error) {
	if r == nil {
		return
	}
	if err != nil {
		r.end(function, requestID, nil, err)
		return
	}
	of, written := [2]string{function, requestID}, make(chan struct{})
	r.mu.Lock()
	r.follows[of] = written
	r.mu.Unlock()
	r.under.Go(func() {
		result, err := inv.Result(context.Background()) // it ends with its function
		r.end(function, requestID, result, err)
		r.mu.Lock()
		defer r.mu.Unlock()
		close(written)
		if r.follows[of] == written {
			delete(r.follows, of)
		}
	})
}

// refused records an invocation that no function got.
func (r *recorder) refused(function string, told frames.SupervisorInvoke, event []byte, err error) {
	r.begin(function, told, event)
	r.end(function, told.ID, nil, err)
}

func (r *recorder) end(function, requestID string, result *emulator.Result, err error) {
	if r == nil {
		return
	}
	r.End(function, requestID, result, err)
	if err := r.Flush(); err != nil && r.ui != nil {
		r.tell.Do(func() { r.ui.warn("%v", err) })
	}
}

func (r *recorder) log(function string, log frames.Log, line []byte) {
	if r != nil {
		r.Log(function, log, line)
	}
}

// closeAfter waits for what is under way and ends the file. How the run itself went decides the exit status.
func (r *recorder) closeAfter(run error) error {
	if r == nil || r.file == nil {
		return run
	}
	r.under.Wait()
	err := errors.Join(r.Flush(), r.file.Close())
	if run != nil {
		return run
	}
	return err
}
