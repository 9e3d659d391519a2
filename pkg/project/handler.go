package project

// Is the file of the handler there? Asked before anything starts, with the rules of the language runtimes in runtimes/.

import (
	"archive/zip"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/serverless/open-runtime/internal/spelling"
)

// libraries are the folders of a layer from which a language loads what is not in the function's code.
var libraries = map[string]string{"node": "nodejs", "python": "python", "ruby": "ruby"}

// endings of a handler's file.
var endings = map[string][]string{
	"node":   {".js", ".mjs", ".cjs"},
	"python": {".py"},
	"ruby":   {".rb"},
	"bash":   {".sh", ".bash"},
}

// CheckHandler says that the file of the handler is not there, and which names were looked for. It says nothing of
// runtimes that find their handlers in another way, nor of a handler that a layer's libraries may have.
func (p *Project) CheckHandler() error {
	stem := p.handlerStem()
	if stem == "" || path.IsAbs(stem) || filepath.IsAbs(stem) {
		return nil
	}
	candidates := p.handlerFiles(stem)
	if p.hasAny(candidates) || p.inLibraries(stem) {
		return nil
	}
	return p.noHandler(stem, candidates)
}

// handlerStem is the handler's file without its ending; "" where none can be looked for.
func (p *Project) handlerStem() string {
	h := p.Handler
	switch p.language() {
	case Executable:
		return h
	case "node": // the first dot of the last part: app.orders.handler is in app.js
		dir, base := path.Split(h)
		base, _, _ = strings.Cut(base, ".")
		return dir + base
	case "python": // the last dot; those before are folders
		if i := strings.LastIndex(h, "."); i > 0 {
			return strings.ReplaceAll(h[:i], ".", "/")
		}
	case "ruby": // the first dot: file.Module.method
		stem, _, _ := strings.Cut(h, ".")
		return stem
	case "bash":
		if i := strings.LastIndex(h, "."); i > 0 {
			return h[:i]
		}
	}
	return ""
}

// handlerFiles are the names that the language runtime would look for, slash paths in the code.
func (p *Project) handlerFiles(stem string) []string {
	var names []string
	for _, ending := range endings[p.language()] {
		names = append(names, stem+ending)
	}
	switch p.language() {
	case Executable, "node", "bash":
		names = append(names, stem)
	case "python":
		names = append(names, stem+"/__init__.py", stem+".pyc", stem+".so")
		compiled, _ := filepath.Glob(filepath.Join(p.Code, filepath.FromSlash(stem)+".*.so")) // a bad pattern finds nothing
		for _, file := range compiled {
			names = append(names, path.Join(path.Dir(stem), filepath.Base(file)))
		}
	}
	return names
}

// hasAny says whether one of these files is in the code.
func (p *Project) hasAny(names []string) bool {
	return slices.ContainsFunc(names, func(name string) bool { return isFile(p.Code, name) })
}

// isFile looks for a slash path in root, each part spelled exactly so: Lambda's file system tells case, not every host's.
func isFile(root, name string) bool {
	place := root
	for _, part := range strings.Split(path.Clean(name), "/") {
		if !slices.Contains(names(place), part) {
			return false
		}
		place = filepath.Join(place, part)
	}
	info, err := os.Stat(place)
	return err == nil && info.Mode().IsRegular()
}

// inLibraries says whether the handler may be a package: of the code's own libraries, or of a layer that has libraries
// for the language.
func (p *Project) inLibraries(stem string) bool {
	if p.language() == "node" {
		if _, err := os.Stat(filepath.Join(p.Code, "node_modules", path.Base(stem))); err == nil {
			return true
		}
	}
	folder := libraries[p.language()]
	if folder == "" {
		return false
	}
	for _, layer := range append(slices.Clone(p.Layers), p.Extra) {
		if layer != "" && hasFolder(layer, folder) {
			return true
		}
	}
	return false
}

// hasFolder says whether a layer, a folder or a zip, has a folder at its top. A zip that can't be read may have it.
func hasFolder(layer, folder string) bool {
	info, err := os.Stat(filepath.Join(layer, folder))
	if err == nil {
		return info.IsDir()
	}
	if info, err := os.Stat(layer); err != nil || info.IsDir() {
		return false
	}
	archive, err := zip.OpenReader(layer)
	if err != nil {
		return true
	}
	defer archive.Close()
	return slices.ContainsFunc(archive.File, func(f *zip.File) bool { return strings.HasPrefix(f.Name, folder+"/") })
}

// noHandler names what was looked for, and what is there.
func (p *Project) noHandler(stem string, candidates []string) error {
	e := p.handlerAt
	e.Message = fmt.Sprintf("handler is %s; there is no %s in %s", quote(p.Handler), strings.Join(candidates, ", "), p.shownCode())
	e.Hint = p.handlerHint(stem)
	if e.File == "" { // a Project that was not loaded
		return errors.New(e.Message)
	}
	return Errors{e}
}

func (p *Project) shownCode() string {
	rel, err := filepath.Rel(p.Dir, p.Code)
	switch {
	case err != nil:
		return p.Code
	case rel == ".":
		return "the project's folder"
	}
	return filepath.ToSlash(rel) + "/"
}

// handlerHint guesses: a path that begins with the code's folder, or a mistyped file; else it lists the files.
func (p *Project) handlerHint(stem string) string {
	folder := filepath.Base(p.Code) + "/"
	if rest, ok := strings.CutPrefix(stem, folder); ok && p.hasAny(p.handlerFiles(rest)) {
		return "did you mean " + p.Handler[len(folder):] + "? It is looked for in " + p.shownCode()
	}
	dir := path.Dir(stem)
	there := names(filepath.Join(p.Code, filepath.FromSlash(dir)))
	var stems []string
	for _, name := range there {
		if ending := path.Ext(name); p.Runtime == Executable || slices.Contains(endings[p.language()], ending) {
			stems = append(stems, p.stemOf(name))
		}
	}
	if near := spelling.Nearest(path.Base(stem), stems); near != "" {
		return "did you mean " + path.Join(dir, near) + p.Handler[len(stem):] + "?"
	}
	return "there is " + listing(there)
}

// stemOf is how a handler names a file of the code.
func (p *Project) stemOf(name string) string {
	if p.Runtime == Executable {
		return name
	}
	return strings.TrimSuffix(name, path.Ext(name))
}

// HasOwnBootstrap says whether the code has a file bootstrap, which Lambda would start in place of the layer's.
func (p *Project) HasOwnBootstrap() bool {
	info, err := os.Stat(filepath.Join(p.Code, bootstrap))
	return err == nil && info.Mode().IsRegular()
}
