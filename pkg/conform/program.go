package conform

// The program that is judged: a file, or a folder with a program of its name in it, and its manifest beside it.

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/serverless/open-runtime/internal/executable"
	"github.com/serverless/open-runtime/internal/manifest"
)

// A Program is what is put through the kit, and how patient the kit is.
type Program struct {
	Path     string // what to start
	Name     string
	Dir      string // where it is started
	Manifest []byte // nil when there is none
	Env      []string

	// Patience bounds every wait that no contract bounds. Grace is how long an end may take: 2 s in the contract.
	Patience, Grace time.Duration
}

// Default times of a Program.
const (
	DefaultPatience = 10 * time.Second
	DefaultGrace    = 2 * time.Second
)

// Locate finds a program as the bootstrap would: path itself, or path/NAME in a folder NAME; path.json beside either.
func Locate(path string) (Program, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return Program{}, err
	}
	opt, name := filepath.Split(path)
	if real, err := filepath.EvalSymlinks(path); err == nil && filepath.Dir(real) != filepath.Clean(opt) {
		opt, name = filepath.Split(real) // a link out of its folder is a matter of layers
	}
	exe, findings := executable.Locate(filepath.Clean(opt), "", name)
	if len(findings) == 0 {
		findings = executable.CheckFile(exe, runtime.GOARCH, executable.OnPath(os.Getenv("PATH")))
	}
	if len(findings) > 0 {
		return Program{}, findings[0]
	}
	data, err := manifest.Read(path + ".json")
	if err != nil {
		return Program{}, fmt.Errorf("reading the manifest %s.json: %w", path, err)
	}
	wd, err := os.Getwd()
	if err != nil {
		return Program{}, err
	}
	return Program{
		Path: exe, Name: filepath.Base(path), Dir: wd, Manifest: data, Patience: DefaultPatience, Grace: DefaultGrace,
	}, nil
}

// environ is what a program sees of a function's environment on Lambda, and those of this machine that it takes to start:
// PATH, and HOME, which version managers ask for.
func (p *Program) environ(more ...string) []string {
	env := p.bareEnviron()
	env = append(env,
		"AWS_REGION=us-east-1", "AWS_DEFAULT_REGION=us-east-1", "AWS_ACCESS_KEY_ID=local", "AWS_SECRET_ACCESS_KEY=local",
		"AWS_SESSION_TOKEN=local", "AWS_LAMBDA_FUNCTION_NAME=conform", "AWS_LAMBDA_FUNCTION_VERSION=$LATEST",
		"AWS_LAMBDA_FUNCTION_MEMORY_SIZE=128", "LAMBDA_TASK_ROOT="+p.Dir, "_HANDLER=handler.echo", "LANG=en_US.UTF-8", "TZ=:UTC",
	)
	return lastWins(append(append(env, p.Env...), more...))
}

// lastWins leaves one of each variable: of two, some languages see the first.
func lastWins(env []string) (kept []string) {
	seen := map[string]bool{}
	for _, entry := range slices.Backward(env) {
		key, _, _ := strings.Cut(entry, "=")
		if !seen[key] {
			seen[key] = true
			kept = append(kept, entry)
		}
	}
	return kept
}

func (p *Program) bareEnviron(more ...string) []string {
	env := []string{"PATH=" + os.Getenv("PATH")}
	if home := os.Getenv("HOME"); home != "" {
		env = append(env, "HOME="+home)
	}
	return append(env, more...)
}

const functionARN = "arn:aws:lambda:us-east-1:012345678912:function:conform"
