package main

// Paired benchmarks of what a user waits for. `make bench` prints them as ratios.

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/serverless/open-runtime/internal/frames"
	"github.com/serverless/open-runtime/internal/identifier"
	"github.com/serverless/open-runtime/internal/paired"
	"github.com/serverless/open-runtime/internal/runtimeapi"
	"github.com/serverless/open-runtime/pkg/emulator"
	"github.com/serverless/open-runtime/pkg/emulator/namespace"
	"github.com/serverless/open-runtime/pkg/layer"
	"github.com/serverless/open-runtime/runtimes"
)

var benchEvent = []byte(`{"op":"echo","text":"` + strings.Repeat("x", 1000) + `"}`)

// BenchmarkInvokeGo: a warm invocation of an aws-lambda-go function through the emulator, against the same function on a
// minimal Runtime API made with net/http: no sandbox, no log, no report.
func BenchmarkInvokeGo(b *testing.B) {
	task := benchTree(b, func(t *layer.Tree) error {
		return t.AddFile("bootstrap", benchBuild(b, "../../pkg/emulator/sandboxtest/witness"))
	})
	subject := benchEmulator(b, emulator.Spec{Task: task}, nil)
	floor := minimalAPI(b, exec.Command(filepath.Join(task, "bootstrap")))
	paired.Compare(b, subject, floor)
}

// BenchmarkInvokeNode: a warm invocation of a Node handler under our bootstrap and our Node runtime, against the smallest
// Runtime API client that one can write in Node, in the same sandbox.
func BenchmarkInvokeNode(b *testing.B) {
	path, bind := whereInterpreter("node")
	found, ok := askStandIn(b.Context(), "node", path)
	if !ok {
		b.Skip("no node on this machine")
	}
	found.Bind = bind
	handler := benchTree(b, func(t *layer.Tree) error {
		return t.AddBytes("handler.js", []byte("exports.hello = async (event) => event\n"))
	})
	opt := benchTree(b, func(t *layer.Tree) error {
		tree, err := runtimes.Files("node")
		if err != nil {
			return err
		}
		if err := t.AddFile("bootstrap", benchBuild(b, "../bootstrap")); err != nil {
			return err
		}
		return t.AddFS("", tree)
	})
	client := benchTree(b, func(t *layer.Tree) error { return t.AddBytes("bootstrap", []byte(minimalNode)) })
	subject := benchEmulator(b, found.into(emulator.Spec{Task: handler, Opt: opt}), map[string]string{"SLSMIDDLEWARES": ""})
	floor := benchEmulator(b, found.into(emulator.Spec{Task: client}), nil)
	paired.Compare(b, subject, floor)
}

// minimalNode is a function in Node without any runtime.
const minimalNode = `#!/usr/bin/env node
const http = require('http')
const agent = new http.Agent({ keepAlive: true, maxSockets: 1 })
const [host, port] = process.env.AWS_LAMBDA_RUNTIME_API.split(':')
function ask (method, path, body) {
  return new Promise((resolve, reject) => {
    const req = http.request({ host, port, method, path: '/2018-06-01/runtime/invocation/' + path, agent }, (res) => {
      const parts = []
      res.on('data', (part) => parts.push(part))
      res.on('end', () => resolve([res.headers, Buffer.concat(parts).toString()]))
    })
    req.on('error', reject)
    req.end(body)
  })
}
(async () => {
  for (;;) {
    const [headers, event] = await ask('GET', 'next')
    await ask('POST', headers['lambda-runtime-aws-request-id'] + '/response', JSON.stringify(JSON.parse(event)))
  }
})()
`

// BenchmarkBuildLayer: sor build-layer of a project with 30 MB of programs and text, against zip -9 of the same tree. The
// zip's size against that of zip -9 is the metric size-ratio. Each time the cache is empty: nothing was packed before.
func BenchmarkBuildLayer(b *testing.B) {
	if _, err := exec.LookPath("zip"); err != nil {
		b.Skip("no zip on this machine")
	}
	sor := benchBuild(b, ".")
	bootstrap, supervisor := benchBuild(b, "../bootstrap"), benchBuild(b, "../supervisor")
	dir := b.TempDir()
	benchFiles(b, dir, map[string]string{
		"sor.yaml":            "name: hello\nruntime: node\nhandler: handler.hello\nextra: layer\n",
		"function/handler.js": "exports.hello = async (event) => event\n",
	})
	goroot := strings.TrimSpace(benchOutput(b, exec.Command("go", "env", "GOROOT")))
	benchOutput(b, exec.Command("cp", "-r", filepath.Join(goroot, "src", "net"), filepath.Join(dir, "layer")))
	for i, name := range []string{sor, bootstrap, supervisor} {
		benchOutput(b, exec.Command("cp", name, filepath.Join(dir, "layer", fmt.Sprint("program", i))))
	}
	tree := filepath.Join(dir, "tree")
	build := func(b *testing.B) {
		cmd := exec.Command(sor, "build-layer", "--allow", "size,no-shebang,interpreter")
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "SOR_CACHE="+b.TempDir(), "SOR_BOOTSTRAP="+bootstrap)
		benchOutput(b, cmd)
	}
	build(b)
	built, err := filepath.Glob(filepath.Join(dir, "dist", "*.zip"))
	if err != nil || len(built) != 1 {
		b.Fatal(built, err)
	}
	if err := layer.Unpack(built[0], benchMkdir(b, tree)); err != nil {
		b.Fatal(err)
	}
	other := filepath.Join(dir, "other.zip")
	zip := func(b *testing.B) {
		os.Remove(other)
		cmd := exec.Command("zip", "-9", "-q", "-r", "-y", "-X", other, ".")
		cmd.Dir = tree
		benchOutput(b, cmd)
	}
	paired.Compare(b, build, zip)
	b.ReportMetric(float64(benchSize(b, built[0]))/float64(benchSize(b, other)), "size-ratio")
}

