package cache

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// racy is how close to now a change may be for a later one to bear the same time: a tick of the kernel's slowest clock.
const racy = 10 * time.Millisecond

// Stat is a fingerprint of files and folders by names, sizes, times and modes: a look, nothing is read. Two that are
// equal mean that nothing was changed between. A path that is not there is part of it. What was changed in this very
// moment gives a fingerprint that no later one equals, since a second change could not be told from the first.
func Stat(paths ...string) string {
	look := newLook()
	for _, path := range paths {
		look.top(path, nil)
	}
	return look.sum()
}

// StatDir is Stat of one folder less what is excluded: slash paths in it, with all that is below.
func StatDir(dir string, excludes ...string) string {
	look := newLook()
	look.top(dir, excludes)
	return look.sum()
}

type look struct {
	hash   hash.Hash
	newest time.Time
}

func newLook() *look { return &look{hash: sha256.New()} }

func (l *look) sum() string {
	if now := time.Now(); now.Sub(l.newest).Abs() < racy {
		fmt.Fprintf(l.hash, "racy %d", now.UnixNano())
	}
	return hex.EncodeToString(l.hash.Sum(nil))
}

// top looks at a path that was named: its link is followed, as the one who reads it will.
func (l *look) top(path string, excludes []string) {
	fmt.Fprintf(l.hash, "%q\n", path)
	info, err := os.Stat(path)
	if err != nil {
		fmt.Fprintf(l.hash, "absent: %v\n", err)
		return
	}
	if real, err := filepath.EvalSymlinks(path); err == nil && real != path {
		fmt.Fprintf(l.hash, "at %q\n", real)
		path = real
	}
	if !info.IsDir() {
		l.file(".", info)
		return
	}
	l.walk(path, excludes)
}

func (l *look) walk(root string, excludes []string) {
	_ = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		rel, relErr := filepath.Rel(root, path)
		if relErr != nil {
			rel = path
		}
		if Excluded(filepath.ToSlash(rel), excludes) {
			if d != nil && d.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		if err != nil {
			fmt.Fprintf(l.hash, "%q: %v\n", rel, err)
			return nil
		}
		info, err := d.Info()
		if err != nil {
			fmt.Fprintf(l.hash, "%q: %v\n", rel, err)
			return nil
		}
		if d.Type()&fs.ModeSymlink != 0 {
			target, err := os.Readlink(path)
			fmt.Fprintf(l.hash, "-> %q %v\n", target, err)
		}
		if d.IsDir() {
			fmt.Fprintf(l.hash, "%q/\n", rel) // a folder's own time changes with files that don't count
			return nil
		}
		l.file(rel, info)
		return nil
	})
}

func (l *look) file(name string, info fs.FileInfo) {
	changed := changeTime(info)
	if changed.After(l.newest) {
		l.newest = changed
	}
	fmt.Fprintf(l.hash, "%q %d %o %d %d\n", name, info.Size(), info.Mode(), info.ModTime().UnixNano(), changed.UnixNano())
}

// Excluded says whether a slash path is one of the excludes, or below one.
func Excluded(name string, excludes []string) bool {
	for _, exclude := range excludes {
		if name == exclude || strings.HasPrefix(name, exclude+"/") {
			return true
		}
	}
	return false
}
