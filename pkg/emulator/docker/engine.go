package docker

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"
	"strings"
	"syscall"
	"time"

	"github.com/docker/docker/client"
)

// pingTimeout bounds how long an engine may take to answer: one on this machine takes milliseconds.
const pingTimeout = 5 * time.Second

// An EngineError says that no Docker engine answers.
type EngineError struct {
	Tried []Attempt
	Hint  string // the next thing to do
}

// An Attempt is one place where an engine was looked for.
type Attempt struct {
	Engine string // host, and in parentheses who said so
	Err    error
}

func (e *EngineError) Error() string {
	var text strings.Builder
	text.WriteString("no Docker engine answers")
	for _, a := range e.Tried {
		fmt.Fprintf(&text, "; tried %s: %s", a.Engine, a.Err)
	}
	return text.String()
}

// Unwrap gives the causes.
func (e *EngineError) Unwrap() []error {
	causes := make([]error, len(e.Tried))
	for i, a := range e.Tried {
		causes[i] = a.Err
	}
	return causes
}

// connect tries each endpoint in turn.
func connect(ctx context.Context) (*client.Client, endpoint, error) {
	places, err := endpoints(os.Getenv)
	if err != nil {
		return nil, endpoint{}, &EngineError{Tried: []Attempt{{Engine: "docker context", Err: err}},
			Hint: "`docker context ls` shows the contexts there are; `docker context use default` goes back to the first"}
	}
	failed := &EngineError{}
	for _, place := range places {
		engine, err := place.connect(ctx)
		if err == nil {
			return engine, place, nil
		}
		if ctx.Err() != nil {
			return nil, endpoint{}, ctx.Err()
		}
		failed.Tried = append(failed.Tried, Attempt{Engine: place.String(), Err: err})
	}
	failed.Hint = hint(failed)
	return nil, endpoint{}, failed
}

// connect makes a client and asks the engine whether it is there, which also settles the version of its API.
func (e endpoint) connect(ctx context.Context) (*client.Client, error) {
	if strings.HasPrefix(e.host, "ssh://") {
		return nil, errors.New("an engine behind ssh is not supported")
	}
	engine, err := client.NewClientWithOpts(append(e.options, client.WithAPIVersionNegotiation())...)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, pingTimeout)
	defer cancel()
	if _, err := engine.Ping(ctx); err != nil {
		return nil, errors.Join(err, engine.Close())
	}
	return engine, nil
}

func hint(e *EngineError) string {
	switch {
	case errors.Is(e, fs.ErrPermission) || errors.Is(e, syscall.EACCES):
		return "you may not use the engine's socket: sudo usermod -aG docker $USER, and log in again; or use --sandbox namespace"
	case len(e.Tried) > 0 && strings.Contains(e.Tried[0].Engine, "ssh://"):
		return "forward its socket (ssh -L /tmp/docker.sock:/var/run/docker.sock HOST) and set DOCKER_HOST=unix:///tmp/docker.sock"
	case os.Getenv("DOCKER_API_VERSION") != "":
		return "DOCKER_API_VERSION is set, which stops the client from settling on a version with the engine: unset it"
	case os.Getenv("DOCKER_HOST") != "":
		return "is the engine of DOCKER_HOST running? Unset DOCKER_HOST to use the one on this machine"
	case runtime.GOOS == "linux":
		return "is Docker installed and running (sudo systemctl start docker)? --sandbox namespace needs none"
	default:
		return "start Docker Desktop (or Colima, Podman, Rancher Desktop) and try again"
	}
}
