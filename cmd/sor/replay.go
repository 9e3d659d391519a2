package main

// sor replay: the invocations of a recording once more, and what is not as it was.

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/serverless/open-runtime/internal/frames"
	"github.com/serverless/open-runtime/internal/runtimeapi"
	"github.com/serverless/open-runtime/pkg/emulator"
	"github.com/serverless/open-runtime/pkg/emulator/recording"
)

type replayOptions struct {
	invokeOptions
	paths  []string
	ignore []recording.Path // what paths say
}

func newReplayCommand(screen *ui) *cobra.Command {
	var o replayOptions
	cmd := &cobra.Command{
		Use:   "replay FILE",
		Short: "Invoke what was recorded once more, and report what differs",
		Long: `Invoke the recorded events once more, in their order, with the function of this project in a local sandbox, and report what is
not as it was: the answer, its error type, the status, and the calls of the Runtime and Extensions API. Answers that are JSON
are compared as JSON. Durations are told, and make no difference. What was recorded by --record of sor start or sor invoke --local.

Exit codes: 0 all is as recorded, 1 something differs, 2 the recording, sor.yaml or the command line is wrong, 3 no sandbox here,
7 a limit of Lambda or a lint rule was broken, 130 interrupted.`,
		Example: `  sor invoke --local -e '{"name":"Ada"}' --record calls.ndjson
  sor replay calls.ndjson --ignore time --ignore 'items[*].id'
  sor replay calls.ndjson --json | jq .durationMs`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			err := runReplay(cmd.Context(), screen, cmd, args[0], o)
			if err != nil && o.json && !isTold(err) {
				return tellJSON(cmd.OutOrStdout(), interrupted(cmd.Context(), err))
			}
			return err
		},
	}
	f := cmd.Flags()
	f.StringArrayVar(&o.paths, "ignore", nil, "part of the answer that may differ, as time, user.id, items[*].at; may be repeated")
	f.StringVar(&o.function, "function", "", "whose invocations, when several functions were recorded (default: this project's)")
	f.BoolVar(&o.json, "json", false, "one JSON object an invocation on stdout: same, differences, durations")
	o.sandboxFlags(cmd)
	o.functionFlags(cmd)
	return cmd
}

func runReplay(ctx context.Context, screen *ui, cmd *cobra.Command, path string, o replayOptions) error {
	screen.quiet = screen.quiet || o.json
	for _, text := range o.paths {
		ignored, err := recording.ParsePath(text)
		if err != nil {
			return fail(exitUsage, "", fmt.Errorf("--ignore: %w", err))
		}
		o.ignore = append(o.ignore, ignored)
	}
	recorded, err := openRecording(path)
	if err != nil {
		return err
	}
	defer recorded.close()
	w, err := openWorkspace(screen)
	if err != nil {
		return err
	}
	p, err := w.loadProject()
	if err != nil {
		return err
	}
	if err := overrideProject(p, cmd.Flags(), o.invokeOptions); err != nil {
		return err
	}
	turns, err := turnsOf(recorded.Recording, o.function, p.Name)
	if err != nil {
		return fail(exitUsage, "--function NAME takes another function's", fmt.Errorf("%s: %w", path, err))
	}
	run, err := w.prepare(ctx, p, o.invokeOptions)
	if err != nil {
		return err
	}
	defer w.trim()
	if name := turns[0].Function; name != p.Name {
		w.say("the recording is of the function %s, and this is %s", name, p.Name)
	}
	now, err := run.replay(ctx, recorded, turns)
	if err != nil {
		return err
	}
	defer now.close()
	all, err := compareTurns(recorded, turns, now, o.ignore)
	if err != nil {
		return err
	}
	return showReplay(cmd.OutOrStdout(), all, o.json)
}

// A recordingFile is a recording with the file that it is read from.
type recordingFile struct {
	*recording.Recording
	close func()
}

