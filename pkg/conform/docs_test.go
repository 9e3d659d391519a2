package conform_test

// docs/conform.md lists the cases: `go test ./pkg/conform -run TestDocs -update` writes the tables.

import (
	"flag"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/serverless/open-runtime/pkg/conform"
)

var update = flag.Bool("update", false, "write the tables of docs/conform.md anew")

var suites = map[string]func() []conform.Case{
	"middleware": conform.MiddlewareCases, "runtime": conform.RuntimeCases, "bootstrap": conform.BootstrapCases,
}

func TestDocs(t *testing.T) {
	const path = "../../docs/conform.md"
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	page := string(data)
	for name, rows := range tables() {
		head, rest, begins := strings.Cut(page, "<!-- "+name+" -->\n")
		_, tail, ends := strings.Cut(rest, "<!-- end -->\n")
		if !begins || !ends {
			t.Fatalf("%s has no place for the table %s", path, name)
		}
		page = head + "<!-- " + name + " -->\n" + rows + "<!-- end -->\n" + tail
	}
	if *update {
		if err := os.WriteFile(path, []byte(page), 0o644); err != nil {
			t.Fatal(err)
		}
	} else if page != string(data) {
		t.Error("docs/conform.md does not list the cases as they are; go test ./pkg/conform -run TestDocs -update")
	}
}

func tables() map[string]string {
	made := map[string]string{}
	for name, cases := range suites {
		for _, c := range cases() {
			made[name] += fmt.Sprintf("| `%s` | %s |\n", c.Name, strings.ReplaceAll(c.Why, "|", `\|`))
		}
	}
	for _, handler := range conform.Handlers() {
		made["handlers"] += fmt.Sprintf("| `%s` | %s |\n", handler[0], handler[1])
	}
	return made
}

// TestCases: each has a name of its own, a sentence, and a page with that section.
func TestCases(t *testing.T) {
	name := regexp.MustCompile(`^[a-z0-9-]+(\.[a-z0-9-]+)+$`)
	for kind, cases := range suites {
		var seen []string
		for _, c := range cases() {
			if !name.MatchString(c.Name) || slices.Contains(seen, c.Name) {
				t.Errorf("%s: %q is no name, or there twice", kind, c.Name)
			}
			seen = append(seen, c.Name)
			if c.Why == "" || c.Run == nil {
				t.Errorf("%s: %s says nothing, or does nothing", kind, c.Name)
			}
			page, section, _ := strings.Cut(c.See, "#")
			data, err := os.ReadFile("../../" + page)
			if err != nil {
				t.Errorf("%s: %s: %v", kind, c.Name, err)
			}
			heading := regexp.MustCompile(`(?im)^#+ ` + strings.ReplaceAll(regexp.QuoteMeta(section), "-", "[ -]") + `$`)
			if section != "" && !heading.Match(data) {
				t.Errorf("%s: %s: %s has no section %s", kind, c.Name, page, section)
			}
		}
	}
}
