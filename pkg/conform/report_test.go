package conform_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/serverless/open-runtime/pkg/conform"
)

// threeWays are cases that pass, fail and are skipped.
func threeWays() []conform.Case {
	return []conform.Case{
		{Name: "a.good", Why: "it is good", See: "docs/a.md", Run: func(*conform.T) {}},
		{Name: "a.bad", Why: "it is <good>", See: "docs/a.md", Run: func(t *conform.T) { t.Failf("mend it & go on", "it printed %q\x00\x1b", "<]]>") }},
		{Name: "b.none", Why: "it is there", See: "docs/b.md", Run: func(t *conform.T) { t.Skipf("there is none") }},
	}
}

func TestReport(t *testing.T) {
	var lines []string
	report, err := conform.Run(t.Context(), "./it", threeWays(), func(r conform.Result) { lines = append(lines, r.Line()) })
	if err != nil {
		t.Fatal(err)
	}
	want := "ok   a.good\nFAIL a.bad  it printed \"<]]>\"\x00\x1b; mend it & go on\nskip b.none  there is none"
	if got := strings.Join(lines, "\n"); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if got, want := report.Summary(), "./it: 1 passed, 1 failed, 1 skipped"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	var out bytes.Buffer
	if err := report.WriteJSON(&out); err != nil {
		t.Fatal(err)
	}
	var object struct {
		Failed int
		Cases  []struct{ Name, Status, Fix, See string }
	}
	if err := json.Unmarshal(out.Bytes(), &object); err != nil || object.Failed != 1 || len(object.Cases) != 3 || object.Cases[1].Fix != "mend it & go on" {
		t.Errorf("%v: %s", err, out.Bytes())
	}
}

// TestJUnit: whatever is in a sentence, the XML is well formed and says the numbers.
func TestJUnit(t *testing.T) {
	report, err := conform.Run(t.Context(), "./it\x01", threeWays(), nil)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := report.WriteJUnit(&out, "middleware"); err != nil {
		t.Fatal(err)
	}
	decoder := xml.NewDecoder(bytes.NewReader(out.Bytes()))
	for {
		if _, err := decoder.Token(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatalf("%v\n%s", err, out.Bytes())
		}
	}
	for _, part := range []string{`tests="3" failures="1" errors="0" skipped="1"`, `classname="middleware.a" name="bad"`, `mend it &amp; go on`, `<skipped message="there is none">`} {
		if !strings.Contains(out.String(), part) {
			t.Errorf("%s is not in\n%s", part, out.String())
		}
	}
}
