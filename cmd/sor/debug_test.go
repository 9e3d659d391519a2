package main

// Debuggers that are not ours, in the sandbox: Delve by its JSON-RPC and debugpy by the Debug Adapter Protocol. Each answers,
// stops at a breakpoint, and time is held for longer than the function has.

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/textproto"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A debugged is a `sor start` with a debugger in its sandbox.
type debugged struct {
	url   string // of the function's invocations
	port  string // of the debugger
	lines chan string
	until time.Time
}

func startDebugged(t *testing.T, files map[string]string, args ...string) *debugged {
	t.Helper()
	if why := lacks("namespace"); why != "" {
		t.Skip(why)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	d := &debugged{port: freePort(t), lines: make(chan string, 1000)}
	d.until, _ = ctx.Deadline()
	cmd := sorCommand(ctx, t, buildPrograms(t), append([]string{"start", "--sandbox", "namespace", "--listen", "0", "--debug", d.port}, args...)...)
	for name, text := range files {
		writeFile(t, filepath.Join(cmd.Dir, name), text)
	}
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	told := make(chan string, 1)
	go func() {
		defer close(d.lines)
		var all strings.Builder
		for lines := bufio.NewScanner(stderr); lines.Scan(); {
			all.WriteString(lines.Text() + "\n")
			d.lines <- lines.Text()
		}
		told <- all.String()
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGINT) // it may have ended
		said := <-told
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("sor said:\n%s", said)
		}
	})
	d.url = strings.TrimPrefix(d.await(t, "listening on "), "listening on ") + "/2015-03-31/functions/hello/invocations"
	return d
}

// await waits for a line of sor's.
func (d *debugged) await(t *testing.T, part string) string {
	t.Helper()
	for line := range d.lines {
		if strings.Contains(line, part) {
			return line
		}
	}
	t.Fatalf("sor ended, and never said %q", part)
	return ""
}

// connect connects to the debugger, when it is said to listen.
func (d *debugged) connect(t *testing.T) net.Conn {
	t.Helper()
	d.await(t, "listens on 127.0.0.1:"+d.port)
	conn, err := net.Dial("tcp", "127.0.0.1:"+d.port)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(d.until)
	return conn
}

func writeFile(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
}

// invoke invokes the function, and gives what waits for its answer.
func (d *debugged) invoke(event string) (await func() string) {
	done := make(chan string, 1)
	go func() {
		response, err := http.Post(d.url, "application/json", strings.NewReader(event))
		if err != nil {
			done <- err.Error()
			return
		}
		defer response.Body.Close()
		answer, err := io.ReadAll(response.Body)
		if err != nil {
			answer = []byte(err.Error())
		}
		done <- string(answer)
	}()
	return func() string { return <-done }
}

// beyond waits for longer than a function has that has a second.
func beyond() { <-time.After(1500 * time.Millisecond) }

// goFiles are a function in Go, of the standard library alone.
var goFiles = map[string]string{
	"sor.yaml":        "name: hello\nruntime: go\nhandler: hello\ntimeout: 1\n",
	"function/go.mod": "module hello\n\ngo 1.21\n",
	"function/main.go": `package main

import (
	"io"
	"net/http"
	"os"
	"strings"
)

func main() {
	api := "http://" + os.Getenv("AWS_LAMBDA_RUNTIME_API") + "/2018-06-01/runtime/invocation/"
	for {
		next, err := http.Get(api + "next")
		if err != nil {
			os.Exit(1)
		}
		event, _ := io.ReadAll(next.Body)
		next.Body.Close()
		done, err := http.Post(api+next.Header.Get("Lambda-Runtime-Aws-Request-Id")+"/response", "application/json", strings.NewReader(greet(string(event))))
		if err != nil {
			os.Exit(1)
		}
		done.Body.Close()
	}
}

//go:noinline
func greet(event string) string {
	return "{\"saw\":" + event + "}"
}
`,
}

