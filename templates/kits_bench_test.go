//go:build linux

package templates_test

// What the kits cost: a round trip in persistent mode against a bare echo in the same language, which reads a line with a
// length and that many bytes from fd 4, and writes both to fd 3.

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/serverless/open-runtime/internal/frames"
	"github.com/serverless/open-runtime/internal/paired"
	"github.com/serverless/open-runtime/templates"
)

func BenchmarkKit(b *testing.B) {
	for _, language := range templates.Languages() {
		b.Run(language, func(b *testing.B) {
			kit := installed(b, language, "echo")
			floor := floorOf(b, language)
			for _, size := range []struct {
				name  string
				bytes int
			}{{"1KB", 1000}, {"100KB", 100_000}, {"6MB", 6_000_000}} {
				b.Run(size.name, func(b *testing.B) { benchKit(b, kit, floor, size.bytes) })
			}
		})
	}
}

func benchKit(b *testing.B, kit, floor string, size int) {
	document := append(append([]byte(`"`), bytes.Repeat([]byte("x"), size-2)...), '"')
	c := converse(b, kit, "multiplex", "cancel")
	in, out := startFloor(b, floor)
	frame := append([]byte(strconv.Itoa(size)+"\n"), document...)
	answers := bufio.NewReaderSize(out, 64*1024)
	invoke := frames.Invoke{Type: frames.TypeInvoke, ID: "1", Hook: "before", DeadlineMs: deadlineMs, Context: about}
	paired.Compare(b, func(b *testing.B) {
		go c.send(invoke, document)
		if f := c.read(); f.Type != frames.TypeResult || len(f.Payload) != size {
			b.Fatalf("%s, %d bytes", f.Header, len(f.Payload))
		}
	}, func(b *testing.B) {
		go func() { _, _ = in.Write(frame) }()
		line, err := answers.ReadString('\n')
		if err != nil || line != fmt.Sprintln(size) {
			b.Fatalf("%q, %v", line, err)
		}
		if _, err := io.ReadFull(answers, make([]byte, size)); err != nil {
			b.Fatal(err)
		}
	})
}

// floorOf gives the bare echo as a program.
func floorOf(b *testing.B, language string) string {
	b.Helper()
	source, err := filepath.Abs(filepath.Join("testdata", "kits", language, "floor"))
	if err != nil || language != "go" {
		return source
	}
	program := filepath.Join(b.TempDir(), "floor")
	text, err := os.ReadFile(source + ".txt")
	if err == nil {
		err = os.WriteFile(program+".go", text, 0o644)
	}
	if err != nil {
		b.Fatal(err)
	}
	if out, err := exec.CommandContext(b.Context(), "go", "build", "-o", program, program+".go").CombinedOutput(); err != nil {
		b.Fatalf("%v\n%s", err, out)
	}
	return program
}

func startFloor(b *testing.B, program string) (in, out *os.File) {
	b.Helper()
	theirIn, in := pipe(b)
	out, theirOut := pipe(b)
	cmd := command(b, program)
	cmd.ExtraFiles = []*os.File{theirOut, theirIn}
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	theirIn.Close()
	theirOut.Close()
	b.Cleanup(func() { in.Close(); out.Close(); _ = cmd.Wait() })
	return in, out
}
