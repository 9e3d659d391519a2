package project

// What is wrong in a sor.yaml: the place, the line with an arrow under the place, and what would be right.

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode"
)

// mostTold is how many errors are printed.
const mostTold = 50

// widest is how much of a line an excerpt shows, in characters.
const widest = 96

// An Error is one thing that is wrong in sor.yaml. Line and Column count from 1, Column in characters.
type Error struct {
	File         string // as seen from the folder that was given to Load
	Line, Column int
	Message      string
	Hint         string // what is allowed or was probably meant: lines, may be empty
	Source       string // the line; "" when it is something that is not there
}

// Error is the message with its place, the excerpt and the hint.
func (e Error) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s:%d:%d: %s", e.File, e.Line, e.Column, strings.Map(printable, e.Message))
	if e.Source != "" {
		number := fmt.Sprintf("%3d", e.Line)
		line, column := excerpt(e.Source, e.Column)
		fmt.Fprintf(&b, "\n%s | %s\n%s | %s^", number, line, strings.Repeat(" ", len(number)), strings.Repeat(" ", column-1))
	}
	for line := range strings.Lines(e.Hint) {
		b.WriteString("\n    " + strings.Map(printable, strings.TrimSuffix(line, "\n")))
	}
	return b.String()
}

// Errors are all that is wrong in a sor.yaml, in the order of the lines.
type Errors []Error

func (e Errors) Error() string {
	var texts []string
	for i, one := range e {
		if i == mostTold {
			texts = append(texts, fmt.Sprintf("and %d errors more", len(e)-i))
			break
		}
		texts = append(texts, one.Error())
	}
	return strings.Join(texts, "\n")
}

// err sorts them; none is nil.
func (e Errors) err() error {
	if len(e) == 0 {
		return nil
	}
	slices.SortStableFunc(e, func(a, b Error) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	return e
}

// excerpt makes a line fit for a terminal: a part of a long one, a space for each tab, a mark for what can't be printed.
func excerpt(source string, column int) (line string, at int) {
	runes := []rune(source)
	column = min(max(column, 1), len(runes)+1)
	from, to := 0, len(runes)
	if to > widest {
		from = max(0, min(column-widest/2, to-widest))
		to = from + widest
	}
	var b strings.Builder
	if from > 0 {
		b.WriteRune('…')
		column++
	}
	for _, r := range runes[from:to] {
		b.WriteRune(printable(r))
	}
	if to < len(runes) {
		b.WriteRune('…')
	}
	return b.String(), column - from
}

func printable(r rune) rune {
	switch {
	case r == '\t':
		return ' '
	case !unicode.IsPrint(r):
		return unicode.ReplacementChar
	}
	return r
}

// quote shows a text of sor.yaml in a message.
func quote(text string) string {
	if runes := []rune(text); len(runes) > 60 {
		text = string(runes[:60]) + "…"
	}
	return fmt.Sprintf("%q", text)
}
