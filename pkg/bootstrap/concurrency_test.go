//go:build linux

package bootstrap_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"
)

// Managed Instances send several invocations at once. A language runtime that takes one at a time is started as often as is
// needed, and each event is answered by who had it.
func TestPoolOfLanguageRuntimes(t *testing.T) {
	t.Parallel()
	const several = 4
	l := newLayer(t).speaks(`
		n=${payload//[!0-9]/}
		: >"$DIR/here.$n"
		for i in 1 2 3 4; do while [[ ! -e $DIR/here.$i ]]; do read -t 0.01 <> <(:); done; done
		say result "[$n,$$]"`)
	c := newCrowd(t, l, "AWS_LAMBDA_MAX_CONCURRENCY="+fmt.Sprint(several), "DIR="+l.opt)
	var turns []*turn
	for i := 1; i <= several; i++ {
		turns = append(turns, c.invoke(fmt.Sprintf("id-%d", i), fmt.Sprintf(`{"n":%d}`, i)))
	}
	processes := map[string]bool{}
	for i, one := range turns {
		var n, pid string
		one.wait()
		if _, err := fmt.Sscanf(one.body, "[%1s,", &n); err != nil || n != fmt.Sprint(i+1) {
			t.Errorf("%s: got %s", one.id, one.body)
		}
		_, _ = fmt.Sscanf(one.body[3:], "%s", &pid)
		processes[pid] = true
	}
	if len(processes) != several {
		t.Errorf("they were answered by %v, want %d processes", processes, several)
	}
}

// multiplexed is a language runtime that takes several at once: it answers in the reverse order.
const multiplexed = `
held+=("$id" "$payload")
((${#held[@]} == 6)) || continue
for i in 4 2 0; do id=${held[i]} say result "{\"id\":\"${held[i]}\",\"event\":${held[i+1]},\"pid\":$$}"; done
held=()`

func TestMultiplex(t *testing.T) {
	t.Parallel()
	l := newLayer(t).opens(`printf '{"type":"ready","version":1,"capabilities":["multiplex"]}\n' >&3`, multiplexed)
	c := newCrowd(t, l, "AWS_LAMBDA_MAX_CONCURRENCY=3")
	one, two, three := c.invoke("id-1", `"a"`), c.invoke("id-2", `"b"`), c.invoke("id-3", `"c"`)
	one.wait()
	var pid int
	_, _ = fmt.Sscanf(one.body[len(`{"id":"id-1","event":"a","pid":`):], "%d}", &pid)
	one.says(fmt.Sprintf(`{"id":"id-1","event":"a","pid":%d}`, pid))
	two.says(fmt.Sprintf(`{"id":"id-2","event":"b","pid":%d}`, pid))
	three.says(fmt.Sprintf(`{"id":"id-3","event":"c","pid":%d}`, pid))
}

// One that hangs in the midst of others costs its own invocation, and none of theirs.
func TestMultiplexHang(t *testing.T) {
	t.Parallel()
	l := newLayer(t).opens(`printf '{"type":"ready","version":1,"capabilities":["multiplex"]}\n' >&3`, `
		case $payload in
		'"hang"') ;;
		'"wait"') held=$id ;;
		'"free"') say result "$$"; id=$held say result "$$" ;;
		esac`)
	c := newCrowd(t, l, "AWS_LAMBDA_MAX_CONCURRENCY=3", "SOR_MARGIN_MS=1500")
	waits := c.invoke("id-1", `"wait"`)
	c.begin("id-2", `"hang"`, 3*time.Second).fails("Function.Timeout")
	// The process that hangs takes nothing new: the next is answered by another one.
	other := c.invoke("id-3", `"free"`).wait().body
	c.mu.Lock()
	early := waits.answers > 0
	c.mu.Unlock()
	if early {
		t.Errorf("what hung went on: %s, %s", other, waits.body)
	}
}

