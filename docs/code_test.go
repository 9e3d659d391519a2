package docs_test

// What the tests read of the code: constants, calls, lists, without running any of it.

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

func file(t *testing.T, path string) *ast.File {
	t.Helper()
	parsed, err := parser.ParseFile(token.NewFileSet(), filepath.Join(root, filepath.FromSlash(path)), nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	return parsed
}

// constants gives the string constants of a package's files by name.
func constants(t *testing.T, dir string) map[string]string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(root, filepath.FromSlash(dir), "*.go"))
	if err != nil || len(files) == 0 {
		t.Fatalf("%s: %v, %d files", dir, err, len(files))
	}
	known := map[string]string{}
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		for _, declared := range file(t, filepath.Join(dir, filepath.Base(name))).Decls {
			if group, ok := declared.(*ast.GenDecl); ok && group.Tok == token.CONST {
				addConstants(known, group)
			}
		}
	}
	return known
}

func addConstants(known map[string]string, group *ast.GenDecl) {
	for _, spec := range group.Specs {
		of := spec.(*ast.ValueSpec)
		for i, value := range of.Values {
			if text, ok := evaluate(value, known); ok {
				known[of.Names[i].Name] = text
			}
		}
	}
}

// value evaluates an expression that is a text.
func value(t *testing.T, e ast.Expr, known map[string]string) string {
	t.Helper()
	text, ok := evaluate(e, known)
	if !ok {
		t.Fatalf("what is %T here is no text", e)
	}
	return text
}

// evaluate reads literals, sums of them, and names of known constants.
func evaluate(e ast.Expr, known map[string]string) (text string, ok bool) {
	switch e := e.(type) {
	case *ast.BasicLit:
		text, err := strconv.Unquote(e.Value)
		return text, err == nil && e.Kind == token.STRING
	case *ast.Ident:
		text, ok = known[e.Name]
	case *ast.SelectorExpr:
		text, ok = known[e.Sel.Name]
	case *ast.BinaryExpr:
		left, one := evaluate(e.X, known)
		right, two := evaluate(e.Y, known)
		return left + right, one && two && e.Op == token.ADD
	}
	return text, ok
}

// declaration gives a function or method by its name.
func declaration(t *testing.T, path, name string) ast.Node {
	t.Helper()
	for _, declared := range file(t, path).Decls {
		if function, ok := declared.(*ast.FuncDecl); ok && function.Name.Name == name {
			return function
		}
	}
	t.Fatalf("%s has no function %s", path, name)
	return nil
}

// calls gives the calls of a function or method in a node.
func calls(in ast.Node, name string) []*ast.CallExpr {
	var found []*ast.CallExpr
	ast.Inspect(in, func(n ast.Node) bool {
		if call, ok := n.(*ast.CallExpr); ok {
			switch called := call.Fun.(type) {
			case *ast.Ident:
				ok = called.Name == name
			case *ast.SelectorExpr:
				ok = called.Sel.Name == name
			}
			if ok {
				found = append(found, call)
			}
		}
		return true
	})
	return found
}

// elements gives those of a list in a package variable.
func elements(t *testing.T, path, name string) []ast.Expr {
	t.Helper()
	var found []ast.Expr
	ast.Inspect(file(t, path), func(n ast.Node) bool {
		if of, ok := n.(*ast.ValueSpec); ok && of.Names[0].Name == name && len(of.Values) == 1 {
			if list, ok := of.Values[0].(*ast.CompositeLit); ok {
				found = list.Elts
			}
		}
		return true
	})
	return found
}
