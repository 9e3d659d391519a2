//go:build linux

package bootstrap_test

// SIGTERM: it is passed on to the language runtime, and waited for.

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const time500 = 500 * time.Millisecond

// terminates says so in a file on SIGTERM, a while later, and exits.
const terminates = `trap 'read -r -t 0.2 x <> <(:); echo "told $$" >"$TOLD"; exit 0' TERM
`

func told(t *testing.T) (file, variable string) {
	file = filepath.Join(t.TempDir(), "told")
	return file, "TOLD=" + file
}

func wasTold(t *testing.T, file string) {
	t.Helper()
	if text, err := os.ReadFile(file); err != nil || !strings.HasPrefix(string(text), "told ") {
		t.Errorf("the language runtime's handler of SIGTERM did not come to its end: %q, %v", text, err)
	}
}

func TestSIGTERM(t *testing.T) {
	t.Parallel()
	file, variable := told(t)
	l := newLayer(t).opens(terminates+`printf '{"type":"ready","version":1}\n' >&3; sleep 300 & wait`, ":")
	f := newFake(t, l).start(variable)
	f.next()
	f.stop()
	wasTold(t, file)
}

func TestSIGTERMWithinAnInvocation(t *testing.T) {
	t.Parallel()
	file, variable := told(t)
	f := newFake(t, newLayer(t).speaks(terminates+"echo working; sleep 300 & wait")).start(variable)
	f.next().hand("id", `{}`)
	f.log.wait(t, f.ctx, "working")
	f.stop()
	wasTold(t, file)
}

func TestSIGTERMWithinInit(t *testing.T) {
	t.Parallel()
	file, variable := told(t)
	f := newFake(t, newLayer(t).opens(terminates+"echo loading; sleep 300 & wait", ":")).start(variable)
	f.log.wait(t, f.ctx, "loading")
	f.stop()
	wasTold(t, file)
}

func TestSIGTERMWithinAMiddleware(t *testing.T) {
	t.Parallel()
	f := newFake(t, newLayer(t).echoes().file("middlewares/m", "#!/bin/bash\necho working >&2\nsleep 300\n")).start("SLSMIDDLEWARES=m")
	f.next().hand("id", `{}`)
	f.log.wait(t, f.ctx, "[m] working")
	f.stop()
}

func TestSIGTERMIgnored(t *testing.T) {
	t.Parallel()
	l := newLayer(t).opens(`trap '' TERM; setsid sleep 300 & disown; printf '{"type":"ready","version":1}\n' >&3; sleep 300`, ":")
	f := newFake(t, l).start()
	f.next()
	var children []int
	eventually(t, f.ctx, "all of it runs", func() bool { children = f.children(); return len(children) == 3 })
	start := time.Now()
	f.stop()
	if took := time.Since(start); took < 1500*time.Millisecond || took > 15*time.Second {
		t.Errorf("it waited %v, want about 2 s", took)
	}
	for _, pid := range children {
		if alive(pid) {
			t.Errorf("process %d is left", pid)
		}
	}
}
