package owner

import (
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"testing"
)

func TestGone(t *testing.T) {
	if Gone(Mark()) {
		t.Errorf("Gone(%q) = true for this very process", Mark())
	}
	for _, mark := range []string{"", "x", "12", "12-", "-3", "a-b"} {
		if Gone(mark) {
			t.Errorf("Gone(%q) = true; it is no mark", mark)
		}
	}
}

func TestGoneOfAnother(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("when a process began is known on Linux only")
	}
	if mark := strconv.Itoa(os.Getpid()) + "-1"; !Gone(mark) {
		t.Errorf("Gone(%q) = false; this process began at another time", mark)
	}
	child := exec.CommandContext(t.Context(), "cat")
	stdin, err := child.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Skip("there is no cat here:", err)
	}
	mark := strconv.Itoa(child.Process.Pid) + "-" + began(child.Process.Pid)
	if Gone(mark) {
		t.Errorf("Gone(%q) = true while the process runs", mark)
	}
	stdin.Close()
	if err := child.Wait(); err != nil {
		t.Fatal(err)
	}
	if !Gone(mark) {
		t.Errorf("Gone(%q) = false after its end", mark)
	}
}
