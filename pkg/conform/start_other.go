//go:build !linux

package conform

import (
	"errors"
	"os"
)

var errLinux = errors.New("programs are put through the kit on Linux only: they are programs for Lambda")

type running struct{}

func startProcess(string, []string, []string, string, []*os.File) (*running, error) {
	return nil, errLinux
}

func (r *running) exited() <-chan struct{}                       { return nil }
func (r *running) kill()                                         {}
func (r *running) end() (status string, success, signalled bool) { return "", false, false }
func (r *running) signal(string) error                           { return errLinux }
func (r *running) holders([]*os.File) []int                      { return nil }
func commandOf(int) string                                       { return "" }
func killProcess(int)                                            {}
func isEmpty(*os.File) bool                                      { return true }
