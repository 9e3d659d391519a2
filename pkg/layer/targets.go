package layer

// The targets: Lambda's runtime identifiers, and which interpreters each of them has. What works only because the
// developer's machine has an interpreter is what lint looks for with this table.
//
// Identifiers and dates: https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtimes.html
// What the systems hold: https://docs.aws.amazon.com/linux/al2023/ug/minimal-container.html and the base images' sources,
// https://github.com/aws/aws-lambda-base-images (a branch for each runtime). A managed runtime keeps its language in
// /var/lang/bin; the rest is a minimal Amazon Linux, without Python and Perl.

import (
	"fmt"
	"path"
	"slices"
	"strings"
)

// A target is what Lambda starts a function on.
type target struct {
	id       string
	language string   // "" for an OS-only runtime
	system   string   // al2023 or al2
	programs []string // of the language, in /var/lang/bin
	preview  bool     // no default yet
}

const (
	al2023 = "al2023"
	al2    = "al2"
)

// targets are those that AWS supports, in each language the newest first.
var targets = []target{
	{id: "nodejs26.x", language: "node", system: al2023, programs: nodePrograms, preview: true},
	{id: "nodejs24.x", language: "node", system: al2023, programs: nodePrograms},
	{id: "nodejs22.x", language: "node", system: al2023, programs: nodePrograms},
	{id: "python3.15", language: "python", system: al2023, programs: pythonPrograms("3.15"), preview: true},
	{id: "python3.14", language: "python", system: al2023, programs: pythonPrograms("3.14")},
	{id: "python3.13", language: "python", system: al2023, programs: pythonPrograms("3.13")},
	{id: "python3.12", language: "python", system: al2023, programs: pythonPrograms("3.12")},
	{id: "python3.11", language: "python", system: al2, programs: pythonPrograms("3.11")},
	{id: "ruby4.0", language: "ruby", system: al2023, programs: rubyPrograms},
	{id: "ruby3.4", language: "ruby", system: al2023, programs: rubyPrograms},
	{id: "ruby3.3", language: "ruby", system: al2023, programs: rubyPrograms},
	{id: "java25", language: "java", system: al2023, programs: javaPrograms},
	{id: "java21", language: "java", system: al2023, programs: javaPrograms},
	{id: "java17", language: "java", system: al2, programs: javaPrograms},
	{id: "java11", language: "java", system: al2, programs: javaPrograms},
	{id: "java8.al2", language: "java", system: al2, programs: javaPrograms},
	{id: "dotnet10", language: "dotnet", system: al2023, programs: []string{"dotnet"}},
	{id: "dotnet8", language: "dotnet", system: al2023, programs: []string{"dotnet"}}, // deprecated 2026-11-10, but may be created until 2027-02-01
	{id: "provided.al2023", system: al2023},
	{id: "provided.al2", system: al2}, // deprecated 2026-07-31, but may be created until 2027-02-01
}

var (
	nodePrograms = []string{"node", "npm", "npx"}
	rubyPrograms = []string{"ruby", "irb", "gem", "bundle", "rake", "erb"}
	javaPrograms = []string{"java"}
)

func pythonPrograms(version string) []string {
	return []string{"python" + version, "python3", "python"}
}

// deprecated are those that AWS no longer supports, with the day that ended it and what to take instead.
var deprecated = map[string][2]string{
	"nodejs20.x":    {"2026-04-30", "nodejs24.x"},
	"nodejs18.x":    {"2025-09-01", "nodejs24.x"},
	"nodejs16.x":    {"2024-06-12", "nodejs24.x"},
	"nodejs14.x":    {"2023-12-04", "nodejs24.x"},
	"nodejs12.x":    {"2023-03-31", "nodejs24.x"},
	"python3.10":    {"2026-10-31", "python3.14"},
	"python3.9":     {"2025-12-15", "python3.14"},
	"python3.8":     {"2024-10-14", "python3.14"},
	"python3.7":     {"2023-12-04", "python3.14"},
	"python3.6":     {"2022-07-18", "python3.14"},
	"python2.7":     {"2021-07-15", "python3.14"},
	"ruby3.2":       {"2026-03-31", "ruby4.0"},
	"ruby2.7":       {"2023-12-07", "ruby4.0"},
	"ruby2.5":       {"2021-07-30", "ruby4.0"},
	"java8":         {"2024-01-08", "java25"},
	"dotnet6":       {"2024-12-20", "dotnet10"},
	"dotnetcore3.1": {"2023-04-03", "dotnet10"},
	"go1.x":         {"2024-01-08", "provided.al2023"},
	"provided":      {"2024-01-08", "provided.al2023"},
}

