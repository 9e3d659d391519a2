//go:build linux

package middleware_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/serverless/open-runtime/internal/runtimeapi"
	"github.com/serverless/open-runtime/pkg/middleware"
)

// stands writes a persistent middleware: answer is what it does with $hook, $payload and $id. say TYPE PAYLOAD KEYS answers.
func (l *layer) stands(name, answer string) {
	l.t.Helper()
	l.standsWith(name, `printf '{"type":"ready","version":1,"capabilities":["cancel"]}\n' >&3`, answer)
}

func (l *layer) standsWith(name, ready, answer string) {
	l.t.Helper()
	l.manifest(name, `{"protocol":"frames/1","hooks":["before","after","error"]}`)
	l.script(name, `LC_ALL=C
say() { printf '{"type":"%s","id":"%s"%s,"length":%d}\n%s' "$1" "$id" "$3" "${#2}" "$2" >&3; }
same() { printf '{"type":"result","id":"%s","unchanged":true}\n' "$id" >&3; }
IFS= read -r -u 4 hello
echo $$ >>"$DIR/pids"
`+ready+`
while IFS= read -r -u 4 head; do
	type=${head#*\"type\":\"} type=${type%%\"*}
	[[ $type != shutdown ]] || { echo bye >>"$DIR/bye"; exit 0; }
	id=${head#*\"id\":\"} id=${id%%\"*} hook=${head#*\"hook\":\"} hook=${hook%%\"*} payload='' length=0
	[[ $head != *'"length":'* ]] || { length=${head##*\"length\":} length=${length%%[!0-9]*}; }
	((length == 0)) || IFS= read -r -N "$length" -u 4 payload
	`+answer+`
done`)
}

// stand loads a list and starts it; the test's end shuts it down.
func (l *layer) stand(list string) *middleware.Set {
	l.t.Helper()
	set := l.load(list)
	set.Start()
	l.t.Cleanup(func() {
		ctx, done := context.WithTimeout(context.Background(), tooLong)
		defer done()
		set.Shutdown(ctx)
	})
	if err := set.Ready(l.t.Context()); err != nil {
		l.t.Fatal(err)
	}
	return set
}

// through takes an event through a set, within a limit if there is one.
func through(t *testing.T, set *middleware.Set, h middleware.Handler, event string, limit ...time.Duration) (string, error) {
	t.Helper()
	inv := invocation()
	if len(limit) > 0 {
		inv.Limit = time.Now().Add(limit[0])
		inv.Last = inv.Limit.Add(tooLong)
	}
	ctx, cancel := context.WithTimeout(t.Context(), tooLong)
	defer cancel()
	response, err := set.Chain(h)(ctx, inv, []byte(event))
	set.Renew()
	return string(response.Payload), err
}

func (l *layer) processes() int { return len(strings.Fields(l.told("pids"))) }

// What a persistent middleware answers means what an exec one prints.
func TestPersistentAnswers(t *testing.T) {
	for name, test := range map[string]struct {
		answer  string
		handler middleware.Handler
		want    string
		err     string // type: message
	}{
		"replaced":   {`say result "[\"$hook\",$payload]"`, echo, `["after",["before",{"a":1}]]`, ""},
		"unchanged":  {`same`, echo, `{"a":1}`, ""},
		"respond":    {`say result '"early"' ',"respond":true'`, unreached(t), `"early"`, ""},
		"error":      {`say error '{"errorType":"Auth.Denied","errorMessage":"no token"}'`, unreached(t), "", "Auth.Denied: no token"},
		"noDocument": {`say error 'no document'`, unreached(t), "", "Runtime.MiddlewareError: no document"},
		"noJSON":     {`say result 'no JSON'`, unreached(t), "", "Runtime.MiddlewareError: middleware a, before: what it printed is not JSON"},
		"changed": {
			`if [[ $hook == error ]]; then say result '{"errorMessage":"changed"}'; else same; fi`, fails(broken), "", broken.Type + ": changed",
		},
		"handled": {`if [[ $hook == error ]]; then say result '"handled"' ',"respond":true'; else same; fi`, fails(broken), `"handled"`, ""},
		"large":   {`if [[ $hook == after ]]; then printf -v payload %6291557s; fi; say result "$payload"`, echo, "", "Runtime.MiddlewareError: middleware a, after: it answered 6291557 bytes; 6291556 are allowed"},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLayer(t)
			l.stands("a", test.answer)
			set := l.stand("a")
			for range 2 {
				got, err := through(t, set, test.handler, `{"a":1}`)
				if got != test.want {
					t.Errorf("got %s, want %s", got, test.want)
				}
				said := ""
				if err != nil {
					said = err.Error()
				}
				if test.err == "" && said != "" || !strings.HasPrefix(said, test.err) && !strings.Contains(said, strings.TrimPrefix(test.err, "Runtime.MiddlewareError: ")) {
					t.Errorf("got the error %q, want %q", said, test.err)
				}
			}
			if got := l.processes(); got != 1 {
				t.Errorf("it was started %d times", got)
			}
		})
	}
}

