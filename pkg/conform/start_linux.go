package conform

// Starting programs, sending them signals, and looking who else holds their pipes: what takes Linux.

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"unsafe"

	"github.com/serverless/open-runtime/internal/process"
)

// running is a started process.
type running struct{ child *process.Child }

// startProcess starts a program with these files as its descriptors 0, 1, 2, 3 …; nil leaves a number closed.
func startProcess(path string, args, env []string, dir string, files []*os.File) (*running, error) {
	child, err := process.Start(process.Spec{
		Path: path, Args: args, Env: env, Dir: dir, Stdin: files[0], Stdout: files[1], Stderr: files[2], Extra: files[3:],
	})
	if err != nil {
		return nil, err
	}
	return &running{child}, nil
}

func (r *running) exited() <-chan struct{} { return r.child.Exited() }
func (r *running) kill()                   { r.child.Kill() }

// end says how it ended.
func (r *running) end() (status string, success, signalled bool) {
	exit := r.child.Exit()
	return exit.String(), exit.Success(), exit.Signal != 0
}

var signals = map[string]syscall.Signal{
	"SIGUSR1": syscall.SIGUSR1, "SIGUSR2": syscall.SIGUSR2, "SIGQUIT": syscall.SIGQUIT, "SIGHUP": syscall.SIGHUP,
	"SIGINT": syscall.SIGINT, "SIGALRM": syscall.SIGALRM, "SIGURG": syscall.SIGURG, "SIGWINCH": syscall.SIGWINCH,
}

// signal sends the process alone, not its group, a signal by its name.
func (r *running) signal(name string) error {
	number, ok := signals[name]
	if !ok {
		return fmt.Errorf("there is no signal %q that a parent would send", name)
	}
	return syscall.Kill(r.child.PID(), number)
}

// holders gives the processes, other than this one and the child, that have one of these pipes open.
func (r *running) holders(pipes []*os.File) []int {
	wanted := map[string]bool{}
	for _, file := range pipes {
		if info, err := file.Stat(); err == nil {
			if stat, ok := info.Sys().(*syscall.Stat_t); ok {
				wanted[fmt.Sprintf("pipe:[%d]", stat.Ino)] = true
			}
		}
	}
	var found []int
	entries, _ := os.ReadDir("/proc")
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil || pid == os.Getpid() || pid == r.child.PID() {
			continue
		}
		dir := filepath.Join("/proc", entry.Name(), "fd")
		open, _ := os.ReadDir(dir) // it may be gone, or somebody else's
		for _, fd := range open {
			if target, err := os.Readlink(filepath.Join(dir, fd.Name())); err == nil && wanted[target] {
				found = append(found, pid)
				break
			}
		}
	}
	return found
}

// isEmpty says whether a pipe holds nothing: the other side has read it all.
func isEmpty(pipe *os.File) bool {
	conn, err := pipe.SyscallConn()
	if err != nil {
		return true
	}
	var held int32
	_ = conn.Control(func(fd uintptr) {
		_, _, _ = syscall.Syscall(syscall.SYS_IOCTL, fd, syscall.TIOCINQ, uintptr(unsafe.Pointer(&held)))
	})
	return held == 0
}

// commandOf gives the command line of a process, for a sentence.
func commandOf(pid int) string {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(strings.ReplaceAll(string(data), "\x00", " "))
}

// killProcess ends a process that the subject left behind.
func killProcess(pid int) { syscall.Kill(pid, syscall.SIGKILL) }
