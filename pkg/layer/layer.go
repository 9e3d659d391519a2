// Package layer makes and reads Lambda layers: the zip that unpacks to /opt.
//
// A Tree is what goes into one. From the same files it writes the same bytes on every machine: modes come from what a file
// is and where it lies, never from the host; times are the epoch. Lint says what AWS would refuse or fail on, with the
// cause and the fix. Stage, Unpack and Merge give a sandbox the /opt that Lambda would make of layers.
//
// It uploads nothing, runs nothing that it packs, and prints nothing.
package layer

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/serverless/open-runtime/internal/cache"
)

// A Tree is the content of a layer before it is written. Files are read when they are needed, not when they are added.
type Tree struct {
	entries map[string]*entry // by slash path
	mended  []string
}

// An entry is a file or a symlink; folders come of themselves.
type entry struct {
	mode fs.FileMode // 0o755, 0o644, or a symlink's; of a foreign layer what it has
	size int64
	link string // target of a symlink
	host string // the file on this machine, or
	data []byte // the content itself
}

// New makes an empty tree.
func New() *Tree { return &Tree{entries: map[string]*entry{}} }

// AddBytes adds a file by its content.
func (t *Tree) AddBytes(name string, data []byte) error {
	return t.add(name, &entry{size: int64(len(data)), data: data, mode: modeOf(name, data[:min(len(data), headSize)])})
}

// AddFile adds a file of this machine. A link that is named so is followed.
func (t *Tree) AddFile(name, hostPath string) error {
	info, err := os.Stat(hostPath)
	if err != nil {
		return fmt.Errorf("adding %s: %w", name, err)
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("adding %s: %s is %s, not a file", name, hostPath, kindOf(info.Mode()))
	}
	return t.addHost(name, hostPath, info)
}

// AddDir adds what is in a folder of this machine under prefix ("" is the top), less what is excluded: slash paths in the
// folder, with all that is below them. Links in it stay links.
func (t *Tree) AddDir(prefix, hostDir string, excludes ...string) error {
	real, err := filepath.EvalSymlinks(hostDir)
	if err != nil {
		return fmt.Errorf("adding a folder: %w", err)
	}
	return filepath.WalkDir(real, func(place string, d fs.DirEntry, err error) error {
		if err != nil {
			return fmt.Errorf("adding %s: %w", hostDir, err)
		}
		rel, err := filepath.Rel(real, place)
		if err != nil {
			return err
		}
		rel = filepath.ToSlash(rel)
		switch {
		case cache.Excluded(rel, excludes) && d.IsDir():
			return fs.SkipDir
		case cache.Excluded(rel, excludes), d.IsDir():
			return nil
		case rel == ".":
			return fmt.Errorf("adding %s: it is not a folder", hostDir)
		}
		return t.addEntry(path.Join(prefix, rel), place, d)
	})
}

// AddEntry adds a file or a link of this machine. A link stays one.
func (t *Tree) AddEntry(name, place string) error {
	info, err := os.Lstat(place)
	if err != nil {
		return fmt.Errorf("adding %s: %w", name, err)
	}
	return t.addEntry(name, place, fs.FileInfoToDirEntry(info))
}

// addEntry adds what a walk found.
func (t *Tree) addEntry(name, place string, d fs.DirEntry) error {
	info, err := d.Info()
	if err != nil {
		return fmt.Errorf("adding %s: %w", name, err)
	}
	switch {
	case info.Mode()&fs.ModeSymlink != 0:
		target, err := os.Readlink(place)
		if err != nil {
			return fmt.Errorf("adding %s: %w", name, err)
		}
		target = filepath.ToSlash(target)
		return t.add(name, &entry{mode: fs.ModeSymlink | 0o777, link: target, size: int64(len(target))})
	case info.Mode().IsRegular():
		return t.addHost(name, place, info)
	}
	return fmt.Errorf("adding %s: it is %s, and a layer holds files, folders and links", place, kindOf(info.Mode()))
}

func (t *Tree) addHost(name, place string, info fs.FileInfo) error {
	head, err := headOf(place)
	if err != nil {
		return fmt.Errorf("adding %s: %w", name, err)
	}
	e := &entry{host: place, size: info.Size(), mode: modeOf(name, head)}
	if err := t.add(name, e); err != nil {
		return err
	}
	if hostHasModes && e.mode&0o111 != 0 && info.Mode()&0o111 == 0 && isProgramPlace(name) {
		t.mended = append(t.mended, name)
	}
	return nil
}

