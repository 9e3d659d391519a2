package main

// --attach: the developer starts the runtime, in an IDE say. What the function would see in its sandbox is told for a shell, or
// written for an IDE, with paths that this machine has.

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/serverless/open-runtime/pkg/emulator"
	"github.com/serverless/open-runtime/pkg/project"
)

type attachOptions struct {
	on   bool
	file string
}

func (o *attachOptions) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.BoolVar(&o.on, "attach", false, "start no runtime: you do, in a debugger say; no time limit passes, and an event is delivered again")
	f.StringVar(&o.file, "attach-env", "", "with --attach, file (.env) that gets the environment for that runtime, in place of being told it")
}

// check says what is wrong with the flags themselves.
func (o attachOptions) check(functions int) error {
	switch {
	case o.file != "" && !o.on:
		return fail(exitUsage, "--attach --attach-env "+o.file, errors.New("--attach-env needs --attach: without it sor starts the runtime"))
	case o.file != "" && functions > 1:
		return fail(exitUsage, "start the one that you attach to alone, or leave --attach-env out", errors.New("--attach-env is a file for one function, and there are several"))
	}
	return nil
}

// attach says whether a runtime outside of the sandbox can reach its Runtime API.
func (s *session) attach() error {
	if s.box.Name() != "namespace" || s.network == "none" {
		return fail(exitUsage, "--attach --sandbox namespace", errors.New("a runtime that you start reaches the Runtime API of the namespace sandbox, on this machine's own network, only"))
	}
	return nil
}

// A variable is one of an environment.
type variable struct{ name, value string }

// folders are what this machine has for /var/task and /opt.
type folders struct{ task, opt string }

// attached says where a runtime that is started here finds what the sandbox has. Scripts are the developer's own files, in
// which he has set his breakpoints; a function in Go is a program only where it was compiled to.
func (f *servedFunction) attached() folders {
	f.mu.Lock()
	defer f.mu.Unlock()
	spec := f.now.options.Spec
	if f.lastPlace.Task != "" {
		spec = f.lastPlace
	}
	if f.now.project.Runtime != project.Go {
		spec.Task = f.now.project.Code
	}
	return folders{spec.Task, spec.Opt}
}

// tellAttach says how to start a runtime for the function. Afterwards it says so again when that has changed.
func (f *servedFunction) tellAttach() error {
	where, p := f.attached(), f.session().project
	variables := where.environment(f.function.Environment(), p.Environment)
	if openRuntime(p) {
		variables = append(variables, variable{"SOR_OPT", where.opt})
	}
	command := "cd " + shellWord(where.task) + " && " + shellWord(where.bootstrap(p))
	stable := slices.DeleteFunc(slices.Clone(variables), func(v variable) bool { return v.name == "AWS_LAMBDA_LOG_STREAM_NAME" })
	now := fmt.Sprint(stable, command)
	if now == f.attachTold {
		f.line(f.prefix + "attach: start its runtime again, for what has changed")
		return nil
	}
	f.attachTold = now
	if f.o.attach.file != "" {
		if err := writeEnvFile(f.o.attach.file, variables); err != nil {
			return fail(exitUsage, "name a file that can be written", fmt.Errorf("--attach-env: %w", err))
		}
		path := absoluteIn(f.wd, f.o.attach.file)
		f.line(f.prefix + "attach: start its runtime with the environment of " + f.o.attach.file + ", in an IDE or with:")
		f.line("  set -a; . " + shellWord(path) + "; set +a")
		f.line("  " + command)
		return nil
	}
	f.line(f.prefix + "attach: start its runtime with:")
	for _, v := range variables {
		if f.session().passCredentials && slices.Contains(credentialVariables, v.name) {
			continue // the shell has them, and no screen should
		}
		f.line("  export " + v.name + "=" + shellWord(v.value))
	}
	f.line("  " + command)
	return nil
}

// bootstrap is what Lambda would start, of what this machine has.
func (at folders) bootstrap(p *project.Project) string {
	if !openRuntime(p) && hasBootstrap(at.task) {
		return filepath.Join(at.task, "bootstrap")
	}
	return filepath.Join(at.opt, "bootstrap")
}

// environment is that of the sandbox, with this machine's paths. PATH stays the developer's own, and what is not on this
// machine is left out, unless the function's own environment says so.
func (at folders) environment(sandbox []string, own map[string]string) []variable {
	var variables []variable
	has := map[string]bool{}
	for _, entry := range sandbox {
		name, value, _ := strings.Cut(entry, "=")
		value = at.translate(value)
		if _, set := own[name]; !set {
			switch name {
			case "PATH", "LAMBDA_RUNTIME_DIR":
				continue
			case "LD_LIBRARY_PATH":
				value = onlyThere(value)
			}
		}
		has[name] = true
		variables = append(variables, variable{name, value})
	}
	for _, library := range []struct{ name, folder, rest string }{ // where a layer has what its language looks for in /opt
		{"NODE_PATH", "nodejs/node_modules", ""}, {"PYTHONPATH", "python", ""}, {"RUBYLIB", "ruby/lib", ""}, {"PATH", "bin", os.Getenv("PATH")},
	} {
		dir := filepath.Join(at.opt, filepath.FromSlash(library.folder))
		if at.opt != "" && isDir(dir) && !has[library.name] {
			variables = append(variables, variable{library.name, strings.TrimPrefix(library.rest+":"+dir, ":")})
		}
	}
	return variables
}

// translate gives paths of the sandbox as this machine has them.
func (at folders) translate(value string) string {
	paths := strings.Split(value, ":")
	for i, path := range paths {
		for _, folder := range []struct{ inside, here string }{{"/var/task", at.task}, {"/opt", at.opt}} {
			if rest, ok := strings.CutPrefix(path, folder.inside); ok && folder.here != "" && (rest == "" || rest[0] == '/') {
				paths[i] = folder.here + rest
			}
		}
	}
	return strings.Join(paths, ":")
}

// onlyThere leaves folders out that this machine has not.
func onlyThere(list string) string {
	return strings.Join(slices.DeleteFunc(strings.Split(list, ":"), func(dir string) bool { return !isDir(dir) }), ":")
}

// envQuote gives a value for a .env file: what IDEs and a shell take to be the same.
func envQuote(value string) string {
	switch {
	case plainWord.MatchString(value):
		return value
	case !strings.Contains(value, "'"):
		return "'" + value + "'"
	}
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, `$`, `\$`, "`", "\\`").Replace(value) + `"`
}

// writeEnvFile writes an environment that nobody else may read: it may hold secrets.
func writeEnvFile(name string, variables []variable) error {
	var text strings.Builder
	for _, v := range variables {
		fmt.Fprintf(&text, "%s=%s\n", v.name, envQuote(v.value))
	}
	file, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	err = file.Chmod(0o600) // one that was there, too
	if err == nil {
		_, err = file.WriteString(text.String())
	}
	return errors.Join(err, file.Close())
}

// keepPlace remembers the folders of the last sandbox.
func (f *servedFunction) keepPlace(spec emulator.Spec) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.lastPlace = spec
}

// reattach has a sandbox for an attached runtime be there after a change, and says how it is started now.
func (f *servedFunction) reattach(ctx context.Context) {
	if !f.o.attach.on {
		return
	}
	err := f.function.Warm(ctx, 1)
	if err == nil {
		err = f.tellAttach()
	}
	if err != nil && ctx.Err() == nil {
		f.failure(err)
	}
}
