//go:build unix

package kit

// Descriptors and signals.

import (
	"os"
	"os/signal"
	"runtime"
	"syscall"
)

// openFrames gives the ends of the conversation, unless nobody is there to speak with. Where fd 3 is not opened by a parent
// it may be one that Go's own runtime has, which is no pipe.
func openFrames() (in, out *os.File, ok bool) {
	if fileType(4) != syscall.S_IFIFO || fileType(3) != syscall.S_IFIFO {
		return nil, nil, false
	}
	syscall.CloseOnExec(3)
	syscall.CloseOnExec(4)
	return os.NewFile(4, "frames"), os.NewFile(3, "answers"), true
}

// openResponse gives where an early response is written in exec mode, or nil.
func openResponse(hook string) *os.File {
	if hook == HookAfter || fileType(3) == 0 {
		return nil
	}
	syscall.CloseOnExec(3)
	return os.NewFile(3, "response")
}

// fileType is 0 for what is not open, and for what is no file: an epoll, a timer.
func fileType(fd int) uint32 {
	var stat syscall.Stat_t
	if syscall.Fstat(fd, &stat) != nil {
		return 0
	}
	return uint32(stat.Mode) & syscall.S_IFMT
}

// onTerminate calls end when the process is asked to end.
func onTerminate(end func()) {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM)
	go func() {
		<-signals
		end()
	}()
}

// dumpSignal names the signal that makes the process write where its goroutines are.
func dumpSignal() string {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGUSR2)
	go func() {
		for range signals {
			stacks := make([]byte, 256*1024)
			_, _ = os.Stderr.Write(stacks[:runtime.Stack(stacks, true)])
		}
	}()
	return "SIGUSR2"
}
