package cache

// Keeping the cache within its bound. Only what the cache itself made is ever removed: entries that have a lock file, and
// memos. A folder that a user named by mistake loses nothing.

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// An item is an entry as its lock file tells of it.
type item struct {
	name string
	size int64
	used time.Time
}

// lastTrim is the file that remembers when Trim last looked, and for which bound.
const lastTrim = "trimmed"

// Trim removes what was not used for longest until at most maxBytes are left, and what was left over by processes that
// were killed. What any process uses stays, over the bound too. It looks only when this process added something, the
// bound is another, or a day has passed.
func (c *Cache) Trim(maxBytes int64) (freed int64, err error) {
	note := filepath.Join(c.root, lastTrim)
	bound := strconv.FormatInt(maxBytes, 10)
	c.mu.Lock()
	filled := c.filled
	c.filled = false
	c.mu.Unlock()
	if info, err := os.Stat(note); err == nil && !filled && time.Since(info.ModTime()) < 24*time.Hour {
		if data, err := os.ReadFile(note); err == nil && string(data) == bound {
			return 0, nil
		}
	}
	items, err := c.items()
	if err != nil {
		return 0, err
	}
	var total int64
	for _, i := range items {
		total += i.size
	}
	slices.SortFunc(items, func(a, b item) int { return a.used.Compare(b.used) })
	var wrong []error
	for _, i := range items {
		if total <= maxBytes {
			break
		}
		removed, err := c.remove(i.name)
		wrong = append(wrong, err)
		if removed {
			total, freed = total-i.size, freed+i.size
		}
	}
	wrong = append(wrong, c.removeParts(), c.removeMemos(time.Now().Add(-memoAge)))
	wrong = append(wrong, os.WriteFile(note, []byte(bound), 0o644))
	return freed, errors.Join(wrong...)
}

// Clean removes everything that no process uses.
func (c *Cache) Clean() (freed int64, err error) {
	items, err := c.items()
	if err != nil {
		return 0, err
	}
	var wrong []error
	for _, i := range items {
		removed, err := c.remove(i.name)
		wrong = append(wrong, err)
		if removed {
			freed += i.size
		}
	}
	memos, err := sizeOf(filepath.Join(c.root, memoFolder))
	if err == nil {
		freed += memos
	}
	wrong = append(wrong, c.removeParts(), os.RemoveAll(filepath.Join(c.root, memoFolder)))
	return freed, errors.Join(wrong...)
}

// Size is what entries and memos take.
func (c *Cache) Size() (int64, error) {
	items, err := c.items()
	if err != nil {
		return 0, err
	}
	total, err := sizeOf(filepath.Join(c.root, memoFolder))
	if errors.Is(err, fs.ErrNotExist) {
		total, err = 0, nil
	}
	for _, i := range items {
		total += i.size
	}
	return total, err
}

// items lists the entries by their lock files.
func (c *Cache) items() ([]item, error) {
	var items []item
	err := c.each(locksFolder, func(name string, lock fs.FileInfo) error {
		if _, err := os.Lstat(filepath.Join(c.root, name)); err != nil {
			return nil // being made
		}
		size, err := c.recorded(name)
		if errors.Is(err, fs.ErrNotExist) {
			return nil // another process just removed it
		}
		if err == nil {
			items = append(items, item{name: name, size: size, used: lock.ModTime()})
		}
		return err
	})
	return items, err
}

// recorded is the size in an entry's lock file, or a measured one.
func (c *Cache) recorded(name string) (int64, error) {
	data, err := os.ReadFile(filepath.Join(c.root, locksFolder, name))
	if err != nil {
		return 0, err
	}
	if size, err := strconv.ParseInt(strings.TrimSpace(string(data)), 10, 64); err == nil {
		return size, nil
	}
	return sizeOf(filepath.Join(c.root, name))
}

// each visits the entries of one of the cache's folders.
func (c *Cache) each(folder string, visit func(name string, file fs.FileInfo) error) error {
	kinds, err := entriesOf(filepath.Join(c.root, folder))
	if err != nil {
		return err
	}
	for _, kind := range kinds {
		files, err := entriesOf(filepath.Join(c.root, folder, kind.Name()))
		if err != nil {
			return err
		}
		for _, file := range files {
			info, err := file.Info()
			if errors.Is(err, fs.ErrNotExist) {
				continue // another process trims too
			}
			if err == nil {
				err = visit(filepath.Join(kind.Name(), file.Name()), info)
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

func entriesOf(dir string) ([]fs.DirEntry, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return entries, err
}

// remove removes an entry and its lock, unless some process, this one too, holds it.
func (c *Cache) remove(name string) (bool, error) {
	lock, err := c.tryLock(locksFolder, name)
	if lock == nil {
		return false, err
	}
	defer lock.Close()
	if err := removeAll(filepath.Join(c.root, name)); err != nil {
		return false, err
	}
	_ = os.Remove(lock.Name()) // where an open file can't be removed it stays, empty of meaning
	return true, nil
}

// removeParts removes what processes that are gone were making.
func (c *Cache) removeParts() error {
	var wrong []error
	err := c.each(makingFolder, func(name string, _ fs.FileInfo) error {
		lock, err := c.tryLock(makingFolder, name)
		wrong = append(wrong, err)
		if lock != nil {
			wrong = append(wrong, removeAll(filepath.Join(c.root, partsFolder, name)))
			_ = os.Remove(lock.Name())
			lock.Close()
		}
		return nil
	})
	return errors.Join(append(wrong, err)...)
}

// tryLock locks an entry against everyone, or gives nil when someone has it.
func (c *Cache) tryLock(folder, name string) (*os.File, error) {
	path := filepath.Join(c.root, folder, name)
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			err = nil
		}
		return nil, err
	}
	ok, err := lockFile(file, exclusive, try)
	if !ok || err != nil || !sameFile(file, path) {
		file.Close()
		return nil, err
	}
	return file, nil
}

func (c *Cache) removeMemos(before time.Time) error {
	err := filepath.WalkDir(filepath.Join(c.root, memoFolder), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		if info, err := d.Info(); err == nil && info.ModTime().Before(before) {
			return os.Remove(path)
		}
		return nil
	})
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// sizeOf adds up the sizes of the files at path.
func sizeOf(path string) (total int64, err error) {
	err = filepath.WalkDir(path, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		info, err := d.Info()
		if err == nil {
			total += info.Size()
		}
		return err
	})
	return total, err
}

// removeAll removes folders too that may not be written, as Go's module cache has them.
func removeAll(path string) error {
	err := os.RemoveAll(path)
	if !errors.Is(err, fs.ErrPermission) {
		return err
	}
	_ = filepath.WalkDir(path, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() {
			return os.Chmod(path, 0o755)
		}
		return nil
	})
	return os.RemoveAll(path)
}