// openRecording reads through a file; what is wrong with it is told with its line. Of a pipe a copy is read: what is in a recording
// may be more than memory holds.
func openRecording(path string) (*recordingFile, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fail(exitUsage, "sor invoke --local --record FILE makes one", fmt.Errorf("reading the recording: %w", err))
	}
	closeAll := func() { file.Close() }
	if info, err := file.Stat(); err == nil && !info.Mode().IsRegular() {
		pipe := file
		if file, err = ownFile(); err != nil {
			pipe.Close()
			return nil, err
		}
		_, err = io.Copy(file, pipe)
		pipe.Close()
		closeAll = func() { removeOwn(file) }
		if err != nil {
			closeAll()
			return nil, fail(exitUsage, "", fmt.Errorf("reading the recording: %w", err))
		}
	}
	r, err := recording.Open(file)
	if err != nil {
		closeAll()
		return nil, fail(exitUsage, "", fmt.Errorf("reading the recording %s: %w", path, err))
	}
	return &recordingFile{r, closeAll}, nil
}

// ownFile makes a file that only this user can read; removeOwn removes it where an open file can't be, so that nothing is left.
func ownFile() (*os.File, error) {
	file, err := os.CreateTemp("", "sor-replay-")
	if err != nil {
		return nil, fail(exitMissing, "name a folder for temporary files that can be written: TMPDIR", err)
	}
	_ = os.Remove(file.Name())
	return file, nil
}

func removeOwn(file *os.File) {
	file.Close()
	_ = os.Remove(file.Name()) // what can't be removed is a temporary file
}

// turnsOf picks the invocations of a function: the one that was asked for, the only one, or the project's.
func turnsOf(r *recording.Recording, asked, project string) ([]*recording.Listed, error) {
	var names []string
	for _, f := range r.Functions {
		names = append(names, f.Name)
	}
	name := asked
	switch {
	case asked != "":
	case len(names) == 1:
		name = names[0]
	default:
		name = project
	}
	var turns []*recording.Listed
	for _, t := range r.Turns {
		if t.Function == name {
			turns = append(turns, t)
		}
	}
	if len(turns) == 0 && len(r.Turns) == 0 {
		return nil, errors.New("there is no invocation in it")
	}
	if len(turns) == 0 {
		return nil, fmt.Errorf("there is no invocation of %s in it; it is of: %s", name, strings.Join(names, ", "))
	}
	return turns, nil
}

// skipped says why an invocation is not driven again, "" when it is.
func skipped(t *recording.Listed) string {
	if !t.Ended {
		return "the recording ends before its answer"
	}
	return t.Failure
}

// replay invokes what was recorded in one warm sandbox, and gives what was recorded of that.
func (s *session) replay(ctx context.Context, recorded *recordingFile, turns []*recording.Listed) (played *recordingFile, err error) {
	file, err := ownFile()
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			removeOwn(file)
		}
	}()
	header, secrets := recordHeader(s)
	s.recorder = newRecorderTo(recording.NewWriter(file, header, secrets))
	s.recorder.of(s.project.Name, &s.options)
	if err := s.start(ctx); err != nil {
		return nil, err
	}
	for _, listed := range turns {
		if skipped(listed) != "" {
			continue
		}
		t, err := recorded.Turn(listed)
		if err != nil {
			return nil, errors.Join(err, s.close())
		}
		_, err = s.hand(ctx, toldAgain(t), t.Event)
		switch {
		case ctx.Err() != nil:
			return nil, errors.Join(ctx.Err(), s.close())
		case errors.Is(err, emulator.ErrSandboxEnded): // a difference; the next has another sandbox
			_ = s.close()
			if err := s.start(ctx); err != nil {
				return nil, err
			}
		case err != nil:
			return nil, errors.Join(err, s.close())
		}
	}
	if err := s.close(); err != nil {
		return nil, err
	}
	if err := s.recorder.Flush(); err != nil {
		return nil, err
	}
	now, err := recording.Open(file)
	return &recordingFile{now, func() { removeOwn(file) }}, err
}

