// Package cache keeps what is expensive to make, in $SOR_CACHE or the user's cache folder: compiled programs, unpacked
// layers, staged trees, and small notes of what was made from what.
//
// It promises that an entry is there whole or not at all, that each is made once even when several sor processes ask for
// it at the same time, and that no process removes what another one uses. Entries are found by the key of their content;
// once made they never change.
//
// It does not know what it keeps, compares no content, and is not synced to disk: after a power cut, clean it.
package cache

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Folders of a cache that hold no entries. An entry is at ROOT/kind/key. It has two locks: everyone who uses it shares
// one, so that nobody removes it; who makes it has the other alone, so that users of an entry keep nobody waiting.
const (
	locksFolder  = "locks"  // a file for each entry: its time is that of the last use, its text the entry's size
	makingFolder = "making" // a file for each entry that is being made
	partsFolder  = "parts"  // what there is of it already
	memoFolder   = "memo"
)

// A Cache is one folder, shared by all sor processes of a user. Entries that it gave stay until they are released, or the
// process ends.
type Cache struct {
	root string

	mu     sync.Mutex
	held   map[string]*hold
	filled bool // Trim has something to look at
	swept  bool // what others left of live folders was looked for
}

// A hold is an entry that this process uses, or is about to.
type hold struct {
	mu   sync.Mutex
	lock *os.File // shared, nil until the entry is there
	uses int      // how often it was given
}

// Open opens the cache in dir, and makes the folder when it is not there. "" is $SOR_CACHE, else sor in the user's cache
// folder.
func Open(dir string) (*Cache, error) {
	if dir == "" {
		dir = os.Getenv("SOR_CACHE")
	}
	if dir == "" {
		base, err := os.UserCacheDir()
		if err != nil {
			return nil, fmt.Errorf("finding the cache folder: %w", err)
		}
		dir = filepath.Join(base, "sor")
	}
	root, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("finding the cache folder: %w", err)
	}
	if err := os.MkdirAll(root, 0o755); err != nil {
		return nil, fmt.Errorf("making the cache folder: %w", err)
	}
	c := &Cache{root: root, held: map[string]*hold{}}
	c.tag()
	return c, nil
}

// Close lets go of all entries that this Cache gave; a process that ends does so by itself.
func (c *Cache) Close() {
	c.mu.Lock()
	held := slices.Collect(maps.Values(c.held))
	c.mu.Unlock()
	for _, h := range held {
		h.mu.Lock()
		h.release()
		h.mu.Unlock()
	}
}

// Root is the folder.
func (c *Cache) Root() string { return c.root }

// tag tells backup programs to leave the folder out (https://bford.info/cachedir/). Without it the cache works as well.
func (c *Cache) tag() {
	path := filepath.Join(c.root, "CACHEDIR.TAG")
	if _, err := os.Lstat(path); err == nil {
		return
	}
	_ = os.WriteFile(path, []byte("Signature: 8a477f597d28d172789f06886806bc55\n# Made by sor; see `sor cache --help`.\n"), 0o644)
}

// Dir gives the folder kind/key, and has fill make it when it is not there. fill gets an empty folder.
func (c *Cache) Dir(kind, key string, fill func(dir string) error) (string, error) {
	return c.entry(kind, key, func(part string) error {
		if err := os.Mkdir(part, 0o755); err != nil {
			return err
		}
		if err := os.Chmod(part, 0o755); err != nil { // whatever the umask
			return err
		}
		return fill(part)
	})
}

// File gives the file kind/key, and has fill write it when it is not there.
func (c *Cache) File(kind, key string, fill func(path string) error) (string, error) {
	return c.entry(kind, key, fill)
}

// entry gives what is at kind/key, locked until the process ends. Goroutines of one process wait for each other on the
// hold, processes on the lock.
func (c *Cache) entry(kind, key string, fill func(part string) error) (string, error) {
	name, err := c.name(kind, key)
	if err != nil {
		return "", err
	}
	h := c.hold(name)
	h.mu.Lock()
	defer h.mu.Unlock()
	path := filepath.Join(c.root, name)
	if h.lock != nil {
		if _, err := os.Lstat(path); err == nil {
			h.uses++
			return path, nil
		}
		h.release() // someone removed it by hand
	}
	for {
		lock, err := c.lock(locksFolder, name, shared)
		if err != nil {
			return readOnly(path, err)
		}
		if _, err := os.Lstat(path); err == nil {
			touch(lock)
			h.lock = lock
			h.uses++
			return path, nil
		}
		lock.Close()
		if err := c.fill(name, fill); err != nil {
			return "", err
		}
	}
}

