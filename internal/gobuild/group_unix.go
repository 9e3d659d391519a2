//go:build unix

package gobuild

import (
	"os/exec"
	"syscall"
)

// ownGroup makes a cancelled go build take its compilers with it.
func ownGroup(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
}
