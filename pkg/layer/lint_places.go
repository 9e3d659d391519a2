package layer

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/serverless/open-runtime/internal/executable"
	"github.com/serverless/open-runtime/internal/manifest"
)

func (l *linter) size() {
	total := l.tree.Size() + l.o.Beside
	if total <= MaxUnzipped {
		return
	}
	largest, size := "", int64(-1)
	for _, name := range l.paths {
		if e := l.tree.entries[name]; e.size > size {
			largest, size = name, e.size
		}
	}
	l.find(RuleSize, "the layer", fmt.Sprintf("with the code and the other layers it has %d bytes unzipped, and Lambda allows %d", total, int64(MaxUnzipped)),
		fmt.Sprintf("leave out what is not needed; the largest file is %s with %d bytes", largest, size))
}

// topNames are the names that mean something at the top of a layer.
var topNames = []string{"bootstrap", "language-runtime", "middlewares", "sidecars", "extensions", "sor.json"}

// bootstrap finds one that Lambda would not: it looks at /opt/bootstrap and nowhere else.
func (l *linter) bootstrap() {
	top := l.onlyFolder()
	switch {
	case l.tree.entries["bootstrap"] != nil:
	case top != "" && (l.tree.entries[top+"/bootstrap"] != nil || l.has(top+"/")):
		l.find(RuleBootstrap, top, fmt.Sprintf("everything is one folder too deep: it would be in /opt/%s, where nobody looks", top),
			fmt.Sprintf("pack the content of %s, not the folder itself (cd %s && zip -r ../layer.zip .)", top, top))
	case l.isFolder("bootstrap"):
		l.find(RuleBootstrap, "bootstrap", "it is a folder, and Lambda starts a file of that name", "put the program itself at the top of the layer")
	case !l.o.Foreign:
		l.find(RuleBootstrap, "bootstrap", "it is not in the layer, so Lambda finds nothing to start", "add it at the top of the layer, or pack with sor build-layer")
	}
}

// onlyFolder gives the folder that everything is in, or "".
func (l *linter) onlyFolder() string {
	top := ""
	for _, name := range l.paths {
		first, _, below := strings.Cut(name, "/")
		if !below || top != "" && first != top || slices.Contains(topNames, first) {
			return ""
		}
		top = first
	}
	return top
}

// has says whether one of the top names is below a prefix.
func (l *linter) has(prefix string) bool {
	return slices.ContainsFunc(topNames, func(name string) bool {
		return l.tree.entries[prefix+name] != nil || l.isFolder(prefix+name)
	})
}

func (l *linter) isFolder(name string) bool {
	i, _ := slices.BinarySearch(l.paths, name+"/")
	return i < len(l.paths) && strings.HasPrefix(l.paths[i], name+"/")
}

// resolve follows links inside the layer, as the kernel will in /opt: what name is at the end, or why it is nothing.
func (l *linter) resolve(name string) (*entry, string) {
	for range 40 { // as many links as the kernel follows
		name = l.throughFolders(name)
		e := l.tree.entries[name]
		if e == nil {
			if l.isFolder(name) || name == "." {
				return nil, ""
			}
			return nil, "which is not in the layer"
		}
		if !e.isLink() {
			return e, ""
		}
		if why := leadsOut(name, e.link); why != "" {
			return nil, why
		}
		name = targetOf(name, e.link)
	}
	return nil, "which leads in a circle"
}

// throughFolders replaces leading folders of a path that are links.
func (l *linter) throughFolders(name string) string {
	for range 40 {
		again := false
		for i, char := range name {
			if char != '/' {
				continue
			}
			if e := l.tree.entries[name[:i]]; e != nil && e.isLink() && leadsOut(name[:i], e.link) == "" {
				name, again = path.Join(targetOf(name[:i], e.link), name[i+1:]), true
				break
			}
		}
		if !again {
			break
		}
	}
	return name
}

func targetOf(name, link string) string {
	if inOpt, ok := strings.CutPrefix(link, "/opt/"); ok {
		return path.Clean(inOpt)
	}
	return path.Join(path.Dir(name), link)
}

