package main

// sor events list, show: the events of Lambda's sources, without a network.

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/serverless/open-runtime/pkg/event"
)

func newEventsCommand(screen *ui) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "events",
		Short:   "Events of Lambda's sources: what there is, and one made to order",
		Example: "  sor events generate s3 put --bucket photos",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return unknownCommand(cmd, args[0])
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newEventsListCommand(), newEventsShowCommand(), newEventsGenerateCommand(screen))
	return cmd
}

func newEventsListCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "list [FILTER]",
		Short: "List the sources and their events",
		Long: `List the sources and their events; with FILTER, those that have it in their name or in the line about them.

Exit codes: 0 listed, 2 there is no such event.`,
		Example: "  sor events list\n  sor events list kafka",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return runEventsList(cmd.OutOrStdout(), strings.Join(args, ""), asJSON)
		},
		ValidArgsFunction: completeService,
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "a JSON array on stdout: service, event, about, options")
	return cmd
}

func runEventsList(stdout io.Writer, filter string, asJSON bool) error {
	var found []event.Sample
	for _, s := range event.Samples() {
		if strings.Contains(strings.ToLower(s.String()+" "+s.About), strings.ToLower(filter)) {
			found = append(found, s)
		}
	}
	if len(found) == 0 {
		return fail(exitUsage, alternatives("services", filter, services()), fmt.Errorf("no event has %q in it", filter))
	}
	if asJSON {
		return listJSON(stdout, found)
	}
	var text strings.Builder
	for _, s := range found {
		fmt.Fprintf(&text, "%-17s %-44s %s\n", s.Service, s.Name, s.About)
	}
	_, err := io.WriteString(stdout, text.String())
	return err
}

func listJSON(stdout io.Writer, samples []event.Sample) error {
	type option struct {
		Name    string `json:"name"`
		About   string `json:"about"`
		Default string `json:"default"`
	}
	type row struct {
		Service string   `json:"service"`
		Event   string   `json:"event"`
		About   string   `json:"about"`
		Options []option `json:"options"`
	}
	rows := []row{}
	for _, s := range samples {
		options, err := s.Options()
		if err != nil {
			return err
		}
		r := row{Service: s.Service, Event: s.Name, About: s.About, Options: []option{}}
		for _, o := range options {
			r.Options = append(r.Options, option{o.Name, o.About, o.Default})
		}
		rows = append(rows, r)
	}
	e := json.NewEncoder(stdout)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(rows)
}

func newEventsShowCommand() *cobra.Command {
	var options bool
	cmd := &cobra.Command{
		Use:   "show SERVICE EVENT",
		Short: "Show an event as it comes, or what can be chosen in it",
		Long: `Show an event as it comes, or, with --options, what sor events generate takes for it, with its default.

Exit codes: 0 shown, 2 there is no such event.`,
		Example: "  sor events show sqs receive-message\n  sor events show s3 put --options",
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := findSample(args)
			if err != nil {
				return err
			}
			if options {
				return showOptions(cmd.OutOrStdout(), s)
			}
			data, err := s.JSON()
			if err != nil {
				return err
			}
			_, err = cmd.OutOrStdout().Write(data)
			return err
		},
		ValidArgsFunction: completeSample,
	}
	cmd.Flags().BoolVar(&options, "options", false, "what can be chosen in it, with the defaults")
	return cmd
}

func showOptions(stdout io.Writer, s event.Sample) error {
	options, err := s.Options()
	if err != nil {
		return err
	}
	var text strings.Builder
	for _, o := range options {
		about := o.About
		if o.Content {
			about += "; TEXT, @FILE or - for stdin"
		}
		fmt.Fprintf(&text, "--%-22s %s (default %s)\n", o.Name, about, o.Default)
	}
	if len(options) == 0 {
		fmt.Fprintf(&text, "%s has no options of its own; --set PATH=VALUE sets anything in it\n", s)
	}
	_, err = io.WriteString(stdout, text.String())
	return err
}

// findSample finds what SERVICE EVENT names, or says what there is.
func findSample(args []string) (event.Sample, error) {
	if len(args) == 0 {
		return event.Sample{}, fail(exitUsage, "the services are: "+strings.Join(services(), ", "), errors.New("SERVICE and EVENT are needed"))
	}
	names := eventsOf(args[0])
	if len(names) == 0 {
		return event.Sample{}, fail(exitUsage, alternatives("services", args[0], services()), fmt.Errorf("there are no events of a service %q", args[0]))
	}
	switch len(args) {
	case 1:
		return event.Sample{}, fail(exitUsage, "the events of "+args[0]+" are: "+strings.Join(names, ", "), errors.New("an EVENT is needed after "+args[0]))
	case 2:
		if s, ok := event.Find(args[0], args[1]); ok {
			return s, nil
		}
		return event.Sample{}, fail(exitUsage, alternatives("events of "+args[0], args[1], names), fmt.Errorf("%s has no event %q", args[0], args[1]))
	}
	return event.Sample{}, fail(exitUsage, "", fmt.Errorf("SERVICE and EVENT are all that is taken, and this is too much: %s", strings.Join(args[2:], " ")))
}

// services lists all services, each once.
func services() []string {
	var names []string
	for _, s := range event.Samples() {
		names = append(names, s.Service)
	}
	return slices.Compact(names)
}

func eventsOf(service string) []string {
	var names []string
	for _, s := range event.Samples() {
		if s.Service == service {
			names = append(names, s.Name)
		}
	}
	return names
}

func completeService(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return services(), cobra.ShellCompDirectiveNoFileComp
}

// completeSample completes SERVICE and EVENT, with the line about each event.
func completeSample(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	switch len(args) {
	case 0:
		return services(), cobra.ShellCompDirectiveNoFileComp
	case 1:
		var list []string
		for _, s := range event.Samples() {
			if s.Service == args[0] {
				list = append(list, cobra.CompletionWithDesc(s.Name, s.About))
			}
		}
		return list, cobra.ShellCompDirectiveNoFileComp
	}
	return nil, cobra.ShellCompDirectiveNoFileComp
}
