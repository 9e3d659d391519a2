package conform

// A language runtime as the kit sees it, the handlers that it is tried with, and the list of its cases.

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/serverless/open-runtime/internal/manifest"
)

// A Runtime is a language runtime that is judged.
type Runtime struct {
	Program
	Task     string // the folder with the function's code
	Prefix   string // what the names of the kit's handlers begin with: handler. for handler.echo
	Handler  string // in place of Prefix: one handler of any kind; what needs the kit's own is skipped
	manifest manifest.Runtime
}

// LocateRuntime finds a language runtime and reads its manifest, which may name a program elsewhere.
func LocateRuntime(path string) (*Runtime, error) {
	r := &Runtime{}
	data, err := manifest.Read(path + ".json")
	if err == nil && data != nil {
		r.manifest, _, err = manifest.ParseRuntime(data)
	}
	if err != nil {
		return nil, fmt.Errorf("reading the manifest %s.json: %w", path, err)
	}
	if len(r.manifest.Command) == 0 {
		r.Program, err = Locate(path)
		return r, err
	}
	path, err = filepath.Abs(path)
	r.Program = Program{Path: path, Name: filepath.Base(path), Manifest: data, Patience: DefaultPatience, Grace: DefaultGrace}
	return r, err
}

// At says where the handlers are. Dir becomes what /var/task is on Lambda.
func (r *Runtime) At(task, prefix, handler string) error {
	if prefix == "" && handler == "" {
		return errors.New("a language runtime is tried with handlers: --task DIR and --handler-prefix PREFIX for those of the kit, or --handler NAME for one of any kind")
	}
	task, err := filepath.Abs(task)
	if err != nil {
		return err
	}
	if info, err := os.Stat(task); err != nil || !info.IsDir() {
		return fmt.Errorf("there is no folder %s", task)
	}
	r.Task, r.Dir, r.Prefix, r.Handler = task, task, prefix, handler
	return nil
}

// Handlers are those that the kit asks an implementer for, and what each of them does with its event.
func Handlers() [][2]string {
	return [][2]string{
		{"echo", "returns its event"},
		{"fail", `raises an error whose message is the event's "message"`},
		{"sleep", `returns {"slept":true} after the event's "ms" milliseconds`},
		{"exit", `ends the process with the event's "status"`},
		{"print", `prints the event's "text" and a newline on stdout and on stderr, and returns {"printed":true}`},
		{"context", `returns {"requestId","functionArn","remainingMs"} of its context`},
		{"stream", `streams each text of the event's "chunks", and raises an error after them when its "fail" is true; needed where streams are spoken`},
	}
}

// named gives the kit's handler of that name.
func (r *Runtime) named(t *T, name string) string {
	if r.Prefix == "" {
		t.Skipf("it needs the handler %s of the kit: --handler-prefix", name)
	}
	return r.Prefix + name
}

// any gives a handler for cases that are about none in particular.
func (r *Runtime) any() string {
	if r.Prefix != "" {
		return r.Prefix + "echo"
	}
	return r.Handler
}

// command gives what to start: the program itself, or what the manifest names, with /opt and /var/task where they are here.
func (r *Runtime) command(handler string) []string {
	if len(r.manifest.Command) == 0 {
		return []string{r.Path, handler}
	}
	var command []string
	for _, word := range r.manifest.Command {
		word = strings.ReplaceAll(word, "{handler}", handler)
		for place, here := range map[string]string{"/var/task": r.Task, "/opt": filepath.Dir(r.Path)} {
			if rest, ok := strings.CutPrefix(word, place+"/"); ok {
				word = filepath.Join(here, rest)
			}
		}
		command = append(command, word)
	}
	return command
}

func (r *Runtime) environAt(handler string, more ...string) []string {
	return r.environ(append([]string{"_HANDLER=" + handler, "LAMBDA_TASK_ROOT=" + r.Task}, more...)...)
}

// Cases are those of the protocol that the manifest names, and those that every language runtime keeps.
func (r *Runtime) Cases() []Case {
	switch r.manifest.Protocol {
	case manifest.ProtocolFrames:
		return slices.Concat(r.framesCases(), r.handlerCases())
	case manifest.ProtocolRuntimeAPI:
		return slices.Concat(r.apiCases(), r.handlerCases())
	}
	return slices.Concat(r.linesCases(), r.handlerCases())
}

// RuntimeCases are those of every protocol, to be listed.
func RuntimeCases() []Case {
	r := &Runtime{}
	return slices.Concat(r.framesCases(), r.apiCases(), r.linesCases(), r.handlerCases())
}
