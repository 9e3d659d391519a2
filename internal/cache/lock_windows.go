package cache

import (
	"errors"
	"os"
	"syscall"
	"unsafe"
)

type lockMode uintptr

// Flags of LockFileEx.
// https://learn.microsoft.com/windows/win32/api/fileapi/nf-fileapi-lockfileex
const (
	shared    lockMode = 0
	exclusive lockMode = 2
)

const (
	wait = 0
	try  = 1
)

const errorLockViolation = syscall.Errno(33)

var lockFileEx = syscall.NewLazyDLL("kernel32.dll").NewProc("LockFileEx")

// lockFile locks a byte far behind the end of the file, which stays readable, until it is closed. false: someone else
// has it.
func lockFile(file *os.File, mode lockMode, how int) (bool, error) {
	place := syscall.Overlapped{OffsetHigh: 0x7fffffff}
	done, _, err := lockFileEx.Call(file.Fd(), uintptr(mode)|uintptr(how), 0, 1, 0, uintptr(unsafe.Pointer(&place)))
	switch {
	case done != 0:
		return true, nil
	case errors.Is(err, errorLockViolation) && how == try:
		return false, nil
	}
	return false, err
}

func isReadOnly(error) bool { return false }
