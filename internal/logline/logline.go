// Package logline spells the lines that the runtime itself adds to a function's log: level, message, key=value.
//
// It writes nothing anywhere.
package logline

import (
	"strconv"
	"strings"
)

// Own is the source of such lines.
const Own = "sor"

// Warning spells a warning; pairs are keys and values.
func Warning(message string, pairs ...string) []byte {
	line := append([]byte("warning "), message...)
	for i := 0; i+1 < len(pairs); i += 2 {
		line = append(line, ' ')
		line = append(line, pairs[i]...)
		line = append(line, '=')
		line = append(line, quoted(pairs[i+1])...)
	}
	return line
}

func quoted(value string) string {
	if value == "" || strings.ContainsAny(value, " \t\r\n\"=") {
		return strconv.Quote(value)
	}
	return value
}
