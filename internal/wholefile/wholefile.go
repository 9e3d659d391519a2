// Package wholefile writes files that appear whole or not at all: under another name first, in the same folder, and then
// renamed. A process that is killed leaves at most a hidden file.
//
// It does not sync to disk: after a power cut a file may be empty.
package wholefile

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Write has fill write the file at path. One that is there is replaced and keeps its mode; a new one gets what the umask
// leaves of 0666.
func Write(path string, fill func(file *os.File) error) error {
	temporary := filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+"-"+rand.Text()[:8])
	file, err := os.OpenFile(temporary, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	err = fill(file)
	if err == nil {
		err = keepMode(file, path)
	}
	if closeErr := file.Close(); err == nil {
		err = closeErr
	}
	if err == nil {
		err = os.Rename(temporary, path)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("writing %s: %w", path, err), os.Remove(temporary))
	}
	return nil
}

// WriteBytes writes data as the file at path.
func WriteBytes(path string, data []byte) error {
	return Write(path, func(file *os.File) error {
		_, err := file.Write(data)
		return err
	})
}

func keepMode(file *os.File, path string) error {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("it is there already, and is no file")
	}
	return file.Chmod(info.Mode().Perm())
}
