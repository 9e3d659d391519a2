// Package invokeapi is Lambda's front door on this machine: the Invoke API, response streams, and function URLs, for
// functions that pkg/emulator runs.
//
// It promises the paths, headers, statuses and bodies of AWS's pages, so that AWS's own clients need no more than another
// endpoint. It serves whoever is on this machine and nobody else, and never starts what a request names.
// https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html
package invokeapi

import (
	"context"
	"fmt"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/serverless/open-runtime/internal/frames"
	"github.com/serverless/open-runtime/pkg/emulator"
	"github.com/serverless/open-runtime/pkg/event"
)

// A Function is what is invoked: one sandbox, or a pool of them.
type Function interface {
	Config() frames.Config
	Begin(context.Context, frames.SupervisorInvoke, []byte) (*emulator.Invocation, error)
}

// A Served function has a name, and a queue for its asynchronous invocations.
type Served struct {
	Function
	Queue                 *emulator.Queue
	CORS                  *CORS  // of its URL; nil leaves it to the function
	Runtime, Architecture string // as AWS spells them; what GetFunction tells; may be empty

	Shape event.Shape // of what its URL makes of requests and answers: that of a function URL, or of another service; may be empty
}

// Options say what is served, and to whom.
type Options struct {
	Functions []Served
	Hosts     []string // names in the Host header, besides those of this machine's loopback
	Origins   []string // of web pages that may ask, besides those of this machine

	// Tell is told what a caller is not: why an invocation that had begun has no answer, and what was wrong with one that had.
	Tell func(f Function, err error)
	// Renamed is told of each invocation of the one function that is served by a name that is not its own.
	Renamed func(f Function, name string)
	// Refused is told of an invocation of a function that was refused before the function was asked: what it was to be told, the
	// event as far as it was read, and why. What the function's own Begin refuses it knows itself.
	Refused func(f Function, told frames.SupervisorInvoke, event []byte, err error)
}

// server is the handler of all routes.
type server struct {
	functions map[string]Served
	only      *Served      // the function, when there is one alone
	api       http.Handler // of AWS's API
	tell      func(Function, error)
	renamed   func(Function, string)
	refused   func(Function, frames.SupervisorInvoke, []byte, error)
}

// Paths of the API, and where a function's URL is for who can't set a host name.
const (
	pathFunctions   = "/2015-03-31/functions"
	pathFunction    = "/2015-03-31/functions/{name}"
	pathInvoke      = "/2015-03-31/functions/{name}/invocations"
	pathInvokeAsync = "/2014-11-13/functions/{name}/invoke-async"
	pathStream      = "/2021-11-15/functions/{name}/response-streaming-invocations"
	pathFunctionURL = "/lambda-url/"
)

// New makes the handler. A function's URL is http://NAME.localhost, with the port; one alone is at every other path too.
func New(o Options) http.Handler {
	s := &server{functions: map[string]Served{}, tell: o.Tell, renamed: o.Renamed, refused: o.Refused}
	if s.tell == nil {
		s.tell = func(Function, error) {}
	}
	if s.renamed == nil {
		s.renamed = func(Function, string) {}
	}
	if s.refused == nil {
		s.refused = func(Function, frames.SupervisorInvoke, []byte, error) {}
	}
	for _, f := range o.Functions {
		if f.Shape == "" {
			f.Shape = event.ShapeFunctionURL
		}
		s.functions[f.Config().FunctionName] = f
		if len(o.Functions) == 1 {
			s.only = &f
		}
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST "+pathInvoke, s.invoke)
	mux.HandleFunc("POST "+pathInvokeAsync, s.invokeAsync)
	mux.HandleFunc("POST "+pathInvokeAsync+"/{$}", s.invokeAsync)
	mux.HandleFunc("POST "+pathStream, s.stream)
	mux.HandleFunc("GET "+pathFunctions, s.listFunctions)
	mux.HandleFunc("GET "+pathFunctions+"/{$}", s.listFunctions)
	mux.HandleFunc("GET "+pathFunction, s.getFunction)
	mux.HandleFunc("GET "+pathFunction+"/configuration", s.getConfiguration)
	mux.HandleFunc("/", unknown)
	s.api = apiCORS.around(mux)
	return local(readOut(s), o)
}

// ServeHTTP finds who answers. What is under a function's URL is its own, whatever path it has, and as it was sent: a mux
// would tidy it up.
func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	name, own := strings.CutSuffix(hostname(r.Host), ".localhost")
	path := r.URL.EscapedPath()
	switch after, byPath := strings.CutPrefix(path, pathFunctionURL); {
	case own:
		s.urlOf(w, r, s.folded(name), path)
	case byPath:
		name, rest, _ := strings.Cut(after, "/")
		s.urlOf(w, r, name, "/"+rest)
	case isAPI(r.URL.Path):
		s.api.ServeHTTP(w, r)
	case s.only != nil:
		s.serveURL(w, r, *s.only, path)
	case path == "/":
		s.list(w, r)
	default:
		unknown(w, r)
	}
}

// folded gives the name of the function that a host name means, which has no case.
func (s *server) folded(host string) string {
	for name := range s.functions {
		if strings.EqualFold(name, host) {
			return name
		}
	}
	return host
}

// isAPI says whether a path belongs to AWS's API, all of whose paths begin with a date.
func isAPI(path string) bool {
	version, after, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	_, err := time.Parse(time.DateOnly, version)
	return err == nil && after != ""
}

// list tells a person what there is.
func (s *server) list(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, port, err := net.SplitHostPort(r.Host)
	if err != nil {
		port = "80"
	}
	for _, name := range slices.Sorted(maps.Keys(s.functions)) {
		fmt.Fprintf(w, "%s  %s  URL http://%s\n", name, s.functions[name].Config().FunctionARN, net.JoinHostPort(name+".localhost", port))
	}
}

func unknown(w http.ResponseWriter, r *http.Request) {
	userError(http.StatusNotFound, typeUnknown, "%s %s is no operation that is served here; a function's URL is http://NAME.localhost, with the port", r.Method, r.URL.Path).write(w)
}
