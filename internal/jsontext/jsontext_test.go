package jsontext_test

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

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

// A message shows the place, on one line, whatever the bytes around it are.
func TestProblemShowsThePlace(t *testing.T) {
	for text, want := range map[string]string{
		`{"colour": red}`:                                          `line 1, column 12: invalid character 'r' looking for beginning of value, at "{\"colour\": red}"`,
		"{\n\t\"a\": 1,\n\t\"b\": 'c'\n}":                          `line 3, column 7: invalid character '\'' looking for beginning of value, at "{  \"a\": 1,  \"b\": 'c' }"`,
		strings.Repeat(" ", 50) + "\xe9" + strings.Repeat(" ", 50): `line 1, column 51: it is not UTF-8, at "` + strings.Repeat(" ", 20) + "\ufffd" + strings.Repeat(" ", 19) + `"`,
		"[" + strings.Repeat("🧀", 30):                              `line 1, column 2: invalid character 'ð' looking for beginning of value, at "[` + strings.Repeat("🧀", 5) + `"`,
	} {
		p := jsontext.Check([]byte(text))
		if p == nil || p.Error() != want {
			t.Errorf("got  %v\nwant %s", p, want)
		}
	}
}

// However deep or long a text is, the place is found.
func TestCheckLargeTexts(t *testing.T) {
	deep := strings.Repeat("[", 9000) + strings.Repeat("]", 9000)
	if p := jsontext.Check([]byte(deep)); p != nil {
		t.Errorf("got %v", p)
	}
	long := "[" + strings.Repeat("1,\n", 1<<20) + "]"
	if p := jsontext.Check([]byte(long)); p == nil || p.Line != 1<<20+1 || p.Column != 1 {
		t.Errorf("got %v", p)
	}
	if p := jsontext.Check([]byte(strings.Repeat("[", 20000))); p == nil {
		t.Error("20,000 open brackets are taken for JSON")
	}
}

// FuzzCheck: what is taken for JSON is JSON in UTF-8, and a place is within the text.
func FuzzCheck(f *testing.F) {
	for _, seed := range []string{`{"a":[1,"\ud800"]}`, "\xef\xbb\xbf{}", "{\n\xff", `"\u12`, "nul", "1 2", "\x00"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		p := jsontext.Check(data)
		if good := json.Valid(data) && utf8.Valid(data); good != (p == nil) {
			t.Fatalf("valid: %t; got %v", good, p)
		}
		if p == nil {
			return
		}
		if p.Offset < 0 || p.Offset > len(data) || p.Line < 1 || p.Column < 1 || !utf8.ValidString(p.Excerpt) || p.Cause == "" {
			t.Errorf("got %+v", *p)
		}
	})
}
