package layer

// Programs written in Go, middlewares, sidecars and functions: compiled when their sources are others than last time, by content. A look at names, sizes and
// times tells mostly that they are not, without reading them or asking Go.

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"go/version"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/serverless/open-runtime/internal/cache"
	"github.com/serverless/open-runtime/internal/gobuild"
)

// A GoVersionError says that this machine's Go is too old for a module.
type GoVersionError struct {
	Dir, Needs, Has string
}

func (e *GoVersionError) Error() string {
	return fmt.Sprintf("compiling %s: it needs %s, and this machine has %s", e.Dir, e.Needs, e.Has)
}

// Fix says what to do.
func (e *GoVersionError) Fix() string {
	return fmt.Sprintf("install Go %s or newer (https://go.dev/dl/), or say an older version in go.mod", strings.TrimPrefix(e.Needs, "go"))
}

// A ModulesError says that modules that a program needs are not on this machine, and what Go said when it looked for them.
type ModulesError struct {
	Dir     string
	Modules []string // path@version
	Output  string   // of go
}

func (e *ModulesError) Error() string {
	return fmt.Sprintf("compiling %s: it needs %s, and Go did not get it:\n%s", e.Dir, strings.Join(e.Modules, ", "), e.Output)
}

// Fix says what to do.
func (e *ModulesError) Fix() string {
	return fmt.Sprintf("run `go mod download` in %s once where Go's module proxy answers (GOPROXY names it); from then on it compiles without a network", e.Dir)
}

// compiled is what is remembered of a program that was compiled.
type compiled struct {
	Paths   []string // what a look at tells whether it is still so
	Sources string   // that look
	Go      string   // a look at the Go that compiled it
	Key     string   // of the program in the cache
}

var errNotCached = errors.New("not in the cache")

// CompileGo compiles the Go program in dir for Linux on arch, unless it did so before, and gives its path in the cache; now
// says that it was compiled just now. With debug a debugger can follow it.
// Errors: gobuild.ErrNoGo, *GoVersionError, *ModulesError, *gobuild.CompileError with what the compiler said.
func CompileGo(ctx context.Context, c *cache.Cache, dir, arch string, debug bool) (path string, now bool, err error) {
	dir, err = filepath.Abs(dir)
	if err != nil {
		return "", false, fmt.Errorf("compiling %s: %w", dir, err)
	}
	id := dir + "\n" + arch
	if debug {
		id += "\ndebug"
	}
	var known compiled
	if data, ok := c.Memo("go", id); ok && json.Unmarshal(data, &known) == nil {
		tool := lookAtGo()
		if known.Sources == cache.Stat(known.Paths...) && (tool == known.Go || tool == "") { // without Go, what there is will do
			path, err := c.File("go", known.Key, func(string) error { return errNotCached })
			if err == nil {
				return path, false, nil
			}
		}
	}
	var made compiled
	for tries := 0; tries < 3; tries++ {
		made, err = lookAtSources(ctx, dir, arch, debug)
		if err == nil {
			path, err = c.File("go", made.Key, func(path string) error {
				now = true
				return compile(ctx, dir, arch, path, made.Key, debug)
			})
		}
		if !errors.Is(err, errChanged) {
			break
		}
	}
	if err != nil {
		return "", false, explain(ctx, dir, err)
	}
	data, err := json.Marshal(made)
	if err != nil {
		return "", false, err
	}
	return path, now, c.SetMemo("go", id, data)
}

// errChanged says that someone saved a file just now.
var errChanged = errors.New("its sources change while they are compiled")

// compile compiles sources that have a key, and makes sure that they had it until the end.
func compile(ctx context.Context, dir, arch, path, key string, debug bool) error {
	files, err := packageArgs(dir)
	if err != nil {
		return err
	}
	last := len(files) - 1
	extra := files[:last:last]
	if debug {
		extra = append(slices.Clone(gobuild.Debuggable), extra...)
	}
	if err := gobuild.Build(ctx, dir, files[last], path, arch, extra...); err != nil {
		return err
	}
	after, err := lookAtSources(ctx, dir, arch, debug)
	if err == nil && after.Key != key {
		err = fmt.Errorf("compiling %s: %w", dir, errChanged)
	}
	return err
}

// packageArgs names the package to go: ".", or in a folder that is in no module its files.
func packageArgs(dir string) ([]string, error) {
	if findGoMod(dir) != "" {
		return []string{"."}, nil
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		return nil, err
	}
	var args []string
	for _, file := range files {
		if !strings.HasSuffix(file, "_test.go") {
			args = append(args, filepath.Base(file))
		}
	}
	if len(args) == 0 {
		return nil, &gobuild.CompileError{Dir: dir, Output: "there is no Go file in it"}
	}
	return args, nil
}

// findGoMod gives the go.mod that a folder's packages belong to, or "".
func findGoMod(dir string) string {
	for {
		file := filepath.Join(dir, "go.mod")
		if info, err := os.Stat(file); err == nil && info.Mode().IsRegular() {
			return file
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return ""
		}
		dir = parent
	}
}

