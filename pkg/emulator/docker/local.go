package docker

import (
	"context"
	"os"
	"runtime"
	"strings"

	"github.com/docker/docker/api/types/container"
)

// engineFacts are what matters of the engine's description of itself.
type engineFacts struct {
	local        bool // surely this machine's: it sees our files
	selinux      bool
	limitsMemory bool
	seen         map[string]bool // directories for which it was tried
}

// engineFacts asks once.
func (s *Sandbox) engineFacts() *engineFacts {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.facts != nil {
		return s.facts
	}
	s.facts = &engineFacts{seen: map[string]bool{}}
	ctx, cancel := context.WithTimeout(context.Background(), stepTimeout)
	defer cancel()
	info, err := s.engine.Info(ctx)
	if err != nil {
		s.logger.Debug("asking the engine about itself", "cause", err)
		return s.facts
	}
	s.facts.limitsMemory = info.MemoryLimit
	for _, option := range info.SecurityOptions {
		s.facts.selinux = s.facts.selinux || strings.Contains(option, "name=selinux")
	}
	host, _ := os.Hostname()
	s.facts.local = runtime.GOOS == "linux" && strings.HasPrefix(s.where.host, "unix://") && info.Name == host && !inContainer()
	return s.facts
}

// inContainer says whether this is a container itself: with the host's engine, paths mean something else to it.
func inContainer() bool {
	for _, mark := range []string{"/.dockerenv", "/run/.containerenv"} {
		if _, err := os.Stat(mark); err == nil {
			return true
		}
	}
	return false
}

// Sees says whether containers of an image show a directory of this machine as it is, and as it will be.
func (s *Sandbox) Sees(ctx context.Context, image, dir string) bool { return s.sees(ctx, image, dir) }

// sees says whether the engine sees the directory dir of this machine: an engine that is remote, in a virtual machine, or
// outside of the container that we are in, may see none or, worse, another one of that name. It is tried with a
// directory that only we can have made; a container that binds one that is not there is refused.
func (s *Sandbox) sees(ctx context.Context, image, dir string) bool {
	facts := s.engineFacts()
	if facts.local {
		return true
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if seen, tried := facts.seen[dir]; tried {
		return seen
	}
	facts.seen[dir] = s.trySeeing(context.WithoutCancel(ctx), image, dir)
	return facts.seen[dir]
}

func (s *Sandbox) trySeeing(ctx context.Context, image, dir string) bool {
	witness, err := os.MkdirTemp(dir, ".seen-")
	if err != nil {
		return false
	}
	defer os.Remove(witness)
	host := &container.HostConfig{NetworkMode: networkNone}
	host.Mounts = append(host.Mounts, bindMount(witness, "/mnt"))
	config := &container.Config{Image: image, Entrypoint: []string{"/var/rapid/supervisor"}, Labels: labels()}
	id, err := s.createContainer(ctx, config, host, "")
	if err != nil {
		return false
	}
	s.remove(ctx, id, true)
	return true
}
