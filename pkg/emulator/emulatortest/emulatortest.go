// Package emulatortest is a sandbox for tests of the host's half: its supervisor is a few lines of the test's own, which speak
// frames/1 and start nothing. What a real sandbox does is tested with real ones.
package emulatortest

import (
	"context"
	"errors"
	"io"
	"sync"

	"github.com/serverless/open-runtime/internal/frames"
	"github.com/serverless/open-runtime/pkg/emulator"
)

// A Sandbox makes such sandboxes, and counts them.
type Sandbox struct {
	Work  func(b *Box, inv frames.SupervisorInvoke, event []byte) // an invocation, up to its report
	Fails func(started int) error                                 // of the start of one; nil for never

	mu      sync.Mutex
	started int
	live    int
	most    int // that were live at once
	resets  int
}

// A Box is a running one.
type Box struct {
	of      *Sandbox
	number  int
	out     *frames.Writer
	fromUs  *io.PipeReader // what the host wrote
	toUs    *io.PipeWriter
	fromBox *io.PipeReader
	toHost  *io.PipeWriter
	Dead    context.Context // ends with it
	kill    context.CancelFunc
	ended   chan struct{}
}

// Name is the kind of sandbox.
func (s *Sandbox) Name() string { return "scripted" }

// Start starts one.
func (s *Sandbox) Start(ctx context.Context, _ emulator.Spec) (emulator.Instance, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.started++
	if s.Fails != nil {
		if err := s.Fails(s.started); err != nil {
			return nil, err
		}
	}
	s.live++
	s.most = max(s.most, s.live)
	b := &Box{of: s, number: s.started, ended: make(chan struct{})}
	b.fromUs, b.toUs = io.Pipe()
	b.fromBox, b.toHost = io.Pipe()
	b.out = frames.NewWriter(b.toHost)
	b.Dead, b.kill = context.WithCancel(context.Background())
	stop := context.AfterFunc(ctx, b.Die)
	go func() { defer close(b.ended); defer stop(); b.serve() }()
	return b, nil
}

// Read and the following are those of an emulator.Instance.
func (b *Box) Read(p []byte) (int, error)  { return b.fromBox.Read(p) }
func (b *Box) Write(p []byte) (int, error) { return b.toUs.Write(p) }
func (b *Box) CloseWrite() error           { return b.toUs.Close() }
func (b *Box) Wait() error                 { <-b.ended; return nil }
func (b *Box) Facts() frames.Facts         { return frames.Facts{Sandbox: "scripted"} }

// Die is what a kill does.
func (b *Box) Die() {
	b.kill()
	b.fromUs.CloseWithError(errors.New("dead"))
	_ = b.toHost.Close() // a pipe's never fails
}

func (b *Box) serve() {
	defer func() {
		b.Die()
		b.of.mu.Lock()
		b.of.live--
		b.of.mu.Unlock()
	}()
	in := frames.NewReader(b.fromUs, frames.MaxSupervisorPayload)
	var under sync.WaitGroup
	defer under.Wait()
	for {
		f, err := in.Read()
		if err != nil || f.Type == frames.TypeShutdown {
			return
		}
		if f.Type != frames.TypeInvoke {
			if f.Type == frames.TypeReset {
				b.of.mu.Lock()
				b.of.resets++
				b.of.mu.Unlock()
			}
			_ = b.out.Write(frames.SupervisorReady{Type: frames.TypeReady, Version: frames.Version}, nil)
			continue
		}
		var inv frames.SupervisorInvoke
		if f.Decode(&inv) != nil {
			return
		}
		under.Go(func() { b.of.Work(b, inv, f.Payload) })
	}
}

// Echo answers with the event.
func Echo(b *Box, inv frames.SupervisorInvoke, event []byte) {
	b.Say(frames.SupervisorAnswer{Type: frames.TypeResult, ID: inv.ID}, event)
	b.Report(inv.ID, "")
}

// Fail answers with an error document.
func (b *Box) Fail(id, errorType, document string) {
	b.Say(frames.SupervisorAnswer{Type: frames.TypeError, ID: id, ErrorType: errorType}, []byte(document))
	b.Report(id, errorType)
}

// Say sends a frame to the host.
func (b *Box) Say(header any, payload []byte) { _ = b.out.Write(header, payload) } // a host that is gone ends it otherwise

// Report ends an invocation.
func (b *Box) Report(id, errorType string) {
	report := frames.Report{Type: frames.TypeReport, ID: id, Status: "success", DurationMs: 1.5, BilledDurationMs: 2, MemorySizeMB: 128, MaxMemoryUsedMB: 7}
	if errorType != "" {
		report.Status, report.ErrorType = "error", errorType
	}
	b.Say(report, nil)
}

// Count gives how many were started, live at once, live now, and reset.
func (s *Sandbox) Count() (started, most, live, resets int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.started, s.most, s.live, s.resets
}