func (l *linter) links() {
	for _, name := range l.paths {
		e := l.tree.entries[name]
		if !e.isLink() {
			continue
		}
		if _, why := l.resolve(name); why != "" {
			l.find(executable.RuleSymlink, name, fmt.Sprintf("it is a symlink to %s, %s", e.link, why),
				"link relatively to a file of the layer, or pack the file itself")
		}
	}
}

// programsIn gives the names of the programs in a folder of them (middlewares, sidecars), and the path of each. A folder
// counts when a program of its name is in it.
func (l *linter) programsIn(kind string) map[string]string {
	found := map[string]string{}
	for _, name := range l.paths {
		rest, ok := strings.CutPrefix(name, kind+"/")
		if !ok || !isNamedProgram(rest) {
			continue
		}
		first, _, _ := strings.Cut(rest, "/")
		found[first] = name
	}
	return found
}

func (l *linter) names() {
	for _, kind := range []string{"middlewares", "sidecars"} {
		for name, place := range l.programsIn(kind) {
			if err := manifest.CheckName(name); err != nil {
				l.find(executable.RuleName, place, err.Error(), "give it another name")
			}
		}
	}
}

// manifests reads every manifest as the bootstrap will.
func (l *linter) manifests() {
	for _, name := range l.paths {
		var parse func([]byte) ([]string, error)
		switch {
		case isManifest(name, "middlewares"):
			parse = func(data []byte) ([]string, error) { _, w, err := manifest.ParseMiddleware(data); return w, err }
		case isManifest(name, "sidecars"):
			parse = func(data []byte) ([]string, error) { _, w, err := manifest.ParseSidecar(data); return w, err }
		case name == "language-runtime.json":
			parse = func(data []byte) ([]string, error) { _, w, err := manifest.ParseRuntime(data); return w, err }
		case name == "sor.json":
			parse = func(data []byte) ([]string, error) { _, w, err := manifest.ParseDefaults(data); return w, err }
		default:
			continue
		}
		e, why := l.resolve(name)
		if e == nil {
			if why == "" {
				l.find(executable.RuleManifest, name, "it is a link to a folder", "pack the file itself")
			}
			continue // a link that leads nowhere is told as one
		}
		data, err := e.read()
		if err == nil {
			_, err = parse(data) // an unknown key is a warning, and no reason to stop
		}
		if err != nil {
			l.find(executable.RuleManifest, name, err.Error(), "mend it; docs/protocol says what it may hold")
		}
	}
}

// isManifest says whether name is NAME.json in a folder of programs.
func isManifest(name, kind string) bool {
	rest, ok := strings.CutPrefix(name, kind+"/")
	return ok && !strings.Contains(rest, "/") && path.Ext(rest) == ".json"
}

const languageRuntime = "language-runtime"

// languageRuntime reads which command starts it, if its manifest names one, and finds what keeps it from being started.
func (l *linter) languageRuntime() {
	if l.o.Client {
		l.noLanguageRuntime()
	}
	if e, _ := l.resolve(languageRuntime + ".json"); e != nil {
		if data, err := e.read(); err == nil {
			spoken, _, _ := manifest.ParseRuntime(data) // what is wrong with it is told already
			l.command = spoken.Command
		}
	}
	if len(l.command) > 0 {
		l.commandProgram(l.command[0])
		return
	}
	if l.isFolder(languageRuntime) && l.tree.entries[languageRuntime+"/"+languageRuntime] == nil {
		l.noProgram(languageRuntime, languageRuntime)
	}
}

// noLanguageRuntime finds one that would be started in the place of AWS's own client.
func (l *linter) noLanguageRuntime() {
	for _, place := range []string{languageRuntime, languageRuntime + ".json"} {
		if l.tree.entries[place] != nil || l.isFolder(place) || l.inLayers(place) {
			l.find(RuleClient, place, "a layer brings a language runtime, and the bootstrap would start that one and not AWS's own client, as runtime: managed says",
				"pack that layer from a project with `runtime: managed`, or say here the runtime that it brings")
			return
		}
	}
}

