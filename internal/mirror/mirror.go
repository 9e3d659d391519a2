// Package mirror keeps one folder as another one is, and touches only what differs: a folder that a sandbox has mounted
// shows another version of a function at once.
//
// Files are hard links where they can be, so the source must be one that nobody writes in place; else copies. Each comes
// by a rename, whole or not at all; together they do not. It keeps modes and links, and no times or owners.
package mirror

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
)

// Update makes dir hold what from holds; "" holds nothing. dir is there already and stays the same folder. What is being
// made is beside it for a moment.
func Update(dir, from string) error {
	if err := newMirror(dir).folder(dir, from); err != nil {
		return fmt.Errorf("bringing %s up to date: %w", dir, err)
	}
	return nil
}

type mirror struct{ making string }

func newMirror(dir string) mirror {
	return mirror{making: filepath.Join(filepath.Dir(dir), "."+filepath.Base(dir)+".making")}
}

func (m mirror) folder(dir, from string) error {
	var wanted []fs.DirEntry
	if from != "" {
		var err error
		if wanted, err = os.ReadDir(from); err != nil {
			return err
		}
	}
	if err := removeOthers(dir, wanted); err != nil {
		return err
	}
	for _, entry := range wanted {
		if err := m.entry(filepath.Join(dir, entry.Name()), filepath.Join(from, entry.Name())); err != nil {
			return err
		}
	}
	return nil
}

// removeOthers removes from dir what is not wanted there.
func removeOthers(dir string, wanted []fs.DirEntry) error {
	names := make(map[string]bool, len(wanted))
	for _, entry := range wanted {
		names[entry.Name()] = true
	}
	have, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, entry := range have {
		if names[entry.Name()] {
			continue
		}
		if err := os.RemoveAll(filepath.Join(dir, entry.Name())); err != nil {
			return err
		}
	}
	return nil
}

// entry makes to what from is.
func (m mirror) entry(to, from string) error {
	want, err := os.Lstat(from)
	if err != nil {
		return err
	}
	have, err := os.Lstat(to)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err == nil && have.IsDir() != want.IsDir() { // a rename puts neither over the other
		if err := os.RemoveAll(to); err != nil {
			return err
		}
		have = nil
	} else if err != nil {
		have = nil
	}
	switch {
	case want.IsDir():
		return m.subfolder(to, from, have, want)
	case have != nil && same(to, from, have, want):
		return nil
	case want.Mode()&fs.ModeSymlink != 0:
		return m.link(to, from)
	}
	return m.file(to, from, want)
}

func (m mirror) subfolder(to, from string, have, want fs.FileInfo) error {
	if have == nil {
		if err := os.Mkdir(to, 0o755); err != nil {
			return err
		}
	}
	if have == nil || have.Mode() != want.Mode() {
		if err := os.Chmod(to, want.Mode().Perm()); err != nil { // whatever the umask
			return err
		}
	}
	return m.folder(to, from)
}

// same says whether two files or links are as good as one.
func same(to, from string, have, want fs.FileInfo) bool {
	switch {
	case os.SameFile(have, want):
		return true
	case have.Mode() != want.Mode():
		return false
	case want.Mode()&fs.ModeSymlink != 0:
		a, errA := os.Readlink(to)
		b, errB := os.Readlink(from)
		return errA == nil && errB == nil && a == b
	}
	return have.Size() == want.Size() && sameBytes(to, from)
}

// sameBytes compares files; what can't be read is not the same.
func sameBytes(a, b string) bool {
	left, err := os.Open(a)
	if err != nil {
		return false
	}
	defer left.Close()
	right, err := os.Open(b)
	if err != nil {
		return false
	}
	defer right.Close()
	return Same(left, right)
}

// Same reads two contents and says whether they are the same; what can't be read is not.
func Same(a, b io.Reader) bool {
	room := rooms.Get().(*[2][32 << 10]byte)
	defer rooms.Put(room)
	p, q := room[0][:], room[1][:]
	for {
		n, errA := io.ReadFull(a, p)
		o, errB := io.ReadFull(b, q)
		if !bytes.Equal(p[:n], q[:o]) {
			return false
		}
		if errA != nil || errB != nil {
			return isEnd(errA) && isEnd(errB)
		}
	}
}

// rooms are what Same reads into: most files are small, and there are many.
var rooms = sync.Pool{New: func() any { return new([2][32 << 10]byte) }}

func isEnd(err error) bool { return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) }

func (m mirror) link(to, from string) error {
	target, err := os.Readlink(from)
	if err != nil {
		return err
	}
	return m.rename(to, func() error { return os.Symlink(target, m.making) })
}

func (m mirror) file(to, from string, want fs.FileInfo) error {
	return m.rename(to, func() error {
		if os.Link(from, m.making) == nil {
			return nil
		}
		return copyFile(m.making, from, want.Mode().Perm()) // another file system, or one without hard links
	})
}

// rename has something made, and puts it in its place.
func (m mirror) rename(to string, create func() error) error {
	if err := os.Remove(m.making); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := create(); err != nil {
		return err
	}
	return os.Rename(m.making, to)
}

func copyFile(to, from string, mode fs.FileMode) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	if err == nil {
		err = out.Chmod(mode)
	}
	return errors.Join(err, out.Close())
}
