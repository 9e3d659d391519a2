//go:build linux

package templates_test

// What the kits cost: a round trip in persistent mode against a bare echo in the same language, which reads a line with a
// length and that many bytes from fd 4, and writes both to fd 3.

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/serverless/open-runtime/internal/frames"
	"github.com/serverless/open-runtime/internal/manifest"
	"github.com/serverless/open-runtime/internal/paired"
	"github.com/serverless/open-runtime/pkg/middleware"
	"github.com/serverless/open-runtime/templates"
)

func BenchmarkKit(b *testing.B) { eachKit(b, benchKit) }

// BenchmarkPersistent is the same through the bootstrap's own half: what a persistent middleware costs an invocation.
func BenchmarkPersistent(b *testing.B) { eachKit(b, benchPersistent) }

func eachKit(b *testing.B, bench func(b *testing.B, kit, floor string, size int)) {
	for _, language := range templates.Languages() {
		b.Run(language, func(b *testing.B) {
			kit := installed(b, language, "echo")
			floor := floorOf(b, language)
			for _, size := range []struct {
				name  string
				bytes int
			}{{"1KB", 1000}, {"100KB", 100_000}, {"6MB", 6_000_000}} {
				b.Run(size.name, func(b *testing.B) { bench(b, kit, floor, size.bytes) })
			}
		})
	}
}

func benchPersistent(b *testing.B, kit, floor string, size int) {
	document := append(append([]byte(`"`), bytes.Repeat([]byte("x"), size-2)...), '"')
	place := kit // a program, or one in a folder of its own
	if filepath.Base(filepath.Dir(place)) != "middlewares" {
		place = filepath.Dir(place)
	}
	if err := os.WriteFile(place+".json", []byte(`{"protocol":"frames/1","hooks":["before"]}`), 0o644); err != nil {
		b.Fatal(err)
	}
	set, err := middleware.Load([]manifest.Ref{{Name: filepath.Base(place)}}, middleware.Options{
		Root: filepath.Dir(filepath.Dir(place)), Environ: os.Environ(), Log: func(source string, line []byte) { b.Logf("%s: %s", source, line) },
	})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { set.Shutdown(b.Context()) })
	run := set.Chain(func(_ context.Context, _ *middleware.Invocation, event []byte) (middleware.Response, error) {
		return middleware.Response{Payload: event}, nil
	})
	echo := floorEcho(b, floor, document)
	paired.Compare(b, func(b *testing.B) {
		response, err := run(b.Context(), &middleware.Invocation{Context: about}, document)
		if err != nil || len(response.Payload) != size {
			b.Fatalf("%d bytes, %v", len(response.Payload), err)
		}
	}, echo)
}

func benchKit(b *testing.B, kit, floor string, size int) {
	document := append(append([]byte(`"`), bytes.Repeat([]byte("x"), size-2)...), '"')
	c := converse(b, kit, "multiplex", "cancel")
	echo := floorEcho(b, floor, document)
	invoke := frames.Invoke{Type: frames.TypeInvoke, ID: "1", Hook: "before", DeadlineMs: deadlineMs, Context: about}
	paired.Compare(b, func(b *testing.B) {
		go c.send(invoke, document)
		if f := c.read(); f.Type != frames.TypeResult || len(f.Payload) != size {
			b.Fatalf("%s, %d bytes", f.Header, len(f.Payload))
		}
	}, echo)
}

// floorEcho is one round trip of the bare echo.
func floorEcho(b *testing.B, floor string, document []byte) func(b *testing.B) {
	b.Helper()
	in, out := startFloor(b, floor)
	frame := append([]byte(strconv.Itoa(len(document))+"\n"), document...)
	answers := bufio.NewReaderSize(out, 64*1024)
	return func(b *testing.B) {
		go func() { _, _ = in.Write(frame) }()
		line, err := answers.ReadString('\n')
		if err != nil || line != fmt.Sprintln(len(document)) {
			b.Fatalf("%q, %v", line, err)
		}
		if _, err := io.ReadFull(answers, make([]byte, len(document))); err != nil {
			b.Fatal(err)
		}
	}
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
