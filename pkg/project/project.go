// Package project reads sor.yaml: one function, its middlewares, and what it needs.
//
// It promises that all that is wrong is told at once, each with file, line, column, the line itself, what is allowed, and
// what was probably meant; and that a Project that it gives names only files that are there. It does not build, pack or
// run anything, and reads no file but sor.yaml and the names in folders and layers.
package project

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// fileName is the file that makes a folder a project.
const fileName = "sor.yaml"

// ErrNoProject says that neither the folder nor any above it has a sor.yaml.
var ErrNoProject = errors.New("not a sor project")

// Options are what only the caller knows.
type Options struct {
	Targets       []string                    // runtime identifiers that can be built for
	DefaultTarget func(runtime string) string // the target when sor.yaml has none
	CheckTarget   func(id string) error       // says what is wrong with a target; nil: it must be one of Targets
	Architecture  string                      // this machine's, the default
}

// A Middleware is one entry of `middlewares`.
type Middleware struct {
	Name     string // with its sor: prefix, when it has one
	Path     string // absolute, of one of this project; "" for one in the layers
	Optional bool
	BuiltIn  bool
}

// A Sidecar is one entry of `sidecars`.
type Sidecar struct {
	Name     string
	Path     string // absolute, of one of this project; "" for one in the layers
	Optional bool   // the function works without it
}

// A Project is what sor.yaml says, with the defaults of what it does not say.
type Project struct {
	Dir          string // absolute, holds sor.yaml
	Name         string
	Runtime      string // node, python, ruby, bash, go, executable, managed, provided, or the path as it is written
	RuntimePath  string // absolute, of a language runtime of this project
	Target       string // Lambda runtime identifier
	Handler      string
	Image        string // for the docker sandbox; "" is AWS's own
	Architecture string // amd64 or arm64

	Code         string   // absolute folder that becomes /var/task
	CodeExcludes []string // slash paths in Code that are not packed

	HasMiddlewares bool // the key is there: an empty list is a decision
	Middlewares    []Middleware
	HasSidecars    bool
	Sidecars       []Sidecar
	Layers         []string // absolute paths of zips or folders, in Lambda's order
	Extra          string   // absolute folder that joins the project's layer, or ""

	Memory      int // MB
	Timeout     int // seconds
	Tmp         int // MB
	Environment map[string]string

	Unwatched []string // patterns of names, or of slash paths in Dir, that sor start does not watch

	handlerAt Error // where sor.yaml says the handler
}

// Load reads the sor.yaml of dir or of the nearest folder above that has one. What is wrong in it is an Errors.
func Load(dir string, o Options) (*Project, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	root, err := find(dir)
	if err != nil {
		return nil, err
	}
	file := filepath.Join(root, fileName)
	text, err := read(file, display(dir, file))
	if err != nil {
		return nil, err
	}
	d := newDecoder(text, root, o)
	if node := text.parse(&d.errors); node != nil {
		d.document(node)
	}
	if err := d.errors.err(); err != nil {
		return nil, err
	}
	return d.project, nil
}

// IsUnwatched says whether an absolute path is one that `unwatched` names; what is below it is not asked.
func (p *Project) IsUnwatched(name string) bool {
	rel, err := filepath.Rel(p.Dir, name)
	if err != nil {
		return false
	}
	rel = filepath.ToSlash(rel)
	for _, pattern := range p.Unwatched {
		subject := rel
		if !strings.Contains(pattern, "/") {
			subject = path.Base(rel)
		}
		if ok, err := path.Match(pattern, subject); ok && err == nil {
			return true
		}
	}
	return false
}

// find gives the folder that has a sor.yaml: dir, or the nearest above.
func find(dir string) (string, error) {
	for folder := dir; ; {
		_, err := os.Lstat(filepath.Join(folder, fileName))
		if err == nil {
			return folder, nil
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return "", fmt.Errorf("looking for %s: %w", fileName, err)
		}
		above := filepath.Dir(folder)
		if above == folder {
			return "", noProject(dir)
		}
		folder = above
	}
}

// noProject tells a file that is almost called sor.yaml from none.
func noProject(dir string) error {
	for _, name := range names(dir) {
		switch strings.ToLower(name) {
		case "sor.yml", ".sor.yaml", ".sor.yml", fileName:
			return fmt.Errorf("%s is %w: it has a %s, and the file must be named %s", dir, ErrNoProject, name, fileName)
		}
	}
	return fmt.Errorf("%s is %w: neither it nor a folder above has a %s", dir, ErrNoProject, fileName)
}

// display names a file as it is shorter: from dir, or in full.
func display(dir, file string) string {
	if rel, err := filepath.Rel(dir, file); err == nil && len(rel) < len(file) {
		return rel
	}
	return file
}

// Architecture understands how Go, AWS and Linux call the two architectures.
func Architecture(name string) (arch string, ok bool) {
	switch name {
	case "amd64", "x86_64":
		return "amd64", true
	case "arm64", "aarch64":
		return "arm64", true
	}
	return "", false
}
