// Package docs_test holds the documents to the code: what a program sends, reads or sets must be named where people look for
// it, and what a document names must be there. The code is read, not run.
package docs_test

import (
	"go/ast"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

const root = ".."

// TestRoutes: the routes of the local Runtime API are in runtime-api.md, with their methods.
func TestRoutes(t *testing.T) {
	known := constants(t, "internal/runtimeapi")
	page := read(t, "docs/protocol/runtime-api.md")
	routes := 0
	for _, call := range calls(declaration(t, "pkg/emulator/supervisor/runtimeapi.go", "routes"), "HandleFunc") {
		route := value(t, call.Args[0], known)
		routes++
		if !strings.Contains(page, "`"+route+"`") {
			t.Errorf("docs/protocol/runtime-api.md does not have the route `%s`", route)
		}
	}
	if routes < 5 {
		t.Errorf("%d routes were found in routes(); there are 5 at least", routes)
	}
}

// TestWords: headers, error types and content types of the Runtime API are in docs/protocol.
func TestWords(t *testing.T) {
	pages := protocol(t)
	found := 0
	for name, word := range constants(t, "internal/runtimeapi") {
		for _, prefix := range []string{"Header", "Error", "ContentType", "ResponseMode", "TraceID"} {
			if strings.HasPrefix(name, prefix) {
				found++
				mentions(t, pages, word, "runtimeapi."+name)
			}
		}
	}
	if found < 25 {
		t.Errorf("%d words were found in internal/runtimeapi; there are 25 at least", found)
	}
}

// TestInvokeAPI: routes, headers and types of errors of the local Invoke API are in invoke-api.md.
func TestInvokeAPI(t *testing.T) {
	page := strings.ToLower(read(t, "docs/protocol/invoke-api.md"))
	found := 0
	for name, word := range constants(t, "pkg/emulator/invokeapi") {
		for _, prefix := range []string{"path", "header", "type", "kind", "reason", "contentType"} {
			if strings.HasPrefix(name, prefix) {
				found++
				if !strings.Contains(page, strings.ToLower(word)) {
					t.Errorf("docs/protocol/invoke-api.md does not name %s, invokeapi.%s", word, name)
				}
			}
		}
	}
	if found < 30 {
		t.Errorf("%d words were found in pkg/emulator/invokeapi; there are 30 at least", found)
	}
}

// TestFrameTypes: every type of frame is in frames.md.
func TestFrameTypes(t *testing.T) {
	page := read(t, "docs/protocol/frames.md")
	found := 0
	for name, word := range constants(t, "internal/frames") {
		if strings.HasPrefix(name, "Type") {
			found++
			mentions(t, page, "`"+word+"`", "frames."+name)
		}
	}
	if found < 13 {
		t.Errorf("%d types of frames were found; there are 13 at least", found)
	}
}

// TestFrameHeaders: every key of a header that the contract has is in frames.md.
func TestFrameHeaders(t *testing.T) {
	page := read(t, "docs/protocol/frames.md")
	tag := regexp.MustCompile(`json:"([^",]+)`)
	ast.Inspect(file(t, "internal/frames/messages.go"), func(n ast.Node) bool {
		if field, ok := n.(*ast.Field); ok && field.Tag != nil {
			if match := tag.FindStringSubmatch(field.Tag.Value); match != nil {
				mentions(t, page, match[1], "internal/frames/messages.go")
			}
		}
		return true
	})
}

// TestEnvironment: what the supervisor sets for a runtime is in runtime-api.md.
func TestEnvironment(t *testing.T) {
	const path = "pkg/emulator/supervisor/variables.go"
	page := read(t, "docs/protocol/runtime-api.md")
	variable := regexp.MustCompile(`^_?[A-Z][A-Z0-9_]+$`)
	found := 0
	ast.Inspect(file(t, path), func(n ast.Node) bool {
		if literal, ok := n.(*ast.BasicLit); ok && literal.Kind == token.STRING {
			if word, err := strconv.Unquote(literal.Value); err == nil && variable.MatchString(word) && word != "LOG_ERROR" {
				found++
				mentions(t, page, word, path)
			}
		}
		return true
	})
	if found < 20 {
		t.Errorf("%d variables were found in %s; there are 20 at least", found, path)
	}
}

// TestMiddlewareEnvironment: what a middleware is told of an invocation is in middleware.md, as are the manifest's keys.
func TestMiddlewareEnvironment(t *testing.T) {
	page := read(t, "docs/protocol/middleware.md")
	known := constants(t, "internal/runtimeapi")
	told := elements(t, "pkg/middleware/environment.go", "told")
	if len(told) < 9 {
		t.Fatalf("%d variables were found in told; there are 9 at least", len(told))
	}
	for _, element := range told {
		mentions(t, page, value(t, element, known), "pkg/middleware/environment.go")
	}
	for _, call := range calls(declaration(t, "internal/manifest/manifest.go", "ParseMiddleware"), "parse") {
		for _, key := range call.Args[2:] {
			mentions(t, page, value(t, key, nil), "internal/manifest/manifest.go")
		}
	}
}

// TestSidecarManifest: the manifest's keys, the ways of being asked and the mark of a sidecar are in sidecar.md.
func TestSidecarManifest(t *testing.T) {
	page := read(t, "docs/protocol/sidecar.md")
	tag := regexp.MustCompile(`json:"([^",]+)`)
	found := 0
	ast.Inspect(file(t, "internal/manifest/sidecar.go"), func(n ast.Node) bool {
		if field, ok := n.(*ast.Field); ok && field.Tag != nil {
			found++
			mentions(t, page, tag.FindStringSubmatch(field.Tag.Value)[1], "internal/manifest/sidecar.go")
		}
		return true
	})
	if found < 13 {
		t.Errorf("%d keys were found in internal/manifest/sidecar.go; there are 13 at least", found)
	}
	for _, element := range elements(t, "pkg/sidecar/inspect.go", "never") {
		mentions(t, page, value(t, element, nil), "pkg/sidecar/inspect.go")
	}
	mentions(t, page, constants(t, "internal/privilege")["SidecarMark"], "internal/privilege")
}

// TestBootstrapSettings: the variables that the bootstrap obeys are in docs/protocol.
func TestBootstrapSettings(t *testing.T) {
	pages := protocol(t)
	for name, word := range constants(t, "pkg/bootstrap") {
		if strings.HasPrefix(name, "env") {
			mentions(t, pages, word, "pkg/bootstrap/settings.go")
		}
	}
}

// link finds the target of a Markdown link.
var link = regexp.MustCompile(`\]\(([^()\s]+)\)`)

// TestLinks: relative links lead to what is there.
func TestLinks(t *testing.T) {
	for _, page := range pages(t) {
		for _, match := range link.FindAllStringSubmatch(withoutCode(read(t, page)), -1) {
			target, heading, _ := strings.Cut(match[1], "#")
			if strings.Contains(target, ":") {
				continue // of the web
			}
			place := page
			if target != "" {
				place = filepath.Join(filepath.Dir(page), filepath.FromSlash(target))
			}
			info, err := os.Stat(filepath.Join(root, place))
			if err != nil {
				t.Errorf("%s: the link %s leads nowhere: %v", page, match[1], err)
				continue
			}
			if heading != "" && !info.IsDir() && !hasHeading(read(t, place), heading) {
				t.Errorf("%s: the link %s leads to no heading", page, match[1])
			}
		}
	}
}

// source finds what is named in code marks and is a file of this repository: `pkg/layer/mode.go`.
var source = regexp.MustCompile("`((?:cmd|docs|internal|pkg|runtimes|templates)/[A-Za-z0-9_./-]+)`")

// TestPlaces: every file and folder that a document for contributors names is there.
func TestPlaces(t *testing.T) {
	for _, page := range []string{"docs/ARCHITECTURE.md", "docs/RATIONALE.md", "README.md", "CONTRIBUTING.md"} {
		for _, match := range source.FindAllStringSubmatch(read(t, page), -1) {
			place := match[1]
			if strings.Contains(place, "NAME") || strings.Contains(place, "LANGUAGE") {
				continue // stands for any
			}
			if _, err := os.Stat(filepath.Join(root, filepath.FromSlash(place))); err != nil {
				t.Errorf("%s names %s: %v", page, place, err)
			}
		}
	}
}

// TestFunctions: every function that ARCHITECTURE.md names in front of its file, as in `name` (`path/file.go`) or `name` in
// `path/file.go`, is in that file.
func TestFunctions(t *testing.T) {
	named := regexp.MustCompile("`(?:[a-zA-Z]+\\.)?([A-Za-z]+)`\\s+(?:\\(|in\\s+)`([a-z0-9_/]+/[a-z0-9_]+\\.go)`")
	page := read(t, "docs/ARCHITECTURE.md")
	found := named.FindAllStringSubmatch(page, -1)
	if len(found) < 20 {
		t.Errorf("%d functions with their files were found; there are 20 at least", len(found))
	}
	for _, match := range found {
		text := read(t, match[2])
		declared := regexp.MustCompile(`(?m)^(func|type|var|const)( \([^)]*\))? ` + match[1] + `\b|^\t` + match[1] + `\b`)
		if !declared.MatchString(text) {
			t.Errorf("docs/ARCHITECTURE.md names %s in %s, which does not declare it", match[1], match[2])
		}
	}
}

// mentions wants word in a page, as a whole word.
func mentions(t *testing.T, page, word, from string) {
	t.Helper()
	if !regexp.MustCompile(`(^|[^A-Za-z0-9_.-])` + regexp.QuoteMeta(word) + `($|[^A-Za-z0-9_-])`).MatchString(page) {
		t.Errorf("docs/protocol does not name %s of %s", word, from)
	}
}

// pages lists the documents that people write.
func pages(t *testing.T) []string {
	t.Helper()
	list := []string{"README.md", "CONTRIBUTING.md", "CHANGELOG.md"}
	err := filepath.WalkDir(".", func(path string, entry fs.DirEntry, err error) error {
		if err == nil && filepath.Ext(path) == ".md" {
			list = append(list, filepath.Join("docs", path))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// protocol gives all pages of docs/protocol as one text.
func protocol(t *testing.T) string {
	t.Helper()
	var text strings.Builder
	for _, page := range pages(t) {
		if strings.HasPrefix(filepath.ToSlash(page), "docs/protocol/") {
			text.WriteString(read(t, page))
		}
	}
	return text.String()
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(path)))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// fenced are blocks and spans of code, in which a bracket is no link.
var fenced = regexp.MustCompile("(?s)```.*?```|`[^`\n]*`")

func withoutCode(text string) string { return fenced.ReplaceAllString(text, "") }

// hasHeading looks for a heading by the name that it has in a link: lower case, dashes for spaces, no punctuation.
func hasHeading(text, name string) bool {
	drop := regexp.MustCompile(`[^a-z0-9 _-]`)
	for line := range strings.Lines(text) {
		title, ok := strings.CutPrefix(strings.TrimLeft(line, "#"), " ")
		if ok && strings.HasPrefix(line, "#") &&
			strings.ReplaceAll(drop.ReplaceAllString(strings.ToLower(strings.TrimSpace(title)), ""), " ", "-") == name {
			return true
		}
	}
	return false
}
