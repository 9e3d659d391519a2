//go:build linux

package sidecar_test

// The layer of a test, and its sidecars: real programs, most of them a few lines of bash. One that serves a port is this very
// test binary.

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/serverless/open-runtime/internal/manifest"
	"github.com/serverless/open-runtime/internal/process"
	"github.com/serverless/open-runtime/internal/runtimeapi"
	"github.com/serverless/open-runtime/pkg/sidecar"
)

// roles are what this binary is for those that start it with TEST_ROLE, at the address TEST_ADDR.
var roles = map[string]func(addr string){
	"tcp": func(addr string) { // accepts and says nothing
		listener, err := net.Listen("tcp", addr)
		for err == nil {
			var conn net.Conn
			if conn, err = listener.Accept(); err == nil {
				defer conn.Close()
			}
		}
	},
	"http": func(addr string) { // /healthy is so at the third question; /flush says so
		asked := 0
		http.HandleFunc("GET /healthy", func(w http.ResponseWriter, _ *http.Request) {
			if asked++; asked < 3 {
				w.WriteHeader(http.StatusServiceUnavailable)
			}
		})
		http.HandleFunc("POST /flush", func(http.ResponseWriter, *http.Request) { fmt.Println("flushed") })
		http.HandleFunc("POST /hang", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
		http.HandleFunc("POST /bad", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) })
		fmt.Fprintln(os.Stderr, http.ListenAndServe(addr, nil))
	},
	"mute": func(addr string) { // accepts HTTP and never answers
		http.HandleFunc("/", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
		fmt.Fprintln(os.Stderr, http.ListenAndServe(addr, nil))
	},
}

// theStarter is the one goroutine that is meant to stay.
var theStarter = goleak.IgnoreAnyFunction("github.com/serverless/open-runtime/internal/process.startStarter.func1")

func TestMain(m *testing.M) {
	if role := roles[os.Getenv("TEST_ROLE")]; role != nil {
		role(os.Getenv("TEST_ADDR"))
		os.Exit(1)
	}
	if err := errors.Join(process.Subreap(), process.NoInherit()); err != nil { // as the bootstrap
		panic(err)
	}
	warmUp := process.Spec{Path: "/bin/true", Args: []string{"true"}}
	if child, err := process.Start(warmUp); err == nil { // the starter's descriptors are there from now on
		<-child.Exited()
	}
	before := descriptors()
	goleak.VerifyTestMain(m, theStarter, goleak.Cleanup(func(code int) {
		if left := process.Descendants(os.Getpid()); len(left) > 0 {
			fmt.Fprintf(os.Stderr, "processes %v were left over\n", left)
			code = 1
		}
		if after := descriptors(); len(after) > len(before) {
			fmt.Fprintf(os.Stderr, "descriptors were left over: before %q, after %q\n", before, after)
			code = 1
		}
		os.Exit(code)
	}))
}

// descriptors lists this process's open ones, but for the poller's own, which come with the first use.
func descriptors() []string {
	var open []string
	entries, _ := os.ReadDir("/proc/self/fd")
	for _, entry := range entries {
		target, err := os.Readlink("/proc/self/fd/" + entry.Name())
		if err == nil && !strings.HasPrefix(target, "anon_inode:") {
			open = append(open, entry.Name()+" "+target)
		}
	}
	return open
}

// tooLong is when a test gives up: far over what anything takes on a busy machine.
const tooLong = time.Minute

type layer struct {
	t   testing.TB
	dir string // of what sidecars write, $DIR, and what they are started in
	sidecar.Options

	mu      sync.Mutex
	log     []string // "source: line"
	more    chan struct{}
	records []sidecar.Record
}

func newLayer(t testing.TB) *layer {
	t.Helper()
	l := &layer{t: t, dir: t.TempDir(), more: make(chan struct{})}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	l.Options = sidecar.Options{
		Root: t.TempDir(), Dir: l.dir, Environ: []string{"PATH=" + os.Getenv("PATH"), "DIR=" + l.dir, "SELF=" + self}, Log: l.logged,
		Trace: l.traced,
	}
	if err := os.Mkdir(filepath.Join(l.Root, "sidecars"), 0o755); err != nil {
		t.Fatal(err)
	}
	return l
}

