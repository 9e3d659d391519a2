//go:build linux

package bootstrap

// Language runtimes that speak the Runtime API themselves: a function's binary on aws-lambda-go, an AWS runtime interface
// client. They are served a Runtime API of their own, with the middlewares between it and Lambda's.
// https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html

import (
	"context"
	"io"
	"sync"
	"time"

	"github.com/serverless/open-runtime/internal/http1"
	"github.com/serverless/open-runtime/internal/peer"
	"github.com/serverless/open-runtime/internal/process"
	"github.com/serverless/open-runtime/internal/runtimeapi"
)

// A proxy is the dialect of one such language runtime. Its calls are answers to GET /next, and its answers are POSTs.
type proxy struct {
	server   *http1.Server
	upstream *http1.Client
	named    func(agent string)
	log      logger
	several  bool // it may ask for several invocations at once

	calls   chan peer.Call
	answers chan peer.Answer
	opened  chan struct{} // closed at the first /next
	open    sync.Once
	refused chan *runtimeapi.Error // what it posted to /init/error
	mute    chan struct{}          // closed when nothing is sent any more
	silence sync.Once
	deaf    chan struct{} // closed when nothing is received any more
	closing sync.Once
	stop    context.CancelFunc
	serving sync.WaitGroup

	mu    sync.Mutex
	taken map[string]peer.Call // handed out and not answered
}

// newProxy listens on a free port of loopback and serves.
func newProxy(upstream *http1.Client, named func(agent string), several bool, log logger) (*proxy, error) {
	server, err := http1.Listen("127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancel(context.Background())
	p := &proxy{
		server: server, upstream: upstream, named: named, log: log, several: several, stop: stop,
		calls: make(chan peer.Call), answers: make(chan peer.Answer), opened: make(chan struct{}),
		refused: make(chan *runtimeapi.Error, 1), mute: make(chan struct{}), deaf: make(chan struct{}), taken: map[string]peer.Call{},
	}
	p.serving.Go(func() {
		if err := server.Serve(ctx, p.serve); err != nil {
			log.error("serving the Runtime API to the language runtime", "cause", err.Error())
		}
	})
	return p, nil
}

// startProxied starts a language runtime that speaks the Runtime API.
func (r *languageRuntime) startProxied(what string, spec process.Spec) (*peer.Peer, error) {
	p, err := newProxy(r.upstream, r.named, r.concurrency > 1, r.log)
	if err != nil {
		return nil, err
	}
	spec.Env = withVariable(spec.Env, envAPI, p.server.Addr())
	r.passTelemetry(&spec)
	child, err := process.Start(spec)
	if err != nil {
		p.Close()
		return nil, err
	}
	return peer.Begin(what, child, p, r.log.warning), nil
}

// withVariable sets a variable in a copy of an environment.
func withVariable(environ []string, name, value string) []string {
	set := make([]string, 0, len(environ)+1)
	for _, entry := range environ {
		if len(entry) <= len(name) || entry[:len(name)] != name || entry[len(name)] != '=' {
			set = append(set, entry)
		}
	}
	return append(set, name+"="+value)
}

// Open waits for the first /next: then init is over.
func (p *proxy) Open() (peer.Terms, error) {
	select {
	case <-p.opened:
		return peer.Terms{Multiplex: p.several}, nil
	case why := <-p.refused:
		return peer.Terms{}, why
	case <-p.deaf:
		select {
		case why := <-p.refused:
			return peer.Terms{}, why
		default:
			return peer.Terms{}, io.EOF
		}
	}
}

// Send hands a call to a /next that waits, or will.
func (p *proxy) Send(ctx context.Context, call *peer.Call) error {
	select {
	case p.calls <- *call:
		call.At = handedOver
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-p.mute:
		return io.ErrClosedPipe
	}
}

// Receive waits for the next answer.
func (p *proxy) Receive() (peer.Answer, error) {
	select {
	case a := <-p.answers:
		return a, nil
	case <-p.deaf:
		return peer.Answer{}, io.EOF
	}
}

// give hands an answer to Receive; it is lost when nobody listens any more.
func (p *proxy) give(a peer.Answer) {
	select {
	case p.answers <- a:
	case <-p.deaf:
	}
}

// Tell says nothing: the Runtime API has no words for it.
func (p *proxy) Tell(string, string) bool { return false }

// Unread knows of a call that waited for a /next to the end. What was written to a connection may have been read.
func (p *proxy) Unread(call *peer.Call) bool { return call.At != handedOver }

// handedOver is of a call that a /next got.
const handedOver = 1

// Drain is called when the process has ended: what its connections still hold is read, and when all of them are closed, or
// grace is over because something else holds one, nothing more will come.
func (p *proxy) Drain(grace time.Duration) {
	p.silence.Do(func() { close(p.mute) })
	limit := time.NewTimer(grace)
	defer limit.Stop()
	look := time.NewTicker(2 * time.Millisecond)
	defer look.Stop()
	for quiet := 0; quiet < 2; { // twice, for a connection that waits to be accepted
		select {
		case <-look.C:
			quiet++
			if p.server.Connections() > 0 {
				quiet = 0
			}
		case <-limit.C:
			quiet = 2
		}
	}
	p.closing.Do(func() { close(p.deaf) })
}

// Close ends the serving and waits for it.
func (p *proxy) Close() {
	p.silence.Do(func() { close(p.mute) })
	p.closing.Do(func() { close(p.deaf) })
	p.stop()
	p.serving.Wait()
}
