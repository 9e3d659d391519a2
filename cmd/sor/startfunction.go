package main

// One function of sor start: its project as it is now, and the pool of its sandboxes.

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"

	"github.com/spf13/pflag"

	"github.com/serverless/open-runtime/internal/frames"
	"github.com/serverless/open-runtime/pkg/emulator"
	"github.com/serverless/open-runtime/pkg/emulator/chaos"
	"github.com/serverless/open-runtime/pkg/project"
)

type servedFunction struct {
	*workspace
	name     string
	dir      string // where its sor.yaml was looked for
	prefix   string // of its log lines, when there are several functions
	flags    *pflag.FlagSet
	o        startOptions
	box      emulator.Sandbox
	function *emulator.Function
	queue    *emulator.Queue
	faults   *chaos.Function // nil when nothing goes wrong on purpose
	inPlace  bool            // its sandboxes have folders of their own, which are brought up to date
	recorder *recorder
	outputs  []string // files that this run writes

	mu        sync.Mutex
	now       *session      // what its sandboxes run
	lastPlace emulator.Spec // of its last sandbox, when each has folders of its own
	updating  chan struct{} // closed when what has changed is up to date; nil when nothing has

	attachTold string // how to start a runtime, as it was told

	throttled sync.Once // the first is told

	laying sync.RWMutex     // read while a sandbox's folders are laid out from now and code, written to change those
	code   liveCode         // of a function whose sandboxes have folders of their own
	placed map[*placed]bool // those folders; mu is held
}

// loadProjects reads the sor.yaml of all folders, with the flags over them. Their names differ.
func (w *workspace) loadProjects(flags *pflag.FlagSet, dirs []string, o startOptions) ([]*project.Project, error) {
	var projects []*project.Project
	at := map[string]string{}
	for _, dir := range dirs {
		if !isDir(dir) {
			return nil, fail(exitUsage, "name folders with a sor.yaml", fmt.Errorf("%s is no folder", dir))
		}
		p, err := loadProjectAt(dir)
		if err != nil && len(dirs) > 1 {
			err = in(w.displayPath(dir), err)
		}
		if err == nil {
			err = overrideProject(p, flags, o.invokeOptions)
		}
		if err != nil {
			return nil, err
		}
		folded := strings.ToLower(p.Name) // a URL's host has no case
		if other, ok := at[folded]; ok {
			return nil, fail(exitUsage, "give one another name in its sor.yaml", fmt.Errorf("%s and %s both have the function %s", other, dir, p.Name))
		}
		at[folded] = dir
		excludeFiles(p, o.outputs(w.wd))
		projects = append(projects, p)
	}
	return projects, nil
}

// in says of which folder an error is, and keeps its exit status and hint.
func in(dir string, err error) error {
	exit, ok := errors.AsType[*exitError](err)
	if !ok {
		return fmt.Errorf("in %s: %w", dir, err)
	}
	return fail(exit.code, exit.hint, fmt.Errorf("in %s: %w", dir, exit.err))
}

// openFunction stages a project and makes its pool, which is empty.
func (s *served) openFunction(ctx context.Context, flags *pflag.FlagSet, dir string, p *project.Project, o startOptions) (*servedFunction, error) {
	run, err := s.prepare(ctx, p, o.invokeOptions)
	if err != nil {
		return nil, err
	}
	if err := run.checkCredentials(); err != nil {
		return nil, err
	}
	f := &servedFunction{workspace: s.workspace, name: p.Name, dir: dir, flags: flags, o: o, box: run.box, now: run, recorder: s.recorder, outputs: o.outputs(s.wd), placed: map[*placed]bool{}}
	f.code.restart(run.task.Dir)
	options := emulator.FunctionOptions{
		Options: run.options, Sandbox: run.box, Sandboxes: o.sandboxes, Idle: o.idle,
	}
	if o.reserved != unreserved {
		options.Reserved = &o.reserved
	}
	switch {
	case o.attach.on || o.debug.port > 0: // there is one runtime that is yours, and one port
		options.Sandboxes, options.Idle = 1, 0
	case run.sharesPorts():
		f.say("%sthere are extensions in its layers, and its sandboxes would share this machine's ports: it has one at a time (--network none, or docker, for more)", f.prefix)
		options.Sandboxes = 1
	case options.Sandboxes == 0:
		options.Sandboxes = machineSandboxes(p.Memory)
	}
	if o.attach.on {
		if err := run.attach(); err != nil {
			return nil, err
		}
	}
	options.Config = f.config(run)
	options.Log, options.Trace = f.onLog, nil
	f.recorder.of(f.name, &options.Options)
	if f.inPlace = o.watches() && showsChanges(ctx, run); f.inPlace {
		options.Place = f.place
	}
	f.function = emulator.NewFunction(options)
	f.faults = f.chaos(o.chaos)
	return f, nil
}