// AddFS adds the files of fsys under prefix: of embedded ones, which have no modes to speak of.
func (t *Tree) AddFS(prefix string, fsys fs.FS) error {
	return fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := fs.ReadFile(fsys, name)
		if err != nil {
			return fmt.Errorf("adding %s: %w", name, err)
		}
		return t.AddBytes(path.Join(prefix, name), data)
	})
}

// Replace adds a file by its content in the place of one that may be there.
func (t *Tree) Replace(name string, data []byte) error {
	delete(t.entries, name)
	return t.AddBytes(name, data)
}

// Drop takes away the files that unwanted names.
func (t *Tree) Drop(unwanted func(name string) bool) {
	maps.DeleteFunc(t.entries, func(name string, _ *entry) bool { return unwanted(name) })
	t.mended = slices.DeleteFunc(t.mended, unwanted)
}

func (t *Tree) add(name string, e *entry) error {
	if err := checkPath(name); err != nil {
		return err
	}
	if t.entries[name] != nil {
		return fmt.Errorf("adding %s: it is there already; two things that are packed have this path", name)
	}
	t.entries[name] = e
	return nil
}

// checkPath says why a path can't be in a layer.
func checkPath(name string) error {
	switch {
	case !utf8.ValidString(name):
		return fmt.Errorf("adding %q: its name is not UTF-8", name)
	case strings.ContainsFunc(name, unicode.IsControl), strings.Contains(name, `\`):
		return fmt.Errorf("adding %q: its name has a control character or a backslash in it", name)
	case !fs.ValidPath(name) || name == ".":
		return fmt.Errorf("adding %q: it is no path inside a layer", name)
	}
	return nil
}

// Mended lists the programs that are packed executable though they are not on this machine.
func (t *Tree) Mended() []string {
	mended := slices.Clone(t.mended)
	slices.Sort(mended)
	return mended
}

// Paths lists the files and links of the tree in the order of the zip.
func (t *Tree) Paths() []string {
	names := make([]string, 0, len(t.entries))
	for name := range t.entries {
		names = append(names, name)
	}
	slices.Sort(names) // by bytes, in every locale
	return names
}

// Size is the sum of all file sizes, as Lambda counts against its limit.
func (t *Tree) Size() int64 {
	var total int64
	for _, e := range t.entries {
		total += e.size
	}
	return total
}

// Hash is a hash of paths, modes and contents: equal for trees that unpack to the same /opt.
func (t *Tree) Hash() (string, error) {
	sum := sha256.New()
	for _, name := range t.Paths() {
		e := t.entries[name]
		fmt.Fprintf(sum, "%q %o %d ", name, e.mode, e.size)
		hash, err := e.hash()
		if err != nil {
			return "", fmt.Errorf("reading %s: %w", name, err)
		}
		sum.Write(hash)
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}

func (e *entry) hash() ([]byte, error) {
	file, err := e.open()
	if err != nil {
		return nil, err
	}
	defer file.Close()
	sum := sha256.New()
	_, err = io.Copy(sum, file)
	return sum.Sum(nil), err
}

// A content is an opened entry. A link's is its target, as in a zip.
type content interface {
	io.Reader
	io.ReaderAt
	io.Closer
}

func (e *entry) open() (content, error) {
	switch {
	case e.host != "":
		return os.Open(e.host)
	case e.link != "":
		return inMemory{bytes.NewReader([]byte(e.link))}, nil
	}
	return inMemory{bytes.NewReader(e.data)}, nil
}

type inMemory struct{ *bytes.Reader }

func (inMemory) Close() error { return nil }

func (e *entry) isLink() bool { return e.mode&fs.ModeSymlink != 0 }

// read gives a small file whole.
func (e *entry) read() ([]byte, error) {
	file, err := e.open()
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return io.ReadAll(file)
}

// headOf reads what modeOf needs.
func headOf(place string) ([]byte, error) {
	file, err := os.Open(place)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	head := make([]byte, headSize)
	n, err := io.ReadFull(file, head)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		err = nil
	}
	return head[:n], err
}

// FileHash is the sha256 of a file, in hex.
func FileHash(place string) (string, error) {
	file, err := os.Open(place)
	if err != nil {
		return "", err
	}
	defer file.Close()
	sum := sha256.New()
	if _, err := io.Copy(sum, file); err != nil {
		return "", fmt.Errorf("reading %s: %w", place, err)
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}
