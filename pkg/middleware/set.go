//go:build linux

package middleware

import (
	"errors"
	"fmt"
	"runtime"
	"sync"

	"github.com/serverless/open-runtime/internal/logline"
	"github.com/serverless/open-runtime/internal/manifest"
	"github.com/serverless/open-runtime/internal/runtimeapi"
)

// SourceOwn is the source of the log lines that the runtime writes itself.
const SourceOwn = logline.Own

// Options say where middlewares are and who hears of them.
type Options struct {
	Root    string                           // "/opt"
	Environ []string                         // the function's environment
	Arch    string                           // of the machine; default: this program's
	Log     func(source string, line []byte) // a line of a middleware's stderr, or a warning (SourceOwn); the slice is valid during the call
	Trace   func(*Invocation, Stage)         // may be nil

	// Debug names a middleware that is started by the program Debugger, which gets it as its arguments, and has no time limit
	// of its own.
	Debug, Debugger string

	// Concurrency is how many invocations there may be at once; 0 is 1.
	Concurrency int
}

// A Set is the middlewares of a function, checked and ready. It is safe for concurrent use.
type Set struct {
	middlewares []*program
	daemons     *daemons
}

// Load finds and checks the middlewares that refs name, outermost first, and starts none. All that is wrong with all of them is told in one
// *runtimeapi.Error; an optional one that is wrong is left out with a warning in the log.
func Load(refs []manifest.Ref, o Options) (*Set, error) {
	if o.Root == "" {
		o.Root = "/opt"
	}
	if o.Arch == "" {
		o.Arch = runtime.GOARCH
	}
	logger := o.Log
	var mu sync.Mutex
	o.Log = func(source string, line []byte) {
		mu.Lock()
		defer mu.Unlock()
		if logger != nil {
			logger(source, line)
		}
	}
	set := &Set{daemons: &daemons{}}
	var wrong []error
	for _, ref := range refs {
		p, optional, causes := inspect(ref, o)
		switch {
		case len(causes) == 0:
			p.daemons = set.daemons
			if p.manifest.Protocol == manifest.ProtocolFrames {
				p.stand()
			}
			set.middlewares = append(set.middlewares, p)
		case optional:
			warn(o, "optional middleware is left out", "middleware", ref.Name, "cause", errors.Join(causes...).Error())
		default:
			for _, cause := range causes {
				wrong = append(wrong, fmt.Errorf("middleware %s: %w", ref.Name, cause))
			}
		}
	}
	if len(wrong) > 0 {
		return nil, &runtimeapi.Error{Type: runtimeapi.ErrorMiddleware, Message: errors.Join(wrong...).Error()}
	}
	return set, nil
}

// Chain wraps h in the middlewares of the set.
func (s *Set) Chain(h Handler) Handler {
	wrappers := make([]Middleware, len(s.middlewares))
	for i, p := range s.middlewares {
		wrappers[i] = p.wrap
	}
	return Chain(h, wrappers...)
}

// Names lists the middlewares that are in use, outermost first.
func (s *Set) Names() []string {
	names := make([]string, len(s.middlewares))
	for i, p := range s.middlewares {
		names[i] = p.name
	}
	return names
}

// Daemon says whether pid is a process that a middleware left behind on purpose, in a group of its own: it lives until
// the sandbox ends, whatever becomes of the language runtime.
func (s *Set) Daemon(pid int) bool { return s.daemons.has(pid) }

// warn writes one line of the runtime's own log.
func warn(o Options, message string, pairs ...string) {
	o.Log(SourceOwn, logline.Warning(message, pairs...))
}
