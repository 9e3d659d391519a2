//go:build linux

// Package supervisor is the sandbox's half of the local Lambda: process 1, which plays AWS. It serves the Runtime API on
// loopback, starts and ends the runtime, measures it, and writes Lambda's START, END and REPORT lines.
//
// It promises the state machine, the statuses and the error bodies of AWS's pages, an answer for every invocation, and
// that nothing of the function outlives it. It talks frames/1 with the host over its stdin and stdout; it knows neither
// layers nor middlewares: what it starts is any bootstrap.
package supervisor

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"syscall"
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

	StreamBurst, StreamRate int64 // bytes of a stream at once, and a second after that; 0 for Lambda's
}

// supervisor is one sandbox's life.
type supervisor struct {
	options Options
	config  frames.Config
	out     *frames.Writer
	api     string // host:port
	attach  bool   // somebody else starts the runtime

	mu          sync.Mutex
	environment *environment  // what is at work; nil after a failure, until the next invocation
	arrives     chan struct{} // closed when the next one begins

	acquiring sync.Mutex // INIT is repeated by one invocation, the others wait
	frozen    sync.Mutex
	isFrozen  bool

	memory *meter
	spared sync.Once

	debugged  atomic.Bool  // somebody has been connected to the debugger
	records   atomic.Bool  // the host wants a record of the APIs
	exchanges atomic.Int64 // recorded so far
}

// Run greets the host, begins INIT and serves invocations until the host says shutdown or closes In. When it returns,
// nothing that it started is alive.
func Run(ctx context.Context, o Options) error {
	o.setDefaults()
	s := &supervisor{options: o, out: frames.NewWriter(o.Out), memory: &meter{}, arrives: make(chan struct{})}
	in := frames.NewReader(o.In, frames.MaxSupervisorPayload)
	if err := s.greet(in); err != nil {
		return s.fault(err)
	}
	if err := s.bound(); err != nil {
		return s.fault(err)
	}
	listener, err := net.Listen("tcp", s.config.Facts.APIAddress)
	if err != nil {
		return s.fault(fmt.Errorf("listening for the Runtime API: %w", err))
	}
	s.api, s.attach = listener.Addr().String(), s.config.Attach
	server := &http.Server{Handler: s.recorded(s.routes())} // no timeouts: /next may wait for ever
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
	if err := s.ready(); err != nil {
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
	o.InitLimit = cmp.Or(o.InitLimit, initLimit)
	o.StreamBurst, o.StreamRate = cmp.Or(o.StreamBurst, streamBurst), cmp.Or(o.StreamRate, streamRate)
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
	return s.configure(f.Payload)
}

// bound gives this process, and so its children, Lambda's quota of open files. Only who has CAP_SYS_RESOURCE could give
// it to a child of another user.
func (s *supervisor) bound() error {
	if s.config.Loose {
		return nil
	}
	var limit syscall.Rlimit
	err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit)
	if err == nil {
		limit.Max = min(limit.Max, openFiles) // a machine may allow less
		limit.Cur = limit.Max
		err = syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit)
	}
	if err != nil {
		return fmt.Errorf("limiting open files: %w", err)
	}
	return nil
}

// spare sees to it, once, that a function that has all the processes there are leaves this one threads. It takes longer than
// a sandbox needs to be ready, and so is for when what was started last gets going.
func (s *supervisor) spare() {
	if !s.config.Loose {
		s.spared.Do(func() { process.SpareThreads(spareThreads) })
	}
}

// configure takes the function's configuration.
func (s *supervisor) configure(data []byte) error {
	var config frames.Config
	if err := json.Unmarshal(data, &config); err != nil {
		return fmt.Errorf("reading the function's configuration: %w", err)
	}
	s.config = config
	s.memory.setLimit(config.MemoryMB)
	s.records.Store(config.Record)
	return nil
}

// ready tells the host that INIT begins.
func (s *supervisor) ready() error {
	ready := frames.SupervisorReady{Type: frames.TypeReady, Version: frames.Version, API: s.api}
	if s.config.Attach {
		ready.Environment = s.runtimeEnvironment()
	}
	return s.out.Write(ready, nil)
}

// fault tells the host why the sandbox can't go on.
func (s *supervisor) fault(err error) error {
	_ = s.out.Write(frames.Fault{Type: frames.TypeFault, Message: err.Error()}, nil)
	return err
}

// live runs INIT and then what the host hands over, until the host ends it.
func (s *supervisor) live(ctx context.Context, in *frames.Reader) error {
	ctx, end := context.WithCancel(ctx)
	defer end()
	told := make(chan frames.Frame)
	var reading error
	var ordered atomic.Bool // the host said shutdown
	go func() {
		defer end()
		reading = s.read(ctx, in, told, &ordered)
		close(told)
	}()
	reaping := make(chan struct{})
	go func() { defer close(reaping); reapStrangers(ctx) }()
	watching := make(chan struct{})
	go func() { defer close(watching); s.memory.watch(ctx, s.overLimit) }()

	s.initPhase(ctx)
	err := s.work(ctx, told)
	if e, _ := s.at(); e != nil {
		why := reasonKill
		if ordered.Load() {
			why = reasonSpindown
		}
		s.retire(e, why)
	}
	end()
	<-watching
	<-reaping
	for range told { // the reader may still hold one
	}
	return errors.Join(reading, err)
}

