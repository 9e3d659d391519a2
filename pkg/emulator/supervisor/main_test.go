//go:build linux

package supervisor_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"go.uber.org/goleak"

	"github.com/serverless/open-runtime/internal/process"
)

// TestMain is also the runtime of the functions under test: their bootstrap is a link to this program.
func TestMain(m *testing.M) {
	if filepath.Base(filepath.Dir(os.Args[0])) == "extensions" {
		beExtension(filepath.Base(os.Args[0]))
		return
	}
	if os.Getenv(envRuntime) != "" {
		beRuntime()
		return
	}
	if err := process.NoInherit(); err != nil { // as cmd/supervisor does: what a test was started with is no child's
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	goleak.VerifyTestMain(m, theStarter)
}

// theStarter is the one thread that forks, which never ends.
var theStarter = goleak.IgnoreAnyFunction("github.com/serverless/open-runtime/internal/process.startStarter.func1")