// A function in Go: Delve answers whoever connects on this machine, whatever user the function is.
func TestDelve(t *testing.T) {
	withDelve(t)
	d := startDebugged(t, goFiles, "--debug-wait") // else a breakpoint may come before it runs, or after
	c := newDelve(d.connect(t))
	c.call(t, "CreateBreakpoint", map[string]any{"Breakpoint": map[string]any{"functionName": "main.greet"}})
	await := c.resume(t)
	answer := d.invoke(`{"a":1}`)
	if at := await(t); at != "main.greet" {
		t.Errorf("it stopped in %q", at)
	}
	beyond()
	c.resume(t)
	if got, want := answer(), `{"saw":{"a":1}}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// A runtime in Go that ends is seen to end, with its status, though a debugger is still there.
func TestDelveEnd(t *testing.T) {
	withDelve(t)
	files := maps.Clone(goFiles)
	files["function/main.go"] = strings.Replace(goFiles["function/main.go"], "\treturn \"{", "\tos.Exit(3)\n\treturn \"{", 1)
	d := startDebugged(t, files)
	if got, want := d.invoke("{}")(), "Runtime exited with error: exit status 3"; !strings.Contains(got, want) {
		t.Errorf("got %s, want %q in it", got, want)
	}
}

// A middleware in Go, of both kinds: what it reads and writes is its own, though a debugger started it.
func TestDelveMiddleware(t *testing.T) {
	withDelve(t)
	t.Run("for each invocation", func(t *testing.T) {
		d := startDebugged(t, goMiddleware(map[string]string{"middlewares/mark/main.go": `package main

import (
	"io"
	"os"
)

func main() {
	document, _ := io.ReadAll(os.Stdin)
	mark(document)
}

//go:noinline
func mark(document []byte) { os.Stdout.WriteString("[\"" + os.Args[1] + "\"," + string(document) + "]") }
`}), "--debug-middleware", "mark", "--debug-wait")
		answer := d.invoke(`{"a":1}`)
		for _, hook := range []string{"before", "after"} {
			c := newDelve(d.connect(t))
			c.call(t, "CreateBreakpoint", map[string]any{"Breakpoint": map[string]any{"functionName": "main.mark"}})
			if at := c.resume(t)(t); at != "main.mark" {
				t.Errorf("%s: it stopped in %q", hook, at)
			}
			if hook == "before" {
				beyond()
			}
			c.resume(t)
		}
		if got, want := strings.Join(strings.Fields(answer()), ""), `["after",["before",{"a":1}]]`; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	})
	t.Run("that stays", func(t *testing.T) {
		files := goMiddleware(map[string]string{"middlewares/mark.json": `{"protocol":"frames/1"}`})
		for _, copied := range []struct{ from, to string }{
			{"../../templates/testdata/kits/go/echo.txt", "main.go"}, {"../../pkg/middleware/kit", "kit"},
		} {
			copyGo(t, files, copied.from, "middlewares/mark/"+copied.to)
		}
		d := startDebugged(t, files, "--debug-middleware", "mark")
		d.connect(t).Close()
		if got, want := strings.TrimSpace(d.invoke(`{"a":1}`)()), `{"a":1}`; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	})
}

// goMiddleware gives a project with the middleware mark, in Go.
func goMiddleware(files map[string]string) map[string]string {
	project := map[string]string{
		"sor.yaml":                "name: hello\nruntime: bash\nhandler: handler.hello\ntimeout: 1\nmiddlewares: [./middlewares/mark]\n",
		"function/handler.sh":     "hello() { cat; }\n",
		"middlewares/mark/go.mod": "module middleware\n\ngo 1.21\n",
	}
	maps.Copy(project, files)
	return project
}

// copyGo adds a file, or the Go source of a folder, to files.
func copyGo(t *testing.T, files map[string]string, from, to string) {
	t.Helper()
	sources, err := filepath.Glob(filepath.Join(from, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]string{}
	for _, path := range sources {
		if !strings.HasSuffix(path, "_test.go") {
			names[path] = to + "/" + filepath.Base(path)
		}
	}
	if !isDir(from) {
		names[from] = to
	}
	for path, name := range names {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		files[name] = string(text)
	}
}

// withDelve has PATH begin with the Delve that scripts/setup-clients builds, or skips the test.
func withDelve(t *testing.T) {
	t.Helper()
	out, err := exec.Command("../../scripts/setup-clients", "--where").Output()
	if err != nil {
		t.Fatalf("scripts/setup-clients --where: %v", err)
	}
	for line := range strings.Lines(string(out)) {
		if name, folder, _ := strings.Cut(strings.TrimSpace(line), " "); name == "delve" {
			t.Setenv("PATH", folder+string(os.PathListSeparator)+os.Getenv("PATH"))
			return
		}
	}
	t.Skip("there is no Delve on this machine: run scripts/setup-clients, which says why when it can't be built")
}

// A delve is a client of Delve's JSON-RPC, version 2.
// https://github.com/go-delve/delve/tree/master/Documentation/api/json-rpc
type delve struct {
	out *json.Encoder
	in  *json.Decoder
	id  int
}

func newDelve(conn net.Conn) *delve {
	return &delve{out: json.NewEncoder(conn), in: json.NewDecoder(conn)}
}

// begin calls a method, and gives what waits for its result.
func (c *delve) begin(t *testing.T, method string, argument any) (await func(t *testing.T) json.RawMessage) {
	t.Helper()
	c.id++
	if err := c.out.Encode(map[string]any{"method": "RPCServer." + method, "params": []any{argument}, "id": c.id}); err != nil {
		t.Fatalf("calling %s: %v", method, err)
	}
	return func(t *testing.T) json.RawMessage {
		t.Helper()
		var answer struct {
			Result json.RawMessage
			Error  any
		}
		if err := c.in.Decode(&answer); err != nil || answer.Error != nil {
			t.Fatalf("calling %s: %v, %v", method, err, answer.Error)
		}
		return answer.Result
	}
}

func (c *delve) call(t *testing.T, method string, argument any) json.RawMessage {
	t.Helper()
	return c.begin(t, method, argument)(t)
}

// resume has the program run on. What it gives waits until it stops, and says in which function.
func (c *delve) resume(t *testing.T) (await func(t *testing.T) string) {
	t.Helper()
	stops := c.begin(t, "Command", map[string]any{"name": "continue"})
	return func(t *testing.T) string {
		t.Helper()
		var stop struct {
			State struct {
				CurrentThread struct{ Function struct{ Name string } }
			}
		}
		if err := json.Unmarshal(stops(t), &stop); err != nil {
			t.Fatal(err)
		}
		return stop.State.CurrentThread.Function.Name
	}
}

// A function in Python.
func TestDebugpy(t *testing.T) {
	if out, err := exec.Command("/usr/bin/python3", "-c", "import debugpy").CombinedOutput(); err != nil {
		t.Skipf("there is no debugpy on this machine (Debian's python3-debugpy): %v %s", err, bytes.TrimSpace(out))
	}
	d := startDebugged(t, map[string]string{
		"sor.yaml":            "name: hello\nruntime: python\nhandler: handler.hello\ntimeout: 1\n",
		"function/handler.py": "def hello(event, context):\n    return {'saw': event}\n",
	})
	conn := d.connect(t)
	c := &adapter{conn: conn, in: bufio.NewReader(conn)}
	c.send(t, "initialize", map[string]any{"adapterID": "test", "clientID": "test"})
	c.await(t, "response", "initialize")
	c.send(t, "attach", map[string]any{
		"pathMappings": []any{map[string]any{"localRoot": "/here", "remoteRoot": "/var/task"}},
	})
	c.await(t, "event", "initialized")
	c.send(t, "setBreakpoints", map[string]any{
		"source": map[string]any{"path": "/here/handler.py"}, "breakpoints": []any{map[string]any{"line": 2}},
	})
	c.await(t, "response", "setBreakpoints")
	c.send(t, "configurationDone", map[string]any{})
	c.await(t, "response", "configurationDone")
	answer := d.invoke(`{"a":1}`)
	stopped := c.await(t, "event", "stopped")
	beyond()
	c.send(t, "continue", map[string]any{"threadId": stopped.Body["threadId"]})
	if got, want := answer(), `{"saw": {"a": 1}}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// An adapter is a client of the Debug Adapter Protocol.
// https://microsoft.github.io/debug-adapter-protocol/overview
type adapter struct {
	conn net.Conn
	in   *bufio.Reader
	seq  int
}

type adapterMessage struct {
	Type    string // request, response, event
	Command string // of a response
	Event   string // of an event
	Success bool
	Message string
	Body    map[string]any
}

func (c *adapter) send(t *testing.T, command string, arguments any) {
	t.Helper()
	c.seq++
	data, err := json.Marshal(map[string]any{"seq": c.seq, "type": "request", "command": command, "arguments": arguments})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Fprintf(c.conn, "Content-Length: %d\r\n\r\n%s", len(data), data); err != nil {
		t.Fatalf("sending %s: %v", command, err)
	}
}

// await reads until a message of this kind and name comes.
func (c *adapter) await(t *testing.T, kind, name string) adapterMessage {
	t.Helper()
	for {
		header, err := textproto.NewReader(c.in).ReadMIMEHeader()
		if err != nil {
			t.Fatalf("waiting for the %s %s: %v", kind, name, err)
		}
		size, err := strconv.Atoi(header.Get("Content-Length"))
		if err != nil {
			t.Fatal(err)
		}
		data := make([]byte, size)
		if _, err := io.ReadFull(c.in, data); err != nil {
			t.Fatalf("waiting for the %s %s: %v", kind, name, err)
		}
		var m adapterMessage
		if err := json.Unmarshal(data, &m); err != nil {
			t.Fatal(err)
		}
		if m.Type == "response" && !m.Success {
			t.Fatalf("%s: %s", m.Command, m.Message)
		}
		if m.Type == kind && (m.Command == name || m.Event == name) {
			return m
		}
	}
}
