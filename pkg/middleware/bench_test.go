//go:build linux

package middleware_test

// What a middleware costs over what a process costs: the same program with the same payload, in turn.

import (
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/serverless/open-runtime/internal/paired"
	"github.com/serverless/open-runtime/pkg/middleware"
)

// buildCat compiles testdata/cat to the middleware name of a layer.
func buildCat(b *testing.B, l *layer, name string) string {
	b.Helper()
	exe := filepath.Join(l.root, "middlewares", name)
	build := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", exe, "./testdata/cat")
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=")
	if out, err := build.CombinedOutput(); err != nil {
		b.Fatalf("%v: %s", err, out)
	}
	return exe
}

func BenchmarkExec(b *testing.B) {
	l := newLayer(b)
	exe := buildCat(b, l, "cat")
	l.manifest("cat", `{"hooks":["before"]}`)
	run := l.load("cat").Chain(echo)
	inv := &middleware.Invocation{}
	for _, size := range []struct {
		name  string
		bytes int
	}{{"1KB", 1024}, {"100KB", 100 * 1024}, {"6MB", 6 * 1024 * 1024}} {
		payload := append(append([]byte{'"'}, bytes.Repeat([]byte("x"), size.bytes-2)...), '"')
		b.Run(size.name, func(b *testing.B) {
			paired.Compare(b, func(b *testing.B) {
				response, err := run(b.Context(), inv, payload)
				if err != nil || len(response.Payload) != len(payload) {
					b.Fatalf("%d bytes, %v", len(response.Payload), err)
				}
			}, func(b *testing.B) {
				if out := bare(b, exe, payload); len(out) != len(payload) {
					b.Fatalf("%d bytes", len(out))
				}
			})
		})
	}
}

// bare is the least that gives a payload to a program and takes what it prints: fork, exec, wait.
func bare(b *testing.B, exe string, payload []byte) []byte {
	var ours, theirs [3]*os.File
	for i := range ours {
		r, w, err := os.Pipe()
		if err != nil {
			b.Fatal(err)
		}
		ours[i], theirs[i] = r, w
	}
	ours[0], theirs[0] = theirs[0], ours[0]
	child, err := os.StartProcess(exe, []string{exe, "before"}, &os.ProcAttr{Files: theirs[:], Env: os.Environ()})
	if err != nil {
		b.Fatal(err)
	}
	for _, file := range theirs {
		file.Close()
	}
	go func() {
		ours[0].Write(payload)
		ours[0].Close()
	}()
	out, err := io.ReadAll(ours[1])
	if err != nil {
		b.Fatal(err)
	}
	state, err := child.Wait()
	if err != nil || !state.Success() {
		b.Fatal(state, err)
	}
	ours[1].Close()
	ours[2].Close()
	return out
}
