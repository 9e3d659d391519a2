package openruntime_test

// The layers of STYLE as facts: which package may import what, and in which room a third-party module is a guest. Each rule
// gives its reason. .golangci.yml says the same where an editor can see it.

import (
	"errors"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/serverless/open-runtime"

// A layer is what the packages at a path, and below it, may import besides the standard library: prefixes of packages, ours
// without the module's path. The longest path that fits a package is its layer.
type layer struct {
	path string
	may  []string
	why  string
}

var layers = []layer{
	{"internal", []string{"internal"}, "the ground knows words, wires and facts; no policy, and nothing of the floors above"},
	{"internal/carried", []string{"internal", "github.com/klauspost/compress/zstd"}, "zstd is for what sor carries"},
	{"internal/watch", []string{"internal", "github.com/fsnotify/fsnotify"}, "each system tells of changes in its own way, and fsnotify knows them all"},
	{"pkg/middleware/kit", nil, "it is linked into people's middlewares, and copied into their projects"},
	{"pkg/middleware", []string{"internal"}, "it is linked into the bootstrap: every cold start pays for what it brings"},
	{"pkg/sidecar", []string{"internal"}, "it is linked into the bootstrap: every cold start pays for what it brings"},
	{"pkg/bootstrap", []string{"internal", "pkg/middleware", "pkg/sidecar"}, "every cold start pays for it, and the two halves meet in the protocol only"},
	{"pkg/layer", []string{"internal", "github.com/klauspost/compress/flate"}, "what a layer is has nothing to do with who runs it or who asks"},
	{"pkg/conform", []string{"internal"}, "it judges by the contracts alone: code of ours that it called would pass for the contract"},
	{"pkg/project", []string{"internal", "go.yaml.in/yaml/v3"}, "what sor.yaml says has nothing to do with what is made of it"},
	{"pkg/event", nil, "what an event looks like has nothing to do with who sends it"},
	{"pkg/emulator/invokeapi", []string{"internal", "pkg/emulator", "pkg/event", "github.com/go-json-experiment/json/jsontext"}, "HTTP in front of functions: how they run is not its business"},
	{"pkg/emulator", []string{"internal", "pkg/emulator"}, "it plays AWS: it runs the bootstrap, it does not call it"},
	{"pkg/emulator/recording", []string{"internal", "pkg/emulator"}, "a file has nothing to do with who wrote it or drives it again"},
	{"pkg/emulator/chaos", []string{"internal", "pkg/emulator"}, "faults are of functions, whoever asks them and wherever they run"},
	{
		"pkg/emulator/docker",
		[]string{"internal", "pkg/emulator", "github.com/docker/docker", "github.com/docker/go-connections", "github.com/containerd/errdefs", "github.com/opencontainers/image-spec"},
		"the docker client lives here and nowhere else",
	},
	{"pkg/emulator/namespace", []string{"internal", "pkg/emulator", "golang.org/x/sys"}, "namespaces are system calls"},
	{"pkg/emulator/supervisor", []string{"internal", "pkg/emulator", "golang.org/x/sys"}, "it is copied into every sandbox and must stay small"},
	{"pkg/emulator/sandboxtest", []string{"internal", "pkg/emulator", "github.com/google/go-cmp"}, "one contract for both sandboxes, neither of which it knows"},
	{"pkg/emulator/sandboxtest/witness", []string{"github.com/aws/aws-lambda-go"}, "it is on AWS's own client, and has nothing of ours in it"},
	{"cmd/bootstrap", []string{"internal", "pkg/bootstrap", "pkg/middleware", "pkg/sidecar"}, "what Lambda starts is wiring, in the standard library"},
	{"cmd/supervisor", []string{"internal", "pkg/emulator", "golang.org/x/sys"}, "it is copied into every sandbox and must stay small"},
	{
		"cmd/sor",
		[]string{
			"internal", "pkg/conform", "pkg/emulator", "pkg/event", "pkg/layer", "pkg/project", "runtimes", "templates",
			"github.com/spf13", "golang.org/x/term",
		},
		"sor starts the bootstrap in a sandbox; it never is one",
	},
	{"runtimes", nil, "it is a tree of files"},
	{"templates", []string{"pkg/middleware/kit"}, "it is a tree of files, and one of them is the source of the kit"},
	{"docs", nil, "it is text"},
}

// A room is where a third-party package may be imported: folders, or single files where they end in .go.
type room struct {
	guest  string
	places []string
	why    string
}

var rooms = []room{
	{"github.com/docker/docker", []string{"pkg/emulator/docker"}, "it is a third of sor; one package knows the engine"},
	{"github.com/spf13/cobra", []string{"cmd/sor"}, "commands are the terminal's business"},
	{"github.com/spf13/pflag", []string{"cmd/sor"}, "flags are the terminal's business"},
	{"github.com/spf13/viper", []string{"cmd/sor/config.go"}, "read from everywhere it is a global variable, and it lowercases keys"},
	{"go.yaml.in/yaml/v3", []string{"pkg/project"}, "one package says what sor.yaml means, with the line that says it"},
	{"github.com/fsnotify/fsnotify", []string{"internal/watch"}, "one package knows how systems tell of changes, and what to do when they don't"},
	{"github.com/go-json-experiment/json/jsontext", []string{"pkg/emulator/invokeapi"}, "an event of 6 MB is looked at in a fourth of the time"},
	{"github.com/klauspost/compress/zstd", []string{"internal/carried"}, "it is for the programs that sor carries"},
	{"github.com/klauspost/compress/flate", []string{"pkg/layer"}, "the standard library's bytes change with Go; a layer's may not"},
	{"github.com/aws/aws-lambda-go", []string{"pkg/emulator/sandboxtest/witness"}, "it is a witness of the tests, and links into nothing that ships"},
	{"golang.org/x/term", []string{"cmd/sor/ui.go"}, "only what writes to a terminal asks whether it is one"},
	{"golang.org/x/sys", []string{"pkg/emulator/namespace", "pkg/emulator/supervisor"}, "elsewhere the standard library knows enough of the system"},
	{module + "/pkg/bootstrap", []string{"cmd/bootstrap"}, "the two halves never import each other, and sor is on the emulator's side"},
	{module + "/pkg/emulator/supervisor", []string{"cmd/supervisor"}, "it is the sandbox's half; the host's half talks to it in frames/1"},
}

// source is a Go file that is no test, and what it imports.
type source struct {
	name    string // from the root, with slashes
	imports []string
}

// sources reads all Go files, whatever system they are for.
func sources(t *testing.T, tests bool) []source {
	t.Helper()
	var found []source
	err := filepath.WalkDir(".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() && name != "." {
			if base := entry.Name(); base == "testdata" || base == "bin" || base == "dist" || base[0] == '.' {
				return fs.SkipDir
			}
		}
		isTest := strings.HasSuffix(name, "_test.go")
		if !strings.HasSuffix(name, ".go") || isTest && !tests || filepath.Dir(name) == "." {
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
		if errors.Is(err, fs.ErrNotExist) {
			return nil // it went away meanwhile
		}
		if err != nil {
			return err
		}
		s := source{name: filepath.ToSlash(name)}
		for _, spec := range file.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			s.imports = append(s.imports, imported)
		}
		found = append(found, s)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// within says whether a package or a folder is the other one or below it.
func within(name, folder string) bool { return name == folder || strings.HasPrefix(name, folder+"/") }

func isStandard(imported string) bool {
	first, _, _ := strings.Cut(imported, "/")
	return !strings.Contains(first, ".")
}

// layerOf gives the layer of a package's folder.
func layerOf(folder string) (found layer, ok bool) {
	for _, l := range layers {
		if within(folder, l.path) && len(l.path) > len(found.path) {
			found, ok = l, true
		}
	}
	return found, ok
}

func TestLayers(t *testing.T) {
	for _, s := range sources(t, false) {
		l, ok := layerOf(path.Dir(s.name))
		if !ok {
			t.Errorf("%s is in no layer: add its folder to the table of this test, with a reason", s.name)
			continue
		}
		for _, imported := range s.imports {
			ours := strings.TrimPrefix(imported, module+"/")
			fits := func(prefix string) bool { return within(ours, prefix) }
			if !isStandard(imported) && !slices.ContainsFunc(l.may, fits) {
				t.Errorf("%s imports %s; %s may import std %s: %s", s.name, imported, l.path, strings.Join(l.may, " "), l.why)
			}
		}
	}
}

func TestRooms(t *testing.T) {
	for _, s := range sources(t, false) {
		for _, imported := range s.imports {
			for _, r := range rooms {
				if !within(imported, r.guest) || slices.ContainsFunc(r.places, func(place string) bool { return within(s.name, place) }) {
					continue
				}
				t.Errorf("%s imports %s, whose room is %s: %s", s.name, imported, strings.Join(r.places, ", "), r.why)
			}
		}
	}
}

// A rule about what nobody imports is a rule that nobody would miss, or one that is misspelled.
func TestEachGuestIsThere(t *testing.T) {
	all := sources(t, false)
	for _, r := range rooms {
		for _, place := range r.places {
			here := slices.ContainsFunc(all, func(s source) bool {
				return within(s.name, place) && slices.ContainsFunc(s.imports, func(imported string) bool { return within(imported, r.guest) })
			})
			if !here {
				t.Errorf("%s is not imported in %s: its rule can go", r.guest, place)
			}
		}
	}
}

// Programs are imported by nobody, their tests neither.
func TestProgramsAreNotImported(t *testing.T) {
	for _, s := range sources(t, true) {
		for _, imported := range s.imports {
			if ours, ok := strings.CutPrefix(imported, module+"/"); ok && within(ours, "cmd") {
				t.Errorf("%s imports %s: what two need belongs into pkg or internal", s.name, imported)
			}
		}
	}
}

// linked gives the packages that a program links for linux on arch.
func linked(t *testing.T, program, arch string) []string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "list", "-deps", program)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+arch)
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list -deps %s: %v", program, err)
	}
	return strings.Fields(string(out))
}

