//go:build linux

package conform_test

// Interpreters themselves before the shims of version managers, which take longer to start than what they start.

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestMain(m *testing.M) {
	if out, err := exec.Command("python3", "-c", "import sys; print(sys.base_prefix)").Output(); err == nil {
		bin := filepath.Join(strings.TrimSpace(string(out)), "bin")
		os.Setenv("PATH", bin+":"+os.Getenv("PATH"))
	}
	os.Setenv("PYTHONDONTWRITEBYTECODE", "1")
	os.Exit(m.Run())
}
