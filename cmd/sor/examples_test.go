package main

// The examples in the commands' help run as they are printed.

import (
	"bytes"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"github.com/serverless/open-runtime/pkg/emulator/namespace"
	"github.com/serverless/open-runtime/runtimes"
)

func TestExamplesRun(t *testing.T) {
	if err := namespace.Available(); err != nil {
		t.Skip("no namespace sandbox can be had here: ", err)
	}
	programs := buildPrograms(t)
	shell := exampleShell(t, programs)
	home := t.TempDir()
	shell(t, home, `sor init hello --runtime node --middleware redact:bash --no-input`)
	project := filepath.Join(home, "hello")
	shell(t, project, `echo '{"name":"Ada"}' > event.json`)
	conformable(t, project, programs["bootstrap"])
	var walk func(cmd *cobra.Command)
	walk = func(cmd *cobra.Command) {
		t.Run(cmd.CommandPath(), func(t *testing.T) {
			dir := project
			switch cmd.CommandPath() {
			case "sor", "sor init":
				dir = t.TempDir()
			case "sor init middleware":
				dir = t.TempDir()
				shell(t, dir, "sor init . --runtime python --no-input")
			}
			if cmd.CommandPath() == "sor start" {
				shell(t, dir, "sor init orders --runtime bash --no-input; sor init payments --runtime bash --no-input")
			}
			if script := exampleScript(cmd); script != "" {
				shell(t, dir, strings.ReplaceAll(script, "3001", freePort(t))) // the usual one may be somebody's
			}
		})
		for _, child := range cmd.Commands() {
			walk(child)
		}
	}
	walk(newRootCommand(newUI(&bytes.Buffer{})))
}

// conformable puts into a project what the examples of conform name: a bootstrap, a language runtime, and its handlers.
func conformable(t *testing.T, project, bootstrap string) {
	t.Helper()
	tree, err := runtimes.Files("bash")
	if err == nil {
		err = os.CopyFS(project, tree)
	}
	if err == nil {
		err = os.Chmod(filepath.Join(project, "language-runtime", "language-runtime"), 0o755)
	}
	if err == nil {
		err = os.CopyFS(filepath.Join(project, "function"), os.DirFS("../../pkg/conform/testdata/task/bash"))
	}
	if err == nil {
		err = os.Mkdir(filepath.Join(project, "bin"), 0o755)
	}
	var program []byte
	if err == nil {
		program, err = os.ReadFile(strings.ReplaceAll(bootstrap, "{arch}", runtime.GOARCH))
	}
	if err == nil {
		err = os.WriteFile(filepath.Join(project, "bin", "bootstrap"), program, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// freePort gives a port that nobody has just now.
func freePort(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	return port
}

// exampleScript gives a command's examples as one script. What serves does so until its end, and what invokes what is
// served has something to invoke.
func exampleScript(cmd *cobra.Command) string {
	var script strings.Builder
	if strings.Contains(cmd.Example, "127.0.0.1:3001") || cmd.Name() == "start" {
		script.WriteString(serving)
	}
	if cmd.Name() == "invoke" {
		script.WriteString("serve sor start --listen 127.0.0.1:3001\necho '{}' > events.ndjson\n")
	}
	for line := range strings.Lines(cmd.Example) {
		line = strings.TrimSpace(line)
		switch {
		case line == "sor start":
			line = "serve sor start --listen 127.0.0.1:3001"
		case strings.HasPrefix(line, "sor start"):
			line = "serve " + line
		case strings.HasPrefix(line, "aws "):
			line = "! command -v aws || " + line
		}
		script.WriteString(line + "\n")
	}
	return script.String()
}

// serving is a function that starts a server in the background and waits until it serves.
const serving = `export AWS_ACCESS_KEY_ID=local AWS_SECRET_ACCESS_KEY=local AWS_DEFAULT_REGION=us-east-1
pids=""
trap 'kill -INT $pids; wait' EXIT
serve() {
	log=$(mktemp)
	"$@" 2>"$log" &
	pid=$! # <(:) below is the next $!
	pids="$pids $pid"
	until grep -q 'listening on' "$log"; do kill -0 $pid || { cat "$log"; exit 1; }; read -r -t 0.05 x <> <(:) || :; done
}
`

// exampleShell gives what runs a script in a folder, with sor, this very binary, on PATH.
func exampleShell(t *testing.T, programs map[string]string) func(t *testing.T, dir, script string) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	bin, cacheDir := t.TempDir(), t.TempDir()
	if err := os.Symlink(self, filepath.Join(bin, "sor")); err != nil {
		t.Fatal(err)
	}
	return func(t *testing.T, dir, script string) {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), "bash", "-euo", "pipefail", "-c", script)
		cmd.Dir = dir
		cmd.WaitDelay = 10 * time.Second
		cmd.Env = append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH"), "SOR_SANDBOX=namespace", "SOR_CACHE="+cacheDir,
			"XDG_CONFIG_HOME="+filepath.Join(bin, "config"), "SOR_BOOTSTRAP="+programs["bootstrap"], "SOR_SUPERVISOR="+programs["supervisor"])
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%v\n%s\n%s", err, script, out)
		}
	}
}
