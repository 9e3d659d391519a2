package manifest

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// largest is more bytes than any manifest needs.
const largest = 64 * 1024

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
