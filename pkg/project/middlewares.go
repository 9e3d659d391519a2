package project

// middlewares and sidecars: lists of names, and of files of this project.

import (
	"os"
	"path/filepath"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/serverless/open-runtime/internal/manifest"
)

// middlewares reads `middlewares`. It comes after layers and extra, which say where a name may be.
func (d *decoder) middlewares() {
	d.project.Middlewares, d.project.HasMiddlewares = programs(d, "middlewares", d.middleware, func(m Middleware) string { return m.Name })
}

// programs reads a list of programs, each of which may be there once. one reads an entry.
func programs[T any](d *decoder, key string, one func(at *yaml.Node, written string) (T, bool), name func(T) string) (found []T, there bool) {
	entries, there := d.list(key)
	seen := map[string]int{}
	for _, at := range entries {
		written, ok := d.entry(key, at)
		if !ok {
			continue
		}
		program, ok := one(at, strings.TrimSpace(written))
		if !ok {
			continue
		}
		if first := seen[name(program)]; first > 0 {
			d.wrong(at, "", "%s: %s is listed twice, first in line %d", key, name(program), first)
			continue
		}
		seen[name(program)] = at.Line
		found = append(found, program)
	}
	return found, there
}

// middleware reads one entry: ./PATH of this project, NAME of a layer or sor:NAME, with ? when it is optional.
func (d *decoder) middleware(at *yaml.Node, written string) (Middleware, bool) {
	path, optional := strings.CutSuffix(written, "?")
	if isPath(path) {
		return d.ownMiddleware(at, path, optional)
	}
	ref, err := manifest.ParseRef(written)
	if err != nil {
		hint := "a file or folder of this project is ./PATH; a name is one of a layer"
		if strings.Contains(path, "/") && d.isThere(path) {
			hint = "did you mean ./" + written + "?"
		}
		d.wrong(at, hint, "middlewares: %v", err)
		return Middleware{}, false
	}
	own := "middlewares/" + ref.Name
	if !ref.BuiltIn && d.noLayers() && d.isThere(own) {
		d.wrong(at, "did you mean ./"+own+"?", "middlewares: %s is one of a layer, and there are no layers", ref.Name)
		return Middleware{}, false
	}
	return Middleware{Name: ref.Name, Optional: ref.Optional, BuiltIn: ref.BuiltIn}, true
}

// ownMiddleware reads an entry that is a file or folder of this project.
func (d *decoder) ownMiddleware(at *yaml.Node, written string, optional bool) (Middleware, bool) {
	name, path, ok := d.ownProgram(at, "middlewares", written)
	return Middleware{Name: name, Path: path, Optional: optional}, ok
}

// ownProgram reads an entry of middlewares or sidecars that is a file or folder of this project. Its name is the file's.
func (d *decoder) ownProgram(at *yaml.Node, key, written string) (name, path string, ok bool) {
	path, info := d.existing(at, key, written)
	if info == nil {
		return "", "", false
	}
	name = filepath.Base(path)
	if err := manifest.CheckName(name); err != nil {
		d.wrong(at, "rename the file", "%s: %v", key, err)
		return "", "", false
	}
	if info.IsDir() && !holdsProgram(path, name) {
		d.wrong(at, "put Go source in it, or an executable "+name, "%s: %s is a folder with neither Go source nor a program %s in it", key, written, name)
		return "", "", false
	}
	return name, path, true
}

// holdsProgram says whether a folder can be a middleware: by Go source in it, or by a file of its name.
func holdsProgram(path, name string) bool {
	entries, err := os.ReadDir(path)
	return err != nil || slices.ContainsFunc(entries, func(e os.DirEntry) bool {
		return strings.HasSuffix(e.Name(), ".go") || e.Name() == name
	})
}

func (d *decoder) isThere(written string) bool {
	_, err := os.Stat(d.place(written))
	return err == nil
}

// sidecars reads `sidecars`. It comes after layers and extra, which say where a name may be.
func (d *decoder) sidecars() {
	d.project.Sidecars, d.project.HasSidecars = programs(d, "sidecars", d.sidecar, func(s Sidecar) string { return s.Name })
}

// sidecar reads one entry: ./PATH of this project or NAME of a layer, with ? when the function works without it.
func (d *decoder) sidecar(at *yaml.Node, written string) (Sidecar, bool) {
	path, optional := strings.CutSuffix(written, "?")
	if isPath(path) {
		name, place, ok := d.ownProgram(at, "sidecars", path)
		return Sidecar{Name: name, Path: place, Optional: optional}, ok
	}
	own := "sidecars/" + path
	if err := manifest.CheckName(path); err != nil {
		hint := "a file or folder of this project is ./PATH; a name is one of a layer"
		if strings.Contains(path, "/") && d.isThere(path) {
			hint = "did you mean ./" + written + "?"
		}
		d.wrong(at, hint, "sidecars: %v", err)
		return Sidecar{}, false
	}
	if d.noLayers() && d.isThere(own) {
		d.wrong(at, "did you mean ./"+own+"?", "sidecars: %s is one of a layer, and there are no layers", path)
		return Sidecar{}, false
	}
	return Sidecar{Name: path, Optional: optional}, true
}

// noLayers says that a name can be nowhere.
func (d *decoder) noLayers() bool {
	return len(d.project.Layers) == 0 && d.project.Extra == "" && d.values["layers"] == nil && d.values["extra"] == nil
}

// withoutOpenRuntime refuses what nobody would start, or pack, for a function with its own bootstrap.
func (d *decoder) withoutOpenRuntime() {
	p := d.project
	if p.Runtime != Provided {
		return
	}
	for key, used := range map[string]bool{"middlewares": len(p.Middlewares) > 0, "sidecars": len(p.Sidecars) > 0, "extra": p.Extra != ""} {
		if used {
			d.wrong(d.values[key], "remove the key, or take a runtime of the open runtime: "+strings.Join(runtimes[:len(runtimes)-1], ", "),
				"%s: runtime: provided starts the function's own bootstrap, without the open runtime", key)
		}
	}
}
