//go:build linux

package bootstrap_test

// What is wrong with a layer is told at init, all of it, to /init/error; and then nothing is left.

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/serverless/open-runtime/internal/manifest"
)

// refuses is a language runtime that can't load the handler.
const refuses = `id=; doc='{"errorType":"Runtime.HandlerNotFound","errorMessage":"handler.hello is not defined","stackTrace":["at x"]}'
printf '{"type":"error","length":%d}\n%s' "${#doc}" "$doc" >&3; exit 1`

func TestInitTellsAllThatIsWrong(t *testing.T) {
	t.Parallel()
	l := newLayer(t).opens("sleep 300 &\n"+refuses, ":").file("middlewares/crlf", "#!/bin/bash\r\ncat\r\n").file("middlewares/plain", "cat\n")
	f := newFake(t, l).start("SLSMIDDLEWARES=gone, crlf,plain")
	document := f.initError("Runtime.MiddlewareError")
	for _, want := range []string{
		"middleware gone: ", "it is not there", "middleware crlf: ", "CR LF", "middleware plain: ", "not executable", "handler.hello is not defined",
	} {
		if !strings.Contains(document, want) {
			t.Errorf("got %s, want %q in it", document, want)
		}
	}
	if log := f.log.String(); log != "" { // the answer has it
		t.Errorf("the log has %q", log)
	}
}

