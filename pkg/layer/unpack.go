package layer

// Unpacking a zip that anyone may have made. What Lambda could not have meant, or what could reach out of the folder, is
// refused with the entry's name; what is left has the modes that the function would see.

import (
	"archive/zip"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
)

const (
	encrypted   = 0x1
	longestLink = 4096
)

// Unpack unpacks a layer's zip into an empty folder.
func Unpack(zipFile, dir string) error {
	archive, err := zip.OpenReader(zipFile)
	if err != nil {
		return fmt.Errorf("reading zip: %w", err)
	}
	defer archive.Close()
	u := &unpacker{dir: dir, left: MaxUnzipped, links: map[string]string{}}
	for _, f := range archive.File {
		if err := u.entry(f); err != nil {
			return fmt.Errorf("entry %q: %w", f.Name, err)
		}
	}
	return u.makeLinks()
}

type unpacker struct {
	dir   string
	left  int64 // bytes that may still be unpacked
	links map[string]string
	order []string // of links
}

func (u *unpacker) entry(f *zip.File) error {
	name := strings.TrimSuffix(f.Name, "/")
	if err := checkUnpacked(name, f); err != nil {
		return err
	}
	mode := f.Mode()
	switch {
	case strings.HasSuffix(f.Name, "/") || mode.IsDir():
		return makeFolders(u.dir, name+"/")
	case mode&fs.ModeSymlink != 0:
		return u.link(name, f)
	case !mode.IsRegular():
		return fmt.Errorf("it is %s, and a layer holds files, folders and links", kindOf(mode))
	}
	if err := makeFolders(u.dir, name); err != nil {
		return err
	}
	return u.file(name, f)
}

// checkUnpacked refuses paths that lead out, and forms that Lambda does not unpack.
func checkUnpacked(name string, f *zip.File) error {
	switch {
	case f.Flags&encrypted != 0:
		return fmt.Errorf("it is encrypted, and Lambda has no password")
	case f.Method != zip.Store && f.Method != zip.Deflate:
		return fmt.Errorf("it is packed with method %d, and Lambda knows store and deflate", f.Method)
	case strings.Contains(name, `\`):
		return fmt.Errorf("there is a backslash in its name, as some archivers on Windows make it: on Lambda it is no folder but part of the name")
	case !fs.ValidPath(name) || name == "." || strings.ContainsRune(name, 0):
		return fmt.Errorf("its name leads out of the layer, or is no path")
	}
	return nil
}

func (u *unpacker) file(name string, f *zip.File) error {
	if f.UncompressedSize64 > uint64(u.left) {
		return unzippedError(MaxUnzipped - u.left + int64(min(f.UncompressedSize64, 1<<40)))
	}
	from, err := f.Open()
	if err != nil {
		return err
	}
	defer from.Close()
	u.left -= int64(f.UncompressedSize64)
	e := &entry{size: int64(f.UncompressedSize64), mode: foreignMode(f)}
	return writeFile(filepath.Join(u.dir, filepath.FromSlash(name)), io.LimitReader(from, e.size+1), e)
}

// foreignMode gives a file of somebody else's zip the mode that the function sees. The function does not own it, so the
// bits for others count; a zip that was not made on Unix has none, and its programs can't be started.
func foreignMode(f *zip.File) fs.FileMode {
	const others = 0o007
	perm := f.Mode().Perm()
	switch {
	case f.CreatorVersion>>8 != 3 && f.CreatorVersion>>8 != 19: // Unix, macOS
		return modeFile
	case perm&others&0o001 != 0:
		return modeProgram
	case perm&others&0o004 != 0:
		return modeFile
	}
	return 0o600 // only its owner reads it, and that is not the function
}

// link keeps a link until all files are there, so that none is written through it.
func (u *unpacker) link(name string, f *zip.File) error {
	from, err := f.Open()
	if err != nil {
		return err
	}
	defer from.Close()
	target, err := io.ReadAll(io.LimitReader(from, longestLink+1))
	if err != nil {
		return err
	}
	if len(target) > longestLink || len(target) == 0 || strings.ContainsRune(string(target), 0) {
		return fmt.Errorf("it is a symlink without a proper target")
	}
	if _, twice := u.links[name]; twice {
		return fmt.Errorf("it is there twice")
	}
	if why := leadsOut(name, string(target)); why != "" {
		return fmt.Errorf("it is a symlink to %s, %s; a link leads to another place in its layer", target, why)
	}
	u.links[name] = string(target)
	u.order = append(u.order, name)
	return nil
}

func (u *unpacker) makeLinks() error {
	for _, name := range u.order {
		err := makeFolders(u.dir, name)
		if err == nil {
			err = os.Symlink(filepath.FromSlash(u.links[name]), filepath.Join(u.dir, filepath.FromSlash(name)))
		}
		if err != nil {
			return fmt.Errorf("entry %q: %w", name, err)
		}
	}
	return nil
}

// leadsOut says why the target of a symlink is not in the layer, or "". An absolute target below /opt is: there the layer
// is.
func leadsOut(name, target string) string {
	if inOpt, ok := strings.CutPrefix(target, "/opt/"); ok {
		name, target = "x", inOpt
	}
	switch {
	case path.IsAbs(target):
		return "which is not in the layer but on the machine that runs it"
	case !staysIn(path.Dir(name), target):
		return "which leads out of the layer"
	}
	return ""
}

// staysIn follows a relative target step by step from a folder: a/../../a has left the layer, though it comes back.
func staysIn(folder, target string) bool {
	depth := 0
	if folder != "." {
		depth = strings.Count(folder, "/") + 1
	}
	for _, step := range strings.Split(target, "/") {
		switch step {
		case "", ".":
		case "..":
			depth--
		default:
			depth++
		}
		if depth < 0 {
			return false
		}
	}
	return true
}
