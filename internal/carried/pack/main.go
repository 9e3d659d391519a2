// Command pack builds bootstrap and supervisor from this checkout and puts them, compressed, into internal/carried/bin,
// from where the next `go build ./cmd/sor` embeds them. It does nothing when they are there already for these sources.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/serverless/open-runtime/internal/carried"
	"github.com/serverless/open-runtime/internal/gobuild"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	arch := flag.String("arch", "amd64,arm64", "architectures, separated by commas")
	root := flag.String("root", ".", "root of the checkout")
	flag.Parse()
	if err := pack(ctx, *root, strings.Split(*arch, ",")); err != nil {
		fmt.Fprintln(os.Stderr, "pack:", err)
		os.Exit(1)
	}
}

func pack(ctx context.Context, root string, archs []string) error {
	if wd, err := os.Getwd(); err == nil && filepath.Base(wd) == "carried" { // as go generate runs it
		root = filepath.Join(wd, "..", "..")
	}
	dir := filepath.Join(root, "internal", "carried", "bin")
	hash, err := carried.SourceHash(root)
	if err != nil {
		return err
	}
	goVersion, err := gobuild.Version(ctx, root)
	if err != nil {
		return err
	}
	want, err := json.Marshal(carried.Manifest{Sources: hash, Go: goVersion})
	if err != nil {
		return err
	}
	have, _ := os.ReadFile(filepath.Join(dir, "manifest.json"))
	fresh := string(have) == string(want)
	if !fresh {
		if err := clean(dir); err != nil {
			return err
		}
	}
	for _, arch := range archs {
		for _, name := range []string{carried.Bootstrap, carried.Supervisor} {
			out := filepath.Join(dir, fmt.Sprintf("%s-linux-%s.zst", name, arch))
			if _, err := os.Stat(out); fresh && err == nil {
				continue
			}
			if err := packOne(ctx, root, name, arch, out); err != nil {
				return err
			}
		}
	}
	return os.WriteFile(filepath.Join(dir, "manifest.json"), want, 0o644)
}

// clean removes what was built from other sources, so that old and new are never embedded together.
func clean(dir string) error {
	old, err := filepath.Glob(filepath.Join(dir, "*.*"))
	if err != nil {
		return err
	}
	for _, name := range old {
		if filepath.Base(name) == ".gitkeep" {
			continue
		}
		if err := os.Remove(name); err != nil {
			return err
		}
	}
	return nil
}

func packOne(ctx context.Context, root, name, arch, out string) error {
	start := time.Now()
	tmp, err := os.MkdirTemp("", "sor-pack-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp)
	program := filepath.Join(tmp, name)
	if err := gobuild.Build(ctx, root, "./cmd/"+name, program, arch, "-mod=readonly"); err != nil {
		return err
	}
	data, err := os.ReadFile(program)
	if err != nil {
		return err
	}
	encoder, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedBestCompression))
	if err != nil {
		return err
	}
	packed := encoder.EncodeAll(data, nil)
	if err := os.WriteFile(out, packed, 0o644); err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "  %-10s linux/%-5s  %.1f MB, %.1f MB carried  %.1fs\n", name, arch,
		float64(len(data))/1e6, float64(len(packed))/1e6, time.Since(start).Seconds())
	return nil
}
