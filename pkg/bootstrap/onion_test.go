//go:build linux

package bootstrap_test

// Middlewares around a handler, through the whole bootstrap. What one run may do is tested in pkg/middleware.

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// onion puts three middlewares in three languages into the layer, which add their letter to the list in a payload.
func (l *layer) onion() *layer {
	l.t.Helper()
	needs(l.t, "node")
	needs(l.t, "python3")
	return l.file("middlewares/a", "#!/bin/bash\nread -r p\nprintf '%s,\"a.%s\"]' \"${p%]}\" \"$1\"\n").
		file("middlewares/b/b", `#!/usr/bin/env python3
import json, sys
p = json.load(sys.stdin)
print(json.dumps(p + ["b." + sys.argv[1]], separators=(",", ":")))
`).
		file("middlewares/c.js", `#!/usr/bin/env node
const p = JSON.parse(require('fs').readFileSync(0, 'utf8'))
console.log(JSON.stringify([...p, 'c.' + process.argv[2]]))
`)
}

func TestOnion(t *testing.T) {
	t.Parallel()
	f := newLayer(t).onion().speaks(`say result "${payload%]},\"handler\"]"`).file("sor.json", `{"middlewares":["a","b","c.js"]}`).begin(options{trace: true})
	want := `["event","a.before","b.before","c.before","handler","c.after","b.after","a.after"]`
	f.says(`["event"]`, want)
	f.says(`["event"]`, want)
	f.mu.Lock()
	defer f.mu.Unlock()
	var stages []string
	for i, trace := range f.traces {
		if trace.DurationUs <= 0 || trace.StartUs < 0 || trace.BytesIn == 0 || trace.BytesOut != len(f.made[i]) || trace.ErrorType != "" {
			t.Errorf("got %+v, made %s", trace, f.made[i])
		}
		stages = append(stages, strings.Trim(trace.RequestID+" "+trace.Stage+" "+trace.Name+" "+trace.Hook, " "))
	}
	var wanted []string
	for _, id := range []string{"id-1", "id-2"} {
		for _, stage := range []string{"a before", "b before", "c.js before", "", "c.js after", "b after", "a after"} {
			if stage == "" {
				wanted = append(wanted, id+" handler handler.hello")
				continue
			}
			wanted = append(wanted, id+" middleware "+stage)
		}
	}
	if diff := cmp.Diff(wanted, stages); diff != "" {
		t.Error(diff)
	}
	if got := f.made[2]; got != `["event","a.before","b.before","c.before"]` {
		t.Errorf("the third record has %s", got)
	}
	if log := f.log.String(); log != "" {
		t.Errorf("records are in the log: %s", log)
	}
}

