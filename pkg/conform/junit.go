package conform

// The report for CI: JUnit's XML, as its readers agree on it. https://github.com/testmoapp/junitxml

import (
	"encoding/xml"
	"fmt"
	"io"
	"strings"
	"time"
)

type junitSuites struct {
	XMLName xml.Name   `xml:"testsuites"`
	Suite   junitSuite `xml:"testsuite"`
}

type junitSuite struct {
	Name     string      `xml:"name,attr"`
	Tests    int         `xml:"tests,attr"`
	Failures int         `xml:"failures,attr"`
	Errors   int         `xml:"errors,attr"`
	Skipped  int         `xml:"skipped,attr"`
	Time     string      `xml:"time,attr"`
	Cases    []junitCase `xml:"testcase"`
}

type junitCase struct {
	Class   string        `xml:"classname,attr"`
	Name    string        `xml:"name,attr"`
	Time    string        `xml:"time,attr"`
	Failure *junitVerdict `xml:"failure"`
	Skipped *junitVerdict `xml:"skipped"`
	Log     string        `xml:"system-err,omitempty"`
}

type junitVerdict struct {
	Message string `xml:"message,attr"`
	Type    string `xml:"type,attr,omitempty"`
	Text    string `xml:",chardata"`
}

// WriteJUnit writes the report as JUnit's XML. kind is what was judged: middleware, runtime, bootstrap.
func (r *Report) WriteJUnit(w io.Writer, kind string) error {
	suite := junitSuite{
		Name: kind + " " + clean(r.Subject), Tests: len(r.Results), Failures: r.Count(Failed), Skipped: r.Count(Skipped),
	}
	var total time.Duration
	for _, result := range r.Results {
		total += result.Duration
		suite.Cases = append(suite.Cases, newJUnitCase(kind, result))
	}
	suite.Time = seconds(total)
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	encoder := xml.NewEncoder(w)
	encoder.Indent("", "  ")
	if err := encoder.Encode(junitSuites{Suite: suite}); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}

func newJUnitCase(kind string, result Result) junitCase {
	class, name := kind, result.Name
	if i := strings.LastIndexByte(name, '.'); i >= 0 {
		class, name = kind+"."+name[:i], name[i+1:]
	}
	c := junitCase{Class: class, Name: name, Time: seconds(result.Duration), Log: clean(result.Log)}
	switch result.Status {
	case Failed:
		c.Failure = &junitVerdict{Message: clean(result.sentence()), Type: "contract", Text: clean(result.Why + " (" + result.See + ")")}
	case Skipped:
		c.Skipped = &junitVerdict{Message: clean(result.Cause)}
	}
	return c
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.3f", d.Seconds()) }

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// clean takes out what XML has no way to say: most control characters.
func clean(text string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' && r != '\t' && r != '\n' && r != '\r' || r == 0xfffe || r == 0xffff {
			return '\ufffd'
		}
		return r
	}, strings.ToValidUTF8(text, "\ufffd"))
}
