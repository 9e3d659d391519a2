//go:build linux

package bootstrap_test

// Language runtimes that do not keep to frames/1, or never answer: each costs its own invocation and no other.

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// own is what a rude runtime does right: it says who it is.
const own = `[[ $payload == '"pid"' ]] && say result $$ && continue
`

func (f *function) pid() int {
	f.t.Helper()
	pid, err := strconv.Atoi(f.answers(`"pid"`))
	if err != nil {
		f.t.Fatal(err)
	}
	return pid
}

func TestRudeRuntimes(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		does, errorType string
		wants           []string
		log             string
	}{
		"closes":  {`exec 3>&-; sleep 300`, "Runtime.ProtocolError", []string{"it closed its end of the pipe that its answers go to, and did not exit"}, ""},
		"garbage": {`echo "what is this" >&3; sleep 300`, "Runtime.ProtocolError", []string{"header is not a JSON object", "what is this"}, ""},
		"noType":  {`echo '{"id":"1"}' >&3; sleep 300`, "Runtime.ProtocolError", []string{"header has no type"}, ""},
		"unknown": {`echo '{"type":"babble","id":"'$id'"}' >&3; sleep 300`, "Runtime.ProtocolError", []string{`a frame of type "babble" where result, chunk, end or error is due`}, ""},
		"noID":    {`echo '{"type":"result","length":0}' >&3; sleep 300`, "Runtime.ProtocolError", []string{"an answer has no id"}, ""},
		"huge":    {`echo '{"type":"result","id":"'$id'","length":99999999999}' >&3; sleep 300`, "Runtime.ProtocolError", []string{"payload is 99999999999 bytes"}, ""},
		"minus":   {`echo '{"type":"result","id":"'$id'","length":-1}' >&3; sleep 300`, "Runtime.ProtocolError", []string{"payload is -1 bytes"}, ""},
		"header":  {`printf '%70000s' '{' >&3; sleep 300`, "Runtime.ProtocolError", []string{"header is over 65536 bytes"}, ""},
		"half":    {`printf '{"type":"result","id":"%s","length":10}\nhalf' $id >&3; exit 4`, "Runtime.ExitError", []string{"exit status 4"}, ""},
		"wrongID": {`(id=other; say result 1); sleep 300`, "Function.Timeout", []string{"did not answer"}, `dropping an answer that nobody waits for id="other" answer="1"`},
		"noError": {`say error "no document"`, "Function.Unknown", []string{"no document"}, ""},
		"daemon":  {`setsid sleep 300 & disown; exit 5`, "Runtime.ExitError", []string{"exit status 5"}, ""},
		"signal":  {`kill -SEGV $$; sleep 300`, "Runtime.ExitError", []string{"signal: segmentation fault"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newLayer(t).speaks(own + test.does).begin(options{timeout: 4 * time.Second, env: map[string]string{"SOR_MARGIN_MS": "2000"}})
			before := f.pid()
			f.fails(`"now"`, test.errorType, test.wants...)
			if after := f.pid(); name != "noError" {
				f.gone(before)
			} else if after != before {
				t.Error("it was restarted for an error")
			}
			f.log.wants(t, test.log)
			if reported := f.platform.String(); strings.Contains(reported, "INIT_REPORT") || strings.Contains(reported, "Status: timeout") {
				t.Errorf("the environment was reset:\n%s", reported)
			}
		})
	}
}

func TestAnswersTwice(t *testing.T) {
	t.Parallel()
	f := newLayer(t).speaks(`say result "$payload"; say result '"again"'`).begin(options{})
	for _, event := range []string{`1`, `2`, `3`} {
		f.says(event, event)
	}
	f.log.wants(t, `dropping an answer that nobody waits for id="id-1" answer="\"again\""`)
}

func TestLastWords(t *testing.T) {
	t.Parallel()
	f := newLayer(t).speaks(`say result "$payload"; exit 9`).begin(options{})
	for _, event := range []string{`1`, `2`} { // what it answered wins, and the next one finds a new process
		f.says(event, event)
	}
}

// TestDiedUnderADaemon has a process that holds the pipes after the language runtime died between two invocations.
func TestDiedUnderADaemon(t *testing.T) {
	t.Parallel()
	l := newLayer(t).speaks(`setsid sleep 300 <&4 >&3 & say result $$; kill -KILL $$`)
	f := l.begin(options{})
	last := 0
	for range 5 {
		pid := f.pid()
		if pid == last {
			t.Error("the same process answered twice")
		}
		f.gone(pid)
		last = pid
	}
}

func TestEarlyAnswer(t *testing.T) {
	t.Parallel()
	l := newLayer(t).file("language-runtime.json", `{"protocol":"frames/1"}`).file("language-runtime", `#!/bin/bash
read -r -u 4 hello
echo '{"type":"ready","version":1}' >&3
while IFS= read -r -u 4 head; do
	id=${head#*\"id\":\"} id=${id%%\"*} length=${head##*\"length\":} length=${length%%[!0-9]*}
	printf '{"type":"result","id":"%s","length":1}\n1' "$id" >&3 # before it reads the payload
	LC_ALL=C IFS= read -r -N "$length" -u 4 payload
done
`)
	f := l.begin(options{})
	for range 2 {
		f.says(`"`+strings.Repeat("x", 5_000_000)+`"`, "1")
	}
}

