//go:build linux

package sidecar_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/serverless/open-runtime/internal/manifest"
	"github.com/serverless/open-runtime/pkg/sidecar"
)

// All that is wrong is told at once; nothing was started for it.
func TestEverythingThatIsWrong(t *testing.T) {
	l := newLayer(t)
	l.script("good", "touch $DIR/started")
	l.script("wrong", "exit").manifest("wrong", `{"ready":{"fd":true,"tcp":"localhost:1"}}`)
	l.script("command", "exit").manifest("command", `{"ready":{"command":["no-such-program"]},"flush":{"command":["bin/x"]}}`)
	if err := os.WriteFile(filepath.Join(l.Root, "sidecars", "plain"), []byte("#!/bin/bash\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	refs, err := manifest.ParseList("good,wrong,command,plain,absent,sor:own")
	if err != nil {
		t.Fatal(err)
	}
	_, err = sidecar.Load(refs, l.Options)
	wants(t, err,
		"sidecar wrong: "+l.Root+"/sidecars/wrong.json: ready: there are 2 ways", "sidecar command: ready: its command no-such-program is not there",
		"sidecar command: flush: its command bin/x is not there", "sidecar plain: ", "it is not executable", "sidecar absent: ", "it is not there",
		"sidecar sor:own: there are no built-in sidecars")
	if strings.Contains(err.Error(), "good") {
		t.Errorf("%v", err)
	}
}

func TestOptionalOnesAreLeftOut(t *testing.T) {
	l := newLayer(t)
	l.script("a", "exec sleep 1000")
	l.manifest("c", `{"critical":false}`)
	l.script("d", "exec sleep 1000").manifest("d", `{"unknown":1}`)
	set := l.start("a,b?,c,d")
	if want := []string{"a", "d"}; !cmp.Equal(set.Names(), want) {
		t.Errorf("got %q, want %q", set.Names(), want)
	}
	for _, want := range []string{
		"sor: warning optional sidecar is left out sidecar=b cause=", "sor: warning optional sidecar is left out sidecar=c cause=",
		`sor: warning manifest of a sidecar sidecar=d cause="unknown key \"unknown\"`,
	} {
		if !strings.Contains(l.logs(), want) {
			t.Errorf("the log does not say %q:\n%s", want, l.logs())
		}
	}
}

// The environment, the arguments, the working directory and the descriptors of a sidecar.
func TestWhatASidecarIsGiven(t *testing.T) {
	l := newLayer(t)
	l.Environ = append(l.Environ, "OWN=1", "OTHER=2", "AWS_SECRET_ACCESS_KEY=s", "AWS_REGION=r", "SOR_SIDECAR=lie", "SOR_MIDDLEWARE=lie", "SOR_TRACE=fd:5",
		"_X_AMZN_TRACE_ID=lie")
	const tell = `cat /proc/$$/environ >"$DIR/$1"; pwd >"$DIR/$1.dir"; ls /proc/$$/fd >"$DIR/$1.fds"; echo "$0 $*" >"$DIR/$1.args"
		{ echo >&3; } 2>/dev/null; exec sleep 1000`
	l.script("a", tell).manifest("a", `{"args":["a","x y"],"ready":{"command":["test","-s","`+l.dir+`/a.args"]},"env":["DIR","OWN"],"credentials":false}`)
	l.script("b", tell).manifest("b", `{"args":["b"],"ready":{"fd":true}}`)
	l.script("c", tell).manifest("c", `{"args":["c"],"ready":{"fd":true},"flush":{"fd":true}}`)
	l.start("a,b,c")
	environ := func(name string) []string {
		vars := strings.Split(strings.TrimSuffix(l.told(name), "\x00"), "\x00")
		vars = slices.DeleteFunc(vars, func(v string) bool { return strings.HasPrefix(v, "PATH=") || strings.HasPrefix(v, "SELF=") })
		slices.Sort(vars)
		return vars
	}
	dir := "DIR=" + l.dir
	if diff := cmp.Diff([]string{"AWS_REGION=r", dir, "OWN=1", "SOR_SIDECAR=a"}, environ("a")); diff != "" {
		t.Errorf("a (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"AWS_REGION=r", "AWS_SECRET_ACCESS_KEY=s", dir, "OTHER=2", "OWN=1", "SOR_SIDECAR=b"}, environ("b")); diff != "" {
		t.Errorf("b (-want +got):\n%s", diff)
	}
	// 255 is bash's own, of the script
	for name, want := range map[string]string{"a": "0 1 2 255 ", "b": "0 1 2 255 3 ", "c": "0 1 2 255 3 4 "} {
		if got := strings.ReplaceAll(l.told(name+".fds"), "\n", " "); got != want {
			t.Errorf("%s has the descriptors %q, want %q", name, got, want)
		}
	}
	if got, want := l.told("a.args"), l.Root+"/sidecars/a a x y\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := l.told("a.dir"); got != l.dir+"\n" {
		t.Errorf("it is started in %q, want %q", got, l.dir)
	}
}
