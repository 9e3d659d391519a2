package project

// The keys that name files and folders: code, layers, extra, and what they have in common with runtime and middlewares.

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/serverless/open-runtime/internal/spelling"
)

// maxLayers is what Lambda allows for one function, the project's own among them.
const maxLayers = 5

// mostNames is how many names of a folder are told.
const mostNames = 12

// place gives the absolute path of one that is written with slashes, from the project's folder.
func (d *decoder) place(written string) string {
	written = filepath.FromSlash(written)
	if filepath.IsAbs(written) {
		return filepath.Clean(written)
	}
	return filepath.Join(d.project.Dir, written)
}

// existing gives the absolute path of what is written, and what it is; nil when it is not there, which is told.
func (d *decoder) existing(at *yaml.Node, key, written string) (string, fs.FileInfo) {
	path := d.place(written)
	info, err := os.Stat(path)
	switch {
	case err == nil:
		return path, info
	case errors.Is(err, fs.ErrNotExist):
		d.wrong(at, d.nearby(written, path), "%s: there is no %s", key, written)
	default:
		d.wrong(at, "", "%s: %v", key, err)
	}
	return path, nil
}

// nearby says what was probably meant with a path that is not there, else what is there.
func (d *decoder) nearby(written, path string) string {
	if strings.HasPrefix(written, "~") {
		return "~ is not understood here; write the path from this folder, or from /"
	}
	folder, base := filepath.Dir(path), filepath.Base(path)
	there := names(folder)
	if info, err := os.Stat(folder); err != nil || !info.IsDir() {
		return "there is no folder " + d.shown(folder)
	}
	if near := spelling.Nearest(base, there); near != "" {
		return "did you mean " + strings.TrimSuffix(strings.TrimRight(written, "/"), base) + near + "?"
	}
	return d.shown(folder) + " has " + listing(there)
}

// shown names a folder as sor.yaml would.
func (d *decoder) shown(path string) string {
	rel, err := filepath.Rel(d.project.Dir, path)
	switch {
	case err != nil || len(rel) > len(path):
		return path
	case rel == ".":
		return "this folder"
	}
	return "./" + strings.TrimPrefix(filepath.ToSlash(rel), "./") + "/"
}

// names lists what is in a folder.
func names(dir string) []string {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil
	}
	var list []string
	for _, entry := range entries {
		list = append(list, entry.Name())
	}
	return list
}

// listing is for a message: without hidden files, and not too many.
func listing(list []string) string {
	list = slices.DeleteFunc(slices.Clone(list), func(name string) bool { return strings.HasPrefix(name, ".") })
	switch {
	case len(list) == 0:
		return "nothing in it"
	case len(list) > mostNames:
		return strings.Join(list[:mostNames], ", ") + ", …"
	}
	return strings.Join(list, ", ")
}

// code reads `code`; its default is function/, else the project's folder. The keys before it say what is left out there.
func (d *decoder) code() {
	p := d.project
	written, at := d.word("code")
	switch {
	case at != nil:
		path, info := d.existing(at, "code", written)
		if info != nil && !info.IsDir() {
			d.wrong(at, "it becomes /var/task as it is", "code is the file %s; it must be a folder", written)
		}
		p.Code = path
	default:
		p.Code = p.Dir
		if info, err := os.Stat(filepath.Join(p.Dir, "function")); err == nil && info.IsDir() {
			p.Code = filepath.Join(p.Dir, "function")
		}
	}
	if p.Code == p.Dir {
		p.CodeExcludes = d.notCode()
	}
}

// notCode lists what of the project's folder is no code of the function.
func (d *decoder) notCode() []string {
	list := []string{".git", "dist", "middlewares", "sidecars", fileName}
	for _, path := range []string{d.project.Extra, d.project.RuntimePath} {
		rel, err := filepath.Rel(d.project.Dir, path)
		if path == "" || err != nil || rel == "." || rel == ".." || strings.HasPrefix(rel, ".."+string(filepath.Separator)) {
			continue
		}
		list = append(list, filepath.ToSlash(rel))
		if path == d.project.RuntimePath {
			list = append(list, filepath.ToSlash(rel)+".json")
		}
	}
	return list
}

// notProject refuses the project's own folder, and those above, where a part of it belongs.
func (d *decoder) notProject(at *yaml.Node, key, path string) {
	if rel, err := filepath.Rel(path, d.project.Dir); err == nil && rel != ".." && !strings.HasPrefix(rel, ".."+string(filepath.Separator)) {
		d.wrong(at, "name a folder in it", "%s is the project itself, or a folder around it", key)
	}
}

// extra reads `extra`, a folder that joins the layer.
func (d *decoder) extra() {
	written, at := d.word("extra")
	if at == nil {
		return
	}
	path, info := d.existing(at, "extra", written)
	switch {
	case info == nil:
	case !info.IsDir():
		d.wrong(at, "what is in it joins the layer: extensions/, lib/, bin/, nodejs/", "extra is the file %s; it must be a folder", written)
	default:
		d.project.Extra = path
		d.notProject(at, "extra", path)
	}
}

func isProject(path string) bool {
	info, err := os.Stat(filepath.Join(path, fileName))
	return err == nil && info.Mode().IsRegular()
}

// layers reads `layers`, the zips and folders of others.
func (d *decoder) layers() {
	entries, _ := d.list("layers")
	most, why := maxLayers-1, "Lambda allows 5, and one is this project's own"
	if d.project.Runtime == Provided {
		most, why = maxLayers, "Lambda allows 5"
	}
	seen := map[string]int{}
	for i, at := range entries {
		if i == most {
			d.wrong(at, why, "there are %d layers; %d can be used", len(entries), most)
		}
		written, ok := d.entry("layers", at)
		if !ok {
			continue
		}
		if strings.HasPrefix(written, "arn:") {
			d.wrong(at, "download it (aws lambda get-layer-version-by-arn tells where) and name the zip", "layers: %s is on AWS; a layer here is a zip or a folder", written)
			continue
		}
		path, info := d.existing(at, "layers", written)
		switch {
		case info == nil:
		case seen[path] > 0:
			d.wrong(at, "", "layers: %s is listed twice, first in line %d", written, seen[path])
		case info.IsDir() && isProject(path):
			d.wrong(at, "run `sor build-layer` there, and name the zip in its dist/", "layers: %s is a sor project, not a layer", written)
		case !info.IsDir() && !isZip(path):
			d.wrong(at, "", "layers: %s is no zip; a layer is a zip or a folder", written)
		default:
			seen[path] = at.Line
			d.project.Layers = append(d.project.Layers, path)
		}
	}
}

// entry gives an entry of a list that is a text and not empty.
func (d *decoder) entry(key string, at *yaml.Node) (string, bool) {
	if n := resolve(at); n.Kind == yaml.ScalarNode && strings.TrimSpace(n.Value) == "" {
		d.wrong(at, "remove it, or give it a value", "%s: an entry is empty", key)
		return "", false
	}
	return d.scalar(key+": an entry", at)
}

// isZip looks at the first bytes: a file's entry, or the end of an empty archive.
func isZip(path string) bool {
	file, err := os.Open(path)
	if err != nil {
		return false
	}
	defer file.Close()
	var magic [4]byte
	if _, err := io.ReadFull(file, magic[:]); err != nil {
		return false
	}
	return string(magic[:]) == "PK\x03\x04" || string(magic[:]) == "PK\x05\x06"
}
