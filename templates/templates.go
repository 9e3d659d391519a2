// Package templates holds what `sor init` writes: a function in each language of the open runtime, middlewares in five
// languages with a test event each, the kits that they are written with, and the project around them.
//
// It promises files that work as they are: the scripts parse, the Go builds with the standard library alone, and each
// middleware keeps the exec contract for any JSON (docs/protocol/middleware.md). It writes nothing, and takes the names it
// is given for checked (internal/manifest).
package templates

import (
	"bytes"
	"embed"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"text/template"

	"github.com/serverless/open-runtime/pkg/middleware/kit"
)

// Files that end in .tmpl are rendered, and lose the ending: that hides go.mod and .go files from the go command, and
// .gitignore from git.
//
//go:embed all:project all:function all:middleware all:kits
var sources embed.FS

// A File is one file to write, by its slash path in the project.
type File struct {
	Path       string
	Data       []byte
	Executable bool
}

// A Middleware is one of a project, in one of Languages: functions and the kit that calls them, or with Plain set a program
// that is the exec contract itself.
type Middleware struct {
	Name, Language string
	Plain          bool
}

// A Project is what a new project is made of.
type Project struct {
	Name         string // as the layer and the function are called
	Runtime      string // one of Runtimes
	Target       string // Lambda's runtime identifier
	Managed      bool   // the target brings a language, and starts the bootstrap as its wrapper
	Architecture string // amd64 or arm64
	Middlewares  []Middleware
}

// Runtimes are the languages that a function can be in.
func Runtimes() []string { return []string{"node", "python", "ruby", "bash", "go"} }

// Languages are those that there is a middleware in.
func Languages() []string { return []string{"bash", "python", "node", "ruby", "go"} }

// Interpreter is the program that runs a middleware of a language, or "" when it is compiled.
func Interpreter(language string) string {
	return map[string]string{"bash": "bash", "python": "python3", "node": "node", "ruby": "ruby"}[language]
}

// Files gives all files of a project, its middlewares' too, by path.
func (p Project) Files() ([]File, error) {
	if !slices.Contains(Runtimes(), p.Runtime) {
		return nil, fmt.Errorf("there is no function in %q; there are %s", p.Runtime, strings.Join(Runtimes(), ", "))
	}
	files, err := render("project", "", p)
	if err != nil {
		return nil, err
	}
	function, err := render("function/"+p.Runtime, "function", p)
	if err != nil {
		return nil, err
	}
	files = append(files, function...)
	for _, m := range p.Middlewares {
		more, err := m.Files()
		if err != nil {
			return nil, err
		}
		files = append(files, more...)
	}
	slices.SortFunc(files, func(a, b File) int { return strings.Compare(a.Path, b.Path) })
	return files, nil
}

// Persistent says whether the middleware is started once and speaks frames/1. In bash it is not: a byte at a time is how a
// shell reads a line, and a process an invocation is what people expect of a script.
func (m Middleware) Persistent() bool { return !m.Plain && m.Language != "bash" }

// Folder says whether it is a folder, middlewares/NAME/NAME, and not a file.
func (m Middleware) Folder() bool { return !m.Plain || m.Language == "go" }

// Files gives the files of a middleware in a project: middlewares/NAME, a program or a folder, its manifest if it has one, and
// its test event.
func (m Middleware) Files() ([]File, error) {
	if err := m.check(); err != nil {
		return nil, err
	}
	place := "middlewares/" + m.Name
	files, err := m.program(place)
	if err != nil {
		return nil, err
	}
	if m.Persistent() {
		files = append(files, File{Path: place + ".json", Data: []byte("{\"protocol\": \"frames/1\", \"hooks\": [\"before\", \"after\"]}\n")})
	}
	event, err := sources.ReadFile("middleware/event.json")
	return append(files, File{Path: place + ".event.json", Data: event}), err
}

