package main

// sor start: functions that stay, behind the Invoke API on loopback.

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/serverless/open-runtime/internal/frames"
	"github.com/serverless/open-runtime/pkg/emulator"
	"github.com/serverless/open-runtime/pkg/emulator/invokeapi"
	"github.com/serverless/open-runtime/pkg/event"
)

type startOptions struct {
	invokeOptions
	listen      string
	reserved    int
	concurrency int
	sandboxes   int
	warm        int
	idle        time.Duration
	grace       time.Duration
	freeze      bool
	attach      attachOptions
	async       emulator.AsyncOptions
	destination string
	hosts       []string
	origins     []string
	urlAs       string
	watch       bool
	noWatch     bool
	chaos       chaosOptions
}

func newStartCommand(screen *ui) *cobra.Command {
	var o startOptions
	cmd := &cobra.Command{
		Use:   "start [DIR]...",
		Short: "Serve functions on this machine as Lambda does, until Ctrl-C",
		Long: `Serve the function of this project, or of each DIR, behind Lambda's Invoke API on this machine.

Sandboxes start when they are needed, stay warm, and end when they are idle for long; several invocations at once have
several. A change in code, middlewares, layers or sor.yaml comes into the sandboxes that are there. AWS's SDKs and command line reach it as they reach AWS: AWS_ENDPOINT_URL_LAMBDA=http://127.0.0.1:3001.

On stderr is "listening on http://ADDRESS" once it serves, and then what the functions log. The first Ctrl-C, SIGTERM or
SIGHUP lets invocations under way finish for the grace, a second one does not wait.

Exit codes: 0 it was told to end and nothing was cut off, 2 a sor.yaml or the command line is wrong, 3 the port is taken or
there is no sandbox here, 130 invocations were cut off at its end.`,
		Example: `  sor start
  sor start orders payments --listen 127.0.0.1:0
  aws lambda invoke --endpoint-url http://127.0.0.1:3001 --function-name hello /dev/stdout`,
		RunE: func(cmd *cobra.Command, dirs []string) error { return runStart(cmd.Context(), screen, cmd, dirs, o) },
	}
	f := cmd.Flags()
	f.StringVar(&o.listen, "listen", defaultListen, "HOST:PORT of the Invoke API; port 0 for any")
	f.IntVar(&o.reserved, "reserved-concurrency", unreserved, "invocations of a function at once, beyond which it is throttled; 0 throttles all (default: no limit)")
	f.IntVar(&o.concurrency, "concurrency", 0, "invocations at once in one environment (default: one, as Lambda's standard)")
	f.IntVar(&o.sandboxes, "sandboxes", 0, "of a function at most; more invocations wait (default: what memory and processors allow)")
	f.IntVar(&o.warm, "warm", 0, "sandboxes of each function that are started ahead")
	f.DurationVar(&o.idle, "idle", 10*time.Minute, "after which an idle sandbox ends; 0 for never")
	f.DurationVar(&o.grace, "grace", 5*time.Second, "for invocations under way when it is told to end")
	f.DurationVar(&o.async.RetryDelay, "async-retry-delay", emulator.AsyncRetryDelay, "before the second attempt of an asynchronous invocation; twice that before the third")
	f.IntVar(&o.async.Attempts, "async-attempts", emulator.AsyncAttempts, "of an asynchronous invocation that the function fails, at most")
	f.DurationVar(&o.async.Age, "async-age", emulator.AsyncAge, "after which an asynchronous invocation is given up")
	f.StringVar(&o.destination, "destination", "", "file that gets a line of JSON for each asynchronous invocation that is done with")
	f.StringArrayVar(&o.hosts, "allow-host", nil, "another name by which this machine may be asked; may be repeated")
	f.StringArrayVar(&o.origins, "allow-origin", nil, "web page that may ask, as https://app.example; may be repeated")
	f.StringVar(&o.urlAs, "url-as", string(event.ShapeFunctionURL), "what a function's URL is like: "+strings.Join(event.Shapes(), ", "))
	completes(cmd, "url-as", event.Shapes())
	o.attach.flags(cmd)
	f.BoolVar(&o.freeze, "freeze", false, "stop every process of a sandbox between two invocations, as Lambda does")
	f.BoolVar(&o.watch, "watch", true, "bring sandboxes up to date when code, middlewares, layers or sor.yaml change")
	f.BoolVar(&o.noWatch, "no-watch", false, "serve what there is at the start, whatever changes")
	o.chaos.flags(cmd)
	o.record.flags(cmd)
	o.sandboxFlags(cmd)
	o.functionFlags(cmd)
	return cmd
}

// unreserved is the reserved concurrency of a function that has none.
const unreserved = -1

// watches says whether changes are looked for.
func (o startOptions) watches() bool { return o.watch && !o.noWatch }