// BenchmarkUnchanged: sor invoke --local of an unchanged Node project in the namespace sandbox, against bare `node -e` of
// the same answer: all that sor, the sandbox, the bootstrap and INIT cost.
func BenchmarkUnchanged(b *testing.B) {
	node, err := exec.LookPath("node")
	if err != nil {
		b.Skip("no node on this machine")
	}
	sor := benchBuild(b, ".")
	env := append(os.Environ(), "SOR_BOOTSTRAP="+benchBuild(b, "../bootstrap"), "SOR_SUPERVISOR="+benchBuild(b, "../supervisor"),
		"SOR_CACHE="+filepath.Join(b.TempDir(), "cache"))
	dir := b.TempDir()
	benchFiles(b, dir, map[string]string{
		"sor.yaml":            "name: hello\nruntime: node\nhandler: handler.hello\n",
		"function/handler.js": "exports.hello = async (event) => event\n",
	})
	paired.Compare(b, func(b *testing.B) {
		cmd := exec.Command(sor, "invoke", "--local", "--sandbox", "namespace", "-q")
		cmd.Dir, cmd.Env = dir, env
		benchOutput(b, cmd)
	}, func(b *testing.B) {
		benchOutput(b, exec.Command(node, "-e", "console.log(JSON.stringify({}))"))
	})
}

// benchEmulator starts a namespace sandbox and gives one warm invocation.
func benchEmulator(b *testing.B, spec emulator.Spec, env map[string]string) func(b *testing.B) {
	b.Helper()
	if err := namespace.Available(); err != nil {
		b.Skip("no namespace sandbox can be had here: ", err)
	}
	spec.Supervisor, spec.MemoryMB, spec.TmpMB = benchBuild(b, "../supervisor"), 512, 64
	e, err := emulator.Start(b.Context(), namespace.New(), emulator.Options{
		Spec: spec,
		Config: frames.Config{
			FunctionName: "bench", FunctionVersion: "$LATEST", FunctionARN: "arn:aws:lambda:us-east-1:012345678912:function:bench",
			Region: "us-east-1", Handler: "handler.hello", MemoryMB: 512, TimeoutMs: 10000, Environment: env,
		},
	})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { e.Close() })
	return func(b *testing.B) {
		result, err := e.Invoke(b.Context(), frames.SupervisorInvoke{ID: identifier.UUID()}, benchEvent)
		if err != nil || result.ErrorType != "" {
			b.Fatalf("%v %s", err, result.Payload)
		}
	}
}

// minimalAPI serves a Runtime API to a function and gives one invocation: from the event to the next request for one.
func minimalAPI(b *testing.B, function *exec.Cmd) func(b *testing.B) {
	b.Helper()
	events, asked := make(chan []byte), make(chan struct{})
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+runtimeapi.PathNext, func(w http.ResponseWriter, r *http.Request) {
		asked <- struct{}{}
		w.Header().Set(runtimeapi.HeaderRequestID, identifier.UUID())
		w.Header().Set(runtimeapi.HeaderDeadlineMs, fmt.Sprint(time.Now().Add(time.Minute).UnixMilli()))
		select {
		case event := <-events:
			w.Write(event)
		case <-r.Context().Done():
		}
	})
	mux.HandleFunc("POST "+runtimeapi.PathInvocation+"{id}"+runtimeapi.SuffixResponse, func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		w.WriteHeader(http.StatusAccepted)
	})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	server := &http.Server{Handler: mux}
	go server.Serve(listener)
	function.Env = append(os.Environ(), "AWS_LAMBDA_RUNTIME_API="+listener.Addr().String())
	if err := function.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { function.Process.Kill(); function.Wait(); server.Close() })
	<-asked
	return func(*testing.B) {
		events <- benchEvent
		<-asked
	}
}

func benchBuild(b *testing.B, pkg string) string {
	b.Helper()
	out := filepath.Join(b.TempDir(), "program")
	cmd := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", out, pkg)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	benchOutput(b, cmd)
	return out
}

// benchTree stages a tree as a sandbox mounts it.
func benchTree(b *testing.B, fill func(t *layer.Tree) error) string {
	b.Helper()
	tree, dir := layer.New(), b.TempDir()
	if err := fill(tree); err != nil {
		b.Fatal(err)
	}
	if err := tree.Stage(dir); err != nil {
		b.Fatal(err)
	}
	return dir
}

