// Package emulator is the host's half of the local Lambda: it starts a sandbox, hands invocations to the supervisor in it
// and gives back what the caller of the Invoke API would get.
//
// It promises an answer for every invocation, whatever happens to the sandbox, and that Close leaves nothing behind. What
// plays AWS inside the sandbox is pkg/emulator/supervisor; how a sandbox is made is the business of namespace and docker.
// It does not know layers, projects or terminals.
package emulator

import (
	"context"
	"io"

	"github.com/serverless/open-runtime/internal/frames"
)

// A Sandbox makes instances: places where a supervisor runs as process 1, with /var/task, /opt and /tmp.
type Sandbox interface {
	Name() string
	// Start starts one. When ctx ends, everything in it is killed.
	Start(ctx context.Context, spec Spec) (Instance, error)
}

// LooseHome is the user's home in a sandbox that is less strict than Lambda, where there is none.
const LooseHome = "/home/sbx_user1051"

// LooseFolders can be written in such a sandbox, besides /tmp.
var LooseFolders = []string{LooseHome, "/dev/shm"}

// Spec says what an instance is made of. Paths are the host's.
type Spec struct {
	Supervisor string // the static supervisor for Arch
	Task       string // becomes /var/task, read-only; "" is an empty folder
	Opt        string // becomes /opt, read-only; "" is an empty folder
	MemoryMB   int    // of the function
	TmpMB      int    // size of /tmp
	Network    string // "" for what the function would reach, "none", or a network of the sandbox's own
	Image      string // for a sandbox made from an image
	Arch       string // amd64 or arm64

	Loose bool // less strict than Lambda: LooseFolders can be written

	Binds      []string // folders bound read-only at their own paths: interpreters that live in a home
	PathSuffix []string // folders that join the end of PATH
	Ports      []int    // of the sandbox that are this machine's loopback's too
}

// An Instance is a running sandbox. Reading and writing are the supervisor's stdout and stdin.
type Instance interface {
	io.ReadWriter
	// CloseWrite is EOF for the supervisor: the sandbox ends.
	CloseWrite() error
	// Wait blocks until nothing of the sandbox is left. Its error says why it died, if it died of itself.
	Wait() error
	// Facts are what the supervisor must know of its sandbox.
	Facts() frames.Facts
}
