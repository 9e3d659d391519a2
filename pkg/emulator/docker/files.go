package docker

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/mount"

	"github.com/serverless/open-runtime/pkg/emulator"
)

// provided says how the function's code, the layer and the supervisor come into a container.
type provided struct {
	mounts    []mount.Mount
	volumesOf string   // a container whose volumes hold them, where the engine does not see our files
	empty     []string // targets with nothing in them
}

// A source is a file or directory of this machine and where it belongs.
type source struct{ path, target string }

// provide finds a way in for the files of spec.
func (s *Sandbox) provide(ctx context.Context, spec emulator.Spec) (provided, error) {
	var p provided
	var sources []source
	for _, one := range []source{{spec.Supervisor, "/var/rapid/supervisor"}, {spec.Task, "/var/task"}, {spec.Opt, "/opt"}} {
		if one.path == "" {
			p.empty = append(p.empty, one.target)
			continue
		}
		real, err := filepath.Abs(one.path)
		if err == nil {
			real, err = filepath.EvalSymlinks(real)
		}
		if err != nil {
			return p, fmt.Errorf("finding what becomes %s: %w", one.target, err)
		}
		sources = append(sources, source{real, one.target})
	}
	if s.sees(ctx, spec.Image, filepath.Dir(sources[0].path)) {
		for _, one := range sources {
			p.mounts = append(p.mounts, bindMount(one.path, one.target))
		}
		return p, nil
	}
	s.logger.Debug("engine does not see this machine's files; copying them into volumes", "engine", s.where.String())
	var err error
	p.volumesOf, err = s.fillVolumes(context.WithoutCancel(ctx), spec, sources)
	return p, err
}

// release removes the container that was only there to fill volumes. The volumes belong to the container that took them
// over, unless there is none.
func (s *Sandbox) release(ctx context.Context, p provided, volumes bool) {
	if p.volumesOf != "" {
		s.remove(ctx, p.volumesOf, volumes)
	}
}

// fillVolumes makes a container that is never started, with a volume without a name for each target, and copies the files
// in. The container of the function takes these volumes over, read-only; the engine removes them with it.
func (s *Sandbox) fillVolumes(ctx context.Context, spec emulator.Spec, sources []source) (string, error) {
	host := &container.HostConfig{LogConfig: container.LogConfig{Type: "none"}, NetworkMode: networkNone}
	for _, one := range sources {
		target := one.target
		if target == "/var/rapid/supervisor" {
			target = path.Dir(target) // a volume is a directory
		}
		host.Mounts = append(host.Mounts, mount.Mount{Type: mount.TypeVolume, Target: target, VolumeOptions: &mount.VolumeOptions{NoCopy: true}})
	}
	config := &container.Config{Image: spec.Image, Entrypoint: []string{"/var/rapid/supervisor"}, Labels: labels()}
	id, err := s.createContainer(ctx, config, host, spec.Arch)
	if err != nil {
		return "", err
	}
	reader, writer := io.Pipe()
	go func() { writer.CloseWithError(archive(writer, sources)) }()
	err = s.engine.CopyToContainer(ctx, id, "/", reader, container.CopyToContainerOptions{})
	reader.Close() // a failed copy has not read to the end
	if err != nil {
		s.remove(ctx, id, true)
		return "", fmt.Errorf("copying files to the engine: %w", err)
	}
	return id, nil
}

// archive writes sources as a tar of files that belong to root, with the modes that they have here.
func archive(w io.Writer, sources []source) error {
	out := tar.NewWriter(w)
	for _, one := range sources {
		err := filepath.WalkDir(one.path, func(name string, entry fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			rel, err := filepath.Rel(one.path, name)
			if err != nil {
				return err
			}
			return archiveEntry(out, name, path.Join(one.target, filepath.ToSlash(rel))[1:], entry)
		})
		if err != nil {
			return err
		}
	}
	return out.Close()
}

func archiveEntry(out *tar.Writer, file, name string, entry fs.DirEntry) error {
	info, err := entry.Info()
	if err != nil {
		return err
	}
	var link string
	if info.Mode()&fs.ModeSymlink != 0 {
		if link, err = os.Readlink(file); err != nil {
			return err
		}
	}
	header, err := tar.FileInfoHeader(info, link)
	if err != nil {
		return err
	}
	header.Name, header.Uid, header.Gid, header.Uname, header.Gname = name, 0, 0, "", ""
	if err := out.WriteHeader(header); err != nil || !info.Mode().IsRegular() {
		return err
	}
	in, err := os.Open(file)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, in.Close())
}