func TestInitErrors(t *testing.T) {
	t.Parallel()
	frames1 := `{"protocol":"frames/1"}`
	for name, test := range map[string]struct {
		layer     func(l *layer)
		env       string
		errorType string
		wants     []string
	}{
		"handler": {func(l *layer) { l.opens(refuses, ":") }, "", "Runtime.HandlerNotFound", []string{"handler.hello is not defined", `"stackTrace":["at x"]`}},
		"exits":   {func(l *layer) { l.opens("exit 3", ":") }, "", "Runtime.ExitError", []string{"Runtime exited with error: exit status 3"}},
		"exits0":  {func(l *layer) { l.opens("exit 0", ":") }, "", "Runtime.ExitError", []string{"Runtime exited without providing a reason"}},
		"killed":  {func(l *layer) { l.opens("kill -KILL $$", ":") }, "", "Runtime.ExitError", []string{"signal: killed"}},
		"noFrames": {func(l *layer) { l.opens("echo hello there >&3; sleep 300", ":") }, "", "Runtime.ProtocolError",
			[]string{"before it was ready", "hello there"}},
		"version": {func(l *layer) { l.opens(`echo '{"type":"ready","version":2}' >&3; sleep 300`, ":") }, "", "Runtime.ProtocolError",
			[]string{"version 2, and 1 was offered"}},
		"early": {func(l *layer) { l.opens(`echo '{"type":"result","id":"1"}' >&3; sleep 300`, ":") }, "", "Runtime.ProtocolError",
			[]string{"ready is due"}},
		"closes": {func(l *layer) { l.opens(`exec 3>&-; sleep 300`, ":") }, "", "Runtime.ProtocolError", []string{"closed its end of the pipe", "did not exit"}},
		"none":   {func(*layer) {}, "", "Runtime.StartError", []string{"language-runtime: it is not there"}},
		"crlf": {func(l *layer) { l.file("language-runtime", "#!/bin/bash\r\n") }, "", "Runtime.StartError",
			[]string{"CR LF"}},
		"interpreter": {func(l *layer) { l.file("language-runtime", "#!/usr/bin/env no-such-program\n") }, "", "Runtime.StartError",
			[]string{"no-such-program is not on PATH"}},
		"runtimeAPI": {func(l *layer) {
			l.file("language-runtime.json", `{"protocol":"runtime-api","command":["/var/task/{handler}"]}`)
		}, "", "Runtime.StartError", []string{"/task/handler.hello: it can't be read"}},
		"relative": {func(l *layer) {
			l.file("language-runtime.json", `{"protocol":"runtime-api","command":["node","x.js"]}`)
		}, "", "Runtime.StartError",
			[]string{"its command names node, which is no absolute path"}},
		"wrapper": {func(l *layer) { l.echoes() }, "AWS_LAMBDA_EXEC_WRAPPER=/opt/apm", "Runtime.StartError", []string{"AWS_LAMBDA_EXEC_WRAPPER: /opt/apm: it can't be read"}},
		"pin": {func(l *layer) { l.echoes().file("sor.json", `{"sha256":{"language-runtime":"00"}}`) }, "", "Runtime.LayerMismatch",
			[]string{"language-runtime is not the file that sor.json pins", "00 is pinned"}},
		"pinAbsent": {func(l *layer) {
			l.echoes().file("sor.json", `{"sha256":{"middlewares/a.json":"","language-runtime":""}}`)
		}, "", "Runtime.LayerMismatch",
			[]string{"language-runtime is there, and sor.json says that it was not"}},
		"pinAway": {func(l *layer) { l.echoes().file("sor.json", `{"sha256":{"../x":"00","nothing":"00"}}`) }, "", "Runtime.LayerMismatch",
			[]string{`which is no path within /opt`}},
		"pinFolder": {func(l *layer) {
			l.echoes().file("middlewares/a/a", "#!/bin/sh\n").file("middlewares/a/json.py", "").file("sor.json", `{"sha256":{"middlewares/a/":"`+manifest.HashOfNames([]string{"a"})+`"}}`)
		}, "", "Runtime.LayerMismatch", []string{"middlewares/a/ is not the folder that sor.json pins"}},
		"pinManifest": {func(l *layer) {
			l.echoes().file("middlewares/a", "#!/bin/sh\n").file("sor.json", `{"sha256":{"middlewares/a.json":"00"}}`)
		}, "", "Runtime.LayerMismatch", []string{"middlewares/a.json is not there any more, and sor.json pins it"}},
		"command": {func(l *layer) { l.echoes().file("language-runtime.json", `{"protocol":"frames/1","command":["x"]}`) }, "", "Runtime.StartError",
			[]string{"command belongs to the protocol runtime-api"}},
		"manifest":  {func(l *layer) { l.echoes().file("language-runtime.json", frames1[1:]) }, "", "Runtime.StartError", []string{"language-runtime.json"}},
		"directory": {func(l *layer) { l.echoes().file("sor.json/x", "") }, "", "Runtime.MiddlewareError", []string{"sor.json", "no regular file"}},
		"sorJSON": {func(l *layer) { l.echoes().file("sor.json", `{"middlewares": `) }, "SLSMIDDLEWARES=", "Runtime.MiddlewareError",
			[]string{"reading sor.json: it is not a JSON object"}},
		"list": {func(l *layer) { l.echoes() }, "SLSMIDDLEWARES=a,,../../bin/sh,a", "Runtime.MiddlewareError",
			[]string{"reading the list of middlewares in SLSMIDDLEWARES", "a name is empty", `\"../../bin/sh\" is no name`, "listed twice"}},
		"builtIn": {func(l *layer) { l.echoes() }, "SLSMIDDLEWARES=sor:http", "Runtime.MiddlewareError", []string{"no such built-in"}},
		"sidecars": {func(l *layer) { l.echoes().file("middlewares/crlf", "#!/bin/bash\r\n") }, "SLSSIDECARS=a, b,?", "Runtime.SidecarError",
			[]string{"reading the list of sidecars in SLSSIDECARS", "a name is empty"}},
		"sidecarsOfLayer": {func(l *layer) {
			l.opens("touch $DIR/started; exit 1", ":").file("sor.json", `{"sidecars":["agent"],"middlewares":["gone"]}`)
		}, "", "Runtime.SidecarError", []string{"sidecar agent: ", "it is not there", "middleware gone: "}},
		"sidecarExits": {func(l *layer) {
			l.echoes().file("sidecars/agent", "#!/bin/sh\necho no config >&2\nexit 3\n").file("sidecars/agent.json", `{"ready":{"fd":true}}`)
		}, "SLSSIDECARS=agent", "Runtime.SidecarError", []string{"sidecar agent", "exit status 3", "no config"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLayer(t)
			test.layer(l)
			document := newFake(t, l).start(test.env).initError(test.errorType)
			for _, want := range test.wants {
				if !strings.Contains(document, want) {
					t.Errorf("got %s, want %q in it", document, want)
				}
			}
		})
	}
}

