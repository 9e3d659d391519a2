package main

// One entry more in the list `middlewares:` of sor.yaml, and every other byte as it was. A YAML library would write the
// whole file anew. What is understood is what people write: a list in lines, a list in brackets, an empty one, none.

import (
	"regexp"
	"strings"
)

// middlewaresKey finds the key where sor.yaml has its keys: at the beginning of a line.
var middlewaresKey = regexp.MustCompile(`(?m)^middlewares[ \t]*:(?:[ \t\r\n]|$)`)

// appendMiddleware gives the text with entry as the last of the list. has says whether there is the key, as the project
// understood it; ok is false when the text is written in another way than it can change.
func appendMiddleware(text, entry string, has bool) (changed string, ok bool) {
	eol := "\n"
	if i := strings.IndexByte(text, '\n'); i > 0 && text[i-1] == '\r' {
		eol = "\r\n"
	}
	keys := middlewaresKey.FindAllStringIndex(text, -1)
	if !has && len(keys) == 0 {
		return appendKey(text, entry, eol)
	}
	if !has || len(keys) != 1 {
		return "", false
	}
	colon := keys[0][0] + strings.IndexByte(text[keys[0][0]:], ':') + 1
	value := colon + len(text[colon:]) - len(strings.TrimLeft(text[colon:], " \t"))
	switch {
	case value == len(text), strings.ContainsRune("\r\n#", rune(text[value])):
		return appendLine(text, value, entry, eol)
	case text[value] == '[':
		return appendInBrackets(text, value, entry, eol)
	}
	return "", false
}

// appendKey adds the key at the end of a file that is one mapping written in lines.
func appendKey(text, entry, eol string) (string, bool) {
	for i, line := range strings.Split(text, "\n") {
		if strings.HasPrefix(line, "...") || strings.HasPrefix(line, "{") || i > 0 && strings.HasPrefix(line, "---") {
			return "", false
		}
	}
	if text != "" && !strings.HasSuffix(text, "\n") {
		text += eol
	}
	return text + "middlewares:" + eol + "  - " + entry + eol, true
}

// appendLine adds a line after the last item of the list whose key is on the line at; without items it is the first.
func appendLine(text string, at int, entry, eol string) (string, bool) {
	end := lineEnd(text, at)
	indent, last := "", -1
	for start := end; start < len(text); {
		stop := lineEnd(text, start)
		line := strings.TrimRight(text[start:stop], "\r\n")
		content := strings.TrimLeft(line, " \t")
		start = stop
		if content == "" || content[0] == '#' {
			continue
		}
		isItem := content == "-" || strings.HasPrefix(content, "- ")
		space := line[:len(line)-len(content)]
		if last < 0 && !isItem && space != "" {
			return "", false // a value, and no list in lines
		}
		if last < 0 && !isItem || last >= 0 && (len(space) < len(indent) || len(space) == len(indent) && !isItem) {
			break
		}
		if last < 0 {
			indent = space
		}
		last = stop
	}
	if last < 0 {
		indent, last = "  ", end
	}
	line := indent + "- " + entry
	if last == len(text) && !strings.HasSuffix(text, "\n") {
		return text + eol + line, true
	}
	return text[:last] + line + eol + text[last:], true
}

// lineEnd gives where the line at ends, after its newline.
func lineEnd(text string, at int) int {
	if i := strings.IndexByte(text[at:], '\n'); i >= 0 {
		return at + i + 1
	}
	return len(text)
}

// appendInBrackets adds an entry to a list like [a, b], on one line or on several.
func appendInBrackets(text string, open int, entry, eol string) (string, bool) {
	last, closing, ok := bracketed(text, open)
	if !ok {
		return "", false
	}
	if strings.HasSuffix(entry, "?") {
		entry = `"` + entry + `"` // in brackets a question mark may be YAML's own
	}
	if last == open+1 {
		return text[:last] + entry + text[last:], true
	}
	before, after := ", ", ""
	comma := text[last-1] == ','
	if comma {
		before = " "
	}
	newline := strings.IndexByte(text[last:closing], '\n')
	if newline >= 0 {
		start := strings.LastIndexByte(text[:last], '\n') + 1
		indent := text[start : start+len(text[start:last])-len(strings.TrimLeft(text[start:last], " \t"))]
		if indent == "" {
			indent = "  "
		}
		rest := strings.TrimSuffix(text[last:last+newline], "\r") // a comment, perhaps
		before, after = ","+rest+eol+indent, ""
		if comma {
			before, after = rest+eol+indent, ","
		}
		return text[:last] + before + entry + after + text[last+len(rest):], true
	}
	return text[:last] + before + entry + text[last:], true
}

// bracketed gives where the last item, or the comma after it, ends, and where the bracket closes. Strings and comments are
// passed over.
func bracketed(text string, open int) (last, closing int, ok bool) {
	last = open + 1
	for i := open + 1; i < len(text); i++ {
		switch c := text[i]; c {
		case ']':
			return last, i, true
		case '[', '{', '&', '*', '!':
			return 0, 0, false // no name has one
		case ' ', '\t', '\r', '\n':
			continue
		case '#':
			if strings.ContainsRune(" \t\n", rune(text[i-1])) {
				i = lineEnd(text, i) - 1
				continue
			}
		case '"', '\'':
			end := strings.IndexByte(text[i+1:], c)
			if end < 0 {
				return 0, 0, false
			}
			i += end + 1
		}
		last = i + 1
	}
	return 0, 0, false
}