// A persistent middleware that breaks costs the invocation that it had, and is started again.
func TestPersistentBreaks(t *testing.T) {
	for name, test := range map[string]struct {
		breaks string
		parts  []string
	}{
		"exits":    {`echo "no config" >&2; exit 3`, []string{"middleware a, before: ", "exit status 3", "no config"}},
		"killed":   {`kill -KILL $$`, []string{"signal: killed"}},
		"garbage":  {`echo garbage >&3`, []string{"middleware a, before: frames/1: header is not a JSON object"}},
		"noID":     {`id= say result 1`, []string{"an answer has no id"}},
		"closes":   {`exec 3>&-; sleep 300`, []string{"closed its end of the pipe"}},
		"chunks":   {`say chunk x`, []string{"stream was not offered"}},
		"half":     {`printf '{"type":"result","id":"%s","length":10}\nhalf' "$id" >&3; exit 4`, []string{"exit status 4"}},
		"overtime": {`sleep 300`, []string{"timed out after 400 ms"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLayer(t)
			l.stands("a", `case $payload in '"break"') `+test.breaks+`;; *) same ;; esac`)
			l.manifest("a", `{"protocol":"frames/1","hooks":["before"],"timeoutMs":400}`)
			if name != "overtime" {
				l.manifest("a", `{"protocol":"frames/1","hooks":["before"]}`)
			}
			set := l.stand("a")
			for range 2 {
				_, err := through(t, set, unreached(t), `"break"`, 5*time.Second)
				wantError(t, err, runtimeapi.ErrorMiddleware, test.parts...)
				if got, err := through(t, set, echo, `1`); got != "1" || err != nil {
					t.Errorf("after it: %s, %v", got, err)
				}
			}
			if got := l.processes(); got != 3 {
				t.Errorf("it was started %d times, want 3", got)
			}
		})
	}
}

// One whose start takes longer than a run may is not started anew by each run that could not wait for it.
func TestPersistentStartsSlowlyAgain(t *testing.T) {
	l := newLayer(t)
	l.standsWith("a", `[[ ! -e $DIR/again ]] || read -t 1 <> <(:); : >"$DIR/again"; printf '{"type":"ready","version":1}\n' >&3`,
		`[[ $payload != '"break"' ]] || exit 3; same`)
	l.manifest("a", `{"protocol":"frames/1","hooks":["before"],"timeoutMs":300}`)
	set := l.stand("a")
	_, err := through(t, set, unreached(t), `"break"`)
	wantError(t, err, runtimeapi.ErrorMiddleware, "exit status 3")
	for range 30 {
		if _, err = through(t, set, echo, `1`); err == nil {
			break
		}
	}
	if err != nil || l.processes() != 2 {
		t.Errorf("got %v, started %d times", err, l.processes())
	}
}

// One that heeds a cancel lives on; the invocation's own time makes it a timeout.
func TestPersistentHeedsCancel(t *testing.T) {
	l := newLayer(t)
	l.stands("a", `case $payload in '"wait"') IFS= read -r -u 4 word; echo "${word:9:6}" >&2; say error '{"errorType":"Late","errorMessage":"stopped"}' ;; *) same ;; esac`)
	set := l.stand("a?")
	_, err := through(t, set, unreached(t), `"wait"`, 300*time.Millisecond)
	wantError(t, err, runtimeapi.ErrorTimeout, "middleware a, before: the invocation's time was over")
	if got, err := through(t, set, echo, `1`); got != "1" || err != nil || l.processes() != 1 {
		t.Errorf("after it: %s, %v, started %d times", got, err, l.processes())
	}
	poll(t, "it did not hear the cancel", func() bool { return strings.Contains(l.logs(), "a: cancel") })
}

