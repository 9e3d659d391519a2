//go:build linux

package namespace_test

import (
	"context"
	"io/fs"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/serverless/open-runtime/pkg/emulator"
	"github.com/serverless/open-runtime/pkg/emulator/namespace"
	"github.com/serverless/open-runtime/pkg/emulator/sandboxtest"
)

func TestMain(m *testing.M) {
	sandboxtest.Main(m, func(context.Context) (emulator.Sandbox, string, error) { return namespace.Sandbox{}, "", nil })
}

func TestContract(t *testing.T) {
	if err := namespace.Available(); err != nil {
		t.Skip("namespaces are not possible here: ", err)
	}
	sandboxtest.Run(t, sandboxtest.Subject{Sandbox: namespace.Sandbox{}, Left: cgroupsOf})
}

// cgroupsOf finds the cgroups that a process made.
func cgroupsOf(t *testing.T, pid int) []string {
	var found []string
	_ = filepath.WalkDir("/sys/fs/cgroup", func(path string, entry fs.DirEntry, err error) error {
		if err == nil && entry.IsDir() && strings.HasPrefix(entry.Name(), "sor-"+strconv.Itoa(pid)+"-") {
			found = append(found, path)
		}
		return nil // what vanishes meanwhile is nobody's business here
	})
	return found
}
