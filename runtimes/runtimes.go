// Package runtimes brings the language runtimes of this project along: programs in their own languages that call a
// function's handler and speak frames/1 with the bootstrap. See docs/protocol/language-runtime.md.
//
// It promises the tree of files that a layer needs for one of them, as it goes to the root of the layer. It starts nothing,
// and its trees have no modes: in a layer, what has a #! is executable.
package runtimes

import (
	"embed"
	"fmt"
	"io/fs"
	"slices"
	"strings"
)

//go:embed */language-runtime */language-runtime.json
var sources embed.FS

// Names are the language runtimes that there are, in the words of sor.yaml.
func Names() []string { return []string{"node", "python", "ruby", "bash"} }

// Files gives the tree of a language runtime: language-runtime/ and language-runtime.json.
func Files(name string) (fs.FS, error) {
	if !slices.Contains(Names(), name) {
		return nil, fmt.Errorf("language runtime %q is not one of %s", name, strings.Join(Names(), ", "))
	}
	return fs.Sub(sources, name)
}
