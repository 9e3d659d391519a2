// Package namespace is the sandbox that needs nothing installed: Linux namespaces on a new root into which the machine's
// own system directories are bound read-only, with /var/task, /opt and /tmp at the paths they have on Lambda.
//
// It has two halves. Sandbox runs on the host: it starts the supervisor in fresh namespaces and removes what is left
// afterwards. Enter runs as the supervisor's first act, in those namespaces: it mounts, moves to the new root and gives
// away the privileges that the mounting took. Whoever starts it, root or an ordinary user, the function ends as user 993
// without capabilities; a root user's function is never root outside, and so no user namespace is used for root.
//
// It does not filter system calls, and with the host's network the function can reach what listens on the machine: it
// keeps a function honest, as Lambda would, and is no place for code that nobody trusts.
//
// On other systems the package compiles and says that there is no namespace sandbox.
package namespace

import "log/slog"

// Name is how the command line and the facts call this sandbox.
const Name = "namespace"

// Sandbox starts instances. The zero value works and logs nothing.
type Sandbox struct {
	Logger *slog.Logger
}

// New gives a Sandbox that logs nothing.
func New() Sandbox { return Sandbox{} }

// Name says which sandbox this is.
func (Sandbox) Name() string { return Name }

func (s Sandbox) logger() *slog.Logger {
	if s.Logger == nil {
		return slog.New(slog.DiscardHandler)
	}
	return s.Logger
}

// An UnavailableError says that there can be no namespace sandbox on this machine, or as this user, and what would help.
type UnavailableError struct {
	Cause string // what is in the way
	Hint  string // the next thing to do
	Err   error  // what the kernel said, if it was asked
}

func (e *UnavailableError) Error() string {
	text := "no namespace sandbox here: " + e.Cause
	if e.Err != nil {
		text += ": " + e.Err.Error()
	}
	return text
}

func (e *UnavailableError) Unwrap() error { return e.Err }
