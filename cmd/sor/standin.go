package main

// Interpreters in the namespace sandbox: the developer's own stands in for the target's. One that lives in a home (nvm,
// pyenv, rbenv, asdf) is bound at its own path; the interpreter itself is asked for its prefix, since a shim is not it.

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/serverless/open-runtime/internal/cache"
	"github.com/serverless/open-runtime/pkg/emulator"
	"github.com/serverless/open-runtime/pkg/layer"
	"github.com/serverless/open-runtime/pkg/project"
)

// sandboxPath is where the sandbox itself looks first.
var sandboxPath = []string{"/usr/local/bin", "/usr/bin", "/bin"}

// askInterpreter says how each interpreter tells its version and the folder it is installed in.
var askInterpreter = map[string][]string{
	"node":    {"-e", "console.log(process.version); console.log(require('path').dirname(require('path').dirname(process.execPath)))"},
	"python3": {"-c", "import platform, sys; print(platform.python_version()); print(sys.base_prefix)"},
	"ruby":    {"-e", "require 'rbconfig'; puts RUBY_VERSION, RbConfig::CONFIG['prefix']"},
}

// standIn is an interpreter of this machine.
type standIn struct {
	Name, Version, Prefix string
	Bind                  bool // it lives where the sandbox does not look
}

// standIns finds an interpreter of this machine for every script of the layers, and says which they are.
func (w *workspace) standIns(ctx context.Context, p *project.Project, s *session) error {
	names, err := layer.InterpretersOf(s.opt.Dir)
	if err != nil {
		return err
	}
	var told []string
	for _, name := range names {
		if _, known := askInterpreter[name]; !known {
			continue
		}
		found, ok := w.findStandIn(ctx, name)
		if !ok {
			continue // the bootstrap reports it at init, as it would on Lambda
		}
		s.options.Spec = found.into(s.options.Spec)
		told = append(told, found.Name+" "+found.Version)
	}
	if len(told) > 0 {
		slices.Sort(told)
		w.say("interpreters: this machine's %s stand in for those of %s", strings.Join(told, ", "), p.Target)
	}
	return nil
}

// into has a sandbox bind the interpreter, when it lives where the sandbox does not look.
func (i standIn) into(spec emulator.Spec) emulator.Spec {
	if i.Bind {
		spec.Binds = append(spec.Binds, i.Prefix)
		spec.PathSuffix = append(spec.PathSuffix, filepath.Join(i.Prefix, "bin"))
	}
	return spec
}

// findStandIn looks where the sandbox looks, then on the user's PATH. It is asked once and remembered while its file
// is the same.
func (w *workspace) findStandIn(ctx context.Context, name string) (standIn, bool) {
	path, bind := whereInterpreter(name)
	if path == "" {
		return standIn{}, false
	}
	key := hashText(strings.Join([]string{"standin", path, cache.Stat(path), w.shimContext(path)}, "\n"))
	if data, ok := w.cache.Memo("standin", key); ok {
		version, prefix, _ := strings.Cut(string(data), "\n")
		return standIn{Name: name, Version: version, Prefix: prefix, Bind: bind}, true
	}
	found, ok := askStandIn(ctx, name, path)
	if !ok {
		return standIn{}, false
	}
	if err := w.cache.SetMemo("standin", key, []byte(found.Version+"\n"+found.Prefix)); err != nil {
		w.detail("remembering %s: %v", name, err)
	}
	found.Bind = bind
	return found, true
}

// shimContext is what an interpreter in a home may depend on besides its file: a shim of pyenv, rbenv or asdf is the same
// file for every version, and looks at the folder, at variables and at files of its own.
func (w *workspace) shimContext(path string) string {
	home, err := os.UserHomeDir()
	if err != nil || !strings.HasPrefix(path, home+string(os.PathSeparator)) {
		return ""
	}
	var files []string
	for dir := w.wd; ; dir = filepath.Dir(dir) {
		for _, name := range []string{".python-version", ".node-version", ".nvmrc", ".ruby-version", ".tool-versions"} {
			files = append(files, filepath.Join(dir, name))
		}
		if dir == filepath.Dir(dir) {
			break
		}
	}
	for _, name := range []string{".pyenv/version", ".rbenv/version", ".nodenv/version", ".tool-versions"} {
		files = append(files, filepath.Join(home, name))
	}
	variables := os.Getenv("PYENV_VERSION") + "\n" + os.Getenv("RBENV_VERSION") + "\n" + os.Getenv("NODENV_VERSION")
	return cache.Stat(files...) + "\n" + variables
}

// whereInterpreter gives the path of an interpreter, and whether the sandbox does not look there; "" when there is none.
func whereInterpreter(name string) (path string, bind bool) {
	for _, dir := range sandboxPath {
		if _, err := os.Stat(filepath.Join(dir, name)); err == nil {
			return filepath.Join(dir, name), false
		}
	}
	path, err := exec.LookPath(name)
	if err != nil {
		return "", false
	}
	return path, true
}

// askStandIn asks the interpreter itself.
func askStandIn(ctx context.Context, name, path string) (standIn, bool) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, askInterpreter[name]...)
	cmd.WaitDelay = time.Second // a shim may leave somebody who holds the pipe
	out, err := cmd.Output()
	version, prefix, ok := strings.Cut(strings.TrimSpace(string(out)), "\n")
	if err != nil || !ok {
		return standIn{}, false
	}
	return standIn{Name: name, Version: strings.TrimPrefix(version, "v"), Prefix: prefix}, true
}