// read passes on what the host says until it says shutdown, which is the end in order, or nothing more.
func (s *supervisor) read(ctx context.Context, in *frames.Reader, told chan<- frames.Frame, ordered *atomic.Bool) error {
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
		case f.Type != frames.TypeInvoke && f.Type != frames.TypeReset:
			return s.fault(fmt.Errorf("the host sent a frame of unknown type %q", f.Type))
		}
		select {
		case told <- f:
		case <-ctx.Done():
			return nil
		}
	}
}

// work runs one invocation after another, or as many at once as the environment takes.
func (s *supervisor) work(ctx context.Context, told <-chan frames.Frame) error {
	var under sync.WaitGroup
	defer under.Wait()
	for f := range told {
		var err error
		switch {
		case f.Type == frames.TypeReset:
			under.Wait()
			err = s.begin(ctx, f.Payload)
		case s.config.Concurrency > 0:
			under.Go(func() { _ = s.serve(ctx, f) }) // a host that is gone ends ctx too
		default:
			err = s.serve(ctx, f)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// begin ends the environment in order and begins INIT with another configuration.
func (s *supervisor) begin(ctx context.Context, config []byte) error {
	if e, _ := s.at(); e != nil {
		s.retire(e, reasonSpindown)
	}
	if err := s.configure(config); err != nil {
		return s.fault(err)
	}
	if err := s.ready(); err != nil {
		return err
	}
	s.initPhase(ctx)
	return nil
}

// serve runs one invocation from frame to report.
func (s *supervisor) serve(ctx context.Context, f frames.Frame) error {
	var told frames.SupervisorInvoke
	if err := f.Decode(&told); err != nil {
		return s.fault(err)
	}
	s.thaw()
	inv := newInvocation(told, f.Payload, s.config)
	// START goes along with what comes next, which is mostly the answer; when that takes its time it goes alone.
	start := s.platformLine(inv.start, platformStart, inv.startRecord(s.config.FunctionVersion), "START RequestId: "+inv.id+" Version: "+s.config.FunctionVersion)
	_ = s.out.Delay(frames.Log{Type: frames.TypeLog, Source: frames.SourcePlatform, RequestID: inv.id}, []byte(start))
	late := time.AfterFunc(startDelay, func() { _ = s.out.Flush() })
	defer late.Stop()
	e, report, after := s.run(ctx, inv)
	if ctx.Err() != nil {
		return nil
	}
	defer after()
	if s.config.Freeze {
		s.tellReport(e, inv, report)
		e.flushTelemetry()
		s.freeze()
		return s.out.Write(report, nil)
	}
	defer e.telemetry.nudge()
	return s.out.Together(func() {
		s.tellReport(e, inv, report)
		_ = s.out.Write(report, nil) // it fails as a whole
	})
}

// tellReport logs the end of an invocation.
func (s *supervisor) tellReport(e *environment, inv *invocation, report frames.Report) {
	e.telemetry.platform(time.Now(), platformEnd, invocationEnd{inv.id})
	if !s.jsonLogs() {
		s.log(frames.SourcePlatform, inv.id, "END RequestId: "+inv.id)
	}
	s.platform(e, platformReport, inv.id, reportRecord(inv, report), reportLine(report))
}

// answer sends the caller of the Invoke API its answer, or the end of one that was streamed.
func (s *supervisor) answer(inv *invocation, a answer) {
	if inv.endStream() {
		_ = s.out.Write(frames.SupervisorEnd{Type: frames.TypeEnd, ID: inv.id, ErrorType: a.errorType}, a.payload)
		return
	}
	header := frames.SupervisorAnswer{Type: frames.TypeResult, ID: inv.id, ErrorType: a.errorType, ContentType: a.contentType}
	if a.errorType != "" {
		header.Type = frames.TypeError
	}
	// A host that is gone closed stdin too: the reader ends the sandbox.
	_ = s.out.Write(header, nonNil(a.payload))
}

// log sends a line of the log; request is "" during INIT.
func (s *supervisor) log(source, request, line string) {
	_ = s.out.Write(frames.Log{Type: frames.TypeLog, Source: source, RequestID: request}, []byte(line))
}

// at gives the environment at work, nil when there is none, and what is closed when the next one begins.
func (s *supervisor) at() (e *environment, arrives <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.environment, s.arrives
}

// set makes e the environment at work.
func (s *supervisor) set(e *environment) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.environment = e
	close(s.arrives)
	s.arrives = make(chan struct{})
}

// overLimit is called by the memory meter.
func (s *supervisor) overLimit() {
	if e, _ := s.at(); e != nil {
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
