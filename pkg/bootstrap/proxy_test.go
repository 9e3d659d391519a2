//go:build linux

package bootstrap_test

// A function on AWS's own client for Go as the language runtime, in a sandbox of the real supervisor.

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// witness is a program that speaks the Runtime API, compiled once.
var witness = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "sor-witness-")
	if err != nil {
		return "", err
	}
	program := filepath.Join(dir, "witness")
	build := exec.Command("go", "build", "-o", program, "github.com/serverless/open-runtime/pkg/emulator/sandboxtest/witness")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	out, err := build.CombinedOutput()
	if err != nil {
		return "", &exec.Error{Name: string(out), Err: err}
	}
	return program, nil
})

func (l *layer) proxied() *layer {
	l.t.Helper()
	program, err := witness()
	if err != nil {
		l.t.Fatal(err)
	}
	return l.file("language-runtime.json", `{"protocol":"runtime-api","command":["`+program+`"]}`)
}

const stamp = "#!/bin/bash\nread -r p\nif [[ $1 == after && $p == '{'* ]]; then echo \"${p%\\}},\\\"stamped\\\":true}\"; fi\n"

func TestProxied(t *testing.T) {
	t.Parallel()
	f := newLayer(t).proxied().file("middlewares/quiet", "#!/bin/sh\ncat\n").file("middlewares/stamp", stamp).
		begin(options{env: map[string]string{"SLSMIDDLEWARES": "quiet,stamp"}})
	f.says(`["x"]`, `["x"]`)
	f.says(`{"a":1}`, `{"a":1,"stamped":true}`)
	f.says(`{"op":"count"}`, `1`)
	f.says(`{"op":"count"}`, `2`)
	f.fails(`{"op":"error"}`, "Function.Unknown", "out of cheese")
	f.says(`{"op":"count"}`, `3`) // it lives
	f.fails(`{"op":"exit3"}`, "Runtime.ExitError", "exit status 3")
	f.says(`{"op":"count"}`, `1`) // another one
	f.fails(`{"op":"panic"}`, "Function.Unknown", "mice")
	f.says(`{"op":"count"}`, `1`)
	f.fails(`{"op":"kill"}`, "Runtime.ExitError", "signal: killed")
	f.says(`{"op":"count"}`, `1`)
}

// The client's own context has the earlier deadline.
func TestProxiedDeadline(t *testing.T) {
	t.Parallel()
	f := newLayer(t).proxied().begin(options{timeout: 10 * time.Second, env: map[string]string{"SOR_MARGIN_MS": "4000"}})
	got := f.answers(`{"op":"context"}`)
	for _, want := range []string{`"requestId":"id-1"`} {
		if !strings.Contains(strings.ToLower(got), strings.ToLower(want)) {
			t.Errorf("got %s, want %s in it", got, want)
		}
	}
	f.fails(`{"op":"wait"}`, "Function.Timeout", "did not answer within")
	f.says(`{"op":"count"}`, `1`)
}