func TestListsOfMiddlewares(t *testing.T) {
	t.Parallel()
	adds := func(letter string) string {
		return fmt.Sprintf("#!/bin/bash\nread -r p\np=${p%%\\\"}\"%s\"\nprintf '%%s\"' \"$p\"\n", letter)
	}
	for name, test := range map[string]struct{ sor, env, want, log string }{
		"none":     {"", "", `"-"`, ""},
		"ofLayer":  {`{"middlewares":["a","b"]}`, "", `"-abba"`, ""},
		"variable": {`{"middlewares":["a","b"]}`, "SLSMIDDLEWARES= b ", `"-bb"`, ""},
		"empty":    {`{"middlewares":["a","b"],"sidecars":["x"]}`, "SLSMIDDLEWARES=", `"-"`, ""},
		"optional": {`{"middlewares":["a","gone?"]}`, "", `"-aa"`, "optional middleware is left out middleware=gone"},
		"unknown":  {`{"middlewares":["a"],"middleware":["b"]}`, "", `"-aa"`, `warning sor.json cause="unknown key \"middleware\"`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLayer(t).echoes().file("middlewares/a", adds("a")).file("middlewares/b", adds("b"))
			if test.sor != "" {
				l.file("sor.json", test.sor)
			}
			f := newFake(t, l).start("SLSSIDECARS=", test.env)
			if got := f.invoke("id", `"-"`); got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
			f.next()
			f.stop()
			f.log.wants(t, test.log)
		})
	}
}

func TestStartedAsAWrapper(t *testing.T) {
	t.Parallel()
	f := newFake(t, newLayer(t).echoes()).startWith([]string{"/var/lang/bin/node", "--expose-gc", "/var/runtime/index.mjs"})
	if got := f.invoke("id", `1`); got != `1` {
		t.Errorf("got %s", got)
	}
	f.next()
	f.stop()
	document := newFake(t, newLayer(t)).startWith([]string{"/var/lang/bin/none"}).initError("Runtime.StartError")
	if want := "/var/lang/bin/none: no such file or directory"; !strings.Contains(document, want) {
		t.Errorf("got %s, want %q in it", document, want)
	}
}

// A layer without a language runtime runs the command line of the managed runtime, with its own log to itself, and another
// wrapper before it.
func TestRunsTheManagedRuntime(t *testing.T) {
	t.Parallel()
	program, err := witness()
	if err != nil {
		t.Fatal(err)
	}
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer read.Close()
	defer write.Close()
	l := newLayer(t).file("middlewares/stamp", stamp).
		file("middlewares/spy", "#!/bin/bash\n[[ ! -e /proc/self/fd/4 ]]\n")
	wrapper := filepath.Join(l.opt, "apm")
	l.file("apm", "#!/bin/bash\n[[ -p /proc/self/fd/$_LAMBDA_TELEMETRY_LOG_FD ]] || exit 9\nexport _X_WRAPPED=1\nexec -- \"$@\"\n")
	f := newFake(t, l)
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	f.inherit = []*os.File{null, write}
	f.startWith([]string{program, "handler.hello"}, "SLSMIDDLEWARES=spy,stamp", "SOR_NEXT_WRAPPER="+wrapper, "_LAMBDA_TELEMETRY_LOG_FD=4")
	if got := f.invoke("id", `{"a":1}`); got != `{"a":1,"stamped":true}` {
		t.Errorf("got %s", got)
	}
	f.next()
	f.stop()
}

