package main

// sor events generate: an event of a source with what one likes in it, or an HTTP request as an event.

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/serverless/open-runtime/internal/spelling"
	"github.com/serverless/open-runtime/pkg/event"
)

type generateOptions struct {
	as      string
	headers []string

	sets    []event.Assignment // of --set and --set-string, in their order
	count   int
	now     bool
	compact bool

	chosen map[string]string // options of samples by name
}

// httpService is what stands in the place of a service for an HTTP request.
const httpService = "http"

func newEventsGenerateCommand(screen *ui) *cobra.Command {
	o := generateOptions{chosen: map[string]string{}}
	cmd := &cobra.Command{
		Use:   "generate {SERVICE EVENT | http} [--OPTION VALUE]... [--set PATH=VALUE]...",
		Short: "Make an event of a source, or of an HTTP request, on stdout",
		Long: `Make an event of a source, or of an HTTP request, on stdout.

Each event has options of its own, as --bucket: sor events show SERVICE EVENT --options lists them. --set sets anything: PATH
is as Records[0].s3.bucket.name, with [*] for each element and ["a name"] for names with dots; VALUE is JSON if it parses, or
else a string. What is missing on the way is made. The same command makes the same event, unless it is told --now.

http makes of a method, a path, headers and a body the event that a function gets of such a request.

Exit codes: 0 made, 2 there is no such event, option or path.`,
		Example: `  sor events generate s3 put --bucket photos --key 'a cat.png' | sor invoke --local -e -
  sor events generate sqs receive-message --count 3 --set 'Records[1].body=second'
  sor events generate http --as alb --path '/a?x=1&x=2' --header 'Accept: text/html'`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return runEventsGenerate(cmd.Context(), screen, cmd, o, args)
		},
		ValidArgsFunction: completeGenerate,
	}
	o.flags(cmd)
	helpWithOptions(cmd)
	return cmd
}

// helpWithOptions has the help of SERVICE EVENT begin with the options of that event.
func helpWithOptions(cmd *cobra.Command) {
	help := cmd.HelpFunc()
	cmd.SetHelpFunc(func(cmd *cobra.Command, args []string) {
		if s, err := findSample(cmd.Flags().Args()); err == nil {
			fmt.Fprintf(cmd.OutOrStdout(), "%s: %s\n\n", s, s.About)
			_ = showOptions(cmd.OutOrStdout(), s) // who asks for help reads on, whatever is wrong here
			fmt.Fprintln(cmd.OutOrStdout())
		}
		help(cmd, args)
	})
}

func (o *generateOptions) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.Var(assignmentFlag{&o.sets, false}, "set", "set what is at a path; may be repeated")
	f.Var(assignmentFlag{&o.sets, true}, "set-string", "set what is at a path to a string, whatever it looks like; may be repeated")
	f.IntVar(&o.count, "count", 0, "this many records, each with IDs of its own (default: as many as the event has)")
	f.BoolVar(&o.now, "now", false, "it happens now, and not at the second of all samples")
	f.BoolVar(&o.compact, "compact", false, "on one line, for sor invoke --events")
	f.StringVar(&o.as, "as", string(event.ShapeAPIGateway2), "http: the event of "+strings.Join(event.Shapes(), ", "))
	f.StringArrayVar(&o.headers, "header", nil, "http: a header as 'Name: value'; may be repeated")
	completes(cmd, "as", event.Shapes())
	abouts := map[string]string{
		"method": "method of a request", "path": "path of a request; for http with its query", "body": "body of a request or message: TEXT, @FILE or - for stdin",
		"stage": "stage of the API", "resource": "resource of the API, as /users/{id}",
	}
	for _, name := range event.OptionNames() {
		f.Var(optionFlag{o.chosen, name}, name, abouts[name])
		f.Lookup(name).Hidden = abouts[name] == "" // of some events only: show --options lists them
	}
}

// assignmentFlag collects --set and --set-string in the order in which they are given.
type assignmentFlag struct {
	sets     *[]event.Assignment
	isString bool
}

func (f assignmentFlag) String() string { return "" }
func (f assignmentFlag) Type() string   { return "PATH=VALUE" }
func (f assignmentFlag) Set(text string) error {
	a, err := event.ParseAssignment(text, f.isString)
	if err == nil {
		*f.sets = append(*f.sets, a)
	}
	return err
}

// optionFlag collects options of samples.
type optionFlag struct {
	chosen map[string]string
	name   string
}

func (f optionFlag) String() string { return "" }
func (f optionFlag) Type() string   { return "string" }
func (f optionFlag) Set(text string) error {
	f.chosen[f.name] = text
	return nil
}

func runEventsGenerate(ctx context.Context, screen *ui, cmd *cobra.Command, o generateOptions, args []string) error {
	var data []byte
	var novelties []event.Novelty
	var err error
	if len(args) == 1 && args[0] == httpService {
		data, novelties, err = o.request(ctx, cmd)
	} else {
		data, novelties, err = o.sample(ctx, cmd, args)
	}
	if err != nil {
		return generateError(err)
	}
	for _, n := range novelties {
		if near := spelling.Nearest(n.Name, n.Others); near != "" {
			screen.warn("%s was not in %s of the event before; did you mean %s?", n.Name, placeName(n.Place), near)
		}
	}
	if !o.compact {
		var indented bytes.Buffer
		if err := json.Indent(&indented, data, "", "  "); err != nil {
			return fmt.Errorf("indenting the event: %w", err)
		}
		data = indented.Bytes()
	}
	_, err = cmd.OutOrStdout().Write(append(data, '\n'))
	return err
}

func placeName(place string) string {
	if place == "" {
		return "the names"
	}
	return place
}