// check says what is wrong with flags.
func (o startOptions) check(flags *pflag.FlagSet, functions int) error {
	if err := o.contradiction(flags); err != nil {
		return err
	}
	if err := o.attach.check(functions); err != nil {
		return err
	}
	if !slices.Contains(event.Shapes(), o.urlAs) {
		return fail(exitUsage, alternatives("values of --url-as", o.urlAs, event.Shapes()), fmt.Errorf("--url-as %s is not possible", o.urlAs))
	}
	for _, one := range []struct {
		flag         string
		value, least int64
	}{
		{"reserved-concurrency", int64(o.reserved), unreserved}, {"concurrency", int64(o.concurrency), 0}, {"sandboxes", int64(o.sandboxes), 0},
		{"warm", int64(o.warm), 0}, {"async-retry-delay", int64(o.async.RetryDelay), 1}, {"async-attempts", int64(o.async.Attempts), 1},
		{"async-age", int64(o.async.Age), 1}, {"idle", int64(o.idle), 0}, {"grace", int64(o.grace), 0},
	} {
		if one.value < one.least {
			return fail(exitUsage, "", fmt.Errorf("--%s is less than %d", one.flag, max(one.least, 0)))
		}
	}
	return nil
}

// contradiction says which two flags can't both be meant.
func (o startOptions) contradiction(flags *pflag.FlagSet) error {
	debug, attach, idle := o.debug.port > 0, o.attach.on, flags.Changed("idle") && o.idle > 0
	for _, one := range []struct {
		both bool
		text string
	}{
		{o.freeze && o.concurrency > 1, "--freeze stops everything between two invocations, and with --concurrency there is no between"},
		{flags.Changed("watch") && o.watch && o.noWatch, "--watch and --no-watch are each other's opposite"},
		{o.sandboxes > 0 && o.warm > o.sandboxes, fmt.Sprintf("--warm %d starts more than --sandboxes %d allows", o.warm, o.sandboxes)},
		{attach && debug, "--debug puts a debugger under the runtime that sor starts, and with --attach you start it"},
		{debug && o.concurrency > 1, "--debug follows one invocation at a time, and --concurrency has several at once"},
		{debug && o.sandboxes > 1, "--debug has one sandbox, whose debugger has the port, and --sandboxes allows more"},
		{debug && o.warm > 1, "--debug has one sandbox, whose debugger has the port, and --warm starts more"},
		{debug && o.freeze, "--freeze stops the debugger of --debug too, between two invocations"},
		{debug && idle, "--debug keeps its sandbox, and --idle would end it"},
		{attach && o.concurrency > 1, "--attach has one invocation at a time, and --concurrency several at once"},
		{attach && o.sandboxes > 1, "--attach serves the one runtime that you start, and --sandboxes allows more"},
		{attach && o.warm > 1, "--attach serves the one runtime that you start, and --warm starts more sandboxes"},
		{attach && o.freeze, "--freeze stops processes of the sandbox, and the runtime of --attach is none of them"},
		{attach && idle, "--attach keeps its sandbox, and --idle would end it"},
		{attach && o.chaos.text != "", "--chaos kills runtimes that sor starts, and with --attach you start it"},
	} {
		if one.both {
			return fail(exitUsage, "leave one of them out", errors.New(one.text))
		}
	}
	return nil
}

// runStart checks everything that can be known before anything starts: the port first, then the projects.
func runStart(ctx context.Context, screen *ui, cmd *cobra.Command, dirs []string, o startOptions) error {
	if err := o.check(cmd.Flags(), len(dirs)); err != nil {
		return err
	}
	if err := o.chaos.check(cmd.Flags().Changed("chaos-seed")); err != nil {
		return err
	}
	if err := o.record.check(); err != nil {
		return err
	}
	screen.onlyNews()
	w, err := openWorkspace(screen)
	if err != nil {
		return err
	}
	listener, err := w.listenOn(ctx, "--listen", o.listen)
	if err != nil {
		return err
	}
	defer listener.Close()
	functions, err := w.openFunctions(ctx, cmd.Flags(), dirs, o)
	if err != nil {
		return err
	}
	defer w.trim()
	if functions.records, err = w.openDestination(o.destination); err != nil {
		return err
	}
	defer functions.records.close()
	if err := functions.record(o.record); err != nil {
		return err
	}
	return functions.recorder.closeAfter(functions.serve(ctx, listener, o))
}

// served are the functions of one sor start.
type served struct {
	*workspace
	functions []*servedFunction
	records   *destination
	recorder  *recorder
	otherName sync.Once // the first is told
}

// openFunctions reads and stages all projects. No sandbox has started when it returns.
func (w *workspace) openFunctions(ctx context.Context, flags *pflag.FlagSet, dirs []string, o startOptions) (*served, error) {
	s := &served{workspace: w, recorder: w.newRecorder(o.record)}
	if len(dirs) == 0 {
		dirs = []string{w.wd}
	}
	projects, err := w.loadProjects(flags, dirs, o)
	if err != nil {
		return nil, err
	}
	debugs, err := o.debug.ofEach(w, projects)
	if err != nil {
		return nil, err
	}
	for i, p := range projects {
		o.debug = debugs[i]
		f, err := s.openFunction(ctx, flags, dirs[i], p, o)
		if err != nil {
			return nil, err
		}
		if len(projects) > 1 {
			f.prefix = p.Name + ": "
		}
		s.functions = append(s.functions, f)
	}
	return s, nil
}