// What the programs that run in a sandbox must not bring along, however far away it is imported.
func TestWhatProgramsLink(t *testing.T) {
	tests := []struct {
		program string
		never   []string
		why     string
	}{
		{
			"./cmd/bootstrap", []string{"net", "crypto/tls", "html/template", "testing", "encoding/gob"},
			"net alone costs 467 KB and 0.45 ms of every start, net/http a third of the time from exec to the first /next; internal/http1 needs neither",
		},
		{
			"./cmd/supervisor", []string{"testing", "encoding/gob", "html/template"},
			"it is copied into every sandbox and must stay small",
		},
	}
	for _, test := range tests {
		for _, arch := range []string{"amd64", "arm64"} {
			for _, name := range linked(t, test.program, arch) {
				for _, never := range test.never {
					if within(name, never) {
						t.Errorf("%s for %s links %s: %s", test.program, arch, name, test.why)
					}
				}
				if !isStandard(name) && !within(name, module) && (test.program == "./cmd/bootstrap" || !within(name, "golang.org/x/sys")) {
					t.Errorf("%s for %s links %s of a third party: %s", test.program, arch, name, test.why)
				}
			}
		}
	}
}

// Every cold start loads the bootstrap: its size is a promise.
func TestSizeOfTheBootstrap(t *testing.T) {
	const most = 3_500_000
	for _, arch := range []string{"amd64", "arm64"} {
		program := filepath.Join(t.TempDir(), "bootstrap")
		cmd := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-buildvcs=false", "-ldflags", "-s -w -buildid=", "-o", program, "./cmd/bootstrap")
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+arch)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("building the bootstrap: %v\n%s", err, out)
		}
		info, err := os.Stat(program)
		if err != nil {
			t.Fatal(err)
		}
		if info.Size() > most {
			t.Errorf("the bootstrap for %s is %d bytes; %d are allowed: every cold start pays for it", arch, info.Size(), most)
		}
	}
}
