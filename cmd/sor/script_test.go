package main

// What a user can see, as scripts: testdata/script/*.txtar, one file per command or concept.

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/serverless/open-runtime/internal/gobuild"
	"github.com/serverless/open-runtime/pkg/emulator/namespace"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"sor": main,
	})
}

func TestScripts(t *testing.T) {
	programs := buildPrograms(t)
	cacheDir := filepath.Join(t.TempDir(), "cache") // one for all scripts, as a user has one
	testscript.Run(t, testscript.Params{
		Dir:                 filepath.Join("testdata", "script"),
		RequireExplicitExec: true,
		Setup: func(env *testscript.Env) error {
			env.Setenv("SOR_BOOTSTRAP", programs["bootstrap"])
			env.Setenv("SOR_SUPERVISOR", programs["supervisor"])
			env.Setenv("SOR_CACHE", cacheDir)
			env.Setenv("GORACE", "atexit_sleep_ms=0") // else each sor of a test under -race sleeps a second at its end
			env.Setenv("SOR_TEST_IMAGE", os.Getenv("SOR_TEST_IMAGE"))
			env.Setenv("XDG_CONFIG_HOME", filepath.Join(env.WorkDir, ".config"))
			for _, key := range []string{"GOCACHE", "GOMODCACHE", "GOFLAGS", "GOPROXY", "PATH"} {
				if value := goEnv(key); value != "" {
					env.Setenv(key, value)
				}
			}
			return nil
		},
		Condition: func(name string) (bool, error) {
			switch name {
			case "docker":
				return os.Getenv("SOR_TEST_IMAGE") != "" && engineAnswers(), nil
			case "namespace":
				return namespace.Available() == nil, nil
			case "lambda-go": // what a new function in Go needs is to be had here
				_, err := gobuild.Download(t.Context(), "github.com/aws/aws-lambda-go@v1.55.1")
				return err == nil, nil
			case "root":
				return os.Getuid() == 0, nil
			}
			return false, nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits":  cmdExits,
			"awaits": cmdAwaits,
		},
	})
}

// cmdExits runs a program and wants this exit status: exits 5 sor invoke --local.
func cmdExits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits STATUS PROGRAM [ARGUMENT...]")
	}
	err := ts.Exec(args[1], args[2:]...)
	got := "0"
	if exit, ok := err.(*exec.ExitError); ok {
		got = strings.TrimPrefix(exit.Error(), "exit status ")
	} else if err != nil {
		ts.Fatalf("%v", err)
	}
	if got != args[0] {
		ts.Fatalf("%s exits with %s, want %s", strings.Join(args[1:], " "), got, args[0])
	}
}

// cmdAwaits polls a file that a program in the background writes until a pattern is in it, and puts what the pattern's first
// group found into a variable: awaits log 'listening on (.*)' URL.
func cmdAwaits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 || len(args) > 3 {
		ts.Fatalf("usage: awaits FILE PATTERN [VARIABLE]")
	}
	pattern, err := regexp.Compile("(?m)" + args[1])
	ts.Check(err)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	limit := time.After(time.Minute)
	for {
		text, err := os.ReadFile(ts.MkAbs(args[0]))
		if found := pattern.FindSubmatch(text); err == nil && found != nil {
			if len(args) == 3 {
				ts.Setenv(args[2], string(found[1]))
			}
			return
		}
		select {
		case <-tick.C:
		case <-limit:
			ts.Fatalf("%s never had %s:\n%s", args[0], args[1], text)
		}
	}
}

// buildPrograms compiles bootstrap and supervisor once for all scripts, and the bootstrap for the other architecture too.
func buildPrograms(t *testing.T) map[string]string {
	t.Helper()
	dir := t.TempDir()
	for _, program := range []string{"bootstrap-amd64", "bootstrap-arm64", "supervisor-" + runtime.GOARCH} {
		name, arch, _ := strings.Cut(program, "-")
		cmd := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-ldflags", "-s -w", "-o", filepath.Join(dir, program), "../"+name)
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+arch)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("building %s: %v\n%s", program, err, out)
		}
	}
	return map[string]string{"bootstrap": filepath.Join(dir, "bootstrap-{arch}"), "supervisor": filepath.Join(dir, "supervisor-{arch}")}
}

func engineAnswers() bool {
	host := os.Getenv("DOCKER_HOST")
	if host != "" && !strings.HasPrefix(host, "unix://") {
		return true
	}
	path := strings.TrimPrefix(host, "unix://")
	if path == "" {
		path = "/var/run/docker.sock"
	}
	conn, err := net.Dial("unix", path)
	if err != nil {
		return false
	}
	conn.Close()
	return true
}

func goEnv(key string) string {
	if key == "PATH" {
		return os.Getenv("PATH")
	}
	out, err := exec.Command("go", "env", key).Output()
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(out))
}