func (m Middleware) check() error {
	if !slices.Contains(Languages(), m.Language) {
		return fmt.Errorf("there is no middleware in %q; there are %s", m.Language, strings.Join(Languages(), ", "))
	}
	if m.Language == "node" && strings.HasSuffix(m.Name, ".mjs") {
		return fmt.Errorf("%s would be a module to Node, and the template is none; call it %s", m.Name, strings.TrimSuffix(m.Name, ".mjs")+".js")
	}
	if !m.Plain && m.Name == "kit."+extensions[m.Language] {
		return fmt.Errorf("%s is what its own kit is called; choose another name", m.Name)
	}
	return nil
}

// program gives what is started, and what it needs beside it.
func (m Middleware) program(place string) ([]File, error) {
	folder, name := "kits/", place+"/"+m.Name
	if m.Plain {
		folder, name = "middleware/", place // a script stands for itself
	}
	files, err := render(folder+m.Language, place, m)
	for i := range files {
		if files[i].Path == place+"/program" {
			files[i].Path = name
		}
	}
	if err != nil || m.Plain || m.Language != "go" {
		return files, err
	}
	source, err := copied(kit.Source, place+"/kit")
	return append(files, source...), err
}

// copied gives the files of a tree as they are, in the folder to.
func copied(tree fs.FS, to string) ([]File, error) {
	var files []File
	err := fs.WalkDir(tree, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := fs.ReadFile(tree, name)
		files = append(files, File{Path: path.Join(to, name), Data: text})
		return err
	})
	return files, err
}

// render gives the files of a folder as they are in the folder to.
func render(from, to string, data any) ([]File, error) {
	var files []File
	err := fs.WalkDir(sources, from, func(place string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := sources.ReadFile(place)
		if err != nil {
			return err
		}
		name, isTemplate := strings.CutSuffix(place, ".tmpl")
		if isTemplate {
			if text, err = execute(place, text, data); err != nil {
				return err
			}
		}
		files = append(files, File{
			Path:       path.Join(to, strings.TrimPrefix(name, from+"/")),
			Data:       text,
			Executable: bytes.HasPrefix(text, []byte("#!")),
		})
		return nil
	})
	return files, err
}

func execute(name string, text []byte, data any) ([]byte, error) {
	t, err := template.New(name).Funcs(words).Option("missingkey=error").Parse(string(text))
	if err != nil {
		return nil, fmt.Errorf("reading template %s: %w", name, err)
	}
	var out bytes.Buffer
	if err := t.Execute(&out, data); err != nil {
		return nil, fmt.Errorf("rendering template %s: %w", name, err)
	}
	return out.Bytes(), nil
}

// words are what the templates spell in more than one place.
var words = template.FuncMap{
	"yaml":     yamlString,
	"file":     handlerFile,
	"handler":  handlerOf,
	"language": func(name string) string { return spoken[name] },
	"aws": func(arch string) string {
		if arch == "amd64" {
			return "x86_64"
		}
		return "arm64"
	},
}

// handlerFile is where the handler is written.
func handlerFile(runtime string) string {
	if runtime == "go" {
		return "main.go"
	}
	return "handler." + extensions[runtime]
}

// handlerOf is the handler: a function of a file, or the program that a function in Go becomes.
func handlerOf(runtime string) string {
	if runtime == "go" {
		return "hello"
	}
	return "handler.hello"
}

var (
	extensions = map[string]string{"node": "js", "python": "py", "ruby": "rb", "bash": "sh"}
	spoken     = map[string]string{"node": "Node", "python": "Python", "ruby": "Ruby", "bash": "bash", "go": "Go"}
)

// yamlString quotes a name that YAML would take for a number, a truth or nothing.
func yamlString(name string) string {
	plain := name != "" && (name[0] >= 'a' && name[0] <= 'z' || name[0] >= 'A' && name[0] <= 'Z')
	if plain && !slices.Contains([]string{"null", "true", "false", "yes", "no", "on", "off", "y", "n"}, strings.ToLower(name)) {
		return name
	}
	return `"` + name + `"`
}