// A goPackage is one that is compiled in, as go list tells of it.
type goPackage struct {
	Dir, ImportPath string
	Name            string
	DepOnly         bool // it is not the program itself
	Standard        bool
	Module          *goModule

	GoFiles, HFiles, SFiles, SysoFiles, EmbedFiles []string
}

type goModule struct {
	Path, Version string
	Replace       *goModule
}

const listFields = "-json=Dir,ImportPath,Name,DepOnly,Standard,Module,GoFiles,HFiles,SFiles,SysoFiles,EmbedFiles"

// fixed names a module version, whose content go.sum fixes; "" is a folder of this machine.
func (m *goModule) fixed() string {
	switch {
	case m == nil:
		return ""
	case m.Replace != nil:
		return m.Replace.fixed()
	case m.Version == "":
		return ""
	}
	return m.Path + "@" + m.Version
}

// lookAtSources asks Go what the program is made of, and reads it: of modules at a version their name is enough.
func lookAtSources(ctx context.Context, dir, arch string, debug bool) (compiled, error) {
	made := compiled{Paths: []string{dir}, Go: lookAtGo()}
	var files []string
	if mod := findGoMod(dir); mod != "" {
		files = []string{mod, filepath.Join(filepath.Dir(mod), "go.sum")}
		made.Paths = append(made.Paths, files...)
	}
	args, err := packageArgs(dir)
	if err != nil {
		return made, err
	}
	goVersion, err := gobuild.Version(ctx, dir)
	if err != nil {
		return made, err
	}
	before := cache.Stat(made.Paths...)
	out, err := gobuild.List(ctx, dir, arch, append([]string{"-deps", listFields}, args...)...)
	if err != nil {
		return made, err
	}
	if cache.Stat(made.Paths...) != before {
		return made, fmt.Errorf("compiling %s: %w", dir, errChanged)
	}
	sum := sha256.New()
	fmt.Fprintf(sum, "%s %s %t\n", goVersion, arch, debug)
	for packages := json.NewDecoder(strings.NewReader(out)); packages.More(); {
		var p goPackage
		if err := packages.Decode(&p); err != nil {
			return made, fmt.Errorf("reading what go list says: %w", err)
		}
		if p.Standard {
			continue
		}
		if !p.DepOnly && p.Name != "main" {
			return made, &gobuild.CompileError{Dir: dir, Output: fmt.Sprintf("it is package %s, and a program is package main with a func main", p.Name)}
		}
		fmt.Fprintf(sum, "%q %q\n", p.ImportPath, p.Module.fixed())
		if p.Module.fixed() == "" {
			if !slices.Contains(made.Paths, p.Dir) {
				made.Paths = append(made.Paths, p.Dir)
			}
			for _, name := range slices.Concat(p.GoFiles, p.HFiles, p.SFiles, p.SysoFiles, p.EmbedFiles) {
				files = append(files, filepath.Join(p.Dir, name))
			}
		}
	}
	made.Sources = cache.Stat(made.Paths...) // before they are read: what changes meanwhile is seen the next time
	for _, file := range files {
		hash, err := FileHash(file)
		if err != nil && !errors.Is(err, os.ErrNotExist) { // there may be no go.sum
			return made, err
		}
		fmt.Fprintf(sum, "%q %s\n", filepath.Base(file), hash)
	}
	made.Key = hex.EncodeToString(sum.Sum(nil))
	return made, nil
}

// lookAtGo changes with the Go of this machine, and is "" when there is none.
func lookAtGo() string {
	path, err := exec.LookPath("go")
	if err != nil {
		return ""
	}
	return strings.Join([]string{cache.Stat(path), os.Getenv("GOTOOLCHAIN"), os.Getenv("GOFLAGS"), os.Getenv("GOENV")}, "\n")
}

// explain tells a Go that is too old, and modules that are not here, from what the author's own code is to blame for.
func explain(ctx context.Context, dir string, err error) error {
	said, ok := errors.AsType[*gobuild.CompileError](err)
	if !ok {
		return err
	}
	has, versionErr := gobuild.Version(ctx, os.TempDir())
	if needs := neededGo(dir); versionErr == nil && version.Compare(needs, has) > 0 {
		return &GoVersionError{Dir: dir, Needs: needs, Has: has}
	}
	if mod := findGoMod(dir); mod != "" {
		missing, missingErr := gobuild.MissingModules(ctx, filepath.Dir(mod))
		if missingErr == nil && len(missing) > 0 {
			return &ModulesError{Dir: filepath.Dir(mod), Modules: missing, Output: said.Output}
		}
	}
	return err
}

// neededGo gives what go.mod says, such as go1.26.
func neededGo(dir string) string {
	data, err := os.ReadFile(findGoMod(dir))
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(data)) {
		if fields := strings.Fields(line); len(fields) >= 2 && fields[0] == "go" {
			return "go" + fields[1]
		}
	}
	return ""
}
