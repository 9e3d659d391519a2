//go:build linux

// Package process starts and ends the children of the bootstrap and the supervisor.
//
// It promises: each child leads its own process group and dies with its parent; its exit is seen before it is reaped, so
// that the rest of its group is killed while the group's number can't belong to anyone else; one goroutine closes Exited.
// It does not copy streams: a child gets files, and who reads a pipe decides when to stop.
//
// os/exec is not used: it gives no moment between a child's exit and its reaping, and its copying waits for an EOF that a
// daemon may hold back.
package process

import (
	"fmt"
	"os"
	"runtime"
	"sync"
	"syscall"
	"time"
	"unsafe"
)

// Spec says what to start. The zero value of a stream is /dev/null.
type Spec struct {
	Path string   // of the program
	Args []string // argv, the program's name first
	Env  []string // exactly this
	Dir  string

	Stdin, Stdout, Stderr *os.File
	Extra                 []*os.File // descriptors 3, 4, …; nil leaves that number closed

	// Sys is a base for credentials and namespaces; the process group and the death signal are set here.
	Sys *syscall.SysProcAttr

	// Around is given the fork, to call it once on the thread that forks: the child is born into what that thread is in
	// meanwhile. nil calls it.
	Around func(fork func())
}

// A Child is a started process and its group.
type Child struct {
	pid    int
	exited chan struct{}
	exit   Exit

	mu   sync.Mutex // guards gone against Signal
	gone bool       // exit was seen: pid may be signalled no more
}

// Start starts a child. The error is a *os.PathError with what the kernel said (ENOENT, EACCES, ENOEXEC …).
func Start(spec Spec) (*Child, error) {
	starter.once.Do(startStarter)
	reply := make(chan started, 1)
	starter.specs <- order{spec: spec, reply: reply}
	s := <-reply
	return s.child, s.err
}

type order struct {
	spec  Spec
	reply chan<- started
}

type started struct {
	child *Child
	err   error
}

// starter is the one thread that forks. A child's death signal follows the thread that started it, so this one is locked
// and never ends.
var starter struct {
	once  sync.Once
	specs chan order
}

func startStarter() {
	starter.specs = make(chan order)
	go func() {
		runtime.LockOSThread()
		for o := range starter.specs {
			var s started
			start := func() { s.child, s.err = fork(o.spec) }
			if o.spec.Around == nil {
				start()
			} else {
				o.spec.Around(start)
			}
			o.reply <- s
		}
	}()
}

func fork(spec Spec) (*Child, error) {
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	defer null.Close()
	files := []uintptr{fd(spec.Stdin, null), fd(spec.Stdout, null), fd(spec.Stderr, null)}
	for _, file := range spec.Extra {
		if file == nil {
			files = append(files, ^uintptr(0))
			continue
		}
		files = append(files, file.Fd())
	}
	sys := syscall.SysProcAttr{}
	if spec.Sys != nil {
		sys = *spec.Sys
	}
	sys.Setpgid, sys.Pgid, sys.Pdeathsig = true, 0, syscall.SIGKILL
	children.Lock()
	pid, err := syscall.ForkExec(spec.Path, spec.Args, &syscall.ProcAttr{Dir: spec.Dir, Env: spec.Env, Files: files, Sys: &sys})
	if err == nil {
		children.pids[pid] = true
	}
	children.Unlock()
	runtime.KeepAlive(spec)
	if err != nil {
		return nil, &os.PathError{Op: "fork/exec", Path: spec.Path, Err: err}
	}
	c := &Child{pid: pid, exited: make(chan struct{})}
	go c.wait()
	return c, nil
}

func fd(file, null *os.File) uintptr {
	if file == nil {
		return null.Fd()
	}
	return file.Fd()
}

// children are the processes that Start started and that are not reaped yet: all others are strangers.
var children = struct {
	sync.Mutex
	pids map[int]bool
}{pids: map[int]bool{}}

