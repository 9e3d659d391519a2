package main

// How sor init writes: files that were not there before, all or none; and sor.yaml as a whole or not at all.

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/serverless/open-runtime/internal/wholefile"
	"github.com/serverless/open-runtime/templates"
)

// written are the files and folders that were made, in this order.
type written struct {
	paths []string
}

// undo removes them. A folder that somebody else uses by now stays.
func (w *written) undo() {
	for _, path := range slices.Backward(w.paths) {
		_ = os.Remove(path)
	}
}

// writeNew writes files below root, none of which may be there. When one fails, those before it are removed.
func writeNew(ctx context.Context, root string, files []templates.File) (*written, error) {
	w := &written{}
	for _, file := range files {
		err := ctx.Err()
		if err == nil {
			err = w.file(filepath.Join(root, filepath.FromSlash(file.Path)), file)
		}
		if err != nil {
			w.undo()
			return nil, err
		}
	}
	return w, nil
}

func (w *written) file(path string, file templates.File) error {
	if err := w.folder(filepath.Dir(path)); err != nil {
		return err
	}
	mode := fs.FileMode(0o666)
	if file.Executable {
		mode = 0o777
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	w.paths = append(w.paths, path)
	_, err = f.Write(file.Data)
	return errors.Join(err, f.Close())
}

// folder makes a folder and those above it that are not there.
func (w *written) folder(path string) error {
	if info, err := os.Stat(path); err == nil {
		if !info.IsDir() {
			return fmt.Errorf("%s is a file, and a folder is needed there", path)
		}
		return nil
	}
	if above := filepath.Dir(path); above != path {
		if err := w.folder(above); err != nil {
			return err
		}
	}
	if err := os.Mkdir(path, 0o777); err != nil {
		return err
	}
	w.paths = append(w.paths, path)
	return nil
}

// replaceFile gives a file that is there another content, at once. A link stays one.
func replaceFile(path string, data []byte) error {
	path, err := filepath.EvalSymlinks(path)
	if err != nil {
		return err
	}
	return wholefile.WriteBytes(path, data)
}
