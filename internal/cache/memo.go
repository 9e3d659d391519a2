package cache

import (
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/serverless/open-runtime/internal/wholefile"
)

// memoAge is how long a memo that nobody reads is kept.
const memoAge = 90 * 24 * time.Hour

// Memo gives a small note that SetMemo left. One that is not there is not an error: it is made again.
func (c *Cache) Memo(kind, key string) ([]byte, bool) {
	name, err := c.name(kind, key)
	if err != nil {
		return nil, false
	}
	path := filepath.Join(c.root, memoFolder, name)
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, false
	}
	if info, err := os.Stat(path); err == nil && time.Since(info.ModTime()) > 24*time.Hour {
		now := time.Now()
		_ = os.Chtimes(path, now, now) // still of use; a failure only lets it be forgotten early
	}
	return data, true
}

// SetMemo leaves a note under kind and key. Readers see the old one or the new one, never a part.
func (c *Cache) SetMemo(kind, key string, data []byte) error {
	name, err := c.name(kind, key)
	if err != nil {
		return err
	}
	path := filepath.Join(c.root, memoFolder, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("making a cache folder: %w", err)
	}
	if err := wholefile.WriteBytes(path, data); err != nil {
		return fmt.Errorf("writing a memo: %w", err)
	}
	return nil
}
