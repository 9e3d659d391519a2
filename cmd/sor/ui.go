package main

// The law of terminal output. Results go to stdout and never through here; everything else goes to stderr and only
// through here: steps with their time, warnings, a progress bar on a terminal, and errors.

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"
)

// ui speaks to the person at stderr. It is safe for concurrent use.
type ui struct {
	settings settings // what the user set, once configure has read it

	mu      sync.Mutex
	out     io.Writer
	tty     bool
	colour  bool
	quiet   bool
	verbose bool
	bar     bool // a progress bar is on the last line

	heard map[string]bool // what was told and is not told again; nil when all is
}

func newUI(out io.Writer) *ui {
	return &ui{out: out, tty: isTerminal(out)}
}

// isTerminal says whether a person is at the end of a stream.
func isTerminal(stream any) bool {
	file, ok := stream.(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
}

// configure reads the flags and variables that say how to speak. https://no-color.org
func (u *ui) configure(cmd *cobra.Command) error {
	var err error
	if u.settings, err = loadSettings(cmd); err != nil {
		return err
	}
	u.quiet, u.verbose = u.settings.Quiet, u.settings.Verbose
	if os.Getenv("TERM") == "dumb" || os.Getenv("CI") != "" {
		u.tty = false
	}
	u.colour = u.tty && os.Getenv("NO_COLOR") == ""
	return nil
}

// say prints a line unless -q.
func (u *ui) say(format string, args ...any) {
	if text := fmt.Sprintf(format, args...); !u.quiet && !u.again(text) {
		u.line(text)
	}
}

// onlyNews has say and warn tell each thing once, those aside that were told before: who stays looks at a project often.
func (u *ui) onlyNews() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.heard = map[string]bool{}
}

// again says whether something need not be told again.
func (u *ui) again(text string) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.heard == nil || u.heard[text] {
		return u.heard != nil
	}
	u.heard[text] = true
	return false
}

// detail prints a line with -v.
func (u *ui) detail(format string, args ...any) {
	if u.verbose {
		u.line(u.dim(fmt.Sprintf(format, args...)))
	}
}

// warn prints a warning unless -q, with --json too: something will not work.
func (u *ui) warn(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	if u.settings.Quiet || u.again(text) {
		return
	}
	u.line(u.paint("33", "warning: ") + text)
}

// plainWidth is how wide lines are where nobody says: in a file, in CI.
const plainWidth = 120

// width is how many characters a line may have.
func (u *ui) width() int {
	if file, ok := u.out.(*os.File); ok && u.tty {
		if width, _, err := term.GetSize(int(file.Fd())); err == nil && width > 0 {
			return width
		}
	}
	return plainWidth
}

// step says what was done and how long it took.
func (u *ui) step(start time.Time, format string, args ...any) {
	if !u.quiet {
		u.line(fmt.Sprintf("%-64s %s", fmt.Sprintf(format, args...), u.dim(shortDuration(time.Since(start)))))
	}
}

// progress draws a bar on a terminal; elsewhere a step's line at the end is enough.
func (u *ui) progress(what string, done, total int64) {
	if !u.tty || u.quiet || total <= 0 {
		return
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	if done >= total {
		u.clearBar()
		return
	}
	const width = 30
	full := int(done * width / total)
	fmt.Fprintf(u.out, "\r\x1b[K%s [%s%s] %d%%", what, strings.Repeat("=", full), strings.Repeat(" ", width-full), done*100/total)
	u.bar = true
}

// line prints one line, over a progress bar if there is one.
func (u *ui) line(text string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.clearBar()
	fmt.Fprintln(u.out, text)
}

// raw passes a function's log line on as it is.
func (u *ui) raw(line []byte) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.clearBar()
	u.out.Write(append(line[:len(line):len(line)], '\n'))
}

func (u *ui) clearBar() {
	if u.bar {
		fmt.Fprint(u.out, "\r\x1b[K")
		u.bar = false
	}
}

// failure prints an error and its hint. A told error is on the screen already.
func (u *ui) failure(err error) {
	exit, _ := errors.AsType[*exitError](err)
	if exit != nil && exit.told {
		return
	}
	u.line(u.paint("31", "error: ") + err.Error())
	if exit != nil && exit.hint != "" {
		for line := range strings.Lines(exit.hint) {
			u.line("hint: " + strings.TrimSuffix(line, "\n"))
		}
	}
}

func (u *ui) dim(text string) string { return u.paint("2", text) }

func (u *ui) paint(code, text string) string {
	if !u.colour {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

// shortDuration spells a duration for a person: 3 ms, 1.2 s.
func shortDuration(d time.Duration) string {
	switch {
	case d < time.Millisecond:
		return fmt.Sprintf("%.1f ms", float64(d.Microseconds())/1000)
	case d < time.Second:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	}
	return fmt.Sprintf("%.1f s", d.Seconds())
}

// megabytes spells a size in MB of 1,048,576 bytes, as Lambda counts.
func megabytes(n int64) string {
	switch {
	case n < 1024:
		return fmt.Sprintf("%d B", n)
	case n < 1024*1024:
		return fmt.Sprintf("%.1f KB", float64(n)/1024)
	}
	return fmt.Sprintf("%.1f MB", float64(n)/1024/1024)
}

// interruptible gives what read gives, or that ctx ended: a read from a terminal or a pipe can't be stopped, and ends with
// the process.
func interruptible[T any](ctx context.Context, read func() (T, error)) (T, error) {
	type reply struct {
		value T
		err   error
	}
	replies := make(chan reply, 1)
	go func() {
		value, err := read()
		replies <- reply{value, err}
	}()
	select {
	case r := <-replies:
		return r.value, r.err
	case <-ctx.Done():
		var none T
		return none, ctx.Err()
	}
}