// record begins the recording, before anything starts.
func (s *served) record(o recordOptions) error {
	var sessions []*session
	for _, f := range s.functions {
		sessions = append(sessions, f.session())
	}
	return s.recorder.open(o, sessions...)
}

// serve serves until ctx ends, and leaves nothing behind.
func (s *served) serve(ctx context.Context, listener net.Listener, o startOptions) error {
	api := invokeapi.Options{Hosts: append(o.hosts, ownHost(listener)...), Origins: o.origins, Tell: s.tell, Renamed: s.renamed, Refused: s.refused}
	for _, f := range s.functions {
		p := f.session().project
		api.Functions = append(api.Functions, invokeapi.Served{
			Function: f, Queue: f.startQueue(s.records, o.async), Shape: event.Shape(o.urlAs), Runtime: p.Target, Architecture: awsArchitecture(p.Architecture),
		})
	}
	serving, stop := context.WithCancel(ctx)
	defer stop()
	watching := s.watch(serving)
	ended := make(chan error, 1)
	// To say what was cut off takes a moment more than the grace.
	go func() { ended <- invokeapi.Serve(serving, listener, invokeapi.New(api), o.grace+time.Second) }()
	address := listener.Addr().String()
	s.line("listening on http://" + address)
	for _, f := range s.functions {
		name := f.Config().FunctionName
		s.say("  %s  %s  URL http://%s", name, f.Config().FunctionARN, urlHost(name, address))
	}
	if o.chaos.text != "" {
		s.say("chaos: %s, again with --chaos-seed %d", o.chaos.text, o.chaos.seed)
	}
	err := s.warm(ctx, o.warm)
	for _, f := range s.functions {
		if o.attach.on && err == nil && ctx.Err() == nil {
			err = f.tellAttach()
		}
	}
	if err == nil {
		select {
		case <-ctx.Done():
		case err = <-ended:
			ended <- nil
		}
	}
	stop()
	watching.Wait()
	err = errors.Join(err, s.end(ctx, o.grace))
	return errors.Join(err, <-ended)
}

// tell says on stderr what went wrong with an invocation that the function's log does not tell of.
func (s *served) tell(f invokeapi.Function, err error) {
	prefix := ""
	if len(s.functions) > 1 {
		prefix = f.Config().FunctionName + ": "
	}
	s.line(s.paint("31", "error: ") + prefix + err.Error())
}

// renamed says that whoever asks has another name for the function.
func (s *served) renamed(f invokeapi.Function, name string) {
	s.otherName.Do(func() {
		s.say("note: %s was invoked, and it is %s that runs: a function that is served alone has any name", name, f.Config().FunctionName)
	})
}

// refused records an invocation that no function got.
func (s *served) refused(f invokeapi.Function, told frames.SupervisorInvoke, event []byte, err error) {
	s.recorder.refused(f.Config().FunctionName, told, event, err)
}

// ownHost is the address that was asked for, if it was a particular one.
func ownHost(listener net.Listener) []string {
	if address, ok := listener.Addr().(*net.TCPAddr); ok && !address.IP.IsUnspecified() {
		return []string{address.IP.String()}
	}
	return nil
}

// urlHost is where a function's URL is: any name under localhost is this machine.
func urlHost(name, address string) string {
	_, port, _ := net.SplitHostPort(address) // a listener's own
	return name + ".localhost:" + port
}

// warm starts sandboxes ahead: one at least where somebody wants to connect to it.
func (s *served) warm(ctx context.Context, n int) error {
	for _, f := range s.functions {
		ahead := n
		if f.o.attach.on || f.o.debug.port > 0 {
			ahead = 1
		}
		if err := f.function.Warm(ctx, ahead); err != nil && ctx.Err() == nil {
			return fail(exitMissing, "`sor doctor` says what this machine can do", err)
		}
	}
	return nil
}

// end lets what is under way finish for the grace and ends everything else.
func (s *served) end(ctx context.Context, grace time.Duration) error {
	under := 0
	for _, f := range s.functions {
		under += f.function.Under()
	}
	if under > 0 {
		s.say("ending: invocations under way: %d; they have %s (--grace), or until you ask again", under, grace)
	}
	limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
	defer cancel()
	var closing sync.WaitGroup
	var cut atomic.Int64
	for _, f := range s.functions {
		closing.Go(func() { cut.Add(int64(f.function.Close(limited))) })
		closing.Go(f.queue.Close)
	}
	closing.Wait()
	for _, f := range s.functions {
		if err := f.code.close(); err != nil {
			f.detail("removing what was staged: %v", err)
		}
	}
	if n := cut.Load(); n > 0 {
		s.warn("cut off after %s: %d invocations; --grace DURATION gives them longer", grace, n)
		return &exitError{code: exitInterrupted, told: true}
	}
	return nil
}

// isDir says whether an argument names a folder.
func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}