// One that does not is looked at, by the kernel and by its own stacks.
func TestPersistentHangs(t *testing.T) {
	l := newLayer(t)
	l.standsWith("a", `printf '{"type":"ready","version":1,"dumpSignal":"SIGUSR1"}\n' >&3; trap 'echo "at hook (a:7)" >&2' USR1`, `while :; do read -t 0.001 <> <(:); done`)
	_, err := through(t, l.stand("a"), unreached(t), `1`, 300*time.Millisecond)
	wantError(t, err, runtimeapi.ErrorTimeout, "middleware a, before: the invocation's time was over")
	for _, want := range []string{`sor: timeout request_id="request-1" middleware=a hook=before process `, "a: at hook (a:7)"} {
		if !strings.Contains(l.logs(), want) {
			t.Errorf("no line says %q: %s", want, l.logs())
		}
	}
}

// An event that nobody read is given to the next process.
func TestPersistentDiesBeforeItReads(t *testing.T) {
	l := newLayer(t)
	l.standsWith("a", `printf '{"type":"ready","version":1}\n' >&3; [[ -e $DIR/second ]] || { : >"$DIR/second"; read -t 0.3 <> <(:); exit 1; }`, `same`)
	set := l.stand("a")
	if got, err := through(t, set, echo, `1`); got != "1" || err != nil {
		t.Errorf("got %s, %v", got, err)
	}
}

// What is wrong with them at init is told together; an optional one is left out.
func TestPersistentInit(t *testing.T) {
	l := newLayer(t)
	l.standsWith("refuses", `doc='{"errorType":"Config","errorMessage":"no TABLE_NAME"}'; printf '{"type":"error","length":%d}\n%s' ${#doc} "$doc" >&3; exit 1`, "")
	l.standsWith("exits", `echo "no module" >&2; exit 7`, "")
	l.standsWith("babbles", `echo hello >&3; sleep 300`, "")
	l.standsWith("version", `printf '{"type":"ready","version":2}\n' >&3`, "")
	l.standsWith("wants", `printf '{"type":"ready","version":1,"capabilities":["stream"]}\n' >&3`, "")
	l.stands("good", "same")
	set := l.load("refuses,exits,babbles,version,wants,good")
	set.Start()
	err := set.Ready(t.Context())
	wantError(t, err, runtimeapi.ErrorMiddleware,
		"middleware refuses, start: it did not start: no TABLE_NAME",
		"middleware exits, start: its process ended before it said ready, with exit status 7; its manifest says frames/1\nlast lines of its stderr:\nno module",
		"middleware babbles, start: ", "header is not a JSON object", "ready names version 2", `wants the capability "stream", which was not offered`)
	if strings.Contains(err.Error(), "good") {
		t.Errorf("it complains of what works: %v", err)
	}
	set.Shutdown(t.Context())

	l.manifest("exits", `{"protocol":"frames/1","required":false}`)
	set = l.stand("refuses?,exits,good")
	if diff := cmp.Diff([]string{"good"}, set.Names()); diff != "" {
		t.Error(diff)
	}
	if log := l.logs(); !strings.Contains(log, "optional middleware is left out middleware=refuses") || !strings.Contains(log, "middleware=exits") {
		t.Errorf("got the log %s", log)
	}
}

// Its stdout and stderr are the log, by whole lines; the word shutdown reaches it.
func TestPersistentLogAndShutdown(t *testing.T) {
	l := newLayer(t)
	l.stands("a", `echo "out $hook"; printf 'no newline' >&2; same`)
	set := l.stand("a")
	if _, err := through(t, set, echo, `1`); err != nil {
		t.Fatal(err)
	}
	set.Shutdown(t.Context())
	if got := l.told("bye"); got != "bye\n" {
		t.Errorf("it did not hear shutdown: %q", got)
	}
	if log := l.logs(); log != "a: out before\na: no newlineout after\na: no newline" {
		t.Errorf("got the log %q", log)
	}
}

// What it printed for one caller is told to no other.
func TestPersistentLinesOfOthers(t *testing.T) {
	l := newLayer(t)
	l.stands("a", `echo "secret of $payload" >&2; [[ $payload != 2 ]] || { sleep 0.1; exit 9; }; same`)
	l.manifest("a", `{"protocol":"frames/1","hooks":["before"]}`)
	set := l.stand("a")
	if _, err := through(t, set, echo, `1`); err != nil {
		t.Fatal(err)
	}
	poll(t, "the first line is not in the log", func() bool { return strings.Contains(l.logs(), "secret of 1") })
	_, err := through(t, set, unreached(t), `2`)
	wantError(t, err, runtimeapi.ErrorMiddleware, "its process ended before it answered, with exit status 9\nlast lines of its stderr:\nsecret of 2")
	if strings.Contains(err.Error(), "secret of 1") {
		t.Errorf("it tells the second caller of the first: %v", err)
	}
}

