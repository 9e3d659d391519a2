// Package gobuild compiles static Linux programs with the user's Go: middlewares, sidecars and functions written in Go, and
// the programs that sor carries when none are embedded.
//
// It promises the same bytes for the same sources and the same Go, whatever the machine's settings are. It keeps nothing:
// who calls it caches what it makes.
package gobuild

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// ErrNoGo says that there is no Go on this machine's PATH.
var ErrNoGo = errors.New("no Go toolchain on PATH")

// A CompileError is what the compiler said.
type CompileError struct {
	Dir    string
	Output string // of go build, trimmed
}

func (e *CompileError) Error() string {
	return fmt.Sprintf("compiling %s:\n%s", e.Dir, e.Output)
}

// Version gives the version of the Go that Build uses in dir, such as "go1.26.8".
func Version(ctx context.Context, dir string) (string, error) {
	out, err := run(ctx, dir, nil, "env", "GOVERSION")
	return strings.TrimSpace(out), err
}

// Build compiles the package pkg of the module in dir ("." for the folder itself) to the file out, for Linux on arch
// (amd64, arm64). What the compiler objects to is a *CompileError.
func Build(ctx context.Context, dir, pkg, out, arch string, extra ...string) error {
	args := append([]string{"build", "-trimpath", "-buildvcs=false", "-ldflags", "-s -w -buildid=", "-o", out}, extra...)
	// What Go leaves behind when it is killed is beside out, and removed with this.
	work, err := filepath.Abs(out + ".work")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(work, 0o700); err != nil {
		return fmt.Errorf("making a folder for go build: %w", err)
	}
	defer os.RemoveAll(work)
	_, err = run(ctx, dir, append(linux(arch), "GOTMPDIR="+work), append(args, pkg)...)
	return err
}

// Debuggable are the flags of Build for a program that a debugger can follow: with its symbols and paths, and unoptimised.
var Debuggable = []string{"-trimpath=false", "-ldflags=-buildid=", "-gcflags=all=-N -l"}

// List runs go list in dir as Build would see the packages, for Linux on arch, and gives its output.
func List(ctx context.Context, dir, arch string, args ...string) (string, error) {
	return run(ctx, dir, linux(arch), append([]string{"list"}, args...)...)
}

// linux is the environment in which Go compiles static programs for it, whatever this machine's settings are. GOFLAGS has
// something that changes nothing: if it were empty, Go would look into the settings of `go env -w`.
func linux(arch string) []string {
	return []string{"GOFLAGS=-trimpath", "CGO_ENABLED=0", "GOOS=linux", "GOARCH=" + arch, "GOAMD64=v1", "GOARM64=v8.0", "GOEXPERIMENT=", "GOWORK=off"}
}

// Download asks Go for a module by path@version and gives the JSON that `go mod download -json` prints.
func Download(ctx context.Context, module string) ([]byte, error) {
	out, err := run(ctx, os.TempDir(), []string{"GOWORK=off", "GOFLAGS="}, "mod", "download", "-json", module)
	return []byte(out), err
}

// MissingModules lists what go.mod in dir requires, as path@version, and the module cache of this machine does not have.
// It asks nobody else.
func MissingModules(ctx context.Context, dir string) ([]string, error) {
	out, err := run(ctx, dir, nil, "mod", "edit", "-json")
	if err != nil {
		return nil, err
	}
	var mod struct {
		Require []struct{ Path, Version string }
		Replace []struct {
			Old, New struct{ Path, Version string }
		}
	}
	if err := json.Unmarshal([]byte(out), &mod); err != nil {
		return nil, fmt.Errorf("reading what go mod edit says: %w", err)
	}
	wanted := map[string]string{}
	for _, m := range mod.Require {
		wanted[m.Path] = m.Path + "@" + m.Version
	}
	for _, m := range mod.Replace {
		if delete(wanted, m.Old.Path); m.New.Version != "" { // else it is a folder of this machine
			wanted[m.Old.Path] = m.New.Path + "@" + m.New.Version
		}
	}
	if len(wanted) == 0 {
		return nil, nil
	}
	args := append([]string{"mod", "download", "-json"}, slices.Sorted(maps.Values(wanted))...)
	out, err = run(ctx, os.TempDir(), []string{"GOWORK=off", "GOFLAGS=", "GOPROXY=off"}, args...)
	if _, failed := errors.AsType[*CompileError](err); err != nil && !failed {
		return nil, err
	}
	var missing []string
	for modules := json.NewDecoder(strings.NewReader(out)); modules.More(); {
		var module struct{ Path, Version, Error string }
		if err := modules.Decode(&module); err != nil {
			return nil, fmt.Errorf("reading what go mod download says: %w", err)
		}
		if module.Error != "" {
			missing = append(missing, module.Path+"@"+module.Version)
		}
	}
	return missing, nil
}

func run(ctx context.Context, dir string, env []string, args ...string) (string, error) {
	path, err := exec.LookPath("go")
	if err != nil {
		return "", ErrNoGo
	}
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), env...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	cmd.WaitDelay = time.Second
	ownGroup(cmd)
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			return "", ctx.Err()
		}
		output := strings.TrimSpace(stderr.String())
		if output == "" {
			output = err.Error()
		}
		return stdout.String(), &CompileError{Dir: dir, Output: output}
	}
	return stdout.String(), nil
}
