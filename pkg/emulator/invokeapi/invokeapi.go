// Package invokeapi is Lambda's front door on this machine: the Invoke API, response streams, and function URLs, for
// functions that pkg/emulator runs.
//
// It promises the paths, headers, statuses and bodies of AWS's pages, so that AWS's own clients need no more than another
// endpoint. It serves whoever is on this machine and nobody else, and never starts what a request names.
// https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html
package invokeapi

import (
	"context"
	"log/slog"
	"net/http"

	"github.com/serverless/open-runtime/internal/frames"
	"github.com/serverless/open-runtime/pkg/emulator"
)

// A Function is what is invoked: one sandbox, or a pool of them.
type Function interface {
	Config() frames.Config
	Begin(context.Context, frames.SupervisorInvoke, []byte) (*emulator.Invocation, error)
}

// A Served function has a name, and a queue for its asynchronous invocations.
type Served struct {
	Function
	Queue *emulator.Queue
}

// Options say what is served, and to whom.
type Options struct {
	Functions []Served
	Hosts     []string // names in the Host header, besides those of this machine's loopback
	Origins   []string // of web pages that may ask, besides those of this machine
	Logger    *slog.Logger
}

// server is the handler of all routes.
type server struct {
	functions map[string]Served
	only      *Served // the function, when there is one alone
	logger    *slog.Logger
}

// Paths of the API.
const (
	pathInvoke      = "/2015-03-31/functions/{name}/invocations"
	pathInvokeAsync = "/2014-11-13/functions/{name}/invoke-async/"
	pathStream      = "/2021-11-15/functions/{name}/response-streaming-invocations"
	pathFunctionURL = "/lambda-url/{name}/"
)

// New makes the handler. A function's URL is http://NAME.localhost, with the port; one alone is at every other path too.
func New(o Options) http.Handler {
	s := &server{functions: map[string]Served{}, logger: o.Logger}
	if s.logger == nil {
		s.logger = slog.New(slog.DiscardHandler)
	}
	for _, f := range o.Functions {
		s.functions[f.Config().FunctionName] = f
	}
	if len(o.Functions) == 1 {
		s.only = &o.Functions[0]
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST "+pathInvoke, s.invoke)
	mux.HandleFunc("POST "+pathInvokeAsync, s.invokeAsync)
	mux.HandleFunc("POST "+pathStream, s.stream)
	mux.HandleFunc(pathFunctionURL, s.urlByPath)
	mux.HandleFunc("/", s.urlByHost)
	return local(mux, o)
}
