package main

import (
	"strings"
	"testing"

	"github.com/serverless/open-runtime/pkg/project"
)

func TestStrictness(t *testing.T) {
	for text, want := range map[string]string{
		"OSError: [Errno 30] Read-only file system: '/var/task/x'": "/tmp is the only place",
		"Error: EROFS: read-only file system, open '/x'":           "/tmp is the only place",
		"write /tmp/x: no space left on device":                    "/tmp is full: it has 512 MB",
		"Error: EMFILE: too many open files, open '/etc/hosts'":    "more than 1024 files",
		"RuntimeError: can't start new thread":                     "more than 1024 processes",
		"bash: fork: retry: Resource temporarily unavailable":      "more than 1024 processes",
		"  sl = self._semlock = _multiprocessing.SemLock(":         "no /dev/shm",
		"KeyError: 'HOME'": "HOME is not set",
		"mkdir /home/sbx_user1051: no such file or directory": "point caches to /tmp",
		"all is well, and the file system is read":            "",
	} {
		s := newStrictness(&project.Project{Tmp: 512}, false)
		got := strings.Join(s.look([]byte(text)), "\n")
		if want == "" && got != "" || !strings.Contains(got, want) {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
		if again := s.look([]byte(text)); len(again) > 0 {
			t.Errorf("%q is told twice", text)
		}
		if loose := newStrictness(&project.Project{}, true).look([]byte(text)); len(loose) > 0 {
			t.Errorf("loose: %q", loose)
		}
	}
}