// A caller that hangs up in mid-stream costs nobody else the language runtime that takes several at once.
func TestMultiplexHangUp(t *testing.T) {
	t.Parallel()
	l := newLayer(t).opens(`printf '{"type":"ready","version":1,"capabilities":["multiplex","stream"]}\n' >&3`, `
		case $payload in
		'"stream"') say chunk "beginning" ;;
		'"hold"') held=$id ;;
		'"free"') say result "$$"; id=$held say result "$$" ;;
		*) say result "$$" ;;
		esac`)
	c := newCrowd(t, l, "AWS_LAMBDA_MAX_CONCURRENCY=2")
	pid := c.invoke("id-1", `"who"`).wait().body
	c.invoke(hangsUp, `"stream"`)
	hold := c.invoke("id-2", `"hold"`)
	c.invoke("id-3", `"free"`).says(pid) // asked for only after the hang-up was dealt with
	hold.says(pid)
}

// A proxied function asks as often as it likes.
func TestProxiedConcurrency(t *testing.T) {
	t.Parallel()
	c := newCrowd(t, newLayer(t).proxied(), "AWS_LAMBDA_MAX_CONCURRENCY=3")
	hangs := c.begin("id-1", `{"op":"wait"}`, 60*time.Second)
	c.invoke("id-2", `{"a":1}`).says(`{"a":1}`)
	c.invoke("id-3", `{"b":1}`).says(`{"b":1}`)
	c.fake.stop()
	if hangs.answers != 0 {
		t.Errorf("it was answered: %s", hangs.body)
	}
}

// What a language runtime left behind dies with it, though it came while a middleware of another invocation ran.
func TestDaemonBesideAMiddleware(t *testing.T) {
	t.Parallel()
	l := newLayer(t).opens(`printf '{"type":"ready","version":1,"capabilities":["multiplex"]}\n' >&3`, `
		case $payload in
		'"fork"') (setsid sleep 300 >/dev/null & echo $! >"$DIR/pid"); say result "$(<"$DIR/pid")" ;;
		'"die"') exit 3 ;;
		*) say result "$payload" ;;
		esac`).
		file("middlewares/slow", "#!/bin/bash\nread -r p\n[[ $p != '\"hold\"' ]] || { : >$DIR/holds; while [[ ! -e $DIR/go ]]; do read -t 0.01 <> <(:); done; }\nexit 0\n").
		file("middlewares/slow.json", `{"hooks":["before"]}`)
	c := newCrowd(t, l, "AWS_LAMBDA_MAX_CONCURRENCY=2", "DIR="+l.opt, "SLSMIDDLEWARES=slow")
	holds := c.invoke("id-1", `"hold"`)
	eventually(t, c.ctx, "the middleware runs", func() bool { _, err := os.Stat(filepath.Join(l.opt, "holds")); return err == nil })
	daemon, err := strconv.Atoi(c.invoke("id-2", `"fork"`).wait().body)
	if err != nil || !alive(daemon) {
		t.Fatalf("there is no daemon %d: %v", daemon, err)
	}
	l.file("go", "")
	holds.says(`"hold"`)
	c.invoke("id-3", `"die"`).fails("Runtime.ExitError")
	eventually(t, c.ctx, "the daemon is gone", func() bool { return !alive(daemon) })
}

// A client that asks for one at a time, though it was told of several, and hangs in it, costs that one alone.
func TestProxiedQueue(t *testing.T) {
	t.Parallel()
	l := newLayer(t).file("language-runtime.json", `{"protocol":"runtime-api"}`).file("language-runtime", `#!/bin/bash
exec 5<>"/dev/tcp/${AWS_LAMBDA_RUNTIME_API%:*}/${AWS_LAMBDA_RUNTIME_API#*:}"
ask() {
	printf 'GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: x\r\n\r\n' >&5
	while IFS= read -r -u 5 line && [[ $line != $'\r' ]]; do
		case ${line,,} in
		lambda-runtime-aws-request-id:*) id=${line#*: } id=${id%$'\r'} ;;
		content-length:*) length=${line#*: } length=${length%$'\r'} ;;
		esac
	done
	read -r -N "$length" -u 5 event
}
ask
[[ $event != hang ]] || sleep 300
printf 'POST /2018-06-01/runtime/invocation/%s/response HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n"%s"' "$id" "" >&5
read -r -u 5 line
sleep 300
`)
	c := newCrowd(t, l, "AWS_LAMBDA_MAX_CONCURRENCY=2", "SOR_MARGIN_MS=1000")
	hangs := c.begin("id-1", "hang", 2*time.Second)
	waits := c.invoke("id-2", "lives")
	hangs.fails("Function.Timeout")
	waits.says(`""`)
	c.fake.stop()
}
