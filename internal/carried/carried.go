// Package carried brings the two Linux programs that sor needs, bootstrap and supervisor, to where they are used.
//
// A release of sor has them inside, compressed (bin/, filled by `go generate` or make). A sor that was installed with
// `go install` has not, and builds them once from the very module version it was built from; in a checkout of this
// repository they are built from the checkout. Which of these it was is told with each program.
//
// It keeps nothing: the caller says where a program goes and caches it by its Key.
package carried

import (
	"context"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"

	"github.com/klauspost/compress/zstd"

	"github.com/serverless/open-runtime/internal/gobuild"
)

// Module is the path of this project's module.
const Module = "github.com/serverless/open-runtime"

// The programs.
const (
	Bootstrap  = "bootstrap"
	Supervisor = "supervisor"
)

//go:embed all:bin
var files embed.FS

// Manifest says what is embedded.
type Manifest struct {
	Sources string `json:"sources"` // SourceHash of the checkout that the programs were built from
	Go      string `json:"go"`      // the Go that compiled them
}

// A Program is one of the two for one architecture, not yet on disk.
type Program struct {
	Name, Arch string
	Key        string // the same key, the same program
	Source     string // embedded, go build (module version), go build (checkout)

	write func(ctx context.Context, path string) error
}

// Write puts the program at path, executable. It may compile.
func (p *Program) Write(ctx context.Context, path string) error { return p.write(ctx, path) }

// A MissingError lists where a program was looked for, and why it was not had there.
type MissingError struct {
	Name, Arch string
	Tried      []string
}

func (e *MissingError) Error() string {
	return fmt.Sprintf("this sor carries no %s for linux/%s: %s", e.Name, e.Arch, strings.Join(e.Tried, "; "))
}

// Find says where name for arch comes from: embedded, else built from the module version of this sor, else from the
// checkout of this project that dir is in. Sources at hand beat embedded programs that were built from others.
func Find(ctx context.Context, name, arch, dir string) (*Program, error) {
	checkout := findCheckout(dir)
	missing := &MissingError{Name: name, Arch: arch}
	p, why := embedded(files, name, arch, checkout)
	if p != nil {
		return p, nil
	}
	missing.Tried = append(missing.Tried, why)
	if checkout != "" {
		return fromCheckout(name, arch, checkout)
	}
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Path != Module || info.Main.Sum == "" {
		missing.Tried = append(missing.Tried, "it was not installed from a module version, so its sources are unknown")
		return nil, missing
	}
	goVersion, err := gobuild.Version(ctx, os.TempDir())
	if err != nil {
		missing.Tried = append(missing.Tried, fmt.Sprintf("building it from %s@%s: %v", Module, info.Main.Version, err))
		return nil, missing
	}
	return &Program{
		Name: name, Arch: arch, Source: "go build (" + info.Main.Version + ")",
		Key: strings.Join([]string{name, arch, info.Main.Version, info.Main.Sum, goVersion}, "\n"),
		write: func(ctx context.Context, path string) error {
			return buildVersion(ctx, info.Main, name, arch, path)
		},
	}, nil
}

// embedded gives the program that this binary has inside, or why it has none that may be used.
func embedded(files fs.FS, name, arch, checkout string) (*Program, string) {
	data, err := fs.ReadFile(files, "bin/manifest.json")
	if err != nil {
		return nil, "nothing is embedded"
	}
	var manifest Manifest
	if err := json.Unmarshal(data, &manifest); err != nil {
		return nil, "the embedded manifest is broken"
	}
	if checkout != "" {
		hash, err := SourceHash(checkout)
		if err != nil || hash != manifest.Sources {
			return nil, "what is embedded was built from other sources than those of " + checkout
		}
	}
	file := fmt.Sprintf("bin/%s-linux-%s.zst", name, arch)
	if _, err := fs.Stat(files, file); err != nil {
		return nil, "embedded are other architectures only"
	}
	return &Program{
		Name: name, Arch: arch, Source: "embedded",
		Key:   strings.Join([]string{name, arch, "embedded", manifest.Sources, manifest.Go}, "\n"),
		write: func(_ context.Context, path string) error { return unpack(files, file, path) },
	}, ""
}

func unpack(files fs.FS, file, path string) error {
	packed, err := fs.ReadFile(files, file)
	if err != nil {
		return err
	}
	decoder, err := zstd.NewReader(nil)
	if err != nil {
		return err
	}
	defer decoder.Close()
	program, err := decoder.DecodeAll(packed, nil)
	if err != nil {
		return fmt.Errorf("unpacking embedded %s: %w", filepath.Base(file), err)
	}
	return os.WriteFile(path, program, 0o755)
}

func fromCheckout(name, arch, checkout string) (*Program, error) {
	hash, err := SourceHash(checkout)
	if err != nil {
		return nil, err
	}
	return &Program{
		Name: name, Arch: arch, Source: "go build (checkout)",
		Key: strings.Join([]string{name, arch, "checkout", hash}, "\n"),
		write: func(ctx context.Context, path string) error {
			return gobuild.Build(ctx, checkout, "./cmd/"+name, path, arch, "-mod=readonly")
		},
	}, nil
}

// buildVersion builds from the module cache, after Go verified that it holds the very sources this sor was built from.
func buildVersion(ctx context.Context, main debug.Module, name, arch, path string) error {
	out, err := gobuild.Download(ctx, main.Path+"@"+main.Version)
	if err != nil {
		return fmt.Errorf("downloading the sources of this sor: %w", err)
	}
	var module struct{ Dir, Sum string }
	if err := json.Unmarshal(out, &module); err != nil {
		return fmt.Errorf("reading what go mod download says: %w", err)
	}
	if module.Sum != main.Sum {
		return errors.New("the sources of " + main.Path + "@" + main.Version + " are not those this sor was built from (" + module.Sum + ", not " + main.Sum + ")")
	}
	return gobuild.Build(ctx, module.Dir, "./cmd/"+name, path, arch, "-mod=readonly")
}