func TestFloodsTheLog(t *testing.T) {
	t.Parallel()
	f := newLayer(t).speaks(`printf -v line '%50000s' ''; yes "$line" | head -c 100000000 >&2; say result 1`).begin(options{timeout: patience})
	f.log.discard = true
	f.says(`{}`, "1")
	if got := f.log.size; got < 100_000_000 {
		t.Errorf("the log has %d bytes, want all", got)
	}
}

func TestNeverReady(t *testing.T) {
	t.Parallel()
	l := newLayer(t).opens(`[[ -e $FILE ]] && sleep 300; printf '{"type":"ready","version":1}\n' >&3`, `: >"$FILE"; exit 1`)
	f := l.begin(options{timeout: 2 * time.Second, env: map[string]string{"FILE": filepath.Join(t.TempDir(), "file")}})
	f.fails(`{}`, "Runtime.ExitError")
	for range 2 { // it starts again and again, and the caller hears of it in time
		f.fails(`{}`, "Function.Timeout", "the language runtime did not load its handler within ")
	}
}

func TestRefusesLater(t *testing.T) {
	t.Parallel()
	l := newLayer(t).opens(`if [[ -e $FILE ]]; then `+refuses+"; fi\n"+`printf '{"type":"ready","version":1}\n' >&3`, `: >"$FILE"; exit 1`)
	f := l.begin(options{env: map[string]string{"FILE": filepath.Join(t.TempDir(), "file")}})
	f.fails(`{}`, "Runtime.ExitError")
	for range 2 {
		f.fails(`{}`, "Runtime.HandlerNotFound", "handler.hello is not defined")
	}
}

func TestCancel(t *testing.T) {
	t.Parallel()
	for name, capabilities := range map[string]string{"agreed": `["cancel"]`, "not": `[]`} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file := filepath.Join(t.TempDir(), "said")
			l := newLayer(t).opens(`printf '{"type":"ready","version":1,"capabilities":`+capabilities+`}\n' >&3`,
				`IFS= read -r -u 4 head; printf '%s' "$head" >"$SAID.part"; mv "$SAID.part" "$SAID"`)
			f := newFake(t, l).start("SAID=" + file)
			f.next().handWith("id-1", headersFor("id-1", time.Second), `{}`)
			r := f.wait(pathOf("id-1", "error")) // until it is answered, the language runtime lives
			if name == "agreed" {
				eventually(t, f.ctx, "cancel is there", func() bool { _, err := os.Stat(file); return err == nil })
			}
			if said, _ := os.ReadFile(file); string(said) != map[string]string{"agreed": `{"type":"cancel","id":"id-1"}`}[name] {
				t.Errorf("it was told %q", said)
			}
			r.accept()
			f.next()
			f.stop()
		})
	}
}

// TestMargin has a margin of nothing, with which the platform enforces the deadline, and large ones.
func TestMargin(t *testing.T) {
	t.Parallel()
	hangs := own + `sleep 300`
	t.Run("none", func(t *testing.T) {
		t.Parallel()
		f := newLayer(t).speaks(hangs).begin(options{timeout: 5 * time.Second, env: map[string]string{"SOR_MARGIN_MS": "0"}})
		f.fails(`{}`, "Sandbox.Timedout", "Task timed out after 5.00 seconds")
		f.pid()
	})
	for margin, wants := range map[string]float64{"2000": 1.5, "1000": 2} { // half of the time at the most
		t.Run(margin, func(t *testing.T) {
			t.Parallel()
			f := newLayer(t).speaks(hangs).begin(options{timeout: 3 * time.Second, env: map[string]string{"SOR_MARGIN_MS": margin}})
			var got float64
			_, err := fmt.Sscanf(f.fails(`{}`, "Function.Timeout").Message, "handler handler.hello did not answer within %f seconds", &got)
			if err != nil || got > wants || got < wants-0.5 {
				t.Errorf("it waited %v s (%v), want %v s", got, err, wants)
			}
			f.pid()
		})
	}
}

// TestDeafRuntime has one that answers, and hears nothing after it: the next invocation is not its.
func TestDeafRuntime(t *testing.T) {
	t.Parallel()
	f := newLayer(t).speaks(own + `exec 4<&-; say result 1; sleep 300`).begin(options{timeout: patience})
	before := f.pid()
	f.says(`"now"`, "1")
	if f.pid() == before {
		t.Error("it heard")
	}
}

// TestHalfAnError has a client of the Runtime API that dies while it posts an error.
func TestHalfAnError(t *testing.T) {
	t.Parallel()
	f := newLayer(t).file("language-runtime.json", `{"protocol":"runtime-api"}`).file("language-runtime", `#!/bin/bash
exec 5<>"/dev/tcp/${AWS_LAMBDA_RUNTIME_API%:*}/${AWS_LAMBDA_RUNTIME_API#*:}"
printf 'GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: x\r\n\r\n' >&5
while IFS= read -r -u 5 line && [[ $line != $'\r' ]]; do
	[[ ${line,,} != lambda-runtime-aws-request-id:* ]] || id=${line#*: } id=${id%$'\r'}
done
kind=error
read -r -N 1 -u 5 event
[[ $event != 1 ]] || kind=response
printf 'POST /2018-06-01/runtime/invocation/%s/%s HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{"errorT' "$id" "$kind" >&5
exit 3
`).begin(options{})
	for _, event := range []string{"0", "1"} {
		f.fails(event, "Runtime.ExitError", "exit status 3")
	}
}
