//go:build linux

package namespace

// What the host half tells the half inside, as JSON on descriptor 3, and what it hears back on the same socket.

import "syscall"

// instructions are all that Enter needs to know. Paths on the host are real ones: a link is resolved where it was made,
// since behind the new root it may lead elsewhere.
type instructions struct {
	Supervisor string // becomes /var/rapid/supervisor
	Task, Opt  string // become /var/task and /opt; "" is an empty directory
	TmpMB      int    // size of /tmp
	Binds      []bind // directories of the host more, read-only
	Resolv     *bind  // what /etc/resolv.conf leads to, when that is not shown anyway
	Loopback   bool   // a network namespace of its own, in which loopback must be brought up
	Loose      bool   // a home and a /dev/shm that can be written
	Drop       bool   // root: give up the capabilities that the supervisor does not need
}

// bind shows Source, a path on the host, at Target.
type bind struct{ Source, Target string }

// setupAnswer is what comes back: a silent end would look like a death.
type setupAnswer struct{ Error *setupError }

// setupError is a step of Enter that went wrong.
type setupError struct {
	Doing string // "mounting /proc"
	Errno int    // 0 when it was not the kernel that refused
	Text  string
}

func (e *setupError) Error() string { return e.Doing + ": " + e.Text }

func (e *setupError) Unwrap() error {
	if e.Errno == 0 {
		return nil
	}
	return syscall.Errno(e.Errno)
}

// userID and groupID are those of Lambda's functions, sbx_user1051.
const (
	userID  = 993
	groupID = 990
)
