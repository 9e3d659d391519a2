//go:build linux

package docker_test

import (
	"context"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/client"

	"github.com/serverless/open-runtime/pkg/emulator"
	"github.com/serverless/open-runtime/pkg/emulator/docker"
	"github.com/serverless/open-runtime/pkg/emulator/sandboxtest"
)

func TestMain(m *testing.M) {
	sandboxtest.Main(m, func(ctx context.Context) (emulator.Sandbox, string, error) {
		s, err := docker.New(ctx, docker.Options{})
		return s, testImage(), err
	})
}

func TestContract(t *testing.T) {
	sandboxtest.Run(t, sandboxtest.Subject{Sandbox: connect(t), Image: testImage(), Left: containersOf})
}

// connect connects to the engine, or skips, and makes sure of the image.
func connect(t *testing.T) *docker.Sandbox {
	t.Helper()
	s, err := docker.New(t.Context(), docker.Options{})
	if err != nil {
		t.Skip("Docker is needed for this: ", err)
	}
	t.Cleanup(func() { s.Close() })
	if has, err := s.HasImage(t.Context(), testImage(), ""); err != nil || !has {
		makeImage(t, testImage())
	}
	return s
}

// testImage is the image that functions run in: SOR_TEST_IMAGE, or one that is made here of busybox alone.
func testImage() string {
	if name := os.Getenv("SOR_TEST_IMAGE"); name != "" {
		return name
	}
	return "sor-test-busybox:latest"
}

func engine(t *testing.T) *client.Client {
	t.Helper()
	c, err := client.NewClientWithOpts(client.FromEnv, client.WithAPIVersionNegotiation())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// containersOf finds the containers that a process made.
func containersOf(t *testing.T, pid int) []string {
	const label = "com.serverless.open-runtime.owner"
	list, err := engine(t).ContainerList(t.Context(), container.ListOptions{All: true, Filters: filters.NewArgs(filters.Arg("label", label))})
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, one := range list {
		if strings.HasPrefix(one.Labels[label], strconv.Itoa(pid)+"-") {
			found = append(found, "container "+one.ID+" "+one.State)
		}
	}
	return found
}
