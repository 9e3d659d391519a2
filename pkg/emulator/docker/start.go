package docker

import (
	"context"
	"crypto/rand"
	"fmt"
	"time"

	"github.com/docker/docker/api/types/container"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/serverless/open-runtime/pkg/emulator"
)

// stepTimeout bounds each call that makes or removes a container. They take a fraction of a second; an engine under load
// needs longer, and one that hangs must not hang sor.
const stepTimeout = time.Minute

// Start makes a container and starts its supervisor. When ctx ends, the container is killed and removed.
func (s *Sandbox) Start(ctx context.Context, spec emulator.Spec) (emulator.Instance, error) {
	s.sweep(ctx)
	if err := s.ensureImage(ctx, spec.Image, spec.Arch); err != nil {
		return nil, err
	}
	files, err := s.provide(ctx, spec)
	if err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	// From here ctx stops nothing between two steps only: a call that is given up may still make a container.
	calls := context.WithoutCancel(ctx)
	id, err := s.create(calls, spec, files)
	s.release(calls, files, err != nil)
	if err != nil {
		return nil, err
	}
	i, err := s.run(ctx, id, spec)
	if err != nil {
		s.remove(calls, id, true)
		return nil, err
	}
	return i, nil
}

// create makes the container, with names of users of our own if the image does not know Lambda's.
func (s *Sandbox) create(ctx context.Context, spec emulator.Spec, files provided) (string, error) {
	config, host := s.configure(spec, files)
	id, err := s.createContainer(ctx, config, host, spec.Arch)
	if err != nil || files.volumesOf != "" || s.knowsUser(ctx, id) {
		return id, err
	}
	names, err := s.nameMounts()
	if err != nil {
		s.logger.Debug("image has no user 993", "image", spec.Image, "cause", err)
		return id, nil
	}
	s.remove(ctx, id, true)
	host.Mounts = append(host.Mounts, names...)
	return s.createContainer(ctx, config, host, spec.Arch)
}

func (s *Sandbox) createContainer(ctx context.Context, config *container.Config, host *container.HostConfig, arch string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, stepTimeout)
	defer cancel()
	var platform *ocispec.Platform
	if arch != "" {
		platform = &ocispec.Platform{OS: "linux", Architecture: arch}
	}
	made, err := s.engine.ContainerCreate(ctx, config, host, nil, platform, "sor-"+rand.Text())
	if err != nil {
		return "", fmt.Errorf("creating the container: %w", err)
	}
	for _, warning := range made.Warnings {
		s.logger.Debug("engine warns", "warning", warning)
	}
	return made.ID, nil
}

// run attaches, so that no byte is missed, and starts.
func (s *Sandbox) run(ctx context.Context, id string, spec emulator.Spec) (*instance, error) {
	calls, cancel := context.WithTimeout(context.WithoutCancel(ctx), stepTimeout)
	defer cancel()
	conn, err := s.engine.ContainerAttach(calls, id, container.AttachOptions{Stream: true, Stdin: true, Stdout: true, Stderr: true})
	if err != nil {
		return nil, fmt.Errorf("attaching to the container: %w", err)
	}
	i := &instance{sandbox: s, id: id, conn: conn, out: newQueue(), facts: s.factsOf(spec), ended: make(chan struct{})}
	removed, lost := s.engine.ContainerWait(context.WithoutCancel(ctx), id, container.WaitConditionRemoved)
	if err := s.engine.ContainerStart(calls, id, container.StartOptions{}); err != nil {
		conn.Close()
		return nil, fmt.Errorf("starting the container: %w", err)
	}
	go i.supervise(ctx, removed, lost)
	return i, nil
}

// remove removes a container that did not get so far as to be removed by the engine, with its volumes or without.
func (s *Sandbox) remove(ctx context.Context, id string, volumes bool) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), stepTimeout)
	defer cancel()
	if err := s.engine.ContainerRemove(ctx, id, container.RemoveOptions{Force: true, RemoveVolumes: volumes}); err != nil {
		s.logger.Debug("removing container", "container", id, "cause", err)
	}
}
