// Package docker is the sandbox that is a container: AWS's own base image of the function's target, or another, with a
// read-only root, a sized /tmp, user 993 and no capabilities. It is the one place that knows the Docker engine.
//
// A container outlives nothing: it is removed by the engine as soon as its supervisor ends, and that ends with its stdin,
// which the engine closes when this process dies, by SIGKILL too. What a kill between two calls leaves behind, a
// container that was never started, is found by its label and removed at the next start.
//
// It builds no image, and pulls one only when told to. Files come in by read-only bind mounts where the engine sees this
// machine's files, else by volumes.
package docker

import (
	"context"
	"log/slog"
	"sync"

	"github.com/docker/docker/client"
)

// Name is how the command line and the facts call this sandbox.
const Name = "docker"

// Options say how a Sandbox behaves.
type Options struct {
	Pull bool   // pull an image that is not there
	Arch string // for which the image must be, amd64 or arm64; "" for any
	Dir  string // for small files that containers bind; "" is a folder in the user's cache

	Progress func(what string, done, total int64) // told how a pull gets on, in bytes; may be nil
	Say      func(format string, args ...any)     // tells the user what takes time; may be nil
	Logger   *slog.Logger                         // nil: none
}

// Sandbox starts instances with one engine.
type Sandbox struct {
	engine  *client.Client
	where   endpoint
	options Options
	logger  *slog.Logger

	mu    sync.Mutex
	facts *engineFacts // once asked
}

// New finds the engine as the docker command does, by DOCKER_HOST, then by context, then where engines usually
// listen, and makes sure that it answers. The error is an *EngineError when none does.
func New(ctx context.Context, o Options) (*Sandbox, error) {
	engine, where, err := connect(ctx)
	if err != nil {
		return nil, err
	}
	s := &Sandbox{engine: engine, where: where, options: o, logger: o.Logger}
	if s.logger == nil {
		s.logger = slog.New(slog.DiscardHandler)
	}
	return s, nil
}

// Name says which sandbox this is.
func (s *Sandbox) Name() string { return Name }

// Engine says where the engine was found, for a person: "unix:///var/run/docker.sock (context desktop-linux)".
func (s *Sandbox) Engine() string { return s.where.String() }

// Close ends the connections to the engine. Instances must have ended.
func (s *Sandbox) Close() error { return s.engine.Close() }
