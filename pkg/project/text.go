package project

// The text of sor.yaml, from bytes to nodes. What is no YAML has a place too: the parser's own line is often another one
// and it has no column, so both are found by parsing the beginnings of the text.

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"sort"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

const (
	largest   = 1 << 20   // bytes of a sor.yaml
	searching = 128 << 10 // bytes up to which the place of an error is searched for
)

// text is a sor.yaml that is UTF-8.
type text struct {
	file  string // as it is shown
	data  []byte
	lines []string
}

// lineBreak is what YAML 1.1 counts as one.
var lineBreak = regexp.MustCompile("\r\n|[\r\n\u0085\u2028\u2029]")

// read reads the file. What is wrong with it as a whole has no line.
func read(path, shown string) (*text, error) {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return nil, fmt.Errorf("reading %s: %w", fileName, err)
	case info.IsDir():
		return nil, fmt.Errorf("%s is a folder; it must be a file", shown)
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s is no regular file", shown)
	case info.Size() > largest:
		return nil, fmt.Errorf("%s is %d bytes; %d are allowed", shown, info.Size(), largest)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", fileName, err)
	}
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	return &text{file: shown, data: data, lines: lineBreak.Split(string(data), -1)}, nil
}

// at is an error at a place.
func (t *text) at(line, column int, hint, format string, args ...any) Error {
	e := Error{File: t.file, Line: line, Column: column, Message: fmt.Sprintf(format, args...), Hint: hint}
	if line <= len(t.lines) {
		e.Source = t.lines[line-1]
	}
	return e
}

// parse gives the document's node, or nil and what is wrong.
func (t *text) parse(wrong *Errors) *yaml.Node {
	if !utf8.Valid(t.data) {
		line, column := t.position(validPrefix(t.data))
		*wrong = append(*wrong, t.at(line, column, "save it as UTF-8", "this is not UTF-8"))
		return nil
	}
	decoder := yaml.NewDecoder(bytes.NewReader(t.data))
	var document, second yaml.Node
	err := decoder.Decode(&document)
	switch {
	case errors.Is(err, io.EOF), err == nil && empty(&document):
		*wrong = append(*wrong, Error{
			File: t.file, Line: 1, Column: 1, Message: "it is empty",
			Hint: "the least is `runtime: node` and `handler: handler.hello`, a line each",
		})
		return nil
	case err == nil:
		err = decoder.Decode(&second)
	}
	switch {
	case errors.Is(err, io.EOF):
		return document.Content[0]
	case err == nil:
		*wrong = append(*wrong, t.at(second.Line, second.Column, "", "a second document begins; one sor.yaml is one function, and one document"))
	default:
		*wrong = append(*wrong, t.syntaxError(err))
	}
	return nil
}

// empty says whether a document has nothing but comments.
func empty(document *yaml.Node) bool {
	return len(document.Content) == 0 || document.Content[0].Tag == "!!null" && document.Content[0].Value == ""
}

// syntaxError gives the parser's error a place and plain words.
func (t *text) syntaxError(err error) Error {
	cause := parserCause(err)
	line, column := 1, 1
	if len(t.data) <= searching {
		offset := t.firstWrong(cause)
		line, column = t.position(offset)
		if bytes.HasPrefix(t.data[offset:], []byte("\t")) {
			cause = "found a tab character" // it has several names
		}
	} else if match := parserLine.FindStringSubmatch(err.Error()); match != nil {
		_, _ = fmt.Sscan(match[1], &line) // digits
	}
	for _, known := range syntaxCauses {
		if strings.Contains(cause, known.parser) {
			if known.parser == unclosedList && strings.Contains(t.lines[line-1], "?") {
				known.hint = "in [ ] a name that ends in ? needs quotes: [\"audit?\"]" // the parser takes it for a key
			}
			return t.at(line, column, known.hint, "%s", known.message)
		}
	}
	return t.at(line, column, "", "this is no YAML: %s", cause)
}

// firstWrong finds the offset of the character with which the text becomes wrong: the last one of the shortest beginning
// that has the same error as the whole. First by whole lines, since half a line may have another error, or none.
func (t *text) firstWrong(cause string) int {
	wrong := func(n int) bool { return parserCause(parseAll(t.data[:n])) == cause }
	ends := []int{0}
	for _, at := range lineBreak.FindAllIndex(t.data, -1) {
		ends = append(ends, at[1])
	}
	ends = append(ends, len(t.data))
	line := sort.Search(len(ends)-1, func(i int) bool { return wrong(ends[i]) })
	if line == 0 {
		return 0
	}
	begin, end := ends[line-1], ends[line]
	var starts, after []int // of the line's characters
	for i, r := range string(t.data[begin:end]) {
		starts = append(starts, begin+i)
		after = append(after, begin+i+utf8.RuneLen(r))
	}
	if len(starts) == 0 {
		return begin
	}
	return starts[min(sort.Search(len(after), func(i int) bool { return wrong(after[i]) }), len(starts)-1)]
}

func parseAll(data []byte) error {
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	for {
		var node yaml.Node
		if err := decoder.Decode(&node); err != nil {
			return err
		}
	}
}

var parserLine = regexp.MustCompile(`^yaml: line (\d+): `)

// parserCause is the parser's message without its line; "" at the end of the text.
func parserCause(err error) string {
	if errors.Is(err, io.EOF) {
		return ""
	}
	return strings.TrimPrefix(parserLine.ReplaceAllString(err.Error(), ""), "yaml: ")
}

// position gives line and column of an offset.
func (t *text) position(offset int) (line, column int) {
	before := t.data[:offset]
	line, begin := 1, 0
	for _, at := range lineBreak.FindAllIndex(before, -1) {
		line, begin = line+1, at[1]
	}
	return line, utf8.RuneCount(before[begin:]) + 1
}

// validPrefix is how many bytes are UTF-8.
func validPrefix(data []byte) int {
	n := 0
	for n < len(data) {
		r, size := utf8.DecodeRune(data[n:])
		if r == utf8.RuneError && size == 1 {
			break
		}
		n += size
	}
	return n
}

const unclosedList = "expected ',' or ']'"

// syntaxCauses say what the parser says in words that name the mistake.
var syntaxCauses = []struct{ parser, message, hint string }{
	{"mapping values are not allowed", "a `:` where none can be", "is the line indented as the ones before it? A text that has `: ` in it needs quotes"},
	{"tab character", "a tab; YAML is indented with spaces", ""},
	{"cannot start any token", "no text can begin with this character", "put the text in quotes"},
	{"could not find expected ':'", "a line without `:`", "a line is `key: value`, or `- entry` in a list"},
	{"end of stream", "this quote is never closed", ""},
	{unclosedList, "this `[` list is not closed, or lacks a comma", ""},
	{"expected ',' or '}'", "this `{` is not closed, or lacks a comma", ""},
	{"did not find expected key", "this fits nowhere", "is the line indented as the ones before it? Is a quote inside of quotes?"},
	{"expected node content", "a value is missing, or a `[` or `{` is not closed", ""},
	{"expected '-' indicator", "this is no entry of the list before it", "an entry begins with `- `, indented as the ones before it"},
	{"unknown escape", "there is no such escape in a \"text\"", `write \\ for a backslash, or use 'single quotes'`},
	{"unknown anchor", "this `*` names nothing", "`&NAME` before a value gives it a name; a text that begins with * needs quotes"},
	{"control characters", "a control character", "write it as an escape in a \"text\""},
}
