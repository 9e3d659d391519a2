package main

// --debug: a debugger in the sandbox, for the handler or a middleware. --attach is in attach.go.

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/serverless/open-runtime/internal/frames"
	"github.com/serverless/open-runtime/pkg/project"
)

type debugOptions struct {
	port       int
	wait       bool
	middleware string
}

// flags are those of all commands that run a function.
func (o *debugOptions) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.IntVar(&o.port, "debug", 0, "port of a debugger for the handler, and the next ones for further functions; no time limit passes while one is connected (Node, Python, Go)")
	f.BoolVar(&o.wait, "debug-wait", false, "have what is debugged wait for a debugger before it begins")
	f.StringVar(&o.middleware, "debug-middleware", "", "debug this middleware of the project in place of the handler")
}

// check says what is wrong with the flags themselves.
func (o debugOptions) check() error {
	switch {
	case o.port == 0 && (o.wait || o.middleware != ""):
		return fail(exitUsage, "as in --debug 9229", errors.New("--debug-wait and --debug-middleware need --debug PORT"))
	case o.port < 0 || o.port > mostPort:
		return fail(exitUsage, "a port is from 1 to 65535", fmt.Errorf("--debug %d is no port", o.port))
	}
	return nil
}

// checkPort says whether the port of the debugger is free. Whoever has it would be who answers.
func (o debugOptions) checkPort(ctx context.Context) error {
	if o.port == 0 {
		return nil
	}
	var lc net.ListenConfig
	listener, err := lc.Listen(ctx, "tcp4", net.JoinHostPort("127.0.0.1", strconv.Itoa(o.port)))
	if err == nil {
		return listener.Close()
	}
	return fail(exitMissing, "another port: --debug PORT", fmt.Errorf("--debug: %w", portError(uint16(o.port), err)))
}

// ofEach gives each function a port of its own, in their order. One that has nothing to debug is served without a debugger,
// and told of, when others have.
func (o debugOptions) ofEach(w *workspace, projects []*project.Project) ([]debugOptions, error) {
	each := make([]debugOptions, len(projects))
	if err := o.check(); err != nil || o.port == 0 {
		return each, err
	}
	var without []string
	var cause error
	next := o
	for i, p := range projects {
		_, err := next.debuggee(p)
		switch {
		case err != nil:
			without, cause = append(without, p.Name), cmp.Or(cause, err)
			continue
		case next.port > mostPort:
			return nil, fail(exitUsage, "a lower port", fmt.Errorf("--debug %d leaves no port for %s: each function has its own", o.port, p.Name))
		}
		each[i] = next
		next.port++
	}
	if len(without) == len(projects) {
		return nil, cause
	}
	if len(without) > 0 {
		w.say("debugger: none for %s: %v", strings.Join(without, ", "), cause)
	}
	return each, nil
}

const mostPort = 65535

// A debuggee is what is debugged: the handler, or a middleware.
type debuggee struct {
	name     string // as a person calls it
	what     string // as the bootstrap calls it
	language string // node, python, go
}

// debuggee finds what is debugged, and in which language it is.
func (o debugOptions) debuggee(p *project.Project) (debuggee, error) {
	if o.middleware == "" {
		d := debuggee{"function " + p.Name, "language-runtime", p.Runtime}
		return d, d.check()
	}
	for _, m := range p.Middlewares {
		if m.Name == o.middleware && m.Path != "" {
			d := debuggee{"middleware " + m.Name, "middlewares/" + m.Name, languageOf(m.Path)}
			return d, d.check()
		}
	}
	var names []string
	for _, m := range p.Middlewares {
		if m.Path != "" {
			names = append(names, m.Name)
		}
	}
	return debuggee{}, fail(exitUsage, alternatives("middlewares", o.middleware, names), fmt.Errorf("this project has no middleware %q of its own", o.middleware))
}

func (d debuggee) check() error {
	switch d.language {
	case "node", "python", project.Go:
		return nil
	}
	return fail(exitUsage, "--debug knows Node, Python and Go; `sor start --attach` serves a runtime that you start yourself, in any debugger",
		fmt.Errorf("%s is in %s, for which there is no debugger here", d.name, d.language))
}

// languageOf guesses from the first line of a script, or from the folder.
func languageOf(path string) string {
	if isGo(path) {
		return project.Go
	}
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		path = filepath.Join(path, filepath.Base(path))
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return "an unknown language"
	}
	line, _, _ := bytes.Cut(data, []byte("\n"))
	for _, language := range []string{"node", "python", "ruby", "bash"} {
		if bytes.HasPrefix(line, []byte("#!")) && bytes.Contains(line, []byte(language)) {
			return language
		}
	}
	return "an unknown language"
}