// readOnly uses an entry of a cache that may not be written, where nobody can remove it either.
func readOnly(path string, err error) (string, error) {
	if errors.Is(err, fs.ErrPermission) || isReadOnly(err) {
		if _, statErr := os.Lstat(path); statErr == nil {
			return path, nil
		}
	}
	return "", err
}

// fill makes an entry, unless another process just did.
func (c *Cache) fill(name string, fill func(part string) error) error {
	making, err := c.lock(makingFolder, name, exclusive)
	if err != nil {
		return err
	}
	defer func() {
		_ = os.Remove(making.Name()) // where an open file can't be removed it stays, and harms nobody
		making.Close()
	}()
	path, part := filepath.Join(c.root, name), filepath.Join(c.root, partsFolder, name)
	if _, err := os.Lstat(path); err == nil {
		return nil
	}
	if err := removeAll(part); err != nil { // of a process that was killed: the lock is ours
		return fmt.Errorf("removing an unfinished cache entry: %w", err)
	}
	for _, dir := range []string{filepath.Dir(path), filepath.Dir(part)} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return fmt.Errorf("making a cache folder: %w", err)
		}
	}
	err = fill(part)
	if err == nil {
		err = c.record(name, part)
	}
	if err == nil {
		err = os.Rename(part, path)
	}
	if err != nil {
		_ = os.Remove(filepath.Join(c.root, locksFolder, name)) // there is nothing to use
		return errors.Join(err, removeAll(part))
	}
	c.mu.Lock()
	c.filled = true
	c.mu.Unlock()
	return nil
}

// record notes an entry's size in its lock file, so that Trim needs not walk it.
func (c *Cache) record(name, part string) error {
	size, err := sizeOf(part)
	if err != nil {
		return fmt.Errorf("measuring a cache entry: %w", err)
	}
	return os.WriteFile(filepath.Join(c.root, locksFolder, name), []byte(strconv.FormatInt(size, 10)), 0o644)
}

// lock opens and locks a lock file of an entry, waiting for whoever has it.
func (c *Cache) lock(folder, name string, mode lockMode) (*os.File, error) {
	path := filepath.Join(c.root, folder, name)
	for {
		file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644)
		if errors.Is(err, fs.ErrNotExist) {
			if err = os.MkdirAll(filepath.Dir(path), 0o755); err == nil {
				continue
			}
		}
		if err != nil {
			return nil, fmt.Errorf("locking a cache entry: %w", err)
		}
		if _, err := lockFile(file, mode, wait); err != nil {
			file.Close()
			return nil, fmt.Errorf("locking %s: %w", path, err)
		}
		if sameFile(file, path) {
			return file, nil
		}
		file.Close() // someone removed it meanwhile, and a lock on a removed file keeps nobody out
	}
}

func (c *Cache) hold(name string) *hold {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.held[name] == nil {
		c.held[name] = &hold{}
	}
	return c.held[name]
}

func (h *hold) release() {
	if h.lock != nil {
		h.lock.Close()
		h.lock = nil
	}
}

// Release says that an entry is used once less than it was given: when it is used no more, it may be removed.
func (c *Cache) Release(kind, key string) {
	name, err := c.name(kind, key)
	if err != nil {
		return // it was never given
	}
	h := c.hold(name)
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.uses--; h.uses <= 0 {
		h.uses = 0
		h.release()
	}
}

const (
	lettersAndDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
	mostPlain        = 100
)

// isPlain says whether a name is one of a file on any system.
func isPlain(name string) bool {
	return name != "" && len(name) <= mostPlain && strings.Contains(lettersAndDigits, name[:1]) && strings.Trim(name, lettersAndDigits+"._-") == ""
}

// name gives the path of an entry in the cache. A key that is no file name is hashed.
func (c *Cache) name(kind, key string) (string, error) {
	if !isPlain(kind) || slices.Contains([]string{locksFolder, makingFolder, partsFolder, memoFolder}, kind) {
		return "", fmt.Errorf("%q is no kind of cache entry", kind)
	}
	if !isPlain(key) {
		sum := sha256.Sum256([]byte(key))
		key = "h" + hex.EncodeToString(sum[:])
	}
	return filepath.Join(kind, key), nil
}

func sameFile(file *os.File, path string) bool {
	opened, err := file.Stat()
	if err != nil {
		return false
	}
	there, err := os.Stat(path)
	return err == nil && os.SameFile(opened, there)
}

// touch notes a use. One that can't be noted only makes the entry look older.
func touch(lock *os.File) {
	now := time.Now()
	_ = os.Chtimes(lock.Name(), now, now)
}
