package main

// The waterfall of --trace: a line a stage, indented as the onion is, with a bar where it ran on the invocation's time.
// Plain ASCII unless somebody looks at it on a terminal with colours.

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"unicode/utf8"
)

// look says what a waterfall is drawn with.
type look struct {
	width   int  // of the terminal, in characters
	unicode bool // bars of blocks and colours; else ASCII
}

// Columns of a waterfall. The bars take what is left of the width.
const (
	longestStage = 32 // characters of a stage's name; longer ones are cut
	withKinds    = 96 // how wide a terminal must be to say of each stage how it runs
	leastBar     = 12
	mostBar      = 60
)

// A row is one stage of a waterfall.
type row struct {
	name, kind, bytes, mark string
	start, took             int64 // microseconds
	failed                  bool
}

// waterfall gives the lines of a trace. What ran in init has an axis of its own, and comes first.
func waterfall(stages []stageRecord, tookMs float64, l look) []string {
	inInit := func(s stageRecord) bool { return s.RequestID == "" }
	var lines []string
	if first := slices.DeleteFunc(slices.Clone(stages), func(s stageRecord) bool { return !inInit(s) }); len(first) > 0 {
		lines = append(lines, draw("init", rowsOf(first), 0, l)...)
	}
	rest := slices.DeleteFunc(slices.Clone(stages), inInit)
	return append(lines, draw("invocation", rowsOf(rest), int64(tookMs*1000), l)...)
}

// rowsOf gives the stages in the order in which they began, indented by how deep in the onion they are.
func rowsOf(stages []stageRecord) []row {
	slices.SortStableFunc(stages, func(a, b stageRecord) int { return int(a.StartUs - b.StartUs) })
	var entered []string // middlewares whose before ran, outermost first
	var rows []row
	for _, s := range stages {
		depth := len(entered)
		switch {
		case s.Stage == "middleware" && s.Hook == "before":
			if s.ErrorType == "" && !s.Respond {
				entered = append(entered, s.Name)
			}
		case s.Stage == "middleware" && s.Hook != "":
			if i := slices.Index(entered, s.Name); i >= 0 {
				depth, entered = i, entered[:i]
			}
		case s.Stage != "handler":
			depth = 0
		}
		rows = append(rows, rowOf(s, depth))
	}
	return rows
}

func rowOf(s stageRecord, depth int) row {
	name := stageName(s)
	if s.Stage == "handler" {
		name = strings.TrimSpace("handler " + s.Name)
	}
	r := row{name: strings.Repeat("  ", depth) + name, kind: s.Kind, start: s.StartUs, took: s.DurationUs, failed: s.ErrorType != ""}
	if s.Kind == "exec" || s.Kind == "frames" || s.Kind == s.Stage {
		r.kind = "" // the usual, or said already
	}
	switch {
	case r.failed:
		r.bytes, r.mark = shortSize(s.BytesIn), "failed: "+s.ErrorType
	case s.Unchanged:
		r.bytes, r.mark = shortSize(s.BytesIn), "unchanged"
	case s.BytesIn > 0 || s.BytesOut > 0:
		r.bytes = shortSize(s.BytesIn) + " -> " + shortSize(s.BytesOut)
	}
	if s.Respond {
		r.mark = "early response"
	}
	return r
}

// draw lays the rows out under a line with the axis: 0 to all, in microseconds.
func draw(title string, rows []row, all int64, l look) []string {
	nameWidth, kindWidth, bytesWidth, markWidth := utf8.RuneCountInString(title), 0, 0, 0
	for _, r := range rows {
		all = max(all, r.start+r.took)
		nameWidth = max(nameWidth, utf8.RuneCountInString(r.name))
		kindWidth = max(kindWidth, utf8.RuneCountInString(r.kind))
		bytesWidth = max(bytesWidth, len(r.bytes))
		if !r.failed { // the name of an error may go on in the next line
			markWidth = max(markWidth, len(r.mark))
		}
	}
	nameWidth = min(nameWidth, longestStage)
	switch {
	case l.width < withKinds:
		kindWidth = 0
	case kindWidth > 0:
		kindWidth += len("  ")
	}
	const fixed = len("trace  ") + len("    0.0 ms") + len("    0.0 ms") + len("  ") + len("  ") + len("  ")
	bar := min(max(l.width-fixed-nameWidth-kindWidth-bytesWidth-markWidth, leastBar), mostBar)

	end := "0" + strings.Repeat(" ", max(bar-1-len(millis(all)), 1)) + millis(all)
	head := fmt.Sprintf("trace  %-*s%*s  %8s  %8s  %s", nameWidth, title, kindWidth, "", "start", "took", end)
	lines := []string{l.dim(head)}
	for _, r := range rows {
		line := fmt.Sprintf("trace  %-*s%s  %8s  %8s  %s  %-*s", nameWidth, cut(r.name, nameWidth), column(r.kind, kindWidth),
			millis(r.start), millis(r.took), l.paint(r, l.bar(r, all, bar)), bytesWidth, r.bytes)
		if r.mark != "" {
			line += "  " + l.paint(r, r.mark)
		}
		lines = append(lines, strings.TrimRight(line, " "))
	}
	return lines
}

func column(text string, width int) string {
	if width == 0 {
		return ""
	}
	return fmt.Sprintf("  %-*s", width-2, text)
}

// eighths are blocks from the left, an eighth of a character wider each.
var eighths = []rune(" ▏▎▍▌▋▊▉█")

// bar draws a stage's time, at least a mark for one that took none.
func (l look) bar(r row, all int64, width int) string {
	scale := float64(width) / float64(max(all, 1))
	from := min(int(float64(r.start)*scale), width-1)
	length := max(float64(r.took)*scale, 0)
	if from < 0 { // it began before what the axis counts from
		from = 0
	}
	if !l.unicode {
		n := min(max(int(math.Round(length)), 1), width-from)
		text := strings.Repeat("=", n)
		if length < 0.5 {
			text = "|"
		}
		return fmt.Sprintf("%-*s", width, strings.Repeat(" ", from)+text)
	}
	parts := min(max(int(math.Round(length*8)), 1), (width-from)*8)
	text := strings.Repeat(" ", from) + strings.Repeat(string(eighths[8]), parts/8)
	if parts%8 > 0 {
		text += string(eighths[parts%8])
	}
	return text + strings.Repeat(" ", width-utf8.RuneCountInString(text))
}

// paint gives a failed stage's parts its colour.
func (l look) paint(r row, text string) string {
	switch {
	case !l.unicode:
		return text
	case r.failed:
		return "\x1b[31m" + text + "\x1b[0m"
	}
	return "\x1b[36m" + text + "\x1b[0m"
}

func (l look) dim(text string) string {
	if !l.unicode {
		return text
	}
	return "\x1b[2m" + text + "\x1b[0m"
}

// cut shortens a name that is too long for its column.
func cut(name string, width int) string {
	if runes := []rune(name); len(runes) > width {
		return string(runes[:width-2]) + ".."
	}
	return name
}

// millis spells microseconds as milliseconds with as many digits as tell something.
func millis(us int64) string {
	switch ms := float64(us) / 1000; {
	case us > -100_000 && us < 100_000:
		return fmt.Sprintf("%.1f ms", ms)
	default:
		return fmt.Sprintf("%.0f ms", ms)
	}
}

// shortSize spells a number of bytes in few characters.
func shortSize(n int) string { return strings.ReplaceAll(megabytes(int64(n)), " ", "") }