// toldAgain is what a sandbox is told again: with the trace that the emulator made when the caller had none.
func toldAgain(t *recording.Turn) (told frames.SupervisorInvoke) {
	told = t.Told()
	for _, call := range t.Calls {
		if call.Request.Path == runtimeapi.PathNext && told.TraceID == "" {
			if values := call.Answer.Header[runtimeapi.HeaderTraceID]; len(values) > 0 {
				told.TraceID = values[0]
			}
		}
	}
	return told
}

// replayed is what is told of an invocation.
type replayed struct {
	Invocation  int                    `json:"invocation"` // from 1, of the function's
	Line        int                    `json:"line"`       // in the recording
	RequestID   string                 `json:"requestId"`
	Same        bool                   `json:"same"`
	Skipped     string                 `json:"skipped,omitempty"`
	Differences []recording.Difference `json:"differences"`
	DurationMs  *durations             `json:"durationMs,omitempty"`
}

type durations struct {
	Recorded float64 `json:"recorded"`
	Now      float64 `json:"now"`
}

// compareTurns compares what was recorded with what came now, one by one.
func compareTurns(recorded *recordingFile, turns []*recording.Listed, now *recordingFile, ignore []recording.Path) ([]replayed, error) {
	var all []replayed
	left := now.Turns
	for i, t := range turns {
		one := replayed{Invocation: i + 1, Line: t.Line, RequestID: t.RequestID, Skipped: skipped(t), Differences: []recording.Difference{}}
		if one.Skipped == "" {
			before, err := recorded.Turn(t)
			if err != nil {
				return nil, err
			}
			again, err := now.Turn(left[0])
			if err != nil {
				return nil, err
			}
			left = left[1:]
			one.Differences = append(one.Differences, recording.Compare(before, again, ignore)...)
			if again.Outcome.Report != nil {
				one.DurationMs = &durations{before.Outcome.Report.DurationMs, again.Outcome.Report.DurationMs}
			}
		}
		one.Same = len(one.Differences) == 0
		all = append(all, one)
	}
	return all, nil
}

// showReplay tells what differs, and the exit status.
func showReplay(out io.Writer, all []replayed, asJSON bool) error {
	var text strings.Builder
	var different, left int
	var sum durations
	for _, one := range all {
		if asJSON {
			if err := writeJSON(out, one); err != nil {
				return err
			}
		}
		if one.Skipped != "" {
			left++
			fmt.Fprintf(&text, "invocation %d (line %d) is left out: %s\n", one.Invocation, one.Line, one.Skipped)
		}
		if !one.Same {
			different++
		}
		for _, d := range one.Differences {
			fmt.Fprintf(&text, "invocation %d (line %d): %s\n", one.Invocation, one.Line, differenceText(d))
		}
		if one.DurationMs != nil {
			sum.Recorded += one.DurationMs.Recorded
			sum.Now += one.DurationMs.Now
		}
	}
	fmt.Fprintf(&text, "%d as recorded, %d different, %d left out; %.2f ms, %.2f ms when recorded\n",
		len(all)-different-left, different, left, sum.Now, sum.Recorded)
	if !asJSON {
		if _, err := io.WriteString(out, text.String()); err != nil {
			return fmt.Errorf("writing the result: %w", err)
		}
	}
	if different > 0 {
		return &exitError{code: exitFailure, told: true}
	}
	return nil
}

// differenceText is one difference on a line.
func differenceText(d recording.Difference) string {
	what := d.What
	if what == recording.DiffersErrorType {
		what = "error type"
	}
	if d.Path != "" {
		what += " at " + d.Path
	}
	return what + ": " + orNothing(d.Recorded) + " was recorded, now it is " + orNothing(d.Now)
}

func orNothing(value string) string {
	if value == "" {
		return "nothing"
	}
	return value
}