// A debugger starts what SOR_DEBUG names, and nothing else; a middleware that is debugged has no time limit of its own.
func TestDebugger(t *testing.T) {
	t.Parallel()
	for what, want := range map[string]string{"language-runtime": `"handler.hello"`, "middlewares/held": `"debugged before"`, "middlewares/none": `"handler.hello"`} {
		l := newLayer(t).speaks(`say result "\"$1\""`).
			file("middlewares/held", "#!/bin/bash\necho \"\\\"${DEBUGGED-plain} $1\\\"\" >&3\n")
		l.file("middlewares/held.json", `{"hooks":["before"],"timeoutMs":1}`)
		debugger := filepath.Join(l.opt, "debugger")
		l.file("debugger", "#!/bin/bash\nexport DEBUGGED=debugged\nread -t 0.02 <> <(:)\nexec \"$@\"\n")
		list := ""
		if what == "middlewares/held" {
			list = "held"
		}
		f := newFake(t, l).start("SLSMIDDLEWARES="+list, "SOR_DEBUG="+what, "SOR_DEBUGGER="+debugger)
		if got := f.invoke("id", `1`); got != want {
			t.Errorf("%s: got %s, want %s", what, got, want)
		}
		f.next()
		f.stop()
	}
}

// TestStartOfTheLanguageRuntime wants the language runtime to have what docs/protocol/language-runtime.md says.
func TestStartOfTheLanguageRuntime(t *testing.T) {
	t.Parallel()
	l := newLayer(t).speaks(`say result "\"$PWD $# $_HANDLER $1 [$(cat)] $OTHER ${SOR_TRACE-unset}\""`)
	f := newFake(t, l).start("OTHER=x y")
	if got, want := f.invoke("id", `1`), `"`+l.task+` 1 handler.hello handler.hello [] x y unset"`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	f.next()
	f.stop()
}

func TestSlowInit(t *testing.T) {
	t.Parallel()
	gate := filepath.Join(t.TempDir(), "gate")
	l := newLayer(t).opens(`until [[ -e `+gate+` ]]; do read -r -t 0.05 x <> <(:); done; printf '{"type":"ready","version":1}\n' >&3`, `say result '"loaded"'`)
	f := newFake(t, l).start()
	r := f.next() // though the handler is not loaded: Lambda's time for init is over
	f.log.wait(t, f.ctx, "the handler is not loaded yet")
	r.handWith("id-1", headersFor("id-1", time500), `{}`)
	if got := f.failure("id-1", "Function.Timeout"); !strings.Contains(got, "the language runtime did not load its handler within 0.") {
		t.Errorf("got %s", got)
	}
	l.file(gate, "")
	if got := f.invoke("id-2", `{}`); got != `"loaded"` {
		t.Errorf("got %s", got)
	}
	f.next()
	f.stop()
}

func TestNotStartedByLambda(t *testing.T) {
	t.Parallel()
	f := newFake(t, newLayer(t)).start("AWS_LAMBDA_RUNTIME_API=")
	f.exit(1)
	f.log.wants(t, "started by Lambda, or by sor")
}

func TestWarnings(t *testing.T) {
	t.Parallel()
	f := newFake(t, newLayer(t).echoes().file("language-runtime.json", `{"protocol":"frames/1","x":1}`)).
		start("SOR_MARGIN_MS=soon", "SOR_TRACE=fd:77", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE=much")
	if got := f.invoke("id", `1`); got != `1` {
		t.Errorf("got %s", got)
	}
	f.next()
	f.stop()
	f.log.wants(t, `[sor] warning SOR_MARGIN_MS is "soon"`, `[sor] warning SOR_TRACE is "fd:77": it is not open`,
		`AWS_LAMBDA_FUNCTION_MEMORY_SIZE is "much"`, `manifest of the language runtime cause="unknown key \"x\"`)
}

func TestInitErrorThatCantBePosted(t *testing.T) {
	t.Parallel()
	f := newFake(t, newLayer(t)).start()
	f.wait(pathInitError).drop()
	f.wait(pathInitError).reply("403 Forbidden", "", `{"errorMessage":"no","errorType":"InvalidStateTransition"}`)
	f.exit(1)
	f.log.wants(t, "[sor] error reporting that init failed: the Runtime API answered 403 InvalidStateTransition: no; it failed with Runtime.StartError: language runtime: ")
	gone := newFake(t, newLayer(t).opens(refuses+"\nsleep 300", ":"))
	gone.hangUp()
	gone.start().exit(1)
	gone.log.wants(t, "reporting that init failed: connecting to ", "handler.hello is not defined")
}
