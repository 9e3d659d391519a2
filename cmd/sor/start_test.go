package main

import (
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/serverless/open-runtime/internal/frames"
)

func TestListenAddress(t *testing.T) {
	for _, test := range []struct {
		given, want string
		open        bool
		status      int
	}{
		{given: "3001", want: "127.0.0.1:3001"},
		{given: "0", want: "127.0.0.1:0"},
		{given: "127.0.0.1:3001", want: "127.0.0.1:3001"},
		{given: "127.8.8.8:3001", want: "127.8.8.8:3001"},
		{given: "[::1]:3001", want: "[::1]:3001"},
		{given: "localhost:3001", want: "localhost:3001"},
		{given: "0.0.0.0:3001", want: "0.0.0.0:3001", open: true},
		{given: "[::]:3001", want: "[::]:3001", open: true},
		{given: "laptop.example:3001", want: "laptop.example:3001", open: true},
		{given: ":3001", status: exitUsage},
		{given: "127.0.0.1", status: exitUsage},
		{given: "70000", status: exitUsage},
		{given: "127.0.0.1:http", status: exitUsage},
		{given: "", status: exitUsage},
	} {
		got, open, err := listenAddress("--listen", test.given)
		if got != test.want || open != test.open || exitCode(err) != test.status {
			t.Errorf("%q: %q, %v, %v", test.given, got, open, err)
		}
	}
}

// Who has a port is known where /proc is.
func TestPortHolder(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	port := uint16(listener.Addr().(*net.TCPAddr).Port)
	if _, err := os.Stat("/proc/net/tcp"); err != nil {
		t.Skip("no /proc here")
	}
	if got, want := portHolder("/proc", port), "process "+strconv.Itoa(os.Getpid())+": "; !strings.HasPrefix(got, want) {
		t.Errorf("got %q, want it to begin with %q", got, want)
	}
	if got := portHolder(t.TempDir(), port); got != "" {
		t.Errorf("got %q of no /proc", got)
	}
}

func TestFreeMemory(t *testing.T) {
	file := filepath.Join(t.TempDir(), "meminfo")
	if err := os.WriteFile(file, []byte("MemTotal:       24689292 kB\nMemFree:        20000000 kB\nMemAvailable:    2097152 kB\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := freeMemoryMB(file); got != 2048 {
		t.Errorf("got %d", got)
	}
	if got := freeMemoryMB(file + ".none"); got != 0 {
		t.Errorf("got %d of no file", got)
	}
}

func TestParseReport(t *testing.T) {
	const id = "REPORT RequestId: 8f5a4e0c-0000-4000-8000-000000000000\t"
	for _, test := range []struct {
		name, log string
		want      frames.Report
	}{
		{"warm", "a line\n" + id + "Duration: 1.23 ms\tBilled Duration: 2 ms\tMemory Size: 128 MB\tMax Memory Used: 44 MB\t\n",
			frames.Report{DurationMs: 1.23, BilledDurationMs: 2, MemorySizeMB: 128, MaxMemoryUsedMB: 44}},
		{"cold and failed", id + "Duration: 1.00 ms\tBilled Duration: 1 ms\tMemory Size: 128 MB\tMax Memory Used: 44 MB\tInit Duration: 5.50 ms\tStatus: error\tError Type: Runtime.ExitError\n",
			frames.Report{DurationMs: 1, BilledDurationMs: 1, MemorySizeMB: 128, MaxMemoryUsedMB: 44, InitDurationMs: 5.5, Status: "error", ErrorType: "Runtime.ExitError"}},
		{"what a function prints is none", "said REPORT RequestId: 1\tDuration: 9 ms\n", frames.Report{}},
		{"none", "", frames.Report{}},
	} {
		if diff := cmp.Diff(test.want, parseReport(test.log)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.name, diff)
		}
	}
}

func TestOneLine(t *testing.T) {
	for given, want := range map[string]string{
		"{\n \"a\": [1, 2]\n}": `{"a":[1,2]}`,
		`"<a> & b"`:            `"<a> & b"`,
		"two\nlines":           `"two\nlines"`,
		"":                     `""`,
		"\xff":                 "\"\ufffd\"",
	} {
		if got := string(oneLine([]byte(given))); got != want {
			t.Errorf("%q: got %s, want %s", given, got, want)
		}
	}
}
