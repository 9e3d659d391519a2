//go:build unix

package gobuild_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/serverless/open-runtime/internal/gobuild"
)

// A cancelled build takes what it started with it: here a Go that is a shell with a child.
func TestCancelTakesTheCompilers(t *testing.T) {
	bin := t.TempDir()
	held := filepath.Join(bin, "held") // open in each process of the build; its end is their end
	if err := syscall.Mkfifo(held, 0o600); err != nil {
		t.Fatal(err)
	}
	writer, err := os.OpenFile(held, os.O_RDWR, 0) // until the script has opened it, so that no read sees an end
	if err != nil {
		t.Fatal(err)
	}
	pipe, err := os.OpenFile(held, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer pipe.Close()
	script := "#!/bin/sh\nexec 3>'" + held + "'\necho ready >&3\nsleep 300 &\nwait\n"
	if err := os.WriteFile(filepath.Join(bin, "go"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", bin+string(os.PathListSeparator)+os.Getenv("PATH"))

	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- gobuild.Build(ctx, bin, ".", filepath.Join(bin, "out"), "amd64") }()
	if err := pipe.SetReadDeadline(time.Now().Add(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	reader := bufio.NewReader(pipe)
	if line, err := reader.ReadString('\n'); err != nil {
		t.Fatalf("got %q, %v", line, err)
	}
	writer.Close()
	cancel()
	if _, err := reader.ReadByte(); !errors.Is(err, io.EOF) {
		t.Errorf("the build's child lives: %v", err)
	}
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}
