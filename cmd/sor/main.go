// Command sor builds, packages and locally runs Lambda functions on the Serverless Open Runtime.
//
// This package holds terminals and wiring. What a layer is, how an invocation goes and what sor.yaml says is the business
// of pkg/. `run` is the only place where an error becomes a message and an exit status.
package main

import (
	"context"
	"errors"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	context.AfterFunc(ctx, stop) // a second Ctrl-C kills
	// Who reads the result may go away: that is an error of writing, and no reason to leave a sandbox behind. Caught, not
	// ignored, so that children are not deaf to it.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	os.Exit(run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// run is sor: arguments and streams in, exit status out.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	screen := newUI(stderr)
	root := newRootCommand(screen)
	root.SetArgs(args)
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	offerOptions(root, args)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return exitOK
	}
	if !isTold(err) {
		err = interrupted(ctx, err)
	}
	screen.failure(err)
	return exitCode(err)
}

// interrupted gives what is told of err: whatever fails after Ctrl-C fails because of it.
func interrupted(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return &exitError{code: exitInterrupted, err: errors.New("interrupted")}
	}
	return err
}

// newRootCommand wires the commands. It touches neither disk nor environment nor network.
func newRootCommand(screen *ui) *cobra.Command {
	root := &cobra.Command{
		Use:   "sor",
		Short: "Build, package and locally run functions on the Serverless Open Runtime",
		Long: `sor puts middlewares, in any language, around a Lambda function in any language.

It packs them with an open runtime into a Lambda layer, and runs that very layer on this machine.`,
		Example: `  sor init hello --runtime node --middleware redact:go
  cd hello
  sor invoke --local -e '{"name":"Ada"}'
  sor build-layer`,
		SilenceErrors: true,
		SilenceUsage:  true,
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error {
			return screen.configure(cmd)
		},
	}
	root.PersistentFlags().BoolP("quiet", "q", false, "nothing but results, errors and what the function logs")
	root.PersistentFlags().BoolP("verbose", "v", false, "also the protocol on the wire and what is decided on the way")
	root.PersistentFlags().String("cache-dir", "", "where programs and unpacked layers are kept (default: the user's cache folder)")
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return fail(exitUsage, suggestFlag(cmd, err), err)
	})
	root.AddCommand(
		newInitCommand(screen),
		newBuildLayerCommand(screen),
		newInvokeCommand(screen),
		newStartCommand(screen),
		newReplayCommand(screen),
		newEventsCommand(screen),
		newMiddlewareCommand(screen),
		newConformCommand(screen),
		newDoctorCommand(screen),
		newCacheCommand(screen),
		newVersionCommand(),
		newExitCodesTopic(),
	)
	root.SetHelpCommand(&cobra.Command{
		Use: "help [command]", Short: "Help about a command or a topic",
		RunE: func(cmd *cobra.Command, args []string) error {
			target, rest, err := root.Find(args)
			if err != nil || len(rest) > 0 {
				return unknownCommand(root, args[0])
			}
			target.InitDefaultHelpFlag()
			return target.Help()
		},
	})
	for _, cmd := range root.Commands() {
		argumentsAreUsage(cmd)
	}
	root.Args = func(_ *cobra.Command, args []string) error {
		if len(args) > 0 {
			return unknownCommand(root, args[0])
		}
		return nil
	}
	root.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
	return root
}

// argumentsAreUsage gives what cobra says about positional arguments its exit status.
func argumentsAreUsage(cmd *cobra.Command) {
	if check := cmd.Args; check != nil {
		cmd.Args = func(cmd *cobra.Command, args []string) error {
			err := check(cmd, args)
			if err == nil || exitCode(err) != exitFailure {
				return err
			}
			return fail(exitUsage, "`"+cmd.CommandPath()+" --help` shows an example", err)
		}
	}
	for _, child := range cmd.Commands() {
		argumentsAreUsage(child)
	}
}
