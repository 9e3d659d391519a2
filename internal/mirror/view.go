package mirror

// A folder with changes over it, so that what takes a change over costs as much as the change, however large the folder is.

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// A View is what a folder holds with some of its files changed. It knows files and links; folders come and go with them.
// Nobody writes in place to what it is made of. It is not safe for concurrent changes.
type View struct {
	base string            // the folder, "" for an empty one
	over map[string]string // by slash path: the file that is there instead, "" for none
}

// NewView is a view of a folder as it is.
func NewView(dir string) *View { return &View{base: dir, over: map[string]string{}} }

// Changes is how many files differ from the folder's own.
func (v *View) Changes() int { return len(v.over) }

// File gives the file that is at a name, "" when there is none.
func (v *View) File(name string) string {
	if file, ok := v.over[name]; ok {
		return file
	}
	if info := lstatIn(v.base, name); info == nil || info.IsDir() {
		return ""
	}
	return filepath.Join(v.base, filepath.FromSlash(name))
}

// Below lists the files at a name and below it.
func (v *View) Below(name string) []string {
	var names []string
	for over, file := range v.over {
		if file != "" && (name == "." || over == name || strings.HasPrefix(over, name+"/")) {
			names = append(names, over)
		}
	}
	if lstatIn(v.base, name) == nil {
		return names
	}
	_ = filepath.WalkDir(filepath.Join(v.base, filepath.FromSlash(name)), func(place string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return nil // what nobody changes can be read
		}
		rel, err := filepath.Rel(v.base, place)
		if err != nil {
			return err
		}
		if _, ok := v.over[filepath.ToSlash(rel)]; !ok {
			names = append(names, filepath.ToSlash(rel))
		}
		return nil
	})
	return names
}

// Differs says whether a file ("" for none) is other than what is at a name.
func (v *View) Differs(name, file string) bool {
	have := v.File(name)
	if have == "" || file == "" {
		return have != file
	}
	haveInfo, err := os.Lstat(have)
	if err != nil {
		return true
	}
	info, err := os.Lstat(file)
	return err != nil || !same(have, file, haveInfo, info)
}

// Put has a file ("" for none) be at a name, and gives the one that was there over the folder's own, if one was.
func (v *View) Put(name, file string) (before string) {
	before = v.over[name]
	v.over[name] = file
	return before
}

// Holds says whether a folder holds the same.
func (v *View) Holds(dir string) bool {
	if len(v.over) == 0 && dir == v.base {
		return true
	}
	names := NewView(dir).Below(".")
	if len(names) != len(v.Below(".")) {
		return false
	}
	return !slices.ContainsFunc(names, func(name string) bool { return v.Differs(name, filepath.Join(dir, filepath.FromSlash(name))) })
}

// Update makes dir hold what the view does, as the package's own Update does.
func (v *View) Update(dir string) error {
	if err := Update(dir, v.base); err != nil {
		return err
	}
	return v.UpdateFiles(dir, slices.Collect(maps.Keys(v.over)))
}

// UpdateFiles is Update of a folder that differs from the view in no other than these files.
func (v *View) UpdateFiles(dir string, names []string) error {
	m := newMirror(dir)
	for _, name := range names { // what is gone may be in the way of what comes
		if v.File(name) == "" {
			if err := removeFile(dir, name); err != nil {
				return fmt.Errorf("bringing %s up to date: %w", dir, err)
			}
		}
	}
	for _, name := range names {
		file := v.File(name)
		if file == "" {
			continue
		}
		err := makeParents(dir, name)
		if err == nil {
			err = m.entry(filepath.Join(dir, filepath.FromSlash(name)), file)
		}
		if err != nil {
			return fmt.Errorf("bringing %s up to date: %w", dir, err)
		}
	}
	return nil
}

// lstatIn looks at a slash path in a folder, through no link; nil when nothing is there.
func lstatIn(dir, name string) fs.FileInfo {
	if dir == "" {
		return nil
	}
	info, err := os.Lstat(dir)
	for part := range strings.SplitSeq(path.Clean(name), "/") {
		if err != nil || !info.IsDir() {
			return nil
		}
		dir = filepath.Join(dir, part)
		info, err = os.Lstat(dir)
	}
	if err != nil {
		return nil
	}
	return info
}

// removeFile removes a file, and the folders that have nothing in them then.
func removeFile(dir, name string) error {
	if info := lstatIn(dir, name); info == nil || info.IsDir() {
		return nil // a folder has taken its place
	}
	if err := os.Remove(filepath.Join(dir, filepath.FromSlash(name))); err != nil {
		return err
	}
	for folder := path.Dir(name); folder != "."; folder = path.Dir(folder) {
		if os.Remove(filepath.Join(dir, filepath.FromSlash(folder))) != nil {
			break // there is something in it
		}
	}
	return nil
}

// makeParents makes the folders that a file is in, in the place of files that are there.
func makeParents(dir, name string) error {
	parts := strings.Split(name, "/")
	for _, part := range parts[:len(parts)-1] {
		dir = filepath.Join(dir, part)
		info, err := os.Lstat(dir)
		if err == nil && info.IsDir() {
			continue
		}
		if err == nil {
			err = os.Remove(dir)
		} else if errors.Is(err, fs.ErrNotExist) {
			err = nil
		}
		if err == nil {
			err = os.Mkdir(dir, 0o755)
		}
		if err == nil {
			err = os.Chmod(dir, 0o755) // whatever the umask
		}
		if err != nil {
			return err
		}
	}
	return nil
}
