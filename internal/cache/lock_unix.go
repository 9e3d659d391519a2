//go:build unix

package cache

import (
	"errors"
	"os"
	"syscall"
)

type lockMode int

const (
	shared    lockMode = syscall.LOCK_SH
	exclusive lockMode = syscall.LOCK_EX
)

const (
	wait = 0
	try  = syscall.LOCK_NB
)

// lockFile locks a file until it is closed, or the process is gone. false: someone else has it.
func lockFile(file *os.File, mode lockMode, how int) (bool, error) {
	for {
		err := syscall.Flock(int(file.Fd()), int(mode)|how)
		switch {
		case err == nil:
			return true, nil
		case errors.Is(err, syscall.EINTR):
		case errors.Is(err, syscall.EWOULDBLOCK) && how == try:
			return false, nil
		default:
			return false, err
		}
	}
}

func isReadOnly(err error) bool { return errors.Is(err, syscall.EROFS) }
