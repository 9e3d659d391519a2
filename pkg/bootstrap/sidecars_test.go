//go:build linux

package bootstrap_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// agent is a sidecar that is ready by its descriptor, flushes by it, and writes down what happens to it.
const agent = `#!/bin/bash
exec 5>>"$DIR/agent"
echo "start $$" >&5
trap 'echo term >&5; exit 0' TERM
sleep 0.1
echo ready >&5
echo >&3
while IFS= read -r -u 4 word; do echo "$word" >&5; echo >&3; done &
wait
`

func withAgent(t *testing.T) (*crowd, *layer) {
	l := newLayer(t).speaks(`
		echo "invoke" >>"$DIR/agent"
		[[ $payload != '"kill"' ]] || { kill -KILL "$(sed -n 's/start //p' "$DIR/agent" | tail -n 1)"; }
		say result "$payload"`)
	l.file("sidecars/agent", agent).file("sidecars/agent.json", `{"ready":{"fd":true},"flush":{"fd":true},"flushTimeoutMs":5000}`)
	return newCrowd(t, l, "DIR="+l.opt, "SLSSIDECARS=agent"), l
}

// A sidecar is ready before the handler is loaded, flushes before the next invocation is asked for, and is stopped last.
func TestSidecar(t *testing.T) {
	t.Parallel()
	c, l := withAgent(t)
	c.invoke("id-1", `1`).says(`1`)
	c.invoke("id-2", `2`).says(`2`)
	c.invoke("id-3", `3`).says(`3`)
	c.fake.stop()
	data, err := os.ReadFile(filepath.Join(l.opt, "agent"))
	got := strings.Fields(string(data))
	if err != nil || len(got) < 2 {
		t.Fatalf("got %q, %v", data, err)
	}
	got[1] = "PID"
	if want := "start PID ready invoke flush invoke flush invoke"; !strings.HasPrefix(strings.Join(got, " "), want) || got[len(got)-1] != "term" {
		t.Errorf("got %q, want %q first and term last", got, want)
	}
}

// An invocation waits for a sidecar that is being started again.
func TestSidecarDies(t *testing.T) {
	t.Parallel()
	c, _ := withAgent(t)
	c.invoke("id-1", `"kill"`).says(`"kill"`)
	c.begin("id-2", `2`, 20*time.Second).says(`2`)
	c.fake.stop()
	c.fake.log.wants(t, "sidecar=agent")
}

// A sidecar hears of the end though the language runtime does not.
func TestSidecarIsToldThoughTheRuntimeStays(t *testing.T) {
	t.Parallel()
	l := newLayer(t).opens(`trap '' TERM; printf '{"type":"ready","version":1}\n' >&3`, `[[ $head != *shutdown* ]] || while :; do sleep 0.01; done; say result "$payload"`)
	l.file("sidecars/agent", agent).file("sidecars/agent.json", `{"ready":{"fd":true},"flush":{"fd":true},"flushTimeoutMs":5000}`)
	c := newCrowd(t, l, "DIR="+l.opt, "SLSSIDECARS=agent")
	c.invoke("id-1", `1`).says(`1`)
	c.fake.stop()
	data, err := os.ReadFile(filepath.Join(l.opt, "agent"))
	if err != nil || !strings.HasSuffix(string(data), "term\n") {
		t.Errorf("got %q, %v, want term at the end", data, err)
	}
}
