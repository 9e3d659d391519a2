package main

// Events one after the other: those of -e, or with --events a line of stdin each, read as they come.

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/serverless/open-runtime/internal/jsontext"
	"github.com/serverless/open-runtime/internal/runtimeapi"
)

// nextEvent gives one event after the other, and then io.EOF.
type nextEvent func(context.Context) ([]byte, error)

func eachOf(events [][]byte) nextEvent {
	return func(context.Context) ([]byte, error) {
		if len(events) == 0 {
			return nil, io.EOF
		}
		event := events[0]
		events = events[1:]
		return event, nil
	}
}

// before gives an event, and then what next gives.
func before(event []byte, next nextEvent) nextEvent {
	first := eachOf([][]byte{event})
	return func(ctx context.Context) ([]byte, error) {
		if event, err := first(ctx); err == nil {
			return event, nil
		}
		return next(ctx)
	}
}

// eventLines reads NDJSON: an event a line, blank lines aside. One that is no event ends it, with its number.
func eventLines(stdin io.Reader) nextEvent {
	in := bufio.NewReaderSize(stdin, 64<<10)
	number := 0
	return func(ctx context.Context) ([]byte, error) {
		for {
			number++
			line, err := interruptible(ctx, func() ([]byte, error) { return readLine(in) })
			if err != nil && !errors.Is(err, io.EOF) {
				return nil, fail(exitUsage, "", fmt.Errorf("reading events from stdin: %w", err))
			}
			if line = bytes.TrimSpace(line); len(line) > 0 {
				return line, checkEvent(fmt.Sprintf("line %d of stdin", number), line)
			}
			if err != nil {
				return nil, err
			}
		}
	}
}

// readLine gives a line, or the rest with io.EOF, but no more of it than an event may have, and a byte to see that it is more.
func readLine(in *bufio.Reader) ([]byte, error) {
	var line []byte
	for {
		part, err := in.ReadSlice('\n')
		line = append(line, part...)
		if !errors.Is(err, bufio.ErrBufferFull) || len(line) > runtimeapi.MaxEvent+1 {
			if errors.Is(err, bufio.ErrBufferFull) {
				err = nil
			}
			return line, err
		}
	}
}

// oneLine gives an answer as one line of JSON: less the white space between its parts, or, if it is no JSON, as a string.
func oneLine(payload []byte) []byte {
	if jsontext.Check(payload) != nil {
		text, _ := json.Marshal(strings.ToValidUTF8(string(payload), "\ufffd")) // a text always encodes
		return text
	}
	var line bytes.Buffer
	_ = json.Compact(&line, payload) // it is JSON
	return line.Bytes()
}
