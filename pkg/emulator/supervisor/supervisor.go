//go:build linux

// Package supervisor is the sandbox's half of the local Lambda: process 1, which plays AWS. It serves the Runtime API on
// loopback, starts and ends the runtime, measures it, and writes Lambda's START, END and REPORT lines.
//
// It promises the state machine, the statuses and the error bodies of AWS's pages, an answer for every invocation, and
// that nothing of the function outlives it. It talks frames/1 with the host over its stdin and stdout; it knows neither
// layers nor middlewares: what it starts is any bootstrap.
package supervisor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/serverless/open-runtime/internal/frames"
	"github.com/serverless/open-runtime/internal/process"
	"github.com/serverless/open-runtime/internal/runtimeapi"
)

// Options say where the supervisor speaks and where Lambda's folders are.
type Options struct {
	In  io.Reader
	Out io.Writer

	// Folders of the file system that the function sees; empty for Lambda's own.
	Task, Opt, Runtime string

	InitLimit time.Duration // of the INIT phase; 0 for Lambda's 10 s
}

// supervisor is one sandbox's life.
type supervisor struct {
	options Options
	config  frames.Config
	out     *frames.Writer
	api     string // host:port

	mu          sync.Mutex
	environment *environment // the runtime at work; nil after a failure, until the next invocation

	memory *meter
}

// Run greets the host, begins INIT and serves invocations until the host says shutdown or closes In. When it returns,
// nothing that it started is alive.
func Run(ctx context.Context, o Options) error {
	o.setDefaults()
	s := &supervisor{options: o, out: frames.NewWriter(o.Out)}
	in := frames.NewReader(o.In, frames.MaxSupervisorPayload)
	if err := s.greet(in); err != nil {
		return s.fault(err)
	}
	listener, err := net.Listen("tcp", s.config.Facts.APIAddress)
	if err != nil {
		return s.fault(fmt.Errorf("listening for the Runtime API: %w", err))
	}
	s.api = listener.Addr().String()
	server := &http.Server{Handler: s.routes()} // no timeouts: /next may wait for ever
	serving := make(chan struct{})
	go func() {
		defer close(serving)
		// Its error is always that of Close, below.
		_ = server.Serve(listener)
	}()
	defer func() { server.Close(); <-serving }()
	if err := process.Subreap(); err != nil {
		return s.fault(err)
	}
	ready := frames.SupervisorReady{Type: frames.TypeReady, Version: frames.Version, API: s.api}
	if err := s.out.Write(ready, nil); err != nil {
		return fmt.Errorf("telling the host that the sandbox is ready: %w", err)
	}
	return s.live(ctx, in)
}

func (o *Options) setDefaults() {
	for _, path := range []struct {
		at       *string
		standard string
	}{{&o.Task, "/var/task"}, {&o.Opt, "/opt"}, {&o.Runtime, "/var/runtime"}} {
		if *path.at == "" {
			*path.at = path.standard
		}
	}
	if o.InitLimit == 0 {
		o.InitLimit = initLimit
	}
}

// greet reads hello and the configuration in it.
func (s *supervisor) greet(in *frames.Reader) error {
	f, err := in.Read()
	if err != nil {
		return fmt.Errorf("reading the host's hello: %w", err)
	}
	var hello frames.Hello
	if err := f.Decode(&hello); err != nil {
		return err
	}
	if f.Type != frames.TypeHello || len(hello.Versions) == 0 || hello.Versions[0] != frames.Version {
		return fmt.Errorf("the host says %s, versions %v, in place of hello, version %d", f.Type, hello.Versions, frames.Version)
	}
	if err := json.Unmarshal(f.Payload, &s.config); err != nil {
		return fmt.Errorf("reading the function's configuration: %w", err)
	}
	s.memory = newMeter(s.config.MemoryMB)
	return nil
}

// fault tells the host why the sandbox can't go on.
func (s *supervisor) fault(err error) error {
	_ = s.out.Write(frames.Fault{Type: frames.TypeFault, Message: err.Error()}, nil)
	return err
}

