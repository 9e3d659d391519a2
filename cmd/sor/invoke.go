package main

// sor invoke --local: the project, or a built layer, in a local sandbox.

import (
	"context"
	"errors"
	"io"

	"github.com/spf13/cobra"

	"github.com/serverless/open-runtime/pkg/emulator"
)

type invokeOptions struct {
	local          bool
	events         []string
	sandbox        string
	image          string
	network        string
	env            []string
	envFile        string
	timeout        int
	memory         int
	layer          string
	trace          bool
	json           bool
	awsCredentials bool

	eventLines    bool
	clientContext string
	tenantID      string
	traceID       string

	endpoint string
	function string
	async    bool

	debug  debugOptions
	record recordOptions
	loose  bool
}

func newInvokeCommand(screen *ui) *cobra.Command {
	var o invokeOptions
	cmd := &cobra.Command{
		Use:   "invoke {--local | --endpoint URL} [-e EVENT]...",
		Short: "Invoke the function of this project, in a local sandbox or where it is served",
		Long: `Invoke the function of this project in a local sandbox, the real bootstrap, the real middlewares, the real handler, or,
with --endpoint, by a running ` + "`sor start`" + `.

What changed since the last time is brought up to date first. The function's answer is on stdout, byte for byte; its
logs and everything else are on stderr. Several -e in one run reuse the warm sandbox. With --events each line of stdin is
an event, taken as it comes, and each answer a line of JSON; a line that is no JSON ends it.

Exit codes: 0 it answered, 2 sor.yaml or the event is wrong, 3 no sandbox here, or nobody at the endpoint, 5 it returned an
error, 6 it timed out, 7 the event or the layer is over a limit, 130 interrupted.`,
		Example: `  sor invoke --local -e '{"name":"Ada"}'
  sor invoke --local -e - --json < event.json | jq .report
  sor invoke --endpoint http://127.0.0.1:3001 --events < events.ndjson`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			err := runInvoke(cmd.Context(), screen, cmd, o)
			if err != nil && o.json && !isTold(err) {
				return tellJSON(cmd.OutOrStdout(), interrupted(cmd.Context(), err))
			}
			return err
		},
	}
	f := cmd.Flags()
	f.BoolVar(&o.local, "local", false, "in a sandbox on this machine")
	f.StringVar(&o.endpoint, "endpoint", "", "by the Invoke API at this URL, or port, as sor start says it [SOR_ENDPOINT, AWS_ENDPOINT_URL_LAMBDA]")
	f.StringVar(&o.function, "function", "", "name of the function at the endpoint (default: this project's)")
	f.BoolVar(&o.async, "async", false, "have the endpoint queue the event, and wait for no answer")
	f.StringArrayVarP(&o.events, "event", "e", nil, "event: JSON, a file, @FILE, or - for stdin (default {}); may be repeated")
	f.BoolVar(&o.eventLines, "events", false, "events from stdin, a line each (NDJSON); answers on stdout, a line each")
	f.StringVar(&o.clientContext, "client-context", "", "client context that the function sees: JSON, or @FILE")
	f.StringVar(&o.tenantID, "tenant-id", "", "tenant that the function sees")
	f.StringVar(&o.traceID, "trace-id", "", "X-Ray trace header (default: a new one)")
	o.sandboxFlags(cmd)
	o.functionFlags(cmd)
	f.StringVar(&o.layer, "layer", "", "run this built layer zip instead of the project's files")
	f.BoolVar(&o.trace, "trace", false, "show what each middleware and the handler made of the event")
	f.BoolVar(&o.json, "json", false, "one JSON object an invocation on stdout: payload, error, logs, report, stages")
	o.record.flags(cmd)
	completesBy(cmd, "function", functionsHere)
	return cmd
}

// functionFlags are those that lie over what sor.yaml says of the function.
func (o *invokeOptions) functionFlags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.IntVar(&o.timeout, "timeout", 0, "seconds (default: sor.yaml's)")
	f.IntVar(&o.memory, "memory", 0, "MB (default: sor.yaml's)")
	f.BoolVar(&o.awsCredentials, "aws-credentials", false, "pass this shell's AWS credentials to the function")
	o.debug.flags(cmd)
	completesBy(cmd, "debug-middleware", middlewaresHere)
}