// wait sees the exit, kills what is left of the group while its leader's number is still taken, and reaps.
func (c *Child) wait() {
	awaitExit(c.pid)
	c.mu.Lock()
	c.gone = true
	syscall.Kill(-c.pid, syscall.SIGKILL)
	c.mu.Unlock()
	var status syscall.WaitStatus
	var usage syscall.Rusage
	for {
		_, err := syscall.Wait4(c.pid, &status, 0, &usage)
		if err != syscall.EINTR {
			break
		}
	}
	children.Lock()
	delete(children.pids, c.pid)
	children.Unlock()
	c.exit = newExit(status, usage)
	close(c.exited)
}

const (
	pPID     = 1          // waitid's P_PID
	wExited  = 4          // WEXITED
	wNoWait  = 0x01000000 // WNOWAIT
	wNoHang  = 1          // WNOHANG
	sizeInfo = 128        // siginfo_t
)

// awaitExit blocks until pid has exited and leaves it to be reaped.
func awaitExit(pid int) {
	var info [sizeInfo]byte
	for {
		_, _, errno := syscall.Syscall6(syscall.SYS_WAITID, pPID, uintptr(pid), uintptr(unsafe.Pointer(&info)), wExited|wNoWait, 0, 0)
		if errno != syscall.EINTR {
			return
		}
	}
}

// HasExited asks the kernel, which knows a moment before Exited is closed.
func (c *Child) HasExited() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.gone {
		return true
	}
	var info [sizeInfo / 4]int32 // si_signo comes first, and stays 0 while there is nothing to tell
	_, _, errno := syscall.Syscall6(syscall.SYS_WAITID, pPID, uintptr(c.pid), uintptr(unsafe.Pointer(&info)), wExited|wNoWait|wNoHang, 0, 0)
	return errno != 0 || info[0] != 0
}

// PID is the child's process ID, and its group's.
func (c *Child) PID() int { return c.pid }

// Exited is closed when the exit was seen, the group was killed and the child was reaped.
func (c *Child) Exited() <-chan struct{} { return c.exited }

// Exit says how the child ended. It is valid after Exited.
func (c *Child) Exit() Exit { return c.exit }

// Signal sends sig to the child's whole group, and to a child that left it for another; after the exit it does nothing.
func (c *Child) Signal(sig syscall.Signal) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.gone {
		return nil
	}
	if group, err := syscall.Getpgid(c.pid); err == nil && group != c.pid {
		_ = syscall.Kill(c.pid, sig) // the number is its own until it is reaped
	}
	if err := syscall.Kill(-c.pid, sig); err != nil && err != syscall.ESRCH {
		return fmt.Errorf("sending %v to process group %d: %w", sig, c.pid, err)
	}
	return nil
}

// Kill kills the child and its whole group.
func (c *Child) Kill() {
	// A group that can't be signalled is gone, or never was ours: nothing is left to do about it.
	_ = c.Signal(syscall.SIGKILL)
}

// Exit is how a child ended and what it used.
type Exit struct {
	Code                 int            // exit status; -1 when a signal ended it
	Signal               syscall.Signal // 0 when it exited
	UserTime, SystemTime time.Duration
	MaxRSS               int64 // bytes
}

func newExit(status syscall.WaitStatus, usage syscall.Rusage) Exit {
	e := Exit{
		Code:       status.ExitStatus(),
		UserTime:   time.Duration(usage.Utime.Nano()),
		SystemTime: time.Duration(usage.Stime.Nano()),
		MaxRSS:     usage.Maxrss * 1024,
	}
	if status.Signaled() {
		e.Code, e.Signal = -1, status.Signal()
	}
	return e
}

// Success says whether it exited with status 0.
func (e Exit) Success() bool { return e.Code == 0 && e.Signal == 0 }

// Reason is the sentence in which Lambda tells how a runtime ended.
func (e Exit) Reason() string {
	if e.Success() {
		return "Runtime exited without providing a reason"
	}
	return "Runtime exited with error: " + e.String()
}

// String spells it as Lambda does: "exit status 3", "signal: killed".
func (e Exit) String() string {
	if e.Signal != 0 {
		return "signal: " + e.Signal.String()
	}
	return fmt.Sprintf("exit status %d", e.Code)
}