// generateError gives what is wrong with a path its exit status, and the path that was meant.
func generateError(err error) error {
	if wrong, ok := errors.AsType[*event.PathError](err); ok {
		hint := ""
		if wrong.Instead != "" {
			hint = "did you mean " + wrong.Instead + "?"
		}
		return fail(exitUsage, hint, fmt.Errorf("setting %s: %s", wrong.Path, wrong.Cause))
	}
	return err
}

func (o generateOptions) time() time.Time {
	if o.now {
		return time.Now()
	}
	return time.Time{}
}

// sample makes an event of a source.
func (o generateOptions) sample(ctx context.Context, cmd *cobra.Command, args []string) ([]byte, []event.Novelty, error) {
	s, err := findGenerated(args)
	if err != nil {
		return nil, nil, err
	}
	if name := firstChanged(cmd.Flags(), "as", "header"); name != "" {
		return nil, nil, fail(exitUsage, "`sor events generate http` makes an event of a request", fmt.Errorf("--%s is for http, not for %s", name, s))
	}
	options, err := o.sampleOptions(ctx, cmd, s)
	if err != nil {
		return nil, nil, err
	}
	e := event.Edit{Options: options, Now: o.time(), Set: o.sets}
	if cmd.Flags().Changed("count") {
		if e.Count = o.count; e.Count < 1 || e.Count > event.MaxRecords {
			return nil, nil, fail(exitUsage, "", fmt.Errorf("--count %d is not possible: an event has 1 to %d records", e.Count, event.MaxRecords))
		}
	}
	data, novelties, err := s.Generate(e)
	if _, isPath := errors.AsType[*event.PathError](err); err != nil && !isPath {
		err = fail(exitUsage, "", err)
	}
	return data, novelties, err
}

// findGenerated is findSample that knows of http too.
func findGenerated(args []string) (event.Sample, error) {
	if len(args) > 1 && args[0] == httpService {
		return event.Sample{}, fail(exitUsage, "the shape of its event is --as", fmt.Errorf("http takes no EVENT, and %s is given", strings.Join(args[1:], " ")))
	}
	if all := append(services(), httpService); len(args) > 0 && spelling.Nearest(args[0], all) == httpService {
		return event.Sample{}, fail(exitUsage, alternatives("services", args[0], all), fmt.Errorf("there are no events of a service %q", args[0]))
	}
	return findSample(args)
}

func firstChanged(flags *pflag.FlagSet, names ...string) string {
	for _, name := range names {
		if flags.Changed(name) {
			return name
		}
	}
	return ""
}

// sampleOptions checks that the sample has the options that were given, and reads files and stdin.
func (o generateOptions) sampleOptions(ctx context.Context, cmd *cobra.Command, s event.Sample) (map[string]string, error) {
	if len(o.chosen) == 0 {
		return nil, nil
	}
	known, err := s.Options()
	if err != nil {
		return nil, err
	}
	var names []string
	contents := map[string]bool{}
	for _, option := range known {
		names = append(names, "--"+option.Name)
		contents[option.Name] = option.Content
	}
	read, stdin := map[string]string{}, ""
	for _, name := range slices.Sorted(maps.Keys(o.chosen)) {
		isContent, ok := contents[name]
		if !ok {
			return nil, fail(exitUsage, alternatives("options of "+s.String(), "--"+name, names), fmt.Errorf("%s has no option --%s", s, name))
		}
		if read[name] = o.chosen[name]; isContent {
			if o.chosen[name] == "-" && stdin != "" {
				return nil, fail(exitUsage, "", fmt.Errorf("--%s - and --%s - are given, but there is one stdin", stdin, name))
			}
			if o.chosen[name] == "-" {
				stdin = name
			}
			if read[name], err = readContent(ctx, name, o.chosen[name], cmd.InOrStdin()); err != nil {
				return nil, err
			}
		}
	}
	return read, nil
}

// readContent reads what an event is to carry: TEXT, @FILE, or - for stdin.
func readContent(ctx context.Context, flag, value string, stdin io.Reader) (string, error) {
	data := []byte(value)
	var err error
	if name, isFile := strings.CutPrefix(value, "@"); isFile {
		data, err = os.ReadFile(name)
	} else if value == "-" {
		data, err = interruptible(ctx, func() ([]byte, error) { return io.ReadAll(stdin) })
	}
	if err != nil {
		return "", fail(exitUsage, "it takes TEXT, @FILE or - for stdin", fmt.Errorf("reading --%s: %w", flag, err))
	}
	return string(data), nil
}

// offerOptions has a shell that completes `sor events generate SERVICE EVENT` offer the options of that event, and no others.
// Cobra asks a command what its arguments are, but not what its flags are: it is told before.
func offerOptions(root *cobra.Command, args []string) {
	if len(args) == 0 || !strings.HasPrefix(args[0], cobra.ShellCompRequestCmd) {
		return
	}
	cmd, words, err := root.Find(args[1:])
	if err != nil || cmd.CommandPath() != "sor events generate" || len(words) < 3 {
		return
	}
	s, ok := event.Find(words[0], words[1])
	if !ok {
		return
	}
	options, err := s.Options()
	if err != nil {
		return
	}
	for _, name := range append(event.OptionNames(), "as", "header") {
		flag := cmd.Flags().Lookup(name)
		i := slices.IndexFunc(options, func(o event.Option) bool { return o.Name == name })
		if flag.Hidden = i < 0; i >= 0 {
			flag.Usage = options[i].About
		}
	}
}

func completeGenerate(cmd *cobra.Command, args []string, word string) ([]string, cobra.ShellCompDirective) {
	if len(args) == 0 {
		return append(services(), httpService), cobra.ShellCompDirectiveNoFileComp
	}
	return completeSample(cmd, args, word)
}