// sandboxFlags are those of all commands that start a sandbox.
func (o *invokeOptions) sandboxFlags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&o.sandbox, "sandbox", "auto", "auto, docker or namespace [SOR_SANDBOX]")
	f.StringVar(&o.image, "image", "", "image for the docker sandbox (default: AWS's own of the target)")
	f.StringVar(&o.network, "network", "", "none, or a Docker network (default: what the function would reach) [SOR_NETWORK]")
	f.StringArrayVar(&o.env, "env", nil, "environment variable KEY=VALUE, or KEY from this shell; may be repeated")
	f.StringVar(&o.envFile, "env-file", "", "file with lines of KEY=VALUE")
	f.BoolVar(&o.loose, "loose", false, "less strict than Lambda: a HOME and a /dev/shm, and no limit of open files and processes")
	completes(cmd, "sandbox", sandboxNames)
}

func isTold(err error) bool {
	exit, ok := errors.AsType[*exitError](err)
	return ok && exit.told
}

// runInvoke checks everything that can be known before anything starts, then hands over to a session, or to the endpoint.
func runInvoke(ctx context.Context, screen *ui, cmd *cobra.Command, o invokeOptions) error {
	if !o.local {
		o.endpoint = screen.settings.Endpoint
	}
	if err := o.checkPlace(cmd.Flags()); err != nil {
		return err
	}
	if o.json {
		screen.quiet = true
	}
	if err := o.record.check(); err != nil {
		return err
	}
	told, err := o.told()
	if err != nil {
		return err
	}
	next, err := o.openEvents(ctx, cmd.InOrStdin())
	if errors.Is(err, io.EOF) {
		return nil // no line, no invocation
	}
	if err != nil {
		return err
	}
	several := o.eventLines || len(o.events) > 1
	if !o.local {
		r, err := newRemote(screen, o, told)
		if err != nil {
			return err
		}
		return invokeEach(ctx, r, cmd.OutOrStdout(), next, several)
	}
	w, err := openWorkspace(screen)
	if err != nil {
		return err
	}
	p, err := w.loadProject()
	if err != nil {
		return err
	}
	if err := overrideProject(p, cmd.Flags(), o); err != nil {
		return err
	}
	run, err := w.prepare(ctx, p, o)
	if err != nil {
		return err
	}
	defer w.trim()
	run.told, run.lines = told, o.eventLines
	run.recorder = w.newRecorder(o.record)
	run.recorder.of(p.Name, &run.options)
	if err := run.recorder.open(o.record, run); err != nil {
		return err
	}
	return run.recorder.closeAfter(run.invokeAll(ctx, cmd.OutOrStdout(), next, several))
}

// openEvents reads all events of -e, or the first line of stdin: nothing starts before there is an event.
func (o *invokeOptions) openEvents(ctx context.Context, stdin io.Reader) (nextEvent, error) {
	if !o.eventLines {
		events, err := readEvents(ctx, o.events, stdin)
		return eachOf(events), err
	}
	next := eventLines(stdin)
	first, err := next(ctx)
	return before(first, next), err
}

// invokeAll invokes the events in turn in one warm sandbox.
func (s *session) invokeAll(ctx context.Context, stdout io.Writer, next nextEvent, several bool) (err error) {
	if err := s.start(ctx); err != nil {
		return err
	}
	defer func() {
		if closeErr := s.close(); err == nil && closeErr != nil {
			err = closeErr
		}
	}()
	return invokeEach(ctx, s, stdout, next, several)
}

// An invoker is where events go: a sandbox, or an endpoint.
type invoker interface {
	invoke(ctx context.Context, event []byte) (*emulator.Result, error)
	print(stdout io.Writer, event []byte, result *emulator.Result, several bool) error
}

// invokeEach invokes the events in turn; the first failure decides the exit status.
func invokeEach(ctx context.Context, at invoker, stdout io.Writer, next nextEvent, several bool) error {
	code := exitOK
	for {
		event, err := next(ctx)
		if errors.Is(err, io.EOF) {
			break
		}
		var result *emulator.Result
		if err == nil {
			result, err = at.invoke(ctx, event)
		}
		if err != nil && code != exitOK && ctx.Err() == nil {
			return fail(code, "", err) // the first failure decides
		}
		if err != nil {
			return err
		}
		if err := at.print(stdout, event, result, several); err != nil {
			return err
		}
		if code == exitOK {
			code = exitOf(result)
		}
	}
	if code != exitOK {
		return &exitError{code: code, told: true}
	}
	return nil
}
