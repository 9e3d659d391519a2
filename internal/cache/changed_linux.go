package cache

import (
	"io/fs"
	"syscall"
	"time"
)

// changeTime is when the kernel last saw the file change: unlike the modification time, nothing can set it back.
func changeTime(info fs.FileInfo) time.Time {
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		return time.Unix(int64(stat.Ctim.Sec), int64(stat.Ctim.Nsec))
	}
	return info.ModTime()
}
