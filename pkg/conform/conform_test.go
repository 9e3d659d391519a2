//go:build linux

package conform_test

import (
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/serverless/open-runtime/pkg/conform"
)

// patience is how long the kit waits for what no contract bounds: other tests keep the machine busy.
const patience = 30 * time.Second

// located is a program for the kit, with time enough.
func located(t *testing.T, path ...string) conform.Program {
	t.Helper()
	p, err := conform.Locate(filepath.Join(path...))
	if err != nil {
		t.Fatal(err)
	}
	p.Patience, p.Grace, p.Env = patience, patience, []string{"PYTHONDONTWRITEBYTECODE=1"}
	return p
}

// passes wants every case to pass, but for those that may be skipped.
func passes(t *testing.T, subject string, cases []conform.Case, skips ...string) {
	t.Helper()
	report, err := conform.Run(t.Context(), subject, cases, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, result := range report.Results {
		switch {
		case result.Status == conform.Failed:
			t.Errorf("%s\n%s", result.Line(), strings.Join(result.Details(), "\n"))
		case result.Status == conform.Skipped && !matchesAny(result.Name, skips):
			t.Errorf("it is skipped: %s", result.Line())
		}
	}
}

func matchesAny(name string, patterns []string) bool {
	for _, pattern := range patterns {
		if ok, _ := filepath.Match(pattern, name); ok {
			return true
		}
	}
	return false
}

// failure wants that one case fails, and says what to do.
func failure(t *testing.T, cases []conform.Case, name string) conform.Result {
	t.Helper()
	chosen := conform.Match(cases, regexp.MustCompile("^"+regexp.QuoteMeta(name)+"$"))
	if len(chosen) != 1 {
		t.Fatalf("%d cases have the name %s", len(chosen), name)
	}
	report, err := conform.Run(t.Context(), "broken", chosen, nil)
	if err != nil {
		t.Fatal(err)
	}
	result := report.Results[0]
	if result.Status != conform.Failed {
		t.Fatalf("got %s, want it to fail", result.Line())
	}
	t.Log(result.Line())
	if result.Fix == "" || strings.HasPrefix(result.Fix, "this is about this machine") {
		t.Errorf("it does not say what to do: %s", result.Line())
	}
	return result
}