func (l *layer) logged(source string, line []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.log = append(l.log, source+": "+string(line))
	l.stir()
}

func (l *layer) traced(r sidecar.Record) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.records = append(l.records, r)
	l.stir()
}

// stir wakes those who wait.
func (l *layer) stir() {
	close(l.more)
	l.more = make(chan struct{})
}

// events spells the records of the trace: name:event, and ! for those that went wrong.
func (l *layer) events() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var events []string
	for _, r := range l.records {
		event := r.Name + ":" + r.Event
		if r.ErrorType != "" {
			event += "!"
		}
		events = append(events, event)
	}
	return strings.Join(events, " ")
}

func (l *layer) logs() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Join(l.log, "\n")
}

// awaitLog waits until a text is in the log count times.
func (l *layer) awaitLog(text string, count int) {
	l.t.Helper()
	l.await(l.logs, text, count)
}

// awaitEvent waits until an event is in the trace count times.
func (l *layer) awaitEvent(event string, count int) {
	l.t.Helper()
	l.await(func() string { return l.events() + " " }, event+" ", count)
}

func (l *layer) await(all func() string, text string, count int) {
	l.t.Helper()
	ctx, cancel := context.WithTimeout(l.t.Context(), tooLong)
	defer cancel()
	for {
		l.mu.Lock()
		more := l.more
		l.mu.Unlock()
		if strings.Count(all(), text) >= count {
			return
		}
		select {
		case <-more:
		case <-ctx.Done():
			l.t.Fatalf("%q is not %d times in:\n%s", text, count, all())
		}
	}
}

// script writes a sidecar in bash.
func (l *layer) script(name, text string) *layer {
	l.t.Helper()
	path := filepath.Join(l.Root, "sidecars", name)
	if err := os.WriteFile(path, []byte("#!/bin/bash\n"+text+"\n"), 0o755); err != nil {
		l.t.Fatal(err)
	}
	return l
}

func (l *layer) manifest(name, text string) *layer {
	l.t.Helper()
	if err := os.WriteFile(filepath.Join(l.Root, "sidecars", name+".json"), []byte(text), 0o644); err != nil {
		l.t.Fatal(err)
	}
	return l
}

// load loads a list, and shuts it down when the test is over.
func (l *layer) load(list string) *sidecar.Set {
	l.t.Helper()
	refs, err := manifest.ParseList(list)
	if err != nil {
		l.t.Fatal(err)
	}
	set, err := sidecar.Load(refs, l.Options)
	if err != nil {
		l.t.Fatal(err)
	}
	l.t.Cleanup(func() { set.Shutdown(context.Background()) })
	return set
}

// start loads and starts.
func (l *layer) start(list string) *sidecar.Set {
	l.t.Helper()
	set := l.load(list)
	if err := set.Start(l.t.Context()); err != nil {
		l.t.Fatalf("%v\n%s", err, l.logs())
	}
	return set
}

// told gives what a sidecar wrote to a file in $DIR.
func (l *layer) told(name string) string {
	l.t.Helper()
	data, err := os.ReadFile(filepath.Join(l.dir, name))
	if err != nil {
		l.t.Fatal(err)
	}
	return string(data)
}

// wants checks that an error is a *runtimeapi.Error of our type that says all texts.
func wants(t *testing.T, err error, texts ...string) {
	t.Helper()
	var failed *runtimeapi.Error
	if !errors.As(err, &failed) || failed.Type != "Runtime.SidecarError" {
		t.Fatalf("got %v, want a Runtime.SidecarError", err)
	}
	for _, text := range texts {
		if !strings.Contains(failed.Message, text) {
			t.Errorf("got %q, which does not say %q", failed.Message, text)
		}
	}
}

// freeAddress finds a port that nobody listens on.
func freeAddress(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}

// alive says whether a process is there and no zombie.
func alive(pid string) bool {
	stat, err := os.ReadFile("/proc/" + strings.TrimSpace(pid) + "/stat")
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	return err == nil && len(fields) > 0 && !slices.Contains([]string{"Z", "X"}, fields[0])
}

// touch makes a file in $DIR, for which a sidecar waits.
func (l *layer) touch(name string) {
	l.t.Helper()
	if err := os.WriteFile(filepath.Join(l.dir, name), nil, 0o644); err != nil {
		l.t.Fatal(err)
	}
}
