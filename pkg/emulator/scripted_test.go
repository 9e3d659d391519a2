package emulator_test

// A sandbox whose supervisor is a few lines of the test: it speaks frames/1 and starts nothing.

import (
	"context"
	"errors"
	"io"
	"sync"
	"testing"

	"github.com/serverless/open-runtime/internal/frames"
	"github.com/serverless/open-runtime/pkg/emulator"
)

// scripted makes such sandboxes, and counts them.
type scripted struct {
	work  func(b *box, inv frames.SupervisorInvoke, event []byte) // between START and REPORT
	fails func(started int) error                                 // of the start of one

	mu      sync.Mutex
	started int
	live    int
	most    int // that were live at once
	resets  int
}

// A box is one of them.
type box struct {
	of      *scripted
	number  int
	out     *frames.Writer
	fromUs  *io.PipeReader // what the host wrote
	toUs    *io.PipeWriter
	fromBox *io.PipeReader
	toHost  *io.PipeWriter
	dead    context.Context
	kill    context.CancelFunc
	ended   chan struct{}
}

func (s *scripted) Name() string { return "scripted" }

func (s *scripted) Start(ctx context.Context, _ emulator.Spec) (emulator.Instance, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.started++
	if s.fails != nil {
		if err := s.fails(s.started); err != nil {
			return nil, err
		}
	}
	s.live++
	s.most = max(s.most, s.live)
	b := &box{of: s, number: s.started, ended: make(chan struct{})}
	b.fromUs, b.toUs = io.Pipe()
	b.fromBox, b.toHost = io.Pipe()
	b.out = frames.NewWriter(b.toHost)
	b.dead, b.kill = context.WithCancel(context.Background())
	stop := context.AfterFunc(ctx, b.die)
	go func() { defer close(b.ended); defer stop(); b.serve() }()
	return b, nil
}

func (b *box) Read(p []byte) (int, error)  { return b.fromBox.Read(p) }
func (b *box) Write(p []byte) (int, error) { return b.toUs.Write(p) }
func (b *box) CloseWrite() error           { return b.toUs.Close() }
func (b *box) Wait() error                 { <-b.ended; return nil }
func (b *box) Facts() frames.Facts         { return frames.Facts{Sandbox: "scripted"} }

// die is what a kill does.
func (b *box) die() {
	b.kill()
	b.fromUs.CloseWithError(errors.New("dead"))
	b.toHost.Close()
}

func (b *box) serve() {
	defer func() {
		b.die()
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
		under.Go(func() { b.of.work(b, inv, f.Payload) })
	}
}

// answer answers and reports.
func (b *box) answer(id string, payload []byte) {
	_ = b.out.Write(frames.SupervisorAnswer{Type: frames.TypeResult, ID: id}, payload)
	_ = b.out.Write(frames.Report{Type: frames.TypeReport, ID: id, Status: "success"}, nil)
}

// count gives how many were started, live at once, live now, and reset.
func (s *scripted) count() (started, most, live, resets int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.started, s.most, s.live, s.resets
}

// echo answers with the event.
func echo(b *box, inv frames.SupervisorInvoke, event []byte) { b.answer(inv.ID, event) }

// function makes a Function of scripted sandboxes, and closes it at the end.
func function(t *testing.T, s *scripted, change ...func(*emulator.FunctionOptions)) *emulator.Function {
	o := emulator.FunctionOptions{Sandbox: s, Options: emulator.Options{Config: frames.Config{FunctionName: "f"}}}
	for _, one := range change {
		one(&o)
	}
	f := emulator.NewFunction(o)
	t.Cleanup(func() {
		f.Close(t.Context())
		if _, _, live, _ := s.count(); live != 0 {
			t.Errorf("%d sandboxes are left", live)
		}
	})
	return f
}
