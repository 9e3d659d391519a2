//go:build linux

package bootstrap

// Pins: what the project's layer says of files that come from other layers. A file that is not the one that was tested with
// is not run.

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/serverless/open-runtime/internal/runtimeapi"
)

// checkPins compares the pinned files with their hashes, and tells all that differ.
func (b *bootstrap) checkPins(pins map[string]string) *runtimeapi.Error {
	var wrong []string
	for path, want := range pins {
		if !filepath.IsLocal(path) {
			wrong = append(wrong, fmt.Sprintf("sor.json pins %q, which is no path within /opt", path))
			continue
		}
		place := filepath.Join(b.options.Opt, path)
		if want == "" { // nothing was there
			if _, err := os.Lstat(place); !errors.Is(err, fs.ErrNotExist) {
				wrong = append(wrong, fmt.Sprintf("%s is there, and sor.json says that it was not; use the layer that the function was built with, or build its layer anew", path))
			}
			continue
		}
		got, err := hashOf(place)
		switch {
		case err != nil:
			wrong = append(wrong, fmt.Sprintf("sor.json pins %s, and it can't be read: %v", path, err))
		case !strings.EqualFold(got, want):
			wrong = append(wrong, fmt.Sprintf("%s is not the file that sor.json pins: its SHA-256 is %s, and %s is pinned; use the layer that the function was built with, or build its layer anew", path, got, want))
		}
	}
	if len(wrong) == 0 {
		return nil
	}
	slices.Sort(wrong)
	return &runtimeapi.Error{Type: runtimeapi.ErrorPin, Message: strings.Join(wrong, "\n")}
}

func hashOf(path string) (string, error) {
	file, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer file.Close()
	sum := sha256.New()
	if _, err := io.Copy(sum, file); err != nil {
		return "", err
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}