func TestTraceRecords(t *testing.T) {
	t.Parallel()
	l := newLayer(t).speaks(`case $payload in
		1) say error '{"errorType":"Boom","errorMessage":"m"}' ;;
		2) printf -v big '"%*s"' 100000 ''; say result "$big" ;;
		esac`)
	l.file("middlewares/m", "#!/bin/bash\nread -r p\n[[ $1 == before && $p == 3 ]] && printf '\"early\"' >&3\n[[ $p != 4 ]]\n")
	l.file("middlewares/m.json", `{"hooks":["before","error"]}`)
	f := l.begin(options{trace: true, env: map[string]string{"SLSMIDDLEWARES": "m"}})
	f.fails("1", "Function.Unknown", "m")
	f.answers("2")
	f.says("3", `"early"`)
	f.fails("4", "Runtime.MiddlewareError", "middleware m, before: exit status 1")
	f.mu.Lock()
	defer f.mu.Unlock()
	var got []string
	for i, r := range f.traces {
		got = append(got, fmt.Sprintf("%s %s %s%s in=%d out=%d made=%d unchanged=%v respond=%v error=%s truncated=%v",
			r.RequestID, r.Stage, r.Name, r.Hook, r.BytesIn, r.BytesOut, len(f.made[i]), r.Unchanged, r.Respond, r.ErrorType, r.Truncated))
	}
	want := []string{
		"id-1 middleware mbefore in=1 out=0 made=0 unchanged=true respond=false error= truncated=false",
		"id-1 handler handler.hello in=1 out=0 made=0 unchanged=false respond=false error=Boom truncated=false",
		"id-1 middleware merror in=39 out=0 made=0 unchanged=true respond=false error= truncated=false",
		"id-2 middleware mbefore in=1 out=0 made=0 unchanged=true respond=false error= truncated=false",
		"id-2 handler handler.hello in=1 out=100002 made=65536 unchanged=false respond=false error= truncated=true",
		"id-3 middleware mbefore in=1 out=7 made=7 unchanged=false respond=true error= truncated=false",
		"id-4 middleware mbefore in=1 out=0 made=0 unchanged=false respond=false error=Runtime.MiddlewareError truncated=false",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestErrorHookHandles(t *testing.T) {
	t.Parallel()
	l := newLayer(t).speaks(`[[ $payload == 1 ]] && exit 3; printf -v big '"%*s"' 6291556 ''; say result "$big"`)
	l.file("middlewares/m", "#!/bin/bash\n[[ $1 == error ]] && cat >&3\n:\n").file("middlewares/m.json", `{"hooks":["error"]}`)
	f := l.begin(options{env: map[string]string{"SLSMIDDLEWARES": "m"}})
	if got := f.answers("1"); !strings.Contains(got, `"errorType":"Runtime.ExitError"`) || !strings.Contains(got, "exit status 3") {
		t.Errorf("got %s", got)
	}
	if got := f.answers("2"); !strings.Contains(got, `"errorType":"Function.ResponseSizeTooLarge"`) || !strings.Contains(got, "(6291558 bytes)") {
		t.Errorf("got %.300s", got)
	}
}

// TestDaemons has a process that a middleware left behind, which lives until the sandbox ends, and one of the handler's,
// which ends with its language runtime.
func TestDaemons(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	leaves := `[[ -e $DIR/%[1]s ]] || { setsid bash -c 'echo $$ >$DIR/%[1]s.part; mv $DIR/%[1]s.part $DIR/%[1]s; exec sleep 300' </dev/null >&/dev/null & disown; until [[ -e $DIR/%[1]s ]]; do :; done; }
`
	l := newLayer(t).speaks(fmt.Sprintf(leaves, "handler") + `[[ $payload == 1 ]] && exit 3; say result $$`)
	l.file("middlewares/m", "#!/bin/bash\n"+fmt.Sprintf(leaves, "middleware"))
	f := l.begin(options{env: map[string]string{"SLSMIDDLEWARES": "m", "DIR": dir}})
	f.fails("1", "Runtime.ExitError")
	f.answers("2")
	handlers, err := pids(filepath.Join(dir, "handler"))
	if err != nil {
		t.Fatal(err)
	}
	f.gone(handlers[0])
	middlewares, err := pids(filepath.Join(dir, "middleware"))
	if err != nil {
		t.Fatal(err)
	}
	if !alive(middlewares[0]) {
		t.Error("the middleware's daemon ended with the language runtime")
	}
}

func TestMiddlewareTimeout(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "pid")
	l := newLayer(t).echoes().file("middlewares/m", "#!/bin/bash\nread -r p\n[[ $1 == after && $p == 1 ]] && echo $$ >\"$FILE\" && sleep 300\n:\n")
	f := l.begin(options{timeout: 3 * time.Second, env: map[string]string{"SLSMIDDLEWARES": "m?", "FILE": file, "SOR_MARGIN_MS": "1500"}})
	f.fails("1", "Function.Timeout", "middleware m, after: ")
	f.gonePIDs(file, 1)
	f.says("2", "2")
}

func TestOneHookAlone(t *testing.T) {
	t.Parallel()
	l := newLayer(t)
	l.file("middlewares/m", `#!/bin/bash
read -r p
case $1$p in
before1) ;;
before2) printf '{"changed":"é"}' ;;
before3) printf early >&3 ;;
before4) echo 'it broke' >&2; exit 3 ;;
before5) printf 'no JSON' ;;
before6) sleep 300 ;;
after1) printf '\xff\x00' ;;
error*) printf '{"errorType":"Other","errorMessage":"m"}' ;;
esac
`)
	limit := 3 * time.Second
	only := func(only string) *function {
		return l.begin(options{timeout: limit, trace: true, env: map[string]string{"SOR_ONLY": only, "SLSMIDDLEWARES": "gone", "SOR_MARGIN_MS": "1500"}})
	}
	f := only("m/before")
	f.says("1", `{"unchanged":true,"respond":false}`)
	f.says("2", `{"unchanged":false,"respond":false,"output":"{\"changed\":\"é\"}"}`)
	f.says("3", `{"unchanged":false,"respond":true,"output":"early"}`)
	f.fails("4", "Runtime.MiddlewareError", "middleware m, before: exit status 3", "it broke")
	f.fails("5", "Runtime.MiddlewareError", "not JSON")
	f.fails("6", "Function.Timeout", "middleware m, before")
	f.says("1", `{"unchanged":true,"respond":false}`)
	f.log.wants(t, "[m] it broke\n")
	if len(f.traces) != 7 {
		t.Errorf("got %d records, want 7", len(f.traces))
	}
	limit = 20 * time.Second
	only("m?/after").says("1", `{"unchanged":false,"respond":false,"outputBase64":"/wA="}`)
	only("m/error").fails("{}", "Runtime.MiddlewareError", "it has no such hook")
	only("m").fails("{}", "Runtime.MiddlewareError", "it has no such hook")
	l.file("middlewares/m.json", `{"hooks":["error"],"required":false}`)
	only("m/error").says(`{"errorType":"One","errorMessage":"m"}`, `{"unchanged":false,"respond":false,"output":"{\"errorType\":\"Other\",\"errorMessage\":\"m\"}"}`)
	only("gone?/before").fails("{}", "Runtime.MiddlewareError", "middleware gone: ", "it is not there")
	only("../m/before").fails("{}", "Runtime.MiddlewareError", "is no name")
}

// TestOneHookAloneEnds wants SIGTERM to end it too.
func TestOneHookAloneEnds(t *testing.T) {
	t.Parallel()
	f := newFake(t, newLayer(t).file("middlewares/m", "#!/bin/bash\n")).start("SOR_ONLY=m/before")
	f.next()
	f.stop()
	g := newFake(t, newLayer(t).file("middlewares/m", "#!/bin/bash\n")).start("SOR_ONLY=m/before")
	g.next().reply("500 Internal Server Error", "", nonRecoverable)
	g.exit(1)
}
