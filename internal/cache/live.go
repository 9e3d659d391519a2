package cache

// Folders that are no entries: each is one process's own, and may change.

import (
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// liveKind is where live folders are among those of entries that are being made: what a process that was killed left of
// either is removed alike.
const liveKind = "live"

// Live gives an empty folder that is this process's own, to be changed at will, and drop to remove it. What processes that
// are gone left of theirs is removed.
func (c *Cache) Live() (dir string, drop func() error, err error) {
	c.mu.Lock()
	first := !c.swept
	c.swept = true
	c.mu.Unlock()
	if first {
		if err := c.removeParts(); err != nil {
			return "", nil, fmt.Errorf("removing what others left in the cache: %w", err)
		}
	}
	name := filepath.Join(liveKind, rand.Text())
	lock, err := c.lock(makingFolder, name, exclusive)
	if err != nil {
		return "", nil, err
	}
	dir = filepath.Join(c.root, partsFolder, name)
	drop = func() error {
		err := removeAll(dir)
		_ = os.Remove(lock.Name()) // where an open file can't be removed it stays, and harms nobody
		return errors.Join(err, lock.Close())
	}
	err = os.MkdirAll(dir, 0o755)
	if err == nil {
		err = os.Chmod(dir, 0o755) // whatever the umask
	}
	if err != nil {
		return "", nil, errors.Join(fmt.Errorf("making a live folder: %w", err), drop())
	}
	return dir, drop, nil
}
