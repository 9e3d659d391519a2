package docs_test

import (
	"go/ast"
	"path/filepath"
	"regexp"
	"testing"
)

// TestConformance: every test that the table names is there.
func TestConformance(t *testing.T) {
	folders := map[string]string{
		"S": "pkg/emulator/supervisor", "I": "pkg/emulator/invokeapi", "C": "pkg/emulator/callers", "E": "pkg/emulator", "B": "pkg/emulator/sandboxtest",
	}
	there := map[string]bool{}
	for letter, folder := range folders {
		files, err := filepath.Glob(filepath.Join(root, folder, "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range files {
			rel, err := filepath.Rel(root, path)
			if err != nil {
				t.Fatal(err)
			}
			for _, declared := range file(t, rel).Decls {
				if function, ok := declared.(*ast.FuncDecl); ok {
					there[letter+" "+function.Name.Name] = true
				}
			}
		}
	}
	named := regexp.MustCompile("([A-Z]) `([Tt]est[A-Za-z0-9]+)`").FindAllStringSubmatch(read(t, "docs/conformance.md"), -1)
	if len(named) < 90 {
		t.Errorf("%d tests are named; there are 90 at least", len(named))
	}
	for _, match := range named {
		if name := match[1] + " " + match[2]; !there[name] {
			t.Errorf("docs/conformance.md names %s, and there is no such test in %s", match[2], folders[match[1]])
		}
	}
}
