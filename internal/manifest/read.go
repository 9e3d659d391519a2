package manifest

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/serverless/open-runtime/internal/executable"
)

// largest is more bytes than any manifest needs.
const largest = 64 * 1024

// ReadIn is Read of a layer that is unpacked at root. As with programs, a symlink may lead anywhere inside, never out of it.
func ReadIn(root, path string) ([]byte, error) {
	if _, err := os.Stat(path); err == nil && executable.Outside(root, path) {
		return nil, fmt.Errorf("it is a symlink that leads out of %s; pack the file itself", root)
	}
	return Read(path)
}

// Read reads the file of a manifest; nil when there is none.
func Read(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() > largest {
		return nil, fmt.Errorf("it is no regular file of at most %d bytes", largest)
	}
	data, err := os.ReadFile(path)
	if err == nil && data == nil {
		data = []byte{} // an empty file is one
	}
	return data, err
}
