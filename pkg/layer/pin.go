package layer

// Pins: the hashes of what a layer starts and other layers bring. Whoever publishes one of those anew, with other bytes in
// it, is found out by the bootstrap at init, before anything of it runs.

import (
	"encoding/hex"
	"fmt"
	"path"
	"strings"

	"github.com/serverless/open-runtime/internal/manifest"
)

// deepestPin bounds folders in folders, and with them links that lead in a circle.
const deepestPin = 32

// Pins gives the SHA-256, in hexadecimal digits, of the files of programs that come from the unpacked layers before this
// one: what lies at each of the places (middlewares/audit, language-runtime) or below it, and the manifest next to it. Where
// there is no manifest, "" says so: one that came later could take the program's hooks away. Of a folder the names are pinned
// as well, under its path with a slash: a file that came later could be taken for one of the program's modules.
// Paths are those under /opt, where of the same path the last layer's counts. Links are followed as they will be there.
func (t *Tree) Pins(layers []string, places ...string) (map[string]string, error) {
	merged := New()
	for _, dir := range layers {
		other, err := OpenDir(dir)
		if err != nil {
			return nil, err
		}
		merged.lay(other)
	}
	merged.lay(t)
	p := &pinner{linter: &linter{tree: merged, paths: merged.Paths()}, own: t, pins: map[string]string{}}
	for _, place := range places {
		before, about := len(p.pins), place+".json"
		for _, name := range []string{place, place + ".wasm", about} {
			if err := p.pin(name, deepestPin); err != nil {
				return nil, err
			}
		}
		if len(p.pins) == before {
			continue
		}
		if merged.entries[about] == nil {
			p.pins[about] = ""
		}
		if names := p.below(place); len(names) > 0 {
			p.pins[place+"/"] = manifest.HashOfNames(names)
		}
	}
	return p.pins, nil
}

// lay puts another tree over this one: a path takes the place of what is at it or below it, or of a file above it.
func (t *Tree) lay(over *Tree) {
	t.Drop(func(name string) bool {
		for above := path.Dir(name); above != "."; above = path.Dir(above) {
			if over.entries[above] != nil {
				return true
			}
		}
		return false
	})
	for name, e := range over.entries {
		for above := path.Dir(name); above != "."; above = path.Dir(above) {
			delete(t.entries, above)
		}
		t.entries[name] = e
	}
}

type pinner struct {
	*linter
	own   *Tree
	pins  map[string]string
	names []string // of files that were come across, this layer's own too
}

// below gives the names of the files in the folder at place, from there.
func (p *pinner) below(place string) (names []string) {
	for _, name := range p.names {
		if rest, ok := strings.CutPrefix(name, place+"/"); ok {
			names = append(names, rest)
		}
	}
	return names
}

// pin pins the file at name, or those in the folder at name, less what is this layer's own.
func (p *pinner) pin(name string, depth int) error {
	e, why := p.resolve(name)
	switch {
	case why != "": // what is not there is told by others
		return nil
	case e == nil && p.own.entries[name] == nil:
		return p.folder(name, depth)
	}
	p.names = append(p.names, name)
	if p.own.entries[name] != nil {
		return nil
	}
	hash, err := e.hash()
	if err != nil {
		return fmt.Errorf("pinning %s: %w", name, err)
	}
	p.pins[name] = hex.EncodeToString(hash)
	return nil
}

// folder pins what is in a folder, which may be a link to one.
func (p *pinner) folder(name string, depth int) error {
	if depth == 0 {
		return fmt.Errorf("pinning %s: folders in it are nested deeper than %d, or links lead in a circle", name, deepestPin)
	}
	real := p.realFolder(name)
	var last string
	for _, entry := range p.paths {
		rest, ok := strings.CutPrefix(entry, real+"/")
		if !ok {
			continue
		}
		child, _, _ := strings.Cut(rest, "/")
		if child == last {
			continue
		}
		last = child
		if err := p.pin(name+"/"+child, depth-1); err != nil {
			return err
		}
	}
	return nil
}

// realFolder follows links to folders to their end.
func (p *pinner) realFolder(name string) string {
	for range 40 { // as many links as the kernel follows
		name = p.throughFolders(name)
		e := p.tree.entries[name]
		if e == nil || !e.isLink() {
			break
		}
		name = targetOf(name, e.link)
	}
	return name
}