// systemPrograms run scripts on every target: both Amazon Linux have /bin as a link to /usr/bin.
var systemPrograms = []string{"sh", "bash", "env", "awk", "gawk", "sed", "grep", "cat"}

// searchPath is Lambda's PATH.
// https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html
var searchPath = []string{"/var/lang/bin", "/usr/local/bin", "/usr/bin", "/bin", "/opt/bin"}

// glibcOf is the C library of the systems.
// https://docs.aws.amazon.com/linux/al2023/ug/core-glibc.html
var glibcOf = map[string]string{al2023: "2.34", al2: "2.26"}

// loaders are the dynamic loaders that both systems have.
var loaders = []string{"/lib64/ld-linux-x86-64.so.2", "/usr/lib64/ld-linux-x86-64.so.2", "/lib/ld-linux-aarch64.so.1", "/usr/lib/ld-linux-aarch64.so.1"}

func findTarget(id string) (target, bool) {
	i := slices.IndexFunc(targets, func(t target) bool { return t.id == id })
	if i < 0 {
		return target{}, false
	}
	return targets[i], true
}

// Targets lists the runtime identifiers that can be built for.
func Targets() []string {
	var ids []string
	for _, t := range targets {
		ids = append(ids, t.id)
	}
	return ids
}

// CheckTarget says what is wrong with a runtime identifier, and which to take instead.
func CheckTarget(id string) error {
	if _, ok := findTarget(id); ok {
		return nil
	}
	if end, ok := deprecated[id]; ok {
		return fmt.Errorf("AWS deprecated %s on %s; take %s", id, end[0], end[1])
	}
	return fmt.Errorf("there is no target %q; there are %s", id, strings.Join(Targets(), ", "))
}

// DefaultTarget gives the target for a language runtime: the newest managed one of its language that is no preview, else
// the OS-only one.
func DefaultTarget(runtime string) string {
	if runtime == "node" || runtime == "python" || runtime == "ruby" {
		for _, t := range targets {
			if t.language == runtime && !t.preview {
				return t.id
			}
		}
	}
	return "provided.al2023"
}

// Managed says whether a target brings a language, so that the bootstrap is started as its wrapper.
func Managed(id string) bool {
	t, ok := findTarget(id)
	return ok && t.language != ""
}

// Interpreters lists the programs that a target has to run scripts with, by full path.
func Interpreters(id string) []string {
	t, ok := findTarget(id)
	if !ok {
		return nil
	}
	var list []string
	for _, name := range t.programs {
		list = append(list, "/var/lang/bin/"+name)
	}
	for _, name := range systemPrograms {
		list = append(list, "/usr/bin/"+name, "/bin/"+name)
	}
	return append(list, loaders...)
}

// HasInterpreter says whether a target has a program: by its path, or by its name on Lambda's PATH. Of a target that is
// not in the table nothing is known.
func HasInterpreter(id, program string) (known, has bool) {
	if _, ok := findTarget(id); !ok {
		return false, false
	}
	return true, interpreterPath(id, program) != ""
}

// interpreterPath gives where a target has a program that is named by path or name, or "".
func interpreterPath(id, program string) string {
	list := Interpreters(id)
	if path.IsAbs(program) {
		if slices.Contains(list, path.Clean(program)) {
			return program
		}
		return ""
	}
	for _, dir := range searchPath {
		if place := path.Join(dir, program); slices.Contains(list, place) {
			return place
		}
	}
	return ""
}

// targetWith gives the newest target of a language that has a program of that name, or "".
func targetWith(name string) string {
	for _, t := range targets {
		if !t.preview && slices.Contains(t.programs, name) {
			return t.id
		}
	}
	return ""
}
