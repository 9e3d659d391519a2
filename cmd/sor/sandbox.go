package main

// Which sandbox, and why, in one line; and what to do when there is none.

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/serverless/open-runtime/pkg/emulator"
	"github.com/serverless/open-runtime/pkg/emulator/docker"
	"github.com/serverless/open-runtime/pkg/emulator/namespace"
	"github.com/serverless/open-runtime/pkg/project"
)

var sandboxNames = []string{"auto", "docker", "namespace"}

// chooseSandbox takes docker if it can, else namespace, and says which it took and why. inImage says that the function
// needs what only the image has: AWS's own client.
func (w *workspace) chooseSandbox(ctx context.Context, name, image string, inImage bool) (emulator.Sandbox, error) {
	switch name {
	case "docker":
		box, err := w.newDocker(ctx, docker.Options{Pull: true, Progress: w.progress})
		if err != nil {
			return nil, dockerError(err)
		}
		if err := box.Prepare(ctx, image); err != nil {
			return nil, dockerError(err)
		}
		w.say("sandbox: docker (%s)", image)
		return box, nil
	case "namespace":
		if inImage {
			return nil, fail(exitMissing, "use --sandbox docker", errors.New("runtime: managed runs AWS's own client, which is in the image "+image+" and not on this machine"))
		}
		if err := namespace.Available(); err != nil {
			return nil, fail(exitMissing, "use --sandbox docker", err)
		}
		w.say("sandbox: namespace")
		return namespace.New(), nil
	case "auto":
		return w.autoSandbox(ctx, image, inImage)
	}
	return nil, fail(exitUsage, alternatives("sandboxes", name, sandboxNames), fmt.Errorf("there is no sandbox %q", name))
}

// newDocker finds the engine. What containers bind besides code and layers is in the cache, held while sor runs.
func (w *workspace) newDocker(ctx context.Context, o docker.Options) (*docker.Sandbox, error) {
	dir, err := w.cache.Dir("docker", "names", func(string) error { return nil })
	if err != nil {
		return nil, err
	}
	o.Dir, o.Say = dir, w.say
	return docker.New(ctx, o)
}

func (w *workspace) autoSandbox(ctx context.Context, image string, inImage bool) (emulator.Sandbox, error) {
	quick, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	box, dockerErr := w.newDocker(quick, docker.Options{})
	if dockerErr == nil {
		if dockerErr = box.Prepare(quick, image); dockerErr == nil {
			w.say("sandbox: docker (%s is here)", image)
			return box, nil
		}
	}
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if inImage {
		return nil, fail(exitMissing, "--sandbox docker pulls the image; `sor doctor` says what is there",
			fmt.Errorf("runtime: managed runs AWS's own client, which is in the image %s: %w", image, dockerErr))
	}
	namespaceErr := namespace.Available()
	if namespaceErr == nil {
		w.say("sandbox: namespace (%v)", dockerErr)
		return namespace.New(), nil
	}
	return nil, fail(exitMissing, "install and start Docker, then `docker pull "+image+"`; `sor doctor` says what is there",
		fmt.Errorf("no sandbox can be had here: %w; %w", dockerErr, namespaceErr))
}

// dockerError gives what docker says of itself, and what works here without it.
func dockerError(err error) error {
	var hints []string
	if none, ok := errors.AsType[*docker.EngineError](err); ok {
		hints = append(hints, none.Hint)
	}
	if none, ok := errors.AsType[*docker.ImageError](err); ok {
		hints = append(hints, none.Hint, "name another with --image")
	}
	if namespace.Available() == nil && !strings.Contains(strings.Join(hints, "\n"), "--sandbox namespace") {
		hints = append(hints, "--sandbox namespace works here, and needs no Docker")
	}
	return fail(exitMissing, strings.Join(hints, "\n"), err)
}

// imageFor gives the image that stands for the target: AWS's own base image.
// https://docs.aws.amazon.com/lambda/latest/dg/images-create.html#runtimes-images-lp
func imageFor(p *project.Project) string {
	if p.Image != "" {
		return p.Image
	}
	const registry = "public.ecr.aws/lambda/"
	if version, ok := strings.CutPrefix(p.Target, "provided."); ok {
		return registry + "provided:" + version
	}
	for _, language := range []string{"nodejs", "python", "ruby", "java", "dotnet"} {
		if version, ok := strings.CutPrefix(p.Target, language); ok {
			return registry + language + ":" + strings.TrimSuffix(version, ".x")
		}
	}
	return registry + "provided:al2023"
}
