//go:build linux

package supervisor_test

// Lambda's own lines, and what functions print.

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/serverless/open-runtime/internal/frames"
	"github.com/serverless/open-runtime/pkg/emulator"
	"github.com/serverless/open-runtime/pkg/emulator/supervisor"
)

var (
	instants = regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z`)
	decimals = regexp.MustCompile(`\d+\.\d\d ms`)
	wholes   = regexp.MustCompile(`\d+ (ms|MB)`)
)

// masked puts N for what is measured, and ID for the request ID.
func masked(line string) string {
	line = instants.ReplaceAllString(strings.ReplaceAll(line, requestID, "ID"), "TIME")
	return wholes.ReplaceAllString(decimals.ReplaceAllString(line, "N.NN ms"), "N $1")
}

// The lines of the phases of a life, golden but for numbers.
const (
	startLine  = "START RequestId: ID Version: $LATEST"
	endLine    = "END RequestId: ID"
	reportLine = "REPORT RequestId: ID\tDuration: N.NN ms\tBilled Duration: N ms\tMemory Size: N MB\tMax Memory Used: N MB\t"
	coldLine   = reportLine + "Init Duration: N.NN ms\t"
)

func TestLines(t *testing.T) {
	f := program(t)
	f.answers("1", "1")
	f.answers("2", "2")
	f.fails(`{"Do":"exit","Status":3}`, "Runtime.ExitError", "Runtime exited with error: exit status 3")
	f.answers("4", "4")
	equal(t, "lines", f.log.platform(), []string{
		startLine, endLine, coldLine,
		startLine, endLine, reportLine,
		startLine, endLine, reportLine + "Status: error\tError Type: Runtime.ExitError",
		startLine, endLine, reportLine, // its init was on its own time
	})
}

// A qualified function says its version.
func TestVersion(t *testing.T) {
	f := program(t, func(s *setup) { s.host.Config.FunctionVersion = "7" })
	f.answers("1", "1")
	equal(t, "START", f.log.platform()[0], "START RequestId: ID Version: 7")
}

// Everything comes on one stream, in the order in which it happened.
func TestOrder(t *testing.T) {
	f := newWire(t, map[string]string{envInit: "print"})
	var got []string
	for i := range 2 {
		f.send(frames.SupervisorInvoke{Type: frames.TypeInvoke, ID: requestID}, `{"Do":"print","Text":"working\non it"}`)
		for range 100 {
			frame := f.receive()
			got = append(got, strings.TrimSpace(frame.Type+" "+frame.ID+" "+masked(string(frame.Payload))))
			if frame.Type == frames.TypeReport {
				break
			}
		}
		if want := f.cycle(i == 0); !equalLines(got, want) {
			equal(t, "frames", got, want)
		}
		got = nil
	}
	f.end()
}

func equalLines(a, b []string) bool { return strings.Join(a, "\n") == strings.Join(b, "\n") }

func (f *wire) cycle(cold bool) []string {
	lines := []string{"log  " + startLine, "log  working", "log  on it", "result " + requestID + " null", "log  " + endLine}
	if cold {
		return append(append([]string{"log  loading"}, lines...), strings.TrimSpace("log  "+coldLine), "report "+requestID)
	}
	return append(lines, strings.TrimSpace("log  "+reportLine), "report "+requestID)
}

// wire is a supervisor with a host that looks at each frame.
type wire struct {
	t    *testing.T
	host *instance
	out  *frames.Writer
	in   *frames.Reader
}

func newWire(t *testing.T, environment map[string]string) *wire {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	task := t.TempDir()
	if err := os.Symlink(self, filepath.Join(task, "bootstrap")); err != nil {
		t.Fatal(err)
	}
	sandbox := inProcess{options: supervisor.Options{Runtime: t.TempDir()}}
	host, err := sandbox.Start(t.Context(), emulator.Spec{Task: task, Opt: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	f := &wire{t, host.(*instance), frames.NewWriter(host), frames.NewReader(host, frames.MaxSupervisorPayload)}
	c := config()
	c.Facts, c.Environment = host.Facts(), map[string]string{envRuntime: "1"}
	for name, value := range environment {
		c.Environment[name] = value
	}
	data, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	f.send(frames.Hello{Type: frames.TypeHello, Versions: []int{frames.Version}}, string(data))
	if got := f.receive(); got.Type != frames.TypeReady {
		t.Fatalf("the supervisor says %s: %s", got.Type, got.Header)
	}
	return f
}

func (f *wire) send(header any, payload string) {
	f.t.Helper()
	if err := f.out.Write(header, []byte(payload)); err != nil {
		f.t.Fatal(err)
	}
}

func (f *wire) receive() frames.Frame {
	f.t.Helper()
	frame, err := f.in.Read()
	if err != nil {
		f.t.Fatal(err)
	}
	return frame
}

// end ends it as a host does, and wants nothing more to be said.
func (f *wire) end() {
	f.t.Helper()
	f.host.CloseWrite()
	if frame, err := f.in.Read(); err == nil {
		f.t.Errorf("after the end the supervisor says %s: %s", frame.Type, frame.Header)
	}
	if err := f.host.Wait(); err != nil {
		f.t.Errorf("Run: %v", err)
	}
	f.host.in.Close()
}

// What a function prints comes line by line, whole or not, with the request that it belongs to.
func TestPrinted(t *testing.T) {
	f := program(t, variable(envInit, "print"))
	for _, test := range []struct {
		text string
		want []string
	}{
		{"one\ntwo\n", []string{"one", "two"}},
		{"no end of line", []string{"no end of line"}},
		{"the next", []string{"the next"}},
		{"\n", []string{""}},
		{"a\n\n\nb\n\n", []string{"a", "", "", "b", ""}},
		{"CR\r\nLF\n", []string{"CR", "LF"}},
		{"\xff\x00\n", []string{"\xff\x00"}},
	} {
		before := len(f.log.function())
		f.answers(string(encode(event{Do: "print", Text: test.text})), "null")
		if test.text != "\xff\x00\n" { // JSON has no such bytes
			equal(t, fmt.Sprintf("%q", test.text), f.log.function()[max(before, 1):], test.want)
		}
	}
	for _, line := range f.log.all() {
		if line.Source == frames.SourceFunction && (line.RequestID == requestID) == (line.Text == "loading") {
			t.Errorf("the line %q belongs to the request %q", line.Text, line.RequestID)
		}
	}
}

// A line of more than 256 KB comes in pieces, without an empty one after them.
func TestLongLine(t *testing.T) {
	f := program(t)
	const longest = 256 * 1024
	for size, want := range map[int][]int{longest - 1: {longest - 1}, longest: {longest}, longest + 1: {longest, 1}, 600_000: {longest, longest, 600_000 - 2*longest}} {
		before := len(f.log.function())
		f.answers(string(encode(event{Do: "print much", Size: size})), "null")
		var got []int
		for _, line := range f.log.function()[before:] {
			got = append(got, len(line))
		}
		equal(t, fmt.Sprintf("pieces of %d", size), got, want)
	}
}

// A flood of log holds nothing up, and all of it is there before the answer.
func TestFlood(t *testing.T) {
	f := program(t)
	const lines = 40_000
	f.answers(string(encode(event{Do: "print lines", Size: lines})), "null")
	equal(t, "lines", len(f.log.function()), lines)
}
