package main

// What -e means: JSON, a file, or stdin; and what is wrong with an event before anything starts.

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"github.com/serverless/open-runtime/internal/jsontext"
	"github.com/serverless/open-runtime/internal/runtimeapi"
)

// readEvents reads the events of all -e flags; none is the event {}.
func readEvents(ctx context.Context, args []string, stdin io.Reader) ([][]byte, error) {
	if len(args) == 0 {
		return [][]byte{[]byte("{}")}, nil
	}
	var events [][]byte
	usedStdin := false
	for _, arg := range args {
		if arg == "-" && usedStdin {
			return nil, fail(exitUsage, "", errors.New("-e - is given twice, but there is one stdin"))
		}
		usedStdin = usedStdin || arg == "-"
		event, err := readEvent(ctx, arg, stdin)
		if err != nil {
			return nil, err
		}
		events = append(events, event)
	}
	return events, nil
}

// readEvent reads one event: text if it is JSON or begins like JSON, "-" for stdin, else a file; "@FILE" always a file.
func readEvent(ctx context.Context, arg string, stdin io.Reader) ([]byte, error) {
	if arg == "-" {
		event, err := interruptible(ctx, func() ([]byte, error) { return readLimited(stdin) })
		if err != nil {
			return nil, fail(exitUsage, "", fmt.Errorf("reading the event from stdin: %w", err))
		}
		return event, checkEvent("stdin", event)
	}
	if name, ok := strings.CutPrefix(arg, "@"); ok {
		return readEventFile(name)
	}
	text := strings.TrimLeft(arg, " \t\r\n")
	if text == "" {
		return nil, fail(exitUsage, `an event is JSON, at least {}`, errors.New("the event given with -e is empty"))
	}
	if strings.ContainsRune(`{["`, rune(text[0])) || jsontext.Check([]byte(arg)) == nil {
		return []byte(arg), checkEvent("-e", []byte(arg))
	}
	return readEventFile(arg)
}

func readEventFile(name string) ([]byte, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, fail(exitUsage, eventFileHint(name, err), fmt.Errorf("reading the event: %w", err))
	}
	if info.IsDir() {
		return nil, fail(exitUsage, "name a file in it", fmt.Errorf("reading the event: %s is a directory", name))
	}
	file, err := os.Open(name)
	if err != nil {
		return nil, fail(exitUsage, "", fmt.Errorf("reading the event: %w", err))
	}
	defer file.Close()
	event, err := readLimited(file)
	if err != nil {
		return nil, fail(exitUsage, "", fmt.Errorf("reading the event: %w", err))
	}
	return event, checkEvent(name, event)
}

func eventFileHint(name string, err error) string {
	if errors.Is(err, fs.ErrNotExist) && strings.ContainsAny(name, `{}":`) {
		return "it is neither JSON nor a file; quote JSON for the shell: -e '{\"key\":\"value\"}'"
	}
	return "-e takes JSON, a file, or - for stdin"
}

// readLimited reads one byte more than an event may have, so that too much is seen and not swallowed.
func readLimited(r io.Reader) ([]byte, error) {
	return io.ReadAll(io.LimitReader(r, runtimeapi.MaxEvent+1))
}

// checkEvent says what Lambda would say of the event: too large, empty, or no JSON.
func checkEvent(place string, event []byte) error {
	if len(event) > runtimeapi.MaxEvent {
		return fail(exitLimit, "send a reference to the data instead, an S3 key for example",
			fmt.Errorf("the event from %s is over %d bytes; Lambda allows %d", place, runtimeapi.MaxEvent, runtimeapi.MaxEvent))
	}
	if len(event) == 0 {
		return fail(exitUsage, "an event is JSON, at least {}", fmt.Errorf("the event from %s is empty", place))
	}
	if problem := jsontext.Check(event); problem != nil {
		return fail(exitUsage, "", fmt.Errorf("the event from %s is not JSON: line %d, column %d: %s\n    %s",
			place, problem.Line, problem.Column, problem.Cause, problem.Excerpt))
	}
	return nil
}
