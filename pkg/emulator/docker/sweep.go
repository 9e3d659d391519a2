package docker

import (
	"context"
	"os"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"

	"github.com/serverless/open-runtime/internal/owner"
)

// neverStarted is how old a container may be that was made and not started before it counts as left behind, when its
// maker can't be asked for: one on another machine, with the same engine.
const neverStarted = time.Hour

// sweep removes the containers that were left behind by a kill. That it can't is no reason to stop.
func (s *Sandbox) sweep(ctx context.Context) {
	found, err := s.engine.ContainerList(ctx, container.ListOptions{All: true, Filters: filters.NewArgs(filters.Arg("label", labelOwner))})
	if err != nil {
		s.logger.Debug("listing containers", "cause", err)
		return
	}
	host, _ := os.Hostname()
	for _, one := range found {
		if leftBehind(one, host, time.Now()) {
			s.remove(ctx, one.ID, true)
		}
	}
}

func leftBehind(c container.Summary, host string, now time.Time) bool {
	if c.Labels[labelHost] == host && owner.Gone(c.Labels[labelOwner]) {
		return true
	}
	return c.State == container.StateCreated && now.Sub(time.Unix(c.Created, 0)) > neverStarted
}
