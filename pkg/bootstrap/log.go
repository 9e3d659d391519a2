//go:build linux

package bootstrap

// The few lines that the bootstrap itself adds to the function's log.

import (
	"os"
	"strconv"
)

// logger writes lines, each with one write, so that none is torn by what a child writes at the same time.
type logger struct{ file *os.File }

// line writes "[source] text".
func (l logger) line(source string, text []byte) {
	line := make([]byte, 0, len(source)+len(text)+4)
	line = append(line, '[')
	line = append(line, source...)
	line = append(line, "] "...)
	line = append(line, text...)
	line = append(line, '\n')
	_, _ = l.file.Write(line) // there is nowhere else to say so
}

// whole writes a line as it is.
func (l logger) whole(text []byte) {
	_, _ = l.file.Write(append(text, '\n')) // there is nowhere else to say so
}

func (l logger) warning(message string, pairs ...string) { l.say("warning ", message, pairs) }
func (l logger) error(message string, pairs ...string)   { l.say("error ", message, pairs) }

// say writes "[sor] level message key=value …"; pairs are keys and values.
func (l logger) say(level, message string, pairs []string) {
	text := append([]byte(level), message...)
	for i := 0; i+1 < len(pairs); i += 2 {
		text = append(text, ' ')
		text = append(text, pairs[i]...)
		text = append(text, '=')
		text = strconv.AppendQuote(text, pairs[i+1])
	}
	l.line("sor", text)
}

// excerpt is the beginning of what someone wrote, for a log line.
func excerpt(data []byte) string {
	const most = 200
	if len(data) <= most {
		return string(data)
	}
	return string(data[:most]) + "…"
}
