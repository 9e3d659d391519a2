package main

// What an invocation prints: the function's answer on stdout, byte for byte, or one JSON object with everything.

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/serverless/open-runtime/internal/frames"
	"github.com/serverless/open-runtime/internal/runtimeapi"
	"github.com/serverless/open-runtime/pkg/emulator"
)

// outcome is what --json prints for one invocation.
type outcome struct {
	RequestID     string          `json:"requestId"`
	Payload       json.RawMessage `json:"payload,omitempty"`
	PayloadText   *string         `json:"payloadText,omitempty"`   // an answer that is not JSON
	PayloadBase64 string          `json:"payloadBase64,omitempty"` // an answer that is not UTF-8 either
	Error         json.RawMessage `json:"error,omitempty"`
	Logs          []string        `json:"logs"`
	Report        frames.Report   `json:"report"`
	Sandbox       string          `json:"sandbox"`
	Stages        []stageRecord   `json:"stages"`
}

// newOutcome makes the object of a result.
func newOutcome(result *emulator.Result, logs []string, stages []stageRecord, sandbox string) outcome {
	out := outcome{RequestID: result.RequestID, Logs: logs, Report: result.Report, Sandbox: sandbox, Stages: stages}
	out.Report.Type, out.Report.ID = "", ""
	if out.Logs == nil {
		out.Logs = []string{}
	}
	if out.Stages == nil {
		out.Stages = []stageRecord{}
	}
	switch {
	case result.ErrorType != "":
		out.Error = errorDocument(result)
	case json.Valid(result.Payload) && utf8.Valid(result.Payload):
		out.Payload = result.Payload
	case utf8.Valid(result.Payload):
		text := string(result.Payload)
		out.PayloadText = &text
	default:
		out.PayloadBase64 = base64.StdEncoding.EncodeToString(result.Payload)
	}
	return out
}

// errorDocument gives an error document that is JSON, whatever the function posted.
func errorDocument(result *emulator.Result) json.RawMessage {
	if json.Valid(result.Payload) {
		return result.Payload
	}
	return (&runtimeapi.Error{Type: result.ErrorType, Message: strings.ToValidUTF8(string(result.Payload), "\ufffd")}).JSON()
}

// writeJSON prints one object on one line, and nothing of it re-encoded but for white space in payloads.
func writeJSON(out io.Writer, v any) error {
	var buf bytes.Buffer
	encoder := json.NewEncoder(&buf)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(v); err != nil {
		return fmt.Errorf("encoding the result: %w", err)
	}
	_, err := out.Write(buf.Bytes())
	return err
}

// writePayload prints an answer byte for byte. A newline is added on a terminal, and between several answers.
func writePayload(out io.Writer, payload []byte, several bool) error {
	if _, err := out.Write(payload); err != nil {
		return fmt.Errorf("writing the result: %w", err)
	}
	if (several || isTerminal(out)) && !bytes.HasSuffix(payload, []byte("\n")) {
		_, err := io.WriteString(out, "\n")
		return err
	}
	return nil
}

// exitOf gives the exit status of an invocation.
func exitOf(result *emulator.Result) int {
	switch {
	case result.ErrorType == "":
		return exitOK
	case result.Report.Status == "timeout", result.ErrorType == runtimeapi.ErrorTimeout, result.ErrorType == runtimeapi.ErrorTimedOut:
		return exitTimeout
	}
	return exitFunction
}

// failureObject is what --json prints when sor stops before the sandbox starts.
type failureObject struct {
	Failure struct {
		Message  string `json:"message"`
		Hint     string `json:"hint,omitempty"`
		ExitCode int    `json:"exitCode"`
	} `json:"failure"`
}

// tellJSON prints err as an object and gives an error that only carries the status.
func tellJSON(out io.Writer, err error) error {
	var object failureObject
	object.Failure.Message, object.Failure.ExitCode = err.Error(), exitCode(err)
	if exit, ok := errors.AsType[*exitError](err); ok {
		object.Failure.Hint = exit.hint
	}
	if writeErr := writeJSON(out, object); writeErr != nil {
		return writeErr
	}
	return &exitError{code: exitCode(err), err: err, told: true}
}