// live runs INIT and then one invocation after another, until the host ends it.
func (s *supervisor) live(ctx context.Context, in *frames.Reader) error {
	ctx, end := context.WithCancel(ctx)
	defer end()
	invocations := make(chan frames.Frame)
	var reading error
	var ordered atomic.Bool // the host said shutdown
	go func() {
		defer end()
		reading = s.read(ctx, in, invocations, &ordered)
		close(invocations)
	}()
	reaping := make(chan struct{})
	go func() { defer close(reaping); reapStrangers(ctx) }()
	watching := make(chan struct{})
	go func() { defer close(watching); s.memory.watch(ctx, s.overLimit) }()

	s.initPhase(ctx)
	for f := range invocations {
		if err := s.serve(ctx, f); err != nil {
			end()
			break
		}
	}
	if ordered.Load() {
		s.terminate()
	}
	s.reset()
	end()
	<-watching
	<-reaping
	for range invocations { // the reader may still hold one
	}
	return reading
}

// read passes invocations on until the host says shutdown, which is the end in order, or nothing more.
func (s *supervisor) read(ctx context.Context, in *frames.Reader, invocations chan<- frames.Frame, ordered *atomic.Bool) error {
	for {
		f, err := in.Read()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return fmt.Errorf("reading from the host: %w", err)
		case f.Type == frames.TypeShutdown:
			ordered.Store(true)
			return nil
		case f.Type != frames.TypeInvoke:
			return s.fault(fmt.Errorf("the host sent a frame of unknown type %q", f.Type))
		}
		select {
		case invocations <- f:
		case <-ctx.Done():
			return nil
		}
	}
}

// serve runs one invocation from frame to report.
func (s *supervisor) serve(ctx context.Context, f frames.Frame) error {
	var told frames.SupervisorInvoke
	if err := f.Decode(&told); err != nil {
		return s.fault(err)
	}
	inv := newInvocation(told, f.Payload, s.config)
	s.log(frames.SourcePlatform, inv.id, "START RequestId: "+inv.id+" Version: "+s.config.FunctionVersion)
	report := s.run(ctx, inv)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	s.log(frames.SourcePlatform, inv.id, "END RequestId: "+inv.id)
	s.log(frames.SourcePlatform, inv.id, reportLine(report))
	return s.out.Write(report, nil)
}

// answer sends the caller of the Invoke API its answer.
func (s *supervisor) answer(inv *invocation, a answer) {
	header := frames.SupervisorAnswer{Type: frames.TypeResult, ID: inv.id, ErrorType: a.errorType, ContentType: a.contentType}
	if a.errorType != "" {
		header.Type = frames.TypeError
	}
	if a.payload == nil {
		a.payload = []byte{}
	}
	// A host that is gone closed stdin too: the reader ends the sandbox.
	_ = s.out.Write(header, a.payload)
}

// log sends a line of the log; request is "" during INIT.
func (s *supervisor) log(source, request, line string) {
	_ = s.out.Write(frames.Log{Type: frames.TypeLog, Source: source, RequestID: request}, []byte(line))
}

// overLimit is called by the memory meter.
func (s *supervisor) overLimit() {
	s.mu.Lock()
	e := s.environment
	s.mu.Unlock()
	if e != nil {
		e.outOfMemory()
	}
}

// exitDocument is the error document for a runtime that ended.
func exitDocument(id, text string) []byte {
	return errorBody(runtimeapi.ErrorExit, "RequestId: "+id+" Error: "+text)
}

// errorBody is an error document as the platform itself makes it.
func errorBody(errorType, message string) []byte {
	body, err := json.Marshal(struct {
		Type    string `json:"errorType"`
		Message string `json:"errorMessage"`
	}{errorType, message})
	if err != nil { // strings only: cannot happen
		return []byte(`{"errorType":"` + errorType + `"}`)
	}
	return body
}
