package main

// "Did you mean", for a mistyped command, flag or name; and what a shell completes.

import (
	"fmt"
	"regexp"
	"sort"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/serverless/open-runtime/internal/spelling"
)

func unknownCommand(parent *cobra.Command, name string) error {
	var known []string
	for _, cmd := range parent.Commands() {
		if cmd.IsAvailableCommand() || cmd.Name() == "exit-codes" {
			known = append(known, cmd.Name())
		}
	}
	sort.Strings(known)
	hint := "there are: " + strings.Join(known, ", ")
	if near := spelling.Nearest(name, known); near != "" {
		hint = fmt.Sprintf("did you mean `%s %s`?\n%s", parent.CommandPath(), near, hint)
	}
	return fail(exitUsage, hint, fmt.Errorf("%s has no command %q", parent.CommandPath(), name))
}

// alternatives is the hint for a word that is not known: what was probably meant, and what there is of its kind.
func alternatives(kind, word string, known []string) string {
	hint := fmt.Sprintf("the %s are: %s", kind, strings.Join(known, ", "))
	if near := spelling.Nearest(word, known); near != "" {
		hint = "did you mean " + near + "?\n" + hint
	}
	return hint
}

var flagInError = regexp.MustCompile(`unknown flag: --([^ ]+)`)

// suggestFlag makes the hint for an error in flags.
func suggestFlag(cmd *cobra.Command, err error) string {
	match := flagInError.FindStringSubmatch(err.Error())
	if match != nil {
		var known []string
		cmd.Flags().VisitAll(func(f *pflag.Flag) { known = append(known, f.Name) })
		if near := spelling.Nearest(match[1], known); near != "" {
			return "did you mean --" + near + "?"
		}
	}
	return "`" + cmd.CommandPath() + " --help` lists the flags"
}

// completes makes a shell complete a flag with words.
func completes(cmd *cobra.Command, flag string, words []string) {
	// Its only error is a flag that is not there, which the test of completions finds.
	_ = cmd.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(words, cobra.ShellCompDirectiveNoFileComp))
}

// completesBy completes a flag's value with what there is when it is asked for.
func completesBy(cmd *cobra.Command, flag string, words func() []string) {
	_ = cmd.RegisterFlagCompletionFunc(flag, func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return words(), cobra.ShellCompDirectiveNoFileComp
	})
}

// noArguments refuses words that belong to no flag. A shell that expands * makes some.
func noArguments(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	hint := "`" + cmd.CommandPath() + " --help` lists the flags"
	if len(args[0]) > 4 && strings.HasSuffix(args[0], ".zip") {
		hint = "a flag takes one file: name it whole, the shell made several words of a *\n" + hint
	}
	return fail(exitUsage, hint, fmt.Errorf("%s takes flags only, and this belongs to none: %s", cmd.CommandPath(), strings.Join(args, " ")))
}
