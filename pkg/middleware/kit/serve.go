package kit

// Persistent mode: frames/1 on fd 4 and fd 3, hooks at the same time.

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"
)

// server is one conversation.
type server struct {
	hooks Hooks
	name  string
	wire  *wire
	once  sync.Once // the end

	mu      sync.Mutex
	leaving bool // nothing is begun any more
	running map[string]context.CancelFunc
	hold    sync.WaitGroup // who is running
}

// serve gives the exit status, after the end of the conversation.
func serve(hooks Hooks, in io.Reader, out io.Writer) int {
	s := &server{hooks: hooks, wire: newWire(in, out), running: map[string]context.CancelFunc{}}
	onTerminate(s.leave)
	err := s.greet()
	if err == nil {
		end := make(chan error, 1)
		go s.converse(end)
		err = <-end
	}
	if !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		fmt.Fprintln(os.Stderr, "frames/1:", err)
		return 1
	}
	s.end()
	return 0
}

// greet answers hello.
func (s *server) greet() error {
	h, _, err := s.wire.read()
	if err != nil {
		return err
	}
	if h.Type != "hello" || !contains(h.Versions, version) {
		return fmt.Errorf("a hello that offers version 1 is due, and %s came", h.Type)
	}
	s.name = h.Name
	if h.MaxPayload > 0 {
		s.wire.maxPayload = h.MaxPayload
	}
	ready := answer{Type: "ready", Version: version, DumpSignal: dumpSignal()}
	for _, capability := range []string{"multiplex", "cancel"} {
		if contains(h.Capabilities, capability) {
			ready.Capabilities = append(ready.Capabilities, capability)
		}
	}
	return s.wire.write(ready, nil)
}

func contains[T comparable](list []T, item T) bool {
	for _, other := range list {
		if other == item {
			return true
		}
	}
	return false
}

// converse reads frames until the end. One who reads an invocation leaves the reading to another and runs the hook itself: to
// wake a goroutine for it, while this one waits in a system call, would cost more than most hooks.
func (s *server) converse(end chan<- error) {
	for {
		h, payload, err := s.wire.read()
		if err == nil {
			err = s.take(h)
		}
		if err != nil {
			end <- err
			return
		}
		if h.Type == "invoke" {
			if run := s.begin(h, payload); run != nil {
				go s.converse(end)
				run()
				return
			}
		}
	}
}

// take does what a frame asks for.
func (s *server) take(h header) error {
	switch h.Type {
	case "invoke":
	case "cancel":
		s.mu.Lock()
		if cancel := s.running[h.ID]; cancel != nil {
			cancel()
		}
		s.mu.Unlock()
	case "shutdown":
		go s.leave() // who is running may still be cancelled
	default:
		return fmt.Errorf("a frame of type %q is not known", h.Type)
	}
	return nil
}

// begin gives what runs the hook and answers, or nil when it is too late.
func (s *server) begin(h header, document []byte) (run func()) {
	inv := &Invocation{
		Hook: h.Hook, Middleware: s.name, RequestID: h.Context.RequestID, Response: h.Response, ContentType: h.ContentType,
		FunctionARN: h.Context.FunctionARN, FunctionName: h.Context.FunctionName, FunctionVersion: h.Context.FunctionVersion,
		MemoryMB: h.Context.MemoryMB, TraceID: h.Context.TraceID, TenantID: h.Context.TenantID,
		ClientContext: h.Context.ClientContext, CognitoIdentity: h.Context.CognitoIdentity,
	}
	ctx, cancel := context.WithCancel(context.Background())
	if h.DeadlineMs > 0 {
		inv.Deadline = time.UnixMilli(h.DeadlineMs)
		cancel()
		ctx, cancel = context.WithDeadline(context.Background(), inv.Deadline)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.leaving {
		cancel()
		return nil
	}
	s.running[h.ID] = cancel
	s.hold.Add(1)
	return func() {
		defer s.hold.Done()
		defer cancel()
		s.answer(ctx, h.ID, inv, document)
	}
}

// answer runs the hook. Once the parent has the answer it may give the id to another invocation.
func (s *server) answer(ctx context.Context, id string, inv *Invocation, document []byte) {
	result, err := call(ctx, s.hooks, inv, document)
	if err == nil && int64(len(result.document)) > s.wire.maxPayload {
		err = fmt.Errorf("the output is %d bytes; %d are allowed", len(result.document), s.wire.maxPayload)
	}
	s.mu.Lock()
	delete(s.running, id)
	s.mu.Unlock()
	frame, payload := answer{Type: "result", ID: id}, result.document
	switch {
	case err != nil:
		logFailure(err)
		frame.Type, payload = "error", errorDocument(err)
	case result.kind == unchanged:
		frame.Unchanged, payload = true, nil
	case payload == nil:
		payload = []byte{}
	}
	frame.Respond = err == nil && result.kind == respond
	_ = s.wire.write(frame, payload) // nobody is left to answer: the end follows on fd 4
}

// leave ends the process.
func (s *server) leave() {
	s.end()
	os.Exit(0)
}

// end waits for what is running, and runs the shutdown hook.
func (s *server) end() {
	s.once.Do(func() {
		s.mu.Lock()
		s.leaving = true
		s.mu.Unlock()
		s.hold.Wait()
		if s.hooks.Shutdown != nil {
			s.hooks.Shutdown()
		}
	})
}
