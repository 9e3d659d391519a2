//go:build linux

package callers_test

// Load: SOR_LOAD is for how many seconds, three if it is not set; `make load` takes a minute.

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/serverless/open-runtime/internal/process"
)

func loadTime(t *testing.T) time.Duration {
	t.Helper()
	given := os.Getenv("SOR_LOAD")
	if given == "" {
		return 3 * time.Second
	}
	seconds, err := strconv.Atoi(given)
	if err != nil {
		t.Fatalf("SOR_LOAD is a number of seconds: %v", err)
	}
	return time.Duration(seconds) * time.Second
}

const (
	loadClients = 8
	crashEvery  = 100
)

// Eight clients on one function, one in a hundred invocations ends its runtime: every invocation is answered once, with its
// own answer; what sor holds does not grow; sandboxes end when they are idle; nothing is left.
func TestLoad(t *testing.T) {
	temporary := t.TempDir()
	s := startLoaded(t, temporary, "500ms")
	empty := s.descriptors()

	length := loadTime(t)
	done := make([][]string, loadClients) // IDs that were answered
	var running sync.WaitGroup
	begun := time.Now()
	for client := range loadClients {
		running.Go(func() { done[client] = s.load(t, client, begun.Add(length)) })
	}
	half := time.NewTimer(length / 2)
	defer half.Stop()
	<-half.C
	memory, descriptors := s.resident(), s.descriptors()
	running.Wait()
	t.Logf("%d invocations in %s; resident %d MB in the middle, %d MB at the end; descriptors %d, %d",
		len(slices.Concat(done...)), time.Since(begun).Round(time.Millisecond), memory>>20, s.resident()>>20, descriptors, s.descriptors())
	if now := s.resident(); now > memory+memory/4+16<<20 {
		t.Errorf("sor is resident in %d MB; in the middle of the load it was %d MB", now>>20, memory>>20)
	}
	if now := s.descriptors(); now > descriptors+2*loadClients {
		t.Errorf("sor has %d descriptors; in the middle of the load it had %d", now, descriptors)
	}

	s.client.CloseIdleConnections()
	s.idle()
	if now := s.descriptors(); now > empty+4 {
		t.Errorf("sor has %d descriptors when all sandboxes have ended; it began with %d", now, empty)
	}
	s.leavesNothing(temporary)
	s.ranOnce(slices.Concat(done...))
}

// startLoaded starts `sor start` with sandboxes that end when they are idle for so long, and a TMPDIR of its own.
func startLoaded(t *testing.T, temporary, idle string) *server {
	t.Helper()
	function := project{name: "function", program: "./testdata/function", settings: "memory: 128\ntimeout: 60\n"}
	cmd := sor(t, "start", "--listen", "127.0.0.1:0", "--idle", idle, function.write(t))
	cmd.Env = append(cmd.Env, "TMPDIR="+temporary)
	return serve(t, function.name, cmd, listening)
}

// load invokes until the time is over, and gives the IDs of what was answered.
func (s *server) load(t *testing.T, client int, until time.Time) (ids []string) {
	for n := 1; time.Now().Before(until); n++ {
		id := fmt.Sprintf("%d-%d", client, n)
		event := []byte(`{"op":"log","id":"` + id + `"}`)
		crash := n%crashEvery == client
		if crash {
			event = []byte(`{"op":"exit","status":3,"id":"` + id + `"}`)
		}
		answer, err := s.invoke(event)
		switch {
		case crash && (!isFunctionError(err) || !strings.Contains(err.Error(), "exit status 3")), !crash && (err != nil || !bytes.Equal(answer, event)):
			t.Errorf("%s: got %.200s, %v", event, answer, err)
			return ids
		case !crash:
			ids = append(ids, id)
		}
	}
	return ids
}

// idle waits until no sandbox is left.
func (s *server) idle() {
	s.t.Helper()
	limit := time.NewTimer(patience)
	defer limit.Stop()
	ticker := time.NewTicker(10 * time.Millisecond)
	defer ticker.Stop()
	for len(tree(s.t, s.cmd.Process.Pid)) > 1 {
		select {
		case <-ticker.C:
		case <-limit.C:
			s.t.Fatalf("sandboxes are left: %v", tree(s.t, s.cmd.Process.Pid))
		}
	}
}

// ranOnce wants the function to have said the line of each ID once.
func (s *server) ranOnce(ids []string) {
	s.t.Helper()
	said := map[string]int{}
	for _, match := range regexp.MustCompile(`(?m)^a line of (\S+)$`).FindAllStringSubmatch(s.log.tail(mostLog), -1) {
		said[match[1]]++
	}
	wrong := 0
	for _, id := range ids {
		if said[id] != 1 {
			if wrong++; wrong < 10 {
				s.t.Errorf("the line of %s is in the log %d times", id, said[id])
			}
		}
	}
	if wrong > 0 || len(said) != len(ids) {
		s.t.Errorf("%d of %d invocations did not run once; the log has lines of %d", wrong, len(ids), len(said))
	}
}

// One environment after the other, each for one invocation: a thousand in a minute of load, twenty otherwise.
func TestColdStarts(t *testing.T) {
	times := 20
	if loadTime(t) >= time.Minute {
		times = 1000
	}
	temporary := t.TempDir()
	s := startLoaded(t, temporary, "1ms")
	var memory, descriptors int
	for n := range times {
		if answer, err := s.invoke([]byte(`{"op":"count"}`)); err != nil || string(answer) != "1" {
			t.Fatalf("invocation %d: got %s, %v", n, answer, err)
		}
		s.idle()
		if n == times/4 {
			memory, descriptors = s.resident(), s.descriptors()
		}
	}
	if now := s.resident(); now > memory+memory/4+16<<20 {
		t.Errorf("after %d sandboxes sor is resident in %d MB; after a quarter it was %d MB", times, now>>20, memory>>20)
	}
	if now := s.descriptors(); now > descriptors+2 {
		t.Errorf("after %d sandboxes sor has %d descriptors; after a quarter it had %d", times, now, descriptors)
	}
	s.leavesNothing(temporary)
}

// footprint is what sandboxes of a server could leave on this machine: mounts, and cgroups, whose names have its process ID.
func (s *server) footprint() (marks []string) {
	s.t.Helper()
	mounts, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		s.t.Fatal(err)
	}
	for line := range strings.Lines(string(mounts)) {
		if strings.Contains(line, "sor") {
			marks = append(marks, line)
		}
	}
	own := fmt.Sprintf("sor-%d-", s.cmd.Process.Pid)
	err = filepath.WalkDir("/sys/fs/cgroup", func(path string, entry fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil // it went away meanwhile, or there are none
		}
		if err == nil && entry.IsDir() && strings.HasPrefix(entry.Name(), own) {
			marks = append(marks, path)
		}
		return err
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return marks
}

// leavesNothing ends the server and looks for what is left.
func (s *server) leavesNothing(temporary string) {
	t := s.t
	t.Helper()
	s.end()
	if code := s.cmd.ProcessState.ExitCode(); code != 0 {
		t.Errorf("sor start: %v", s.cmd.ProcessState)
	}
	if left := s.footprint(); len(left) > 0 {
		t.Errorf("mounts or cgroups are left: %q", left)
	}
	for _, pid := range process.Descendants(os.Getpid()) {
		if what := commandLine(pid); what != "" {
			t.Errorf("process %d is left: %s", pid, what)
		}
	}
	left, err := filepath.Glob(filepath.Join(temporary, "*"))
	if err != nil || len(left) > 0 {
		t.Errorf("%v: files are left in TMPDIR: %v", err, left)
	}
}
