package namespace

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// Enter makes the sandbox around the process that calls it, which must be alone in fresh namespaces: it reads
// instructions from r, mounts the new root, moves to it, brings loopback up and gives away privileges. If r can be written
// to, how it went is told there as well, and if it can be closed, it is. The program goes on as before, with / for its
// directory.
//
// It must be a program without cgo: no_new_privs and capabilities belong to threads, and only the Go runtime can change
// them in all of its threads at once. Descriptors that sor was started with are the program's business.
func Enter(r io.Reader) error {
	err := enter(r)
	if w, ok := r.(io.Writer); ok {
		_ = json.NewEncoder(w).Encode(setupAnswer{Error: report(err)})
	}
	if c, ok := r.(io.Closer); ok {
		_ = c.Close()
	}
	return err
}

func enter(r io.Reader) error {
	var in instructions
	if err := json.NewDecoder(r).Decode(&in); err != nil {
		return fmt.Errorf("reading sandbox instructions: %w", err)
	}
	if err := unix.Sethostname([]byte("sandbox")); err != nil {
		return fmt.Errorf("naming the host: %w", err)
	}
	if in.Loopback {
		if err := raiseLoopback(); err != nil {
			return fmt.Errorf("bringing loopback up: %w", err)
		}
	}
	if err := mountRoot(in); err != nil {
		return err
	}
	return dropPrivileges(in.Drop)
}

// report makes of an error what the host half reads.
func report(err error) *setupError {
	if err == nil {
		return nil
	}
	told := &setupError{Doing: "setting up the sandbox", Text: err.Error()}
	if path, ok := errors.AsType[*os.PathError](err); ok {
		told.Doing = path.Op + " " + path.Path
		told.Text = path.Err.Error()
	}
	if errno, ok := errors.AsType[syscall.Errno](err); ok {
		told.Errno = int(errno)
	}
	return told
}

// raiseLoopback brings lo up: a fresh network namespace has it, down, and nothing else.
func raiseLoopback() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	request, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	request.SetUint16(unix.IFF_UP | unix.IFF_RUNNING)
	return unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, request)
}
