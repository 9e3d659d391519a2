package conform

// A bootstrap as the kit sees it: layers around it, and invocations of what they make. What plays Lambda is handed in.

import (
	"context"
	"embed"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/serverless/open-runtime/internal/executable"
	"github.com/serverless/open-runtime/internal/manifest"
	"github.com/serverless/open-runtime/internal/runtimeapi"
)

// A Function is what a bootstrap is tried with: a layer with it in, code, and a configuration.
type Function struct {
	Opt, Task   string // folders that become /opt and /var/task
	Handler     string
	Timeout     time.Duration
	Environment map[string]string
}

// A Lambda is an environment with a function in it.
type Lambda interface {
	// Invoke gives what the caller gets. An error means that the environment itself is gone.
	Invoke(ctx context.Context, event []byte) (Outcome, error)
	Log() string // of the function, up to now
	Close() error
}

// An Outcome is what a caller gets, and what REPORT says.
type Outcome struct {
	Payload   []byte // the response, or the error document
	ErrorType string // "" when the function answered
}

// Launch starts an environment.
type Launch func(ctx context.Context, f Function) (Lambda, error)

// A Bootstrap is one that is judged.
type Bootstrap struct {
	Path     string // the program, or a folder with a program bootstrap and what it needs beside it
	Launch   Launch
	Patience time.Duration
}

// An OwnLayerError says that the folder of a bootstrap has what the kit brings itself.
type OwnLayerError struct{ Path, Name string }

func (e OwnLayerError) Error() string {
	return fmt.Sprintf("%s has a %s of its own; the kit brings its own", e.Path, e.Name)
}

// LocateBootstrap checks that there is a program at path, or bootstrap in the folder that it is, which can be started. Its
// interpreter is a matter of the sandbox.
func LocateBootstrap(path string) (*Bootstrap, error) {
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		return nil, err
	}
	dir, name := filepath.Dir(real), filepath.Base(real)
	if info, err := os.Stat(real); err != nil {
		return nil, err
	} else if info.IsDir() {
		dir, name = real, "bootstrap"
		for _, own := range []string{"language-runtime", "language-runtime.json", "middlewares", "sor.json"} {
			if _, err := os.Lstat(filepath.Join(dir, own)); err == nil {
				return nil, OwnLayerError{path, own}
			}
		}
	}
	exe, findings := executable.Locate(dir, "", name)
	if len(findings) == 0 {
		findings = executable.CheckFile(exe, runtime.GOARCH, nil)
	}
	if len(findings) > 0 {
		return nil, findings[0]
	}
	return &Bootstrap{Path: path, Patience: DefaultPatience}, nil
}

//go:embed fixtures
var fixtures embed.FS

// fixture gives one of the kit's own programs. They are in bash, which provided.al2023 has.
func fixture(name string) string {
	data, err := fixtures.ReadFile("fixtures/" + name)
	if err != nil {
		return "" // their names are constants
	}
	return string(data)
}

// BootstrapCases are the cases of a bootstrap, to be listed.
func BootstrapCases() []Case { return (&Bootstrap{}).Cases() }

// Cases are all there are: a bootstrap has one contract.
func (b *Bootstrap) Cases() []Case {
	return slices.Concat(b.onionCases(), b.errorCases(), b.timeCases(), b.runtimeCases(), b.initCases(), b.dataCases(), b.persistentCases())
}

// A stage is a function on its way to be launched.
type stage struct {
	t *T
	b *Bootstrap
	f Function
}

// stage makes a layer with the bootstrap and the kit's language runtime in it.
func (b *Bootstrap) stage(t *T) *stage {
	root, err := os.MkdirTemp("", "conform-")
	t.must(err)
	t.cleanup(func() { os.RemoveAll(root) })
	s := &stage{t: t, b: b, f: Function{
		Opt: filepath.Join(root, "opt"), Task: filepath.Join(root, "task"), Handler: "handler.hello", Timeout: 20 * time.Second,
		Environment: map[string]string{"SOR_MARGIN_MS": "1500"}, // at most half of the time: a busy machine takes its own
	}}
	for _, dir := range []string{root, s.f.Opt, s.f.Task} {
		t.must(os.MkdirAll(dir, 0o755))
		t.must(os.Chmod(dir, 0o755)) // whatever the umask is
	}
	info, err := os.Stat(b.Path)
	t.must(err)
	if info.IsDir() {
		t.must(os.CopyFS(s.f.Opt, os.DirFS(b.Path)))
	} else {
		s.copy(b.Path, "bootstrap")
	}
	t.must(os.Chmod(filepath.Join(s.f.Opt, "bootstrap"), 0o755))
	return s.program("language-runtime", fixture("lines.sh"), "")
}

func (s *stage) copy(from, name string) {
	source, err := os.Open(from)
	s.t.must(err)
	defer source.Close()
	target, err := os.Create(filepath.Join(s.f.Opt, name))
	s.t.must(err)
	_, err = io.Copy(target, source)
	s.t.must(err)
	s.t.must(target.Close())
}

