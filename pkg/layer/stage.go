package layer

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/serverless/open-runtime/internal/mirror"
)

// Stage writes the tree into an empty folder as Lambda would unpack its zip, with the modes of the layer whatever the
// umask. It is what a sandbox mounts, without a zip in between.
func (t *Tree) Stage(dir string) error { return t.StageOver(dir, "") }

// StageOver is Stage of a tree that was staged in previous before, when it was another: files that are the same are hard
// links to those there, where they can be, so nobody may write to either. "" is no such folder.
func (t *Tree) StageOver(dir, previous string) error {
	for _, name := range t.Paths() {
		e := t.entries[name]
		if previous != "" && e.stageLink(dir, previous, name) {
			continue
		}
		if err := e.stage(dir, name); err != nil {
			return fmt.Errorf("staging %s: %w", name, err)
		}
	}
	return nil
}

// stageLink makes a link to the file that was staged before, if it is the same; whatever hinders it, stage does it too.
func (e *entry) stageLink(dir, previous, name string) bool {
	before := filepath.Join(previous, filepath.FromSlash(name))
	info, err := os.Lstat(before)
	if err != nil || !info.Mode().IsRegular() || info.Size() != e.size || info.Mode() != e.mode {
		return false
	}
	now, err := e.open()
	if err != nil {
		return false
	}
	defer now.Close()
	then, err := os.Open(before)
	if err != nil {
		return false
	}
	defer then.Close()
	return mirror.Same(now, then) && makeFolders(dir, name) == nil && os.Link(before, filepath.Join(dir, filepath.FromSlash(name))) == nil
}

func (e *entry) stage(dir, name string) error {
	place := filepath.Join(dir, filepath.FromSlash(name))
	if err := makeFolders(dir, name); err != nil {
		return err
	}
	if e.isLink() {
		return os.Symlink(filepath.FromSlash(e.link), place)
	}
	from, err := e.open()
	if err != nil {
		return err
	}
	defer from.Close()
	return writeFile(place, from, e)
}

// writeFile makes a new file with an entry's mode; what is read must have an entry's size.
func writeFile(place string, from io.Reader, e *entry) error {
	file, err := os.OpenFile(place, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	n, err := io.Copy(file, from)
	if err == nil && n != e.size {
		err = fmt.Errorf("it has %d bytes instead of %d", n, e.size)
	}
	if err == nil {
		err = file.Chmod(e.mode.Perm())
	}
	if closeErr := file.Close(); err == nil {
		err = closeErr
	}
	return err
}

// makeFolders makes the folders that name is in, with the mode that Lambda gives folders. What is there must be a folder
// and no link to one: nothing is ever written through a link.
func makeFolders(dir, name string) error {
	parts := strings.Split(name, "/")
	for _, part := range parts[:len(parts)-1] {
		dir = filepath.Join(dir, part)
		info, err := os.Lstat(dir)
		switch {
		case err == nil && info.IsDir():
			continue
		case err == nil:
			return fmt.Errorf("%s is %s, and something is to be in it", dir, kindOf(info.Mode()))
		}
		if err := os.Mkdir(dir, 0o755); err != nil {
			return err
		}
		if err := os.Chmod(dir, 0o755); err != nil { // whatever the umask
			return err
		}
	}
	return nil
}
