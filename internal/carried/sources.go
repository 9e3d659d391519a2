package carried

// What the two programs are made of: their sources in a checkout, and a hash of them. A commit would not do: a dirty tree
// has none, and -buildvcs=false neither.

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// sourceDirs holds every package of this module that the two programs link; a test compares it with go list -deps.
var sourceDirs = []string{
	"cmd/bootstrap", "cmd/supervisor",
	"internal/executable", "internal/frames", "internal/http1", "internal/identifier", "internal/jsontext", "internal/logline", "internal/manifest",
	"internal/owner", "internal/peer", "internal/privilege", "internal/process", "internal/runtimeapi",
	"pkg/bootstrap", "pkg/emulator", "pkg/emulator/namespace", "pkg/emulator/supervisor", "pkg/middleware", "pkg/sidecar",
}

// SourceHash is the hash of the two programs' sources in a checkout.
func SourceHash(checkout string) (string, error) {
	sum := sha256.New()
	for _, dir := range sourceDirs {
		names, err := filepath.Glob(filepath.Join(checkout, dir, "*.go"))
		if err != nil {
			return "", err
		}
		for _, name := range names {
			if strings.HasSuffix(name, "_test.go") {
				continue
			}
			if err := hashFile(sum, checkout, name); err != nil {
				return "", err
			}
		}
	}
	for _, name := range []string{"go.mod", "go.sum"} {
		if err := hashFile(sum, checkout, filepath.Join(checkout, name)); err != nil {
			return "", err
		}
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}

func hashFile(sum io.Writer, checkout, name string) error {
	data, err := os.ReadFile(name)
	if err != nil {
		return fmt.Errorf("hashing the sources of the programs: %w", err)
	}
	rel, err := filepath.Rel(checkout, name)
	if err != nil {
		return err
	}
	fmt.Fprintf(sum, "%s %d\n", filepath.ToSlash(rel), len(data))
	sum.Write(data)
	return nil
}

// findCheckout gives the root of the checkout of this module that dir is in, or "".
func findCheckout(dir string) string {
	for dir != "" {
		data, err := os.ReadFile(filepath.Join(dir, "go.mod"))
		if err == nil && strings.HasPrefix(string(data), "module "+Module+"\n") {
			return dir
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return ""
		}
		dir = parent
	}
	return ""
}