// One that never says ready is told as that, and not as a hook that hangs.
func TestPersistentNeverReady(t *testing.T) {
	l := newLayer(t)
	l.standsWith("a", `sleep 1000`, "")
	set := l.load("a")
	set.Start()
	defer set.Shutdown(t.Context())
	short, done := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer done()
	if err := set.Ready(short); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(l.logs(), "has not said ready yet") {
		t.Errorf("got the log %s", l.logs())
	}
	inv := invocation()
	inv.Limit = time.Now().Add(100 * time.Millisecond)
	_, err := set.Chain(unreached(t))(t.Context(), inv, []byte(`1`))
	wantError(t, err, runtimeapi.ErrorTimeout, "it has not said ready in the ", "its manifest says frames/1")
}

// Several invocations at once: processes as many as are needed, or one that takes them all.
func TestPersistentConcurrency(t *testing.T) {
	for _, multiplex := range []bool{false, true} {
		t.Run(fmt.Sprint(multiplex), func(t *testing.T) {
			l := newLayer(t)
			l.Concurrency = 3
			if multiplex {
				l.standsWith("a", `printf '{"type":"ready","version":1,"capabilities":["multiplex"]}\n' >&3`, `
					ids+=($id); ((${#ids[@]} == 3)) || continue
					for id in ${ids[2]} ${ids[0]} ${ids[1]}; do say result "$$"; done; ids=()`)
			} else {
				l.stands("a", `: >"$DIR/here.$payload"; for i in 1 2 3; do while [[ ! -e $DIR/here.$i ]]; do read -t 0.01 <> <(:); done; done; say result "$$"`)
			}
			l.manifest("a", `{"protocol":"frames/1","hooks":["before"]}`)
			set := l.stand("a")
			answers := make(chan string)
			for i := range 3 {
				go func() {
					response, err := set.Chain(echo)(t.Context(), invocation(), fmt.Append(nil, i+1))
					if err != nil {
						t.Error(err)
					}
					answers <- string(response.Payload)
				}()
			}
			distinct := map[string]bool{<-answers: true, <-answers: true, <-answers: true}
			if want := map[bool]int{false: 3, true: 1}[multiplex]; len(distinct) != want {
				t.Errorf("answered by %v, want %d processes", distinct, want)
			}
		})
	}
}

// A response of 6 MB and an event of 6 MB pass at the same time in both directions, however the other side orders it.
func TestPersistentSize(t *testing.T) {
	l := newLayer(t)
	l.stands("a", `say result "$payload" & wait`)
	set := l.stand("a")
	event := `"` + strings.Repeat("x", runtimeapi.MaxEvent-2) + `"`
	if got, err := through(t, set, echo, event); got != event || err != nil {
		t.Errorf("got %d bytes, %v", len(got), err)
	}
}

// What an after is shown of a stream is what its manifest asks for.
func TestPersistentAfterOfAStream(t *testing.T) {
	streamed := func(context.Context, *middleware.Invocation, []byte) (middleware.Response, error) {
		chunks := []string{"one", "two"}
		return middleware.Response{ContentType: "text/plain", Stream: func(context.Context) ([]byte, error) {
			if len(chunks) == 0 {
				return nil, io.EOF
			}
			next := chunks[0]
			chunks = chunks[1:]
			return []byte(next), nil
		}}, nil
	}
	for response, want := range map[string]string{"buffer": "[onetwo text/plain]", "head": `[{"contentType":"text/plain"} text/plain]`, "none": "[ text/plain]"} {
		l := newLayer(t)
		l.stands("a", `kind=${head#*\"contentType\":\"}; echo "[$payload ${kind%%\"*}]" >>"$DIR/shown"; same`)
		l.manifest("a", `{"protocol":"frames/1","hooks":["after"],"response":"`+response+`"}`)
		got, err := l.stand("a").Chain(streamed)(t.Context(), invocation(), []byte(`1`))
		if err != nil {
			t.Fatal(err)
		}
		if shown := strings.TrimSpace(l.told("shown")); shown != want {
			t.Errorf("%s: it was shown %s, want %s", response, shown, want)
		}
		whole := string(got.Payload)
		for got.Stream != nil {
			chunk, err := got.Stream(t.Context())
			if errors.Is(err, io.EOF) {
				break
			}
			whole += string(chunk)
		}
		if whole != "onetwo" || (got.Stream == nil) != (response == "buffer") {
			t.Errorf("%s: got %q, a stream: %v", response, whole, got.Stream != nil)
		}
	}
}
