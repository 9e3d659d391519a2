package layer

// Lint: what AWS would refuse, or fail on at the first invocation. This file has the rules' names and the order in which
// they are asked; lint_places.go asks about paths, links and manifests, lint_programs.go about what is to be started.

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/serverless/open-runtime/internal/executable"
)

// Rules of this package. Those of internal/executable are used as well.
const (
	RuleBootstrap    = "bootstrap"
	RuleOwnBootstrap = "own-bootstrap"
	RuleExtension    = "extension"
	RuleSize         = "size"
	RuleGLIBC        = "glibc"
	RuleClient       = "client"
)

// Rules lists the names of all rules that can be waived.
func Rules() []string {
	return []string{
		executable.RuleArchitecture, executable.RuleBOM, RuleBootstrap, RuleClient, executable.RuleCRLF, RuleExtension, RuleGLIBC,
		executable.RuleInterpreter, executable.RuleManifest, executable.RuleName, executable.RuleNoShebang,
		executable.RuleNotExecutable, executable.RuleNotFound, RuleOwnBootstrap, RuleSize, executable.RuleSymlink,
	}
}

// LintOptions say what a layer is meant for.
type LintOptions struct {
	Arch   string // amd64 or arm64
	Target string // Lambda runtime identifier; of an unknown one no interpreter is asked for

	// Layers are the unpacked layers that the function has besides, whose interpreters and middlewares are there too. With
	// nil nothing is known of them, and a middleware that is only named is taken to be in one.
	Layers []string

	// Beside is how many bytes the function's code and the other layers add to the limit of all together.
	Beside int64

	// Program is a file of a function's code that is started: the program that its handler names.
	Program string

	// Client is a layer of a function that AWS's own client of the target runs: no layer may bring a language runtime.
	Client bool

	// Foreign is a layer that somebody else made for any purpose: it needs no bootstrap.
	Foreign bool
}

// linter asks the rules of one tree.
type linter struct {
	tree     *Tree
	o        LintOptions
	paths    []string
	command  []string // of the language runtime, when its manifest names one
	findings []executable.Finding
}

// Lint finds what is wrong with a layer, sorted by path. Paths are those in the layer.
func (t *Tree) Lint(o LintOptions) []executable.Finding {
	l := &linter{tree: t, o: o, paths: t.Paths()}
	l.size()
	l.bootstrap()
	l.links()
	l.names()
	l.manifests()
	l.languageRuntime()
	l.listed()
	l.extensions()
	l.programs()
	return l.sorted()
}

func (l *linter) sorted() []executable.Finding {
	slices.SortStableFunc(l.findings, func(a, b executable.Finding) int {
		return cmp.Or(cmp.Compare(a.Path, b.Path), cmp.Compare(a.Rule, b.Rule), cmp.Compare(a.Cause, b.Cause))
	})
	return slices.Compact(l.findings)
}

// LintCode finds what is wrong with a function's code that is to run on the open runtime: a bootstrap of its own, and
// what keeps its program from being started. A folder called bootstrap is none: Lambda skips it.
func (t *Tree) LintCode(o LintOptions) []executable.Finding {
	l := &linter{tree: t, o: o, paths: t.Paths()}
	if t.entries["bootstrap"] != nil {
		l.find(RuleOwnBootstrap, "bootstrap",
			"the function's code has a bootstrap of its own: Lambda starts that one, and the layer would silently not be there",
			"remove it from the code or give it another name, or say `runtime: provided` to run it without the open runtime")
	}
	if o.Program == "" {
		return l.sorted()
	}
	e, why := l.resolve(o.Program)
	switch {
	case e == nil && why == "":
		l.find(executable.RuleNotFound, o.Program, "it is a folder, and the handler names a program", "let `handler:` name the program in it")
	case e == nil:
		l.find(executable.RuleNotFound, o.Program, "the handler names it, and it is not in the code", "build it into the folder that `code:` names")
	default:
		if err := l.program(o.Program, e); err != nil {
			l.find(executable.RuleNotFound, o.Program, fmt.Sprintf("it can't be read: %v", err), "make it readable")
		}
	}
	return l.sorted()
}

// Waive parts findings into those that stand and those whose rules are waived.
func Waive(findings []executable.Finding, rules []string) (stand, waived []executable.Finding) {
	for _, f := range findings {
		if slices.Contains(rules, f.Rule) {
			waived = append(waived, f)
		} else {
			stand = append(stand, f)
		}
	}
	return stand, waived
}

func (l *linter) find(rule, place, cause, fix string) {
	l.findings = append(l.findings, executable.Finding{Rule: rule, Path: place, Cause: cause, Fix: fix})
}
