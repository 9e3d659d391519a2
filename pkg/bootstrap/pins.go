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

	"github.com/serverless/open-runtime/internal/manifest"
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
		if cause := differs(b.options.Opt, path, want); cause != "" {
			wrong = append(wrong, cause+"; use the layer that the function was built with, or build its layer anew")
		}
	}
	if len(wrong) == 0 {
		return nil
	}
	slices.Sort(wrong)
	return &runtimeapi.Error{Type: runtimeapi.ErrorPin, Message: strings.Join(wrong, "\n")}
}

// differs says how what is at path is not what is pinned. A program that is not there at all is told by who needs it.
func differs(opt, path, want string) string {
	place := filepath.Join(opt, path)
	_, err := os.Lstat(place)
	gone := errors.Is(err, fs.ErrNotExist)
	switch {
	case want == "" && gone:
		return ""
	case want == "": // nothing was there
		return path + " is there, and sor.json says that it was not"
	case gone && strings.HasSuffix(path, ".json"):
		if _, err := os.Stat(strings.TrimSuffix(place, ".json")); err == nil {
			return path + " is not there any more, and sor.json pins it: without it the program would run in another way"
		}
		return ""
	case gone:
		return ""
	}
	what, got := "file", ""
	if strings.HasSuffix(path, "/") {
		what = "folder"
		var names []string
		if names, err = below(place, "", deepest); err == nil {
			got = manifest.HashOfNames(names)
		}
	} else {
		got, err = hashOf(place)
	}
	switch {
	case err != nil:
		return fmt.Sprintf("sor.json pins %s, and it can't be read: %v", path, err)
	case !strings.EqualFold(got, want):
		return fmt.Sprintf("%s is not the %s that sor.json pins: its SHA-256 is %s, and %s is pinned", path, what, got, want)
	}
	return ""
}

// deepest bounds folders in folders, and with them links that lead in a circle.
const deepest = 32

// below gives the names of the files in a folder, from there, through links.
func below(dir, prefix string, depth int) (names []string, err error) {
	entries, err := os.ReadDir(dir)
	if err == nil && depth == 0 {
		err = fmt.Errorf("folders in it are nested deeper than %d, or links lead in a circle", deepest)
	}
	if err != nil {
		return nil, err
	}
	for _, entry := range entries {
		info, err := os.Stat(filepath.Join(dir, entry.Name()))
		if errors.Is(err, fs.ErrNotExist) { // a link to nothing
			continue
		}
		if err != nil || !info.IsDir() {
			names = append(names, prefix+entry.Name())
			continue
		}
		inner, err := below(filepath.Join(dir, entry.Name()), prefix+entry.Name()+"/", depth-1)
		if err != nil {
			return nil, err
		}
		names = append(names, inner...)
	}
	return names, nil
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