func benchFiles(b *testing.B, dir string, files map[string]string) {
	b.Helper()
	for name, text := range files {
		benchMkdir(b, filepath.Dir(filepath.Join(dir, name)))
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			b.Fatal(err)
		}
	}
}

func benchMkdir(b *testing.B, dir string) string {
	b.Helper()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		b.Fatal(err)
	}
	return dir
}

func benchOutput(b *testing.B, cmd *exec.Cmd) string {
	b.Helper()
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		b.Fatalf("%v: %v\n%s", cmd.Args, err, stderr.Bytes())
	}
	return string(out)
}

func benchSize(b *testing.B, name string) int64 {
	b.Helper()
	info, err := os.Stat(name)
	if err != nil {
		b.Fatal(err)
	}
	return info.Size()
}

// BenchmarkWatchNode and BenchmarkWatchPython: from an edit of the handler to its answer by sor start, against a bare
// interpreter that prints the same: what noticing, staging, a new INIT and an invocation cost beyond the language itself.
func BenchmarkWatchNode(b *testing.B) {
	benchWatch(b, "node", "handler.js", "exports.hello = async () => %d\n", "-e", "console.log(JSON.stringify({}))")
}

func BenchmarkWatchPython(b *testing.B) {
	benchWatch(b, "python3", "handler.py", "def hello(event, context):\n    return %d\n", "-c", "import json; print(json.dumps({}))")
}

func benchWatch(b *testing.B, interpreter, file, source string, bare ...string) {
	b.Helper()
	path, err := exec.LookPath(interpreter)
	if err != nil {
		b.Skip("not on this machine: ", interpreter)
	}
	if err := namespace.Available(); err != nil {
		b.Skip("no namespace sandbox can be had here: ", err)
	}
	edit := benchEdit(b, interpreter, file, source, 0)
	paired.Compare(b, edit, func(b *testing.B) { benchOutput(b, exec.Command(path, bare...)) })
}

// BenchmarkWatchLarge: from an edit of the handler to its answer with 10,000 files beside it, against the same with none:
// what an edit costs is to follow from the edit.
func BenchmarkWatchLarge(b *testing.B) {
	if _, err := exec.LookPath("node"); err != nil {
		b.Skip("no node on this machine")
	}
	if err := namespace.Available(); err != nil {
		b.Skip("no namespace sandbox can be had here: ", err)
	}
	const source = "exports.hello = async () => %d\n"
	paired.Compare(b, benchEdit(b, "node", "handler.js", source, 10_000), benchEdit(b, "node", "handler.js", source, 0))
}

// benchEdit starts sor start in a project with so many files beside its handler, and gives one edit of that, up to its answer.
func benchEdit(b *testing.B, interpreter, file, source string, beside int) func(b *testing.B) {
	b.Helper()
	dir := b.TempDir()
	code := filepath.Join(dir, "function", file)
	files := map[string]string{
		"sor.yaml":         "name: hello\nruntime: " + strings.TrimRight(interpreter, "3") + "\nhandler: handler.hello\n",
		"function/" + file: fmt.Sprintf(source, 0),
	}
	for i := range beside {
		files[fmt.Sprintf("function/node_modules/package%d/lib/%d.js", i/20, i%20)] = fmt.Sprintf("module.exports = %d\n", i)
	}
	benchFiles(b, dir, files)
	url := benchStart(b, dir)
	answer := func() string {
		response, err := http.Post(url+"/2015-03-31/functions/hello/invocations", "application/json", strings.NewReader("{}"))
		if err != nil {
			b.Fatal(err)
		}
		defer response.Body.Close()
		text, err := io.ReadAll(response.Body)
		if err != nil {
			b.Fatal(err)
		}
		return string(text)
	}
	version := 0
	return func(b *testing.B) {
		version++
		if err := os.WriteFile(code, fmt.Appendf(nil, source, version), 0o644); err != nil {
			b.Fatal(err)
		}
		want, limit := fmt.Sprint(version), time.Now().Add(20*time.Second)
		for got := answer(); got != want; got = answer() {
			if time.Now().After(limit) {
				b.Fatalf("the answer stays %s", got)
			}
		}
	}
}

// benchStart starts sor start in a project and gives its URL.
func benchStart(b *testing.B, dir string) string {
	b.Helper()
	cmd := exec.Command(benchBuild(b, "."), "start", "--sandbox", "namespace", "--listen", "0", "-q")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "SOR_BOOTSTRAP="+benchBuild(b, "../bootstrap"), "SOR_SUPERVISOR="+benchBuild(b, "../supervisor"),
		"SOR_CACHE="+filepath.Join(b.TempDir(), "cache"))
	stderr, err := cmd.StderrPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		cmd.Process.Signal(os.Interrupt)
		cmd.Wait()
	})
	for lines := bufio.NewScanner(stderr); lines.Scan(); {
		if url, ok := strings.CutPrefix(lines.Text(), "listening on "); ok {
			go io.Copy(io.Discard, stderr)
			return url
		}
	}
	b.Fatal("sor start ended before it listened")
	return ""
}
