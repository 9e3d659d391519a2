package layer

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

// Merge puts unpacked layers over each other into the empty folder dst, as Lambda does: in order, each path verbatim, the
// later wins. Files become hard links where they can. It gives the paths at which something else was overwritten.
// https://docs.aws.amazon.com/lambda/latest/dg/adding-layers.html
func Merge(dst string, layers ...string) (overwritten []string, err error) {
	for _, layer := range layers {
		err := filepath.WalkDir(layer, func(place string, d fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			rel, err := filepath.Rel(layer, place)
			if err != nil || rel == "." {
				return err
			}
			other, err := mergeOne(filepath.Join(dst, rel), place, d)
			if other {
				overwritten = append(overwritten, filepath.ToSlash(rel))
			}
			return err
		})
		if err != nil {
			return overwritten, fmt.Errorf("merging layer %s: %w", layer, err)
		}
	}
	slices.Sort(overwritten)
	return slices.Compact(overwritten), nil
}

// mergeOne puts one path over what is there. other: something else was there.
func mergeOne(to, from string, d fs.DirEntry) (other bool, err error) {
	there, err := os.Lstat(to)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return false, err
	case d.IsDir() && there.IsDir():
		return false, nil
	default:
		same, err := sameContent(to, from, there, d)
		if same || err != nil {
			return false, err
		}
		other = true
		if err := os.RemoveAll(to); err != nil {
			return other, err
		}
	}
	switch {
	case d.IsDir():
		if err := os.Mkdir(to, 0o755); err != nil {
			return other, err
		}
		return other, os.Chmod(to, 0o755)
	case d.Type()&fs.ModeSymlink != 0:
		target, err := os.Readlink(from)
		if err != nil {
			return other, err
		}
		return other, os.Symlink(target, to)
	}
	return other, linkOrCopy(from, to)
}

// linkOrCopy makes a hard link, or a copy on another file system.
func linkOrCopy(from, to string) error {
	if os.Link(from, to) == nil {
		return nil
	}
	file, err := os.Open(from)
	if err != nil {
		return err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return err
	}
	return writeFile(to, file, &entry{size: info.Size(), mode: info.Mode()})
}

// sameContent says whether two paths are the same to whoever uses them.
func sameContent(a, b string, there fs.FileInfo, d fs.DirEntry) (bool, error) {
	info, err := d.Info()
	if err != nil || info.Mode() != there.Mode() || info.Size() != there.Size() {
		return false, err
	}
	if info.Mode()&fs.ModeSymlink != 0 {
		one, err := os.Readlink(a)
		if err != nil {
			return false, err
		}
		two, err := os.Readlink(b)
		return one == two, err
	}
	return os.SameFile(info, there) || sameBytes(a, b), nil
}

func sameBytes(a, b string) bool {
	one, err := os.Open(a)
	if err != nil {
		return false
	}
	defer one.Close()
	two, err := os.Open(b)
	if err != nil {
		return false
	}
	defer two.Close()
	left, right := make([]byte, 64<<10), make([]byte, 64<<10)
	for {
		n, errOne := io.ReadFull(one, left)
		m, errTwo := io.ReadFull(two, right)
		if !bytes.Equal(left[:n], right[:m]) {
			return false
		}
		if errOne != nil || errTwo != nil {
			return atEnd(errOne) && atEnd(errTwo)
		}
	}
}

func atEnd(err error) bool { return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) }
