package jsontext_test

import (
	"testing"

	"github.com/serverless/open-runtime/internal/jsontext"
)

func TestCheck(t *testing.T) {
	for _, good := range []string{`{}`, ` [1, "ä\u00e4😀"] ` + "\n", `null`, `"\u2028"`, `1e400`} {
		if p := jsontext.Check([]byte(good)); p != nil {
			t.Errorf("%q: %v", good, p)
		}
	}
	tests := []struct {
		text         string
		line, column int
		cause        string
	}{
		{"", 1, 1, "it is empty"},
		{"\xef\xbb\xbf{}", 1, 1, "it begins with a byte order mark"},
		{`{"a":1,}`, 1, 8, "invalid character '}' looking for beginning of object key string"},
		{"{\n  \"ä\": x}", 2, 8, "invalid character 'x' looking for beginning of value"},
		{`{"a":`, 1, 6, "it ends too early"},
		{"{} {}", 1, 4, "invalid character '{' after top-level value"},
		{"\"a\xff\"", 1, 3, "it is not UTF-8"},
		{"'a'", 1, 1, `invalid character '\'' looking for beginning of value`},
	}
	for _, test := range tests {
		p := jsontext.Check([]byte(test.text))
		if p == nil {
			t.Errorf("%q is taken for JSON", test.text)
			continue
		}
		if p.Line != test.line || p.Column != test.column || p.Cause != test.cause {
			t.Errorf("%q: got %d:%d %s; want %d:%d %s", test.text, p.Line, p.Column, p.Cause, test.line, test.column, test.cause)
		}
	}
}
