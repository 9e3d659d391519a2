package main

// What fails because the sandbox is as strict as Lambda: said in a sentence, once for each thing.

import (
	"bytes"
	"fmt"
	"regexp"
	"slices"
	"sync"

	"github.com/serverless/open-runtime/pkg/project"
)

// strictness knows what programs print when Lambda keeps them from something.
type strictness struct {
	loose bool
	tmpMB int

	mu   sync.Mutex
	told map[string]bool
}

func newStrictness(p *project.Project, loose bool) *strictness {
	return &strictness{loose: loose, tmpMB: p.Tmp, told: map[string]bool{}}
}

// refusals are what a log or an error says, and why.
var refusals = []struct {
	said string // a pattern
	why  func(s *strictness) string
}{
	{`(?i)read-only file ?system|\bEROFS\b`, func(*strictness) string {
		return "a file outside of /tmp was to be written: on Lambda /tmp is the only place for that"
	}},
	{`(?i)no space left on device|\bENOSPC\b`, func(s *strictness) string {
		return fmt.Sprintf("/tmp is full: it has %d MB, as it would on Lambda (tmp: in sor.yaml)", s.tmpMB)
	}},
	{`(?i)too many open files|\bEMFILE\b`, func(*strictness) string {
		return "a process had more than 1024 files and sockets open, which is Lambda's limit"
	}},
	{`(?i)resource temporarily unavailable|can't start new thread|cannot fork|pthread_create failed`, func(*strictness) string {
		return "there were more than 1024 processes and threads, which is Lambda's limit, or it seems so"
	}},
	{`/dev/shm|_multiprocessing\.SemLock`, func(*strictness) string {
		return "there is no /dev/shm, as on Lambda: Python's multiprocessing needs Pipe or threads in place of Pool and Queue there"
	}},
	{`KeyError: '?HOME|HOME is not set|\$HOME is not defined|HOME: unbound variable`, func(*strictness) string {
		return "HOME is not set, as on Lambda"
	}},
	{`/home/sbx_user1051`, func(*strictness) string {
		return "user 993 has no home that can be written, as on Lambda: point caches to /tmp"
	}},
}

// signs are parts of what refusals look for: a text with none of them is none, which is seen much faster than by patterns.
var signs = [][]byte{
	[]byte("ead-only"), []byte("EROFS"), []byte("o space left"), []byte("ENOSPC"), []byte("oo many open"), []byte("EMFILE"),
	[]byte("temporarily unavailable"), []byte("start new thread"), []byte("annot fork"), []byte("pthread_create"), []byte("/dev/shm"),
	[]byte("SemLock"), []byte("HOME"), []byte("sbx_user1051"),
}

func hasSign(text []byte) bool {
	return slices.ContainsFunc(signs, func(sign []byte) bool { return bytes.Contains(text, sign) })
}

// look gives what is to be said of a text.
func (s *strictness) look(text []byte) []string {
	if s == nil || s.loose || !hasSign(text) {
		return nil
	}
	var found []string
	for _, refusal := range refusals {
		if !regexp.MustCompile(refusal.said).Match(text) {
			continue
		}
		why := refusal.why(s)
		s.mu.Lock()
		if !s.told[why] {
			s.told[why] = true
			found = append(found, why)
		}
		s.mu.Unlock()
	}
	return found
}

// tellStrictness says why a function was kept from something.
func (u *ui) tellStrictness(s *strictness, text []byte) {
	for _, why := range s.look(text) {
		u.say("note: %s", why)
	}
}