// debug has the sandbox of a session start what is debugged by a debugger.
func (s *session) debug(ctx context.Context, o debugOptions, d debuggee) error {
	if o.port == 0 {
		return nil
	}
	if s.network == "none" {
		return fail(exitUsage, "leave --network none out", errors.New("a sandbox without a network has no port that a debugger could connect to"))
	}
	host := "127.0.0.1"
	if s.box.Name() == "docker" {
		host = "0.0.0.0" // of the container, whose port is published on loopback alone
	}
	address := host + ":" + strconv.Itoa(o.port)
	plan := frames.Debug{What: d.what, Port: o.port, Wait: o.wait}
	tool := ""
	switch d.language {
	case "node":
		tool = "node"
		plan.Environment = map[string]string{"NODE_OPTIONS": nodeOptions(s.project.Environment["NODE_OPTIONS"], address, o.wait)}
	case "python":
		tool = "debugpy"
		if err := s.findDebugpy(ctx); err != nil {
			return err
		}
		plan.Command = []string{"python3", "-Xfrozen_modules=off", "-m", "debugpy", "--listen", address}
		if o.wait {
			plan.Command = append(plan.Command, "--wait-for-client")
		}
		plan.Command = append(plan.Command, frames.DebugProgram, frames.DebugArguments)
	default:
		tool = "dlv"
		delve, err := s.findDelve()
		if err != nil {
			return err
		}
		// The function is another user than who debugs it; the port is on loopback, and any user here may connect to it.
		plan.Command = []string{
			delve, "exec", "--headless", "--api-version=2", "--accept-multiclient", "--only-same-user=false", "--check-go-version=false", "--listen=" + address,
			frames.DebugStreams,
		}
		plan.Keep = true
		if !o.wait {
			plan.Command = append(plan.Command, "--continue")
		}
		plan.Command = append(plan.Command, frames.DebugProgram, "--", frames.DebugArguments)
	}
	s.options.Config.Debug = &plan
	s.options.Spec.Ports = append(s.options.Spec.Ports, o.port)
	s.debuggee = d.name + ", in " + tool
	if o.middleware != "" {
		s.say("debugger: %s, is to listen on 127.0.0.1:%d; a line says when it does", s.debuggee, o.port)
	}
	return nil
}

// tellDebugger says that the debugger listens: it may be connected to from now on.
func (s *session) tellDebugger(prefix string, port []byte) {
	if !s.quiet {
		s.line(fmt.Sprintf("%sdebugger: %s, listens on 127.0.0.1:%s; time is held while somebody is connected", prefix, s.debuggee, port))
	}
}

func nodeOptions(own, address string, wait bool) string {
	inspect := "--inspect="
	if wait {
		inspect = "--inspect-brk="
	}
	return strings.TrimSpace(own + " " + inspect + address)
}

// findDebugpy looks whether this machine's Python has debugpy, where that is the one that runs.
func (s *session) findDebugpy(ctx context.Context) error {
	path, _ := whereInterpreter("python3")
	if s.box.Name() != "namespace" || path == "" {
		return nil // it is the image's business
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, "-c", "import debugpy")
	cmd.WaitDelay = time.Second
	if out, err := cmd.CombinedOutput(); err != nil {
		return fail(exitMissing, path+" -m pip install debugpy, or: apt install python3-debugpy", fmt.Errorf("looking for debugpy in %s: %w\n%s", path, err, bytes.TrimSpace(out)))
	}
	return nil
}

// findDelve finds Delve on this machine, and has the sandbox see it.
func (s *session) findDelve() (string, error) {
	if s.box.Name() != "namespace" {
		return "", fail(exitUsage, "--sandbox namespace has this machine's own dlv", errors.New("a program in Go is debugged in the namespace sandbox only"))
	}
	path, err := exec.LookPath("dlv")
	if err == nil {
		path, err = filepath.EvalSymlinks(path)
	}
	if err != nil {
		return "", fail(exitMissing, "go install github.com/go-delve/delve/cmd/dlv@latest, and have its folder on PATH", fmt.Errorf("looking for Delve: %w", err))
	}
	if dir := filepath.Dir(path); dir != "/usr/bin" && dir != "/usr/local/bin" {
		s.options.Spec.Binds = append(s.options.Spec.Binds, dir)
	}
	return path, nil
}
