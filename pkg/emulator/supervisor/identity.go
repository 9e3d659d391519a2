//go:build linux

package supervisor

// Who the function is: user 993, group 990, as on Lambda, without capabilities.

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"syscall"

	"github.com/serverless/open-runtime/internal/executable"
	"github.com/serverless/open-runtime/internal/frames"
	"github.com/serverless/open-runtime/internal/process"
)

const (
	userID  = 993
	groupID = 990
)

// identity gives the attributes that make a child user 993.
func (s *supervisor) identity() *syscall.SysProcAttr {
	switch s.config.Facts.Identity {
	case frames.IdentityDrop:
		return &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: userID, Gid: groupID}}
	case frames.IdentityNamespace:
		return &syscall.SysProcAttr{
			Cloneflags:  syscall.CLONE_NEWUSER,
			UidMappings: []syscall.SysProcIDMap{{ContainerID: userID, HostID: os.Getuid(), Size: 1}},
			GidMappings: []syscall.SysProcIDMap{{ContainerID: groupID, HostID: os.Getgid(), Size: 1}},
			Credential:  &syscall.Credential{Uid: userID, Gid: groupID, NoSetGroups: true},
		}
	}
	return nil
}

// reapStrangers reaps what the runtime's descendants leave to process 1, until ctx ends.
func reapStrangers(ctx context.Context) {
	died := make(chan os.Signal, 1)
	signal.Notify(died, syscall.SIGCHLD)
	defer signal.Stop(died)
	for {
		select {
		case <-died:
			process.ReapOrphans()
		case <-ctx.Done():
			return
		}
	}
}

// startFailure says why path could not be started: Lambda's words, and then the cause that they hide.
func startFailure(request, path, errorType string, err error) answer {
	cause := err
	if kernel, ok := errors.AsType[*os.PathError](err); ok {
		cause = kernel.Err
	}
	message := fmt.Sprintf("RequestId: %s Error: fork/exec %s: %v", request, path, cause)
	for _, finding := range explain(path) {
		message += "; " + finding.Cause
		if finding.Fix != "" {
			message += " (" + finding.Fix + ")"
		}
	}
	return answer{payload: errorBody(errorType, message), errorType: errorType}
}

// explain finds what is wrong with a program that the kernel refused.
func explain(path string) []executable.Finding {
	info, err := os.Stat(path)
	if err != nil {
		return nil
	}
	if info.Mode()&0o111 == 0 {
		return []executable.Finding{{Rule: executable.RuleNotExecutable, Path: path, Cause: "it is not executable", Fix: "chmod +x it where the layer is packed, or pack with sor build-layer"}}
	}
	return executable.CheckFile(path, runtime.GOARCH, executable.OnPath(os.Getenv("PATH")))
}
