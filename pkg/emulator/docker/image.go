package docker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/image"
)

// An ImageError says that the image is not there and did not come.
type ImageError struct {
	Image string
	Err   error // why the pull failed; nil when none was asked for
	Hint  string
}

func (e *ImageError) Error() string {
	if e.Err == nil {
		return fmt.Sprintf("image %s is not here", e.Image)
	}
	return fmt.Sprintf("pulling image %s: %s", e.Image, e.Err)
}

func (e *ImageError) Unwrap() error { return e.Err }

// Is makes every ImageError one of ErrNoImage.
func (e *ImageError) Is(target error) bool { return target == ErrNoImage }

// ErrNoImage is what every *ImageError is.
var ErrNoImage = errors.New("the image is not there")

// Prepare makes sure that an image is there, pulling it if that is allowed. The error is an *ImageError if it is not.
func (s *Sandbox) Prepare(ctx context.Context, image string) error {
	return s.ensureImage(ctx, image, s.options.Arch)
}

// HasImage says whether the engine has an image, for arch if that is given.
func (s *Sandbox) HasImage(ctx context.Context, name, arch string) (bool, error) {
	found, err := s.engine.ImageInspect(ctx, name)
	if cerrdefs.IsNotFound(err) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("looking for image %s: %w", name, err)
	}
	return arch == "" || found.Architecture == arch, nil
}

// ensureImage makes sure that the image is there.
func (s *Sandbox) ensureImage(ctx context.Context, name, arch string) error {
	has, err := s.HasImage(ctx, name, arch)
	if err != nil || has {
		return err
	}
	if !s.options.Pull {
		return &ImageError{Image: name, Hint: "docker pull " + platformFlag(arch) + name + ", or --sandbox docker, which pulls it"}
	}
	if err := s.pull(ctx, name, arch); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return &ImageError{Image: name, Err: err, Hint: "is its name right, and the network there? docker pull " + platformFlag(arch) + name +
			" uses the logins of `docker login`; --sandbox namespace needs no image"}
	}
	return nil
}

func platformFlag(arch string) string {
	if arch == "" {
		return ""
	}
	return "--platform linux/" + arch + " "
}

func (s *Sandbox) pull(ctx context.Context, name, arch string) error {
	if s.options.Say != nil {
		s.options.Say("pulling image %s", name)
	}
	options := image.PullOptions{}
	if arch != "" {
		options.Platform = "linux/" + arch
	}
	stream, err := s.engine.ImagePull(ctx, name, options)
	if err != nil {
		return err
	}
	defer stream.Close()
	return followPull(stream, func(done, total int64) {
		if s.options.Progress != nil {
			s.options.Progress("pulling "+name, done, total)
		}
	})
}

// followPull reads what the engine says of a pull up to its end, where a failure is told as well.
func followPull(stream io.Reader, progress func(done, total int64)) error {
	type layer struct{ done, total int64 }
	layers := map[string]layer{}
	for decoder := json.NewDecoder(stream); ; {
		var message struct {
			ID, Status, Error string
			ProgressDetail    struct{ Current, Total int64 }
		}
		if err := decoder.Decode(&message); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		if message.Error != "" {
			return errors.New(message.Error)
		}
		known := layers[message.ID]
		switch message.Status {
		case "Downloading":
			known = layer{message.ProgressDetail.Current, max(message.ProgressDetail.Total, known.total)}
		case "Download complete", "Pull complete":
			known.done = known.total
		default:
			continue
		}
		layers[message.ID] = known
		var sum layer
		for _, one := range layers {
			sum.done += one.done
			sum.total += one.total
		}
		progress(sum.done, sum.total)
	}
}
