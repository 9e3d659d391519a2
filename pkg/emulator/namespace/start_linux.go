package namespace

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/serverless/open-runtime/internal/frames"
	"github.com/serverless/open-runtime/internal/process"
	"github.com/serverless/open-runtime/pkg/emulator"
)

const networkNone = "none"

// Start makes a sandbox and waits until its supervisor is in it. When ctx ends, everything in the sandbox is killed, at
// once: the supervisor is process 1 of its namespace, and the kernel lets nothing there outlive it. When this process
// dies, by SIGKILL too, so does the supervisor.
func (s Sandbox) Start(ctx context.Context, spec emulator.Spec) (emulator.Instance, error) {
	who, err := identity()
	if err != nil {
		return nil, err
	}
	if spec.Network != "" && spec.Network != networkNone {
		return nil, fmt.Errorf("network %q: the namespace sandbox has the machine's own and none", spec.Network)
	}
	if spec.Arch != "" && spec.Arch != runtime.GOARCH {
		return nil, &UnavailableError{Cause: fmt.Sprintf("the function is for %s, this machine is %s", spec.Arch, runtime.GOARCH),
			Hint: "use --sandbox docker with an engine that emulates " + spec.Arch + ", or --arch " + runtime.GOARCH}
	}
	in, err := prepare(spec, who)
	if err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return s.start(ctx, spec, who, in)
}

func (s Sandbox) start(ctx context.Context, spec emulator.Spec, who string, in instructions) (emulator.Instance, error) {
	ends, err := openEnds()
	if err != nil {
		return nil, err
	}
	defer ends.closeInner()
	b := s.newBackstop(spec)
	child, err := process.Start(process.Spec{
		Path: in.Supervisor, Args: []string{"supervisor", "namespace"}, Env: []string{}, Dir: "/",
		Stdin: ends.stdin.inner, Stdout: ends.stdout.inner, Stderr: ends.stderr.inner, Extra: []*os.File{ends.setup.inner},
		Sys: attributes(who, spec.Network), Around: b.around,
	})
	if err != nil {
		ends.closeOuter()
		if b != nil {
			_ = b.remove()
		}
		return nil, explain(who, fmt.Errorf("starting the supervisor: %w", err))
	}
	ends.closeInner() // so that the ends that are left here see the supervisor's death
	i := &instance{
		child: child, stdin: ends.stdin.outer, stdout: ends.stdout.outer,
		ended: make(chan struct{}), limited: make(chan struct{}),
		facts: facts(spec, who),
	}
	go i.limit(b, s.logger())
	stop := context.AfterFunc(ctx, child.Kill)
	go i.supervise(ctx, ends.stderr.outer, stop)
	if err := instruct(ends.setup.outer, in, who); err != nil {
		child.Kill()
		died := i.Wait()
		i.stdout.Close() // nobody will read it
		if ctx.Err() != nil {
			err = ctx.Err()
		} else if errors.Is(err, errSilent) && died != nil {
			err = died
		}
		return nil, fmt.Errorf("setting up the namespace sandbox: %w", err)
	}
	<-i.limited // nothing of the function runs before its memory is limited
	return i, nil
}

// newBackstop makes the memory cgroup of a sandbox; nil where there is none.
func (s Sandbox) newBackstop(spec emulator.Spec) *backstop {
	if spec.MemoryMB <= 0 {
		return nil
	}
	b, err := newBackstop(spec.MemoryMB, spec.TmpMB, spec.Loose)
	if err != nil {
		s.logger().Debug("no memory cgroup", "cause", err)
		return nil
	}
	return b
}

func facts(spec emulator.Spec, who string) frames.Facts {
	f := frames.Facts{Sandbox: Name, Identity: who, PathSuffix: spec.PathSuffix, APIAddress: "127.0.0.1:0"}
	if spec.Network == networkNone {
		f.APIAddress = "127.0.0.1:9001" // Lambda's own: nobody else is there
	}
	return f
}

// errSilent says that the supervisor ended before it answered.
var errSilent = errors.New("the supervisor ended")

// instruct sends instructions and waits for the answer: the sandbox is set up, or what went wrong.
func instruct(setup *os.File, in instructions, who string) error {
	defer setup.Close()
	if err := json.NewEncoder(setup).Encode(in); err != nil {
		return errSilent
	}
	var answer setupAnswer
	if json.NewDecoder(setup).Decode(&answer) != nil {
		return errSilent
	}
	told := answer.Error
	switch {
	case told == nil:
		return nil
	case told.Doing == "mounting /proc" && told.Errno == int(unix.EPERM):
		return maskedProc(told)
	default:
		return explain(who, told)
	}
}

// An end is a pipe or a socket pair: one side goes into the sandbox.
type end struct{ inner, outer *os.File }

type ends struct{ stdin, stdout, stderr, setup end }

func openEnds() (e *ends, err error) {
	e = &ends{}
	defer func() {
		if err != nil {
			e.closeInner()
			e.closeOuter()
		}
	}()
	if e.stdin.inner, e.stdin.outer, err = os.Pipe(); err != nil {
		return nil, err
	}
	if e.stdout.outer, e.stdout.inner, err = os.Pipe(); err != nil {
		return nil, err
	}
	if e.stderr.outer, e.stderr.inner, err = os.Pipe(); err != nil {
		return nil, err
	}
	for _, end := range []*os.File{e.stdin.outer, e.stdout.outer} {
		if raw, err := end.SyscallConn(); err == nil {
			_ = raw.Control(process.EnlargePipe) // a large payload in few turns
		}
	}
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, os.NewSyscallError("socketpair", err)
	}
	if err := syscall.SetNonblock(pair[0], true); err != nil { // so that Go's poller takes it, and a death wakes the reader
		return nil, err
	}
	e.setup = end{outer: os.NewFile(uintptr(pair[0]), "setup"), inner: os.NewFile(uintptr(pair[1]), "setup")}
	return e, nil
}

func (e *ends) closeInner() {
	for _, one := range []*end{&e.stdin, &e.stdout, &e.stderr, &e.setup} {
		if one.inner != nil {
			one.inner.Close()
			one.inner = nil
		}
	}
}

func (e *ends) closeOuter() {
	for _, one := range []*end{&e.stdin, &e.stdout, &e.stderr, &e.setup} {
		if one.outer != nil {
			one.outer.Close()
		}
	}
}