// config is what the supervisor is told of the function.
func (f *servedFunction) config(run *session) frames.Config {
	config := run.options.Config
	config.Concurrency, config.Freeze, config.Attach, config.Record = f.o.concurrency, f.o.freeze, f.o.attach.on, f.recorder != nil
	return config
}

// session is what its sandboxes run now.
func (f *servedFunction) session() *session {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.now
}

// Config is the function's.
func (f *servedFunction) Config() frames.Config { return f.function.Config() }

// begin begins an invocation. What keeps a sandbox from starting is told to who serves, too.
func (f *servedFunction) begin(ctx context.Context, told frames.SupervisorInvoke, event []byte) (*emulator.Invocation, error) {
	if err := f.awaitUpdate(ctx); err != nil {
		return nil, err
	}
	f.recorder.begin(f.name, told, event)
	inv, err := f.function.Begin(ctx, told, event)
	f.recorder.follow(f.name, told.ID, inv, err)
	switch {
	case errors.Is(err, emulator.ErrSwitchedOff):
		f.throttled.Do(func() { f.say("note: %sthrottling everything: --reserved-concurrency 0", f.prefix) })
	case errors.Is(err, emulator.ErrThrottled):
		f.throttled.Do(func() {
			f.say("note: %sthrottling: there are more than --reserved-concurrency %d invocations at once, and callers get 429", f.prefix, f.o.reserved)
		})
	}
	if err != nil && !errors.Is(err, emulator.ErrThrottled) && !errors.Is(err, emulator.ErrClosed) && ctx.Err() == nil {
		f.line(f.paint("31", "error: ") + f.prefix + err.Error())
	}
	return inv, err
}

// onLog prints a line of the function's log.
func (f *servedFunction) onLog(log frames.Log, line []byte) {
	if log.Source == frames.SourceDebugger {
		f.session().tellDebugger(f.prefix, line)
		return
	}
	f.recorder.log(f.name, log, line)
	if f.settings.Quiet && log.Source == frames.SourcePlatform {
		return
	}
	f.raw(append([]byte(f.prefix), line...))
	if log.Source != frames.SourcePlatform {
		f.tellStrictness(f.session().strict, line)
	}
}

// machineSandboxes is how many sandboxes of a function this machine has room for: half of its free memory, if each takes
// what the function may, and sixteen a processor.
func machineSandboxes(memoryMB int) int {
	most := 16 * runtime.NumCPU()
	if free := freeMemoryMB("/proc/meminfo"); free > 0 {
		most = min(most, free/2/memoryMB)
	}
	return max(most, 2)
}

// freeMemoryMB is MemAvailable of proc_meminfo(5), 0 where it is not told.
func freeMemoryMB(file string) int {
	data, err := os.ReadFile(filepath.FromSlash(file))
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(data), "MemAvailable:")
	fields := strings.Fields(rest)
	if len(fields) == 0 {
		return 0
	}
	kilobytes, err := strconv.Atoi(fields[0])
	if err != nil {
		return 0
	}
	return kilobytes / 1024
}

// sharesPorts says whether two sandboxes would be in each other's way: the listeners of extensions have ports of their own
// choice, and without a network of its own each sandbox has this machine's loopback.
func (s *session) sharesPorts() bool {
	entries, err := os.ReadDir(filepath.Join(s.opt.Dir, "extensions"))
	return s.opt.Dir != "" && err == nil && len(entries) > 0 && s.box.Name() == "namespace" && s.network != "none"
}
