package main

// sor doctor: what this machine has of what sor can use, each with the fix. Exit 3 when no sandbox is to be had.

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"time"

	"github.com/spf13/cobra"

	"github.com/serverless/open-runtime/internal/carried"
	"github.com/serverless/open-runtime/internal/gobuild"
	"github.com/serverless/open-runtime/pkg/emulator/docker"
	"github.com/serverless/open-runtime/pkg/emulator/namespace"
	"github.com/serverless/open-runtime/pkg/project"
)

// check is one line of the doctor's.
type check struct {
	Name   string `json:"name"`
	Status string `json:"status"` // ok, warn, fail
	Text   string `json:"text"`
	Fix    string `json:"fix,omitempty"`
}

func newDoctorCommand(screen *ui) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Say what this machine has of what sor can use",
		Long: `Say what this machine has of what sor can use: sandboxes, Docker, what the managed runtimes need, Go,
interpreters, the cache.

Exit codes: 0 a function can be invoked here, 3 no sandbox can be had.`,
		Example: "  sor doctor\n  sor doctor --json",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return runDoctor(cmd.Context(), screen, cmd, asJSON)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "one JSON array on stdout")
	return cmd
}

func runDoctor(ctx context.Context, screen *ui, cmd *cobra.Command, asJSON bool) error {
	w, noCache := openWorkspace(screen)
	if noCache != nil { // the rest is asked all the same
		dir, err := os.MkdirTemp("", "sor-doctor-")
		if err != nil {
			return noCache
		}
		defer os.RemoveAll(dir)
		screen.settings.CacheDir = dir
		if w, err = openWorkspace(screen); err != nil {
			return err
		}
	}
	namespaces, engine := checkNamespace(), checkDocker(ctx)
	checks := []check{{Name: "sor", Status: "ok", Text: fmt.Sprintf("%s %s/%s", sorVersion(), runtime.GOOS, runtime.GOARCH)}, namespaces, engine}
	checks = append(checks, w.checkManaged(ctx, engine.Status == "ok"))
	checks = append(checks, w.checkPrograms(ctx)...)
	checks = append(checks, checkGo(ctx, w.wd))
	for _, name := range []string{"node", "python3", "ruby"} {
		checks = append(checks, w.checkInterpreter(ctx, name))
	}
	if noCache != nil {
		checks = append(checks, check{"cache", "fail", noCache.Error(), "name another with --cache-dir or SOR_CACHE"})
	} else {
		checks = append(checks, w.checkCache())
	}
	if err := printChecks(cmd.OutOrStdout(), checks, asJSON); err != nil {
		return err
	}
	if namespaces.Status != "ok" && engine.Status != "ok" {
		return fail(exitMissing, "", errors.New("no sandbox can be had on this machine"))
	}
	return nil
}

func printChecks(out io.Writer, checks []check, asJSON bool) error {
	if asJSON {
		return writeJSON(out, checks)
	}
	for _, c := range checks {
		if _, err := fmt.Fprintf(out, "%-4s  %-11s %s\n", c.Status, c.Name, c.Text); err != nil {
			return err
		}
		if c.Fix != "" {
			fmt.Fprintf(out, "                  fix: %s\n", c.Fix)
		}
	}
	return nil
}

func checkNamespace() check {
	if err := namespace.Available(); err != nil {
		return check{"namespace", "warn", err.Error(), "use the docker sandbox"}
	}
	return check{"namespace", "ok", "the namespace sandbox works here, no Docker needed", ""}
}

func checkDocker(ctx context.Context) check {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	box, err := docker.New(ctx, docker.Options{})
	if err != nil {
		fix := "install or start Docker to run in AWS's own images; the namespace sandbox needs none"
		if none, ok := errors.AsType[*docker.EngineError](err); ok && none.Hint != "" {
			fix = none.Hint
		}
		return check{"docker", "warn", err.Error(), fix}
	}
	if err := box.Close(); err != nil {
		return check{"docker", "warn", err.Error(), ""}
	}
	return check{"docker", "ok", "an engine answers at " + box.Engine(), ""}
}

// checkManaged says whether AWS's own clients can run here. Of the project that sor is in it is known which image that takes.
func (w *workspace) checkManaged(ctx context.Context, engine bool) check {
	const need = "runtime: managed runs AWS's own client, which is in the image of the target"
	if !engine {
		return check{"managed", "warn", need, "needed for runtime: managed only: start Docker; the namespace sandbox has no such client"}
	}
	p, err := w.loadProject()
	if err != nil || p.Runtime != project.Managed {
		return check{"managed", "ok", need + ", such as public.ecr.aws/lambda/nodejs:24; --sandbox docker pulls it", ""}
	}
	image := imageFor(p)
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	box, err := w.newDocker(ctx, docker.Options{})
	if err == nil {
		err = errors.Join(box.Prepare(ctx, image), box.Close())
	}
	if err != nil {
		return check{"managed", "warn", err.Error(), "docker pull " + image}
	}
	return check{"managed", "ok", "this project's image " + image + " is here", ""}
}

func (w *workspace) checkPrograms(ctx context.Context) []check {
	var checks []check
	for _, name := range []string{carried.Bootstrap, carried.Supervisor} {
		p, err := carried.Find(ctx, name, runtime.GOARCH, w.wd)
		if err != nil {
			checks = append(checks, check{name, "fail", err.Error(), "use a release of sor, or install Go"})
			continue
		}
		checks = append(checks, check{name, "ok", p.Source, ""})
	}
	return checks
}

func checkGo(ctx context.Context, dir string) check {
	version, err := gobuild.Version(ctx, dir)
	if err != nil {
		return check{"go", "warn", err.Error(), "needed for functions, middlewares and sidecars in Go only: https://go.dev/dl/"}
	}
	return check{"go", "ok", version, ""}
}

func (w *workspace) checkInterpreter(ctx context.Context, name string) check {
	found, ok := w.findStandIn(ctx, name)
	if !ok {
		return check{name, "warn", "not on this machine", "needed in the namespace sandbox by what is written for it"}
	}
	text := found.Version + " in " + found.Prefix
	if found.Bind {
		text += " (bound into the namespace sandbox)"
	}
	return check{name, "ok", text, ""}
}

func (w *workspace) checkCache() check {
	size, err := w.cache.Size()
	if err != nil {
		return check{"cache", "fail", err.Error(), "name another with SOR_CACHE"}
	}
	probe, err := os.CreateTemp(w.cache.Root(), "probe-")
	if err != nil {
		return check{"cache", "fail", err.Error(), "name another with SOR_CACHE"}
	}
	probe.Close()
	os.Remove(probe.Name())
	return check{"cache", "ok", fmt.Sprintf("%s in %s, at most %s", megabytes(size), w.cache.Root(), megabytes(w.limit)), ""}
}
