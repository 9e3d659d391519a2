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

// InterpretersOf gives the names of the interpreters that the programs of an unpacked layer are started with, less those
// that it has in its own bin. Only what is started is looked at, not the libraries.
func InterpretersOf(opt string) ([]string, error) {
	var names []string
	add := func(name string) {
		if name == "" || slices.Contains(names, name) {
			return
		}
		if _, err := os.Stat(filepath.Join(opt, "bin", name)); err != nil {
			names = append(names, name)
		}
	}
	if place := commandIn(opt); place != "" {
		name, err := interpreterOf(place)
		if err != nil {
			return nil, err
		}
		add(name)
	}
	for _, pattern := range []string{
		"bootstrap", "language-runtime", "language-runtime/language-runtime",
		"middlewares/*", "middlewares/*/*", "sidecars/*", "sidecars/*/*", "extensions/*",
	} {
		places, err := filepath.Glob(filepath.Join(escapeGlob(opt), filepath.FromSlash(pattern)))
		if err != nil {
			return nil, fmt.Errorf("looking for programs: %w", err)
		}
		for _, place := range places {
			rel, err := filepath.Rel(opt, place)
			if err != nil {
				return nil, err
			}
			if !isProgramPlace(filepath.ToSlash(rel)) {
				continue
			}
			name, err := interpreterOf(place)
			if err != nil {
				return nil, err
			}
			add(name)
		}
	}
	slices.Sort(names)
	return names, nil
}

// commandIn gives the program in the layer that the language runtime's manifest starts it with, or "".
func commandIn(opt string) string {
	data, err := manifest.ReadIn(opt, filepath.Join(opt, languageRuntime+".json"))
	if err != nil || data == nil {
		return ""
	}
	spoken, _, err := manifest.ParseRuntime(data)
	if err != nil || len(spoken.Command) == 0 {
		return "" // a broken manifest is told of elsewhere
	}
	inOpt, ok := strings.CutPrefix(path.Clean(spoken.Command[0]), "/opt/")
	if !ok {
		return ""
	}
	return filepath.Join(opt, filepath.FromSlash(inOpt))
}

// interpreterOf gives the name of what runs a script; of what is none, "".
func interpreterOf(place string) (string, error) {
	info, err := os.Stat(place)
	if errors.Is(err, fs.ErrNotExist) { // a link into the sandbox's own file system
		return "", nil
	}
	if err != nil || !info.Mode().IsRegular() {
		return "", err
	}
	file, err := os.Open(place)
	if err != nil {
		return "", fmt.Errorf("looking for its interpreter: %w", err)
	}
	defer file.Close()
	program, err := executable.Inspect(file, info.Size())
	if err != nil || program.Kind != executable.Script {
		return "", nil // a broken program is told of elsewhere
	}
	return path.Base(program.Program()), nil
}

// escapeGlob makes a path mean itself in a pattern.
func escapeGlob(place string) string {
	if os.PathSeparator == '\\' {
		return place
	}
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(place)
}

// OpenDir gives the tree of an unpacked layer as it is, so that it can be linted: with the modes that it has, since what
// is not executable in somebody else's zip stays so.
func OpenDir(dir string) (*Tree, error) {
	t := New()
	if err := t.AddDir("", dir); err != nil {
		return nil, err
	}
	t.mended = nil
	if !hostHasModes {
		return t, nil
	}
	for _, e := range t.entries {
		if e.isLink() {
			continue
		}
		info, err := os.Stat(e.host)
		if err != nil {
			return nil, fmt.Errorf("reading layer: %w", err)
		}
		e.mode = info.Mode().Perm()
	}
	return t, nil
}
