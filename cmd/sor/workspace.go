package main

// What a command works with: the cache, the programs that sor carries, and what was made of the project before.

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"time"

	"github.com/serverless/open-runtime/internal/cache"
	"github.com/serverless/open-runtime/internal/carried"
	"github.com/serverless/open-runtime/internal/gobuild"
	"github.com/serverless/open-runtime/pkg/layer"
	"github.com/serverless/open-runtime/pkg/project"
	"github.com/serverless/open-runtime/runtimes"
)

// workspace is opened by each command that needs it.
type workspace struct {
	*ui
	cache *cache.Cache
	limit int64 // bytes that the cache may keep
	wd    string

	watching bool   // what is another by now is told by who looked for it
	debugged string // what a debugger will follow, as a person calls it: its program is compiled for that
}

func openWorkspace(screen *ui) (*workspace, error) {
	s := screen.settings
	store, err := cache.Open(s.CacheDir)
	if err != nil {
		return nil, fail(exitMissing, "name a folder that can be written: --cache-dir DIR or SOR_CACHE", err)
	}
	wd, err := os.Getwd()
	if err != nil {
		return nil, err
	}
	return &workspace{ui: screen, cache: store, limit: s.CacheSize, wd: wd}, nil
}

// trim keeps the cache within its bound, the longest unused first.
func (w *workspace) trim() {
	if freed, err := w.cache.Trim(w.limit); err != nil {
		w.detail("trimming the cache: %v", err)
	} else if freed > 0 {
		w.detail("cache: removed %s that was not used for long", megabytes(freed))
	}
}

// program puts one of the carried programs on disk, if it is not there, and gives its path and key.
func (w *workspace) program(ctx context.Context, name, arch string) (path, key string, err error) {
	if path := os.Getenv("SOR_" + strings.ToUpper(name)); path != "" {
		return w.givenProgram(name, strings.ReplaceAll(path, "{arch}", arch))
	}
	p, err := carried.Find(ctx, name, arch, w.wd)
	if err != nil {
		return "", "", w.programError(name, err)
	}
	start := time.Now()
	filled := false
	path, err = w.cache.File("programs", hashText(p.Key), func(path string) error {
		filled = true
		return p.Write(ctx, path)
	})
	if err != nil {
		return "", "", w.programError(name, err)
	}
	if filled && strings.HasPrefix(p.Source, "go build") {
		w.step(start, "built %s for linux/%s: %s", name, arch, p.Source)
	}
	w.detail("%s: %s, %s", name, p.Source, path)
	return path, p.Key, nil
}

// givenProgram takes the program that SOR_BOOTSTRAP or SOR_SUPERVISOR names; {arch} in it was replaced.
func (w *workspace) givenProgram(name, path string) (string, string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", "", fail(exitUsage, "SOR_"+strings.ToUpper(name)+" names it", fmt.Errorf("reading the %s: %w", name, err))
	}
	w.detail("%s: SOR_%s, %s", name, strings.ToUpper(name), path)
	return path, fmt.Sprintf("%s %s %d %d", name, path, info.Size(), info.ModTime().UnixNano()), nil
}

func (w *workspace) programError(name string, err error) error {
	if missing, ok := errors.AsType[*carried.MissingError](err); ok {
		return fail(exitMissing, "run `make build` in a checkout of "+carried.Module+" and use its bin/sor\nor name the program: SOR_"+strings.ToUpper(missing.Name)+"=FILE", err)
	}
	if errors.Is(err, gobuild.ErrNoGo) {
		return fail(exitMissing, "this sor has no "+name+" inside and builds it with Go: install Go, or use a release", err)
	}
	return err
}

// errLost says that the cache no longer has what was remembered.
var errLost = errors.New("no longer in the cache")

// remembered gives the folder that was made before, while fingerprint, a look at its sources, is the same; else make's, which
// gets the one of before, if that is still there.
func (w *workspace) remembered(kind, key, fingerprint string, make func(previous staged) (staged, error)) (staged, error) {
	type entry struct {
		Fingerprint string
		Made        staged
	}
	var known entry
	id := hashText(key)
	var previous staged
	if data, ok := w.cache.Memo(kind, id); ok && json.Unmarshal(data, &known) == nil {
		dir, err := w.cache.Dir(known.Made.Kind, known.Made.Key, func(string) error { return errLost })
		if err == nil {
			previous = known.Made
			previous.Dir = dir
		}
	}
	if previous.Dir != "" && known.Fingerprint == fingerprint {
		return previous, nil
	}
	if previous.Dir != "" {
		defer w.cache.Release(previous.Kind, previous.Key)
	}
	made, err := make(previous)
	if err != nil {
		return staged{}, err
	}
	data, err := json.Marshal(entry{Fingerprint: fingerprint, Made: made})
	if err != nil {
		return staged{}, err
	}
	return made, w.cache.SetMemo(kind, id, data)
}

// stageTree puts a tree into the cache as a folder, under its content's hash. What is the same in previous is not copied.
func (w *workspace) stageTree(kind string, tree *layer.Tree, previous staged) (staged, error) {
	key, err := tree.Hash()
	if err != nil {
		return staged{}, err
	}
	dir, err := w.cache.Dir(kind, key, func(dir string) error { return tree.StageOver(dir, previous.Dir) })
	return staged{Kind: kind, Key: key, Dir: dir, Size: tree.Size()}, err
}

// runtimeKey changes with the language runtime that the layer brings of itself.
func runtimeKey(p *project.Project) (string, error) {
	if p.RuntimePath != "" || p.HasProgram() || p.Runtime == project.Managed {
		return p.Runtime, nil
	}
	tree, err := runtimes.Files(p.Runtime)
	if err != nil {
		return "", err
	}
	sum := sha256.New()
	err = fs.WalkDir(tree, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := fs.ReadFile(tree, path)
		fmt.Fprintf(sum, "%s %d\n%s", path, len(data), data)
		return err
	})
	return hex.EncodeToString(sum.Sum(nil)), err
}

func hashText(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}
