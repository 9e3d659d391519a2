// Package jsontext says whether bytes are one JSON text (RFC 8259: UTF-8, no byte order mark), and where they are not.
//
// It looks and never changes: payloads are passed on byte for byte.
package jsontext

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"
)

// A Problem is the first place where a text is not JSON. Line and Column count from 1, Column in characters.
type Problem struct {
	Offset       int
	Line, Column int
	Cause        string
	Excerpt      string // the text around the place, on one line
}

func (p *Problem) Error() string {
	return fmt.Sprintf("line %d, column %d: %s, at %q", p.Line, p.Column, p.Cause, p.Excerpt)
}

// Check gives nil for JSON, else the first problem.
func Check(data []byte) *Problem {
	switch {
	case len(data) == 0:
		return at(data, 0, "it is empty")
	case bytes.HasPrefix(data, []byte("\xef\xbb\xbf")):
		return at(data, 0, "it begins with a byte order mark")
	}
	valid := json.Valid(data)
	if valid && utf8.Valid(data) {
		return nil
	}
	if offset := invalidUTF8(data); offset >= 0 {
		return at(data, offset, "it is not UTF-8")
	}
	return syntax(data)
}

func invalidUTF8(data []byte) int {
	for i := 0; i < len(data); {
		r, size := utf8.DecodeRune(data[i:])
		if r == utf8.RuneError && size == 1 {
			return i
		}
		i += size
	}
	return -1
}

// syntax asks encoding/json where it stopped.
func syntax(data []byte) *Problem {
	var any json.RawMessage
	err := json.Unmarshal(data, &any)
	if problem, ok := errors.AsType[*json.SyntaxError](err); ok {
		offset := min(max(int(problem.Offset)-1, 0), len(data))
		if problem.Error() == "unexpected end of JSON input" {
			return at(data, len(data), "it ends too early")
		}
		return at(data, offset, problem.Error())
	}
	if errors.Is(err, io.ErrUnexpectedEOF) || err == nil {
		return at(data, len(data), "it ends too early")
	}
	return at(data, 0, err.Error())
}

// around is how many bytes of the text an excerpt shows on each side of the place.
const around = 20

func at(data []byte, offset int, cause string) *Problem {
	before := data[:offset]
	line := bytes.Count(before, []byte("\n")) + 1
	column := utf8.RuneCount(before[bytes.LastIndexByte(before, '\n')+1:]) + 1
	from, to := max(offset-around, 0), min(offset+around, len(data))
	excerpt := bytes.ToValidUTF8(data[from:to], []byte("\ufffd"))
	excerpt = bytes.Map(func(r rune) rune {
		if r < ' ' {
			return ' '
		}
		return r
	}, excerpt)
	return &Problem{Offset: offset, Line: line, Column: column, Cause: cause, Excerpt: string(excerpt)}
}