// commandProgram asks whether the program of a command is there. Of one in the function's code nothing is known here.
func (l *linter) commandProgram(program string) {
	const place = languageRuntime + ".json"
	if !path.IsAbs(program) {
		there := interpreterPath(l.o.Target, program)
		if there == "" {
			there = "/opt/bin/" + path.Base(program)
		}
		l.find(executable.RuleInterpreter, place, fmt.Sprintf("its command names %s, which is no absolute path, and the bootstrap looks nowhere else", program),
			"write its path, as in "+there)
		return
	}
	inCode := strings.HasPrefix(path.Clean(program), "/var/task/")
	if _, known := findTarget(l.o.Target); inCode || !known || interpreterPath(l.o.Target, program) != "" || l.inOpt(program) {
		return
	}
	if inLayer, ok := strings.CutPrefix(path.Clean(program), "/opt/"); ok {
		if l.o.Layers != nil {
			l.find(executable.RuleNotFound, place, fmt.Sprintf("its command starts %s, and no layer has that program", program), "pack it, executable, as "+inLayer)
		}
		return
	}
	l.missingInterpreter(place, program)
}

func (l *linter) noProgram(folder, name string) {
	l.find(executable.RuleNotFound, folder, fmt.Sprintf("it is a folder without an executable %s in it", name),
		fmt.Sprintf("put the program at %s/%s", folder, name))
}

// listed finds middlewares and sidecars that the layer's own list names and that are not there.
func (l *linter) listed() {
	e := l.tree.entries["sor.json"]
	if e == nil {
		return
	}
	data, err := e.read()
	if err != nil {
		return // told already
	}
	defaults, _, err := manifest.ParseDefaults(data)
	if err != nil {
		return
	}
	for _, list := range []struct {
		kind, one, own string
		entries        []string
	}{
		{"middlewares", "middleware", "write ./%s to take the project's own", defaults.Middlewares},
		{"sidecars", "sidecar", "write ./%s to take the project's own", defaults.Sidecars},
	} {
		refs, err := manifest.ParseRefs(list.entries)
		if err != nil {
			l.find(executable.RuleName, "sor.json", err.Error(), fmt.Sprintf("give each %s a name of its own", list.one))
		}
		for _, ref := range refs {
			if !ref.BuiltIn && !ref.Optional {
				l.mustHave(list.kind, ref.Name, strings.ReplaceAll(list.own, "%s", list.kind+"/"+ref.Name))
			}
		}
	}
}

// mustHave finds that a program is nowhere; own is how it would be the project's.
func (l *linter) mustHave(kind, name, own string) {
	place := kind + "/" + name
	if _, ok := l.programsIn(kind)[name]; ok {
		return
	}
	if l.isFolder(place) {
		l.noProgram(place, name)
		return
	}
	isWasm := kind == "middlewares" && (l.tree.entries[place+".wasm"] != nil || l.inLayers(place+".wasm"))
	if isWasm || l.o.Layers == nil || l.inLayers(place) {
		return
	}
	l.find(executable.RuleNotFound, place, "the list names it, and it is neither in this layer nor in one of the others",
		fmt.Sprintf("%s, add the layer that has it, or mark it optional: %s?", own, name))
}

// inLayers says whether one of the other layers has a path.
func (l *linter) inLayers(name string) bool {
	return slices.ContainsFunc(l.o.Layers, func(dir string) bool {
		_, err := os.Lstat(filepath.Join(dir, filepath.FromSlash(name)))
		return !errors.Is(err, fs.ErrNotExist)
	})
}

// extensions finds what Lambda would not start, or should not. It starts every file in extensions, and looks in no folder
// of it.
// https://docs.aws.amazon.com/lambda/latest/dg/runtimes-extensions-api.html
func (l *linter) extensions() {
	direct, folder := false, ""
	for _, name := range l.paths {
		rest, ok := strings.CutPrefix(name, "extensions/")
		if !ok {
			continue
		}
		first, below, inFolder := strings.Cut(rest, "/")
		switch {
		case !inFolder:
			direct = true
		case below == first:
			l.find(RuleExtension, name, "Lambda starts the files in extensions and looks in no folder of it, so this extension would not run",
				fmt.Sprintf("put the program at extensions/%s, and its other files outside of extensions", path.Base(name)))
			return
		default:
			folder = "extensions/" + first
		}
	}
	if folder != "" && !direct {
		l.find(RuleExtension, folder, "Lambda starts the files in extensions and looks in no folder of it, so no extension would run",
			"put the program itself in extensions, and its other files elsewhere in the layer")
	}
}
