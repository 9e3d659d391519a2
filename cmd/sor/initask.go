package main

// The one question of sor init, and the command that does without it.

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/serverless/open-runtime/templates"
)

// chooseRuntime asks for the runtime where somebody can answer, and takes the default elsewhere.
func (o initOptions) chooseRuntime(ctx context.Context, screen *ui, cmd *cobra.Command) (runtime string, asked bool, err error) {
	known := strings.Join(templates.Runtimes(), ", ")
	if o.noInput || screen.quiet || !screen.tty || !isTerminal(cmd.InOrStdin()) {
		screen.say("runtime: %s (--runtime takes %s)", defaultRuntime, known)
		return defaultRuntime, false, nil
	}
	in := bufio.NewReader(cmd.InOrStdin())
	for tries := 1; ; tries++ {
		answer, err := screen.ask(ctx, in, fmt.Sprintf("Runtime of the function, %s [%s]: ", known, defaultRuntime))
		switch {
		case err != nil:
			return "", true, err
		case answer == "":
			return defaultRuntime, true, nil
		case slices.Contains(templates.Runtimes(), answer):
			return answer, true, nil
		case tries == mostTries:
			return "", true, unknownRuntime(answer)
		}
		screen.failure(unknownRuntime(answer))
	}
}

// mostTries is how often a question is asked before sor gives up.
const mostTries = 3

// ask puts a question on the terminal and gives the line that answers it, trimmed.
func (u *ui) ask(ctx context.Context, in *bufio.Reader, question string) (string, error) {
	u.mu.Lock()
	u.clearBar()
	fmt.Fprint(u.out, question)
	u.mu.Unlock()
	line, err := interruptible(ctx, func() (string, error) {
		line, err := in.ReadString('\n')
		return strings.TrimSpace(line), err
	})
	switch {
	case ctx.Err() != nil:
		u.line("")
		return "", fail(exitInterrupted, "", errors.New("interrupted"))
	case err != nil && line == "":
		u.line("")
		return "", fail(exitUsage, "--no-input asks nothing", errors.New("stdin ended before the answer"))
	}
	return line, nil
}

// command is what makes the same project without a question.
func (o initOptions) command(dir, runtime string) string {
	words := []string{"sor", "init"}
	if dir != "." {
		words = append(words, shellWord(dir))
	}
	words = append(words, "--runtime", runtime)
	for _, m := range o.middlewares {
		words = append(words, "--middleware", m)
	}
	if o.name != "" {
		words = append(words, "--name", o.name)
	}
	return strings.Join(words, " ")
}

var plainWord = regexp.MustCompile(`^[A-Za-z0-9._/:@%+=,-]+$`)

// shellWord quotes a word for a shell, where it must be.
func shellWord(word string) string {
	if plainWord.MatchString(word) {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}
