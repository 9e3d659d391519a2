//go:build linux

package process

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

// A file of the poller has deadlines, and an inherited pipe has none.
func TestPolled(t *testing.T) {
	ours, theirs, err := Pipe(FromChild, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer ours.Close()
	defer theirs.Close()
	if err := theirs.SetWriteDeadline(time.Time{}); err == nil {
		t.Fatal("the child's end is in the poller before anybody asked for it")
	}
	polled := Polled(theirs)
	defer polled.Close()
	if err := polled.SetWriteDeadline(time.Time{}); err != nil {
		t.Error(err)
	}
	file, err := os.Create(filepath.Join(t.TempDir(), "file"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if got := Polled(file); got != file {
		t.Error("a file is another one, though the poller takes none")
	}
}
