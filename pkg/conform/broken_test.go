//go:build linux

package conform_test

// Programs that each break one sentence of a contract, and say in their second line which case must find it, and with which
// words: `# conform: CASE: WORDS`, several separated by |, of which one is enough.

import (
	"bufio"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/serverless/open-runtime/pkg/conform"
)

// A broken program, and what the kit must say of it.
type broken struct {
	name, path, fails string
	words             []string
}

// brokenOnes reads a folder of them.
func brokenOnes(t *testing.T, kind string, atLeast int) []broken {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join("testdata", "broken", kind, "*"))
	if err != nil {
		t.Fatal(err)
	}
	var all []broken
	for _, path := range paths {
		if strings.HasSuffix(path, ".json") {
			continue
		}
		all = append(all, readBroken(t, path))
	}
	if len(all) < atLeast {
		t.Fatalf("there are %d broken %s; %d at least were kept", len(all), kind, atLeast)
	}
	return all
}

func readBroken(t *testing.T, path string) broken {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	lines.Scan()
	lines.Scan()
	says, ok := strings.CutPrefix(lines.Text(), "# conform: ")
	name, words, both := strings.Cut(says, ": ")
	if !ok || !both {
		t.Fatalf("%s does not say which case it fails: %q", path, lines.Text())
	}
	return broken{filepath.Base(path), path, name, strings.Split(words, "|")}
}

// isFound wants that the kit finds what is broken, and says it.
func (b broken) isFound(t *testing.T, cases []conform.Case) {
	t.Helper()
	result := failure(t, cases, b.fails)
	for _, words := range b.words {
		if strings.Contains(result.Cause, words) {
			return
		}
	}
	t.Errorf("none of %q is in the cause: %s", b.words, result.Cause)
}

// hasty does not wait long for who will never answer.
func hasty(p conform.Program) conform.Program {
	p.Patience, p.Grace = 5*time.Second, 3*time.Second
	return p
}

func TestBrokenMiddlewares(t *testing.T) {
	for _, b := range brokenOnes(t, "middlewares", 25) {
		t.Run(b.name, func(t *testing.T) {
			t.Parallel()
			m, err := conform.NewMiddleware(hasty(located(t, b.path)))
			if err != nil {
				t.Fatal(err)
			}
			b.isFound(t, m.Cases())
		})
	}
}

func TestBrokenRuntimes(t *testing.T) {
	for _, b := range brokenOnes(t, "runtimes", 20) {
		t.Run(b.name, func(t *testing.T) {
			t.Parallel()
			r := languageRuntime(t, b.path, "python", "handler.on_")
			r.Program = hasty(r.Program)
			b.isFound(t, r.Cases())
		})
	}
}