// file writes a file of the layer.
func (s *stage) file(name, text string, mode os.FileMode) *stage {
	path := filepath.Join(s.f.Opt, filepath.FromSlash(name))
	s.t.must(os.MkdirAll(filepath.Dir(path), 0o755))
	s.t.must(os.WriteFile(path, []byte(text), mode))
	s.t.must(os.Chmod(path, mode))
	return s
}

// program writes a program of the layer, and its manifest if there is one.
func (s *stage) program(name, script, about string) *stage {
	if about != "" {
		s.file(name+".json", about, 0o644)
	}
	return s.file(name, script, 0o755)
}

// middleware writes a middleware. A body is put after #!/bin/bash.
func (s *stage) middleware(name, body, about string) *stage {
	if !strings.HasPrefix(body, "#!") {
		body = "#!/bin/bash\n" + body + "\n"
	}
	return s.program("middlewares/"+name, body, about)
}

// wraps writes middlewares that leave their mark.
func (s *stage) wraps(names ...string) *stage {
	for _, name := range names {
		s.middleware(name, fixture("wrap.sh"), "")
	}
	return s
}

// frames makes the language runtime one that speaks frames/1.
func (s *stage) frames() *stage {
	return s.program("language-runtime", fixture("frames.sh"), `{"protocol":"`+manifest.ProtocolFrames+`"}`)
}

func (s *stage) list(names string) *stage { return s.set("SLSMIDDLEWARES", names) }

func (s *stage) set(key, value string) *stage {
	s.f.Environment[key] = value
	return s
}

func (s *stage) timeout(d time.Duration) *stage {
	s.f.Timeout = d
	return s
}

// A launched function.
type launched struct {
	t      *T
	b      *Bootstrap
	f      Function
	lambda Lambda
}

func (s *stage) launch() *launched {
	lambda, err := s.b.Launch(s.t.ctx, s.f)
	if err != nil {
		s.t.Failf("see `sor doctor`", "the sandbox can't be started: %v", err)
	}
	s.t.cleanup(func() { _ = lambda.Close() }) // what it says of its end is none of the bootstrap's
	s.t.showLog(lambda.Log)
	return &launched{s.t, s.b, s.f, lambda}
}

func (l *launched) invoke(event string) Outcome {
	ctx, cancel := context.WithTimeout(l.t.ctx, 2*l.f.Timeout+l.b.Patience) // INIT may run again within it
	defer cancel()
	outcome, err := l.lambda.Invoke(ctx, []byte(event))
	if l.t.ctx.Err() != nil {
		l.t.Skipf("interrupted")
	}
	if err != nil {
		l.t.Failf("answer each invocation, with an error if need be", "the environment ended on the event %s: %v", shown(event), err)
	}
	return outcome
}

// says wants this response.
func (l *launched) says(event, want, fix string) {
	outcome := l.invoke(event)
	if outcome.ErrorType != "" {
		l.t.Failf(fix, "of the event %s came the error %s", shown(event), shown(string(outcome.Payload)))
	}
	if got := string(outcome.Payload); got != want && !sameJSON([]byte(got), []byte(want)) {
		l.t.Failf(fix, "of the event %s came %s, and due is %s", shown(event), shown(got), shown(want))
	}
}

// fails wants an error whose document has this type, with these words in its message. (What the platform itself calls the
// error is another matter: it knows types that begin with Runtime. and Function. only.)
func (l *launched) fails(event, errorType, fix string, words ...string) {
	outcome := l.invoke(event)
	if outcome.ErrorType == "" {
		l.t.Failf(fix, "of the event %s came the response %s, and an error of the type %s is due", shown(event), shown(string(outcome.Payload)), errorType)
	}
	document, ok := runtimeapi.ParseError(outcome.Payload)
	if !ok {
		l.t.Failf(fix, "the error is no error document: %s", excerpt(outcome.Payload))
	}
	if document.Type != errorType {
		l.t.Failf(fix, "of the event %s came the error %s, and one of the type %s is due", shown(event), shown(string(outcome.Payload)), errorType)
	}
	for _, word := range words {
		if !strings.Contains(document.Message, word) {
			l.t.Failf(fix, "the message of the error does not say %q: %s", word, document.Message)
		}
	}
}

// shown gives the beginning of a document for a sentence: more than of other payloads, since it tells what went on.
func shown(document string) string {
	const most = 300
	if len(document) <= most {
		return document
	}
	return fmt.Sprintf("%s and %d bytes more", document[:most], len(document)-most)
}

// handled is what the kit's language runtime makes of an event.
func handled(event string) string { return fmt.Sprintf(`{"handler":"handler.hello","in":%s}`, event) }

// wrapped is what a middleware of the kit makes of a document.
func wrapped(hook, name, document string) string {
	return fmt.Sprintf(`{"%s":"%s","in":%s}`, hook, name, document)
}
