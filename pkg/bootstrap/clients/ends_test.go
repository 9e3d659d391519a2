//go:build linux

package clients_test

// Ends: of processes, of what the Runtime API takes, of time.

import (
	"fmt"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// wantCount wants the function to have been asked so often: 1 is a new process.
func (s *subject) wantCount(want int) {
	s.t.Helper()
	if r := s.invokes(`{"op":"count"}`); string(r.content) != fmt.Sprint(want) {
		s.t.Errorf("got the count %s, want %d", r.content, want)
	}
}

// A process that ends is an error with the true cause, and the next invocation has a new one.
func TestExits(t *testing.T) {
	t.Parallel()
	for _, end := range []struct {
		event, cause string
		status       int
	}{
		{`{"op":"exit","status":3}`, "exit status 3", 3},
		{`{"op":"exit","status":0}`, "exited without providing a reason", 0},
		{`{"op":"kill"}`, "signal: killed", -9},
	} {
		t.Run(end.cause, func(t *testing.T) {
			each(t, everyone, func(t *testing.T, s *subject) {
				s.wantCount(1)
				id := s.next(s).hand(end.event)
				if !s.proxied {
					s.exits(end.status)
					return
				}
				r := s.answer(s, id).accept()
				if !strings.Contains(string(r.content), `"errorType":"Runtime.ExitError"`) || !strings.Contains(string(r.content), end.cause) ||
					r.header.get(headerErrorType) != "Runtime.ExitError" {
					t.Errorf("got %s %s, want %s", r.path, r.content, end.cause)
				}
				s.wantCount(1)
			})
		})
	}
}

// Go's client posts a panic and exits: the error that was posted is the answer, not the exit.
func TestPanicOfGo(t *testing.T) {
	t.Parallel()
	each(t, "go", func(t *testing.T, s *subject) {
		s.wantCount(1)
		r := s.invokes(`{"op":"panic"}`)
		want := `^\{"errorMessage":"mice","errorType":"string","stackTrace":\[\{"path":"[^"]+","line":\d+,"label":"[^"]+"\},.*\]\}$`
		if !strings.HasSuffix(r.path, "/error") || !regexp.MustCompile(want).Match(r.content) {
			t.Errorf("got %s %s, want %s", r.path, r.content, want)
		}
		s.wantError(r)
		if !s.proxied {
			s.exits(1)
			return
		}
		s.wantCount(1)
	})
}

// What the Runtime API says of a response kills most clients, unless somebody stands in front of it. Java's posts an error
// for the same invocation first.
func TestRefusedResponses(t *testing.T) {
	t.Parallel()
	for _, status := range []string{"413 Request Entity Too Large", "400 Bad Request", "403 Forbidden", "500 Internal Server Error"} {
		t.Run(status[:3], func(t *testing.T) {
			each(t, everyone, func(t *testing.T, s *subject) { s.isRefused(status) })
		})
	}
}

func (s *subject) isRefused(status string) {
	s.t.Helper()
	const refusal = `{"errorMessage":"no","errorType":"Refused"}`
	s.wantCount(1)
	id := s.next(s).hand(`{"op":"echo"}`)
	r := s.answer(s, id)
	switch {
	case s.proxied && strings.HasPrefix(status, "500"): // "Runtime should exit promptly", Lambda's documents say
		r.answered(status, refusal)
		s.exits(1)
		return
	case s.proxied:
		r.answered(status, refusal)
		s.wantCount(2)
		return
	}
	r.reply(status, fields{isJSON}, refusal) // the invocation is not over for Java's client
	switch s.client.name {
	case "go", "python":
		s.exits(1)
	case "java":
		r = s.answer(s, id)
		if want := "Response code: '" + status[:3] + "'"; !strings.Contains(string(r.content), want) {
			s.t.Errorf("got %s %s, want %s", r.path, r.content, want)
		}
		r.answered(status, refusal)
		s.exits(1)
	default: // who logs it, or says nothing at all
		s.wantCount(2)
	}
}

// The largest response goes through. One byte more is reported by the bootstrap, and the client lives and hears nothing.
func TestLargestResponse(t *testing.T) {
	t.Parallel()
	each(t, everyone, func(t *testing.T, s *subject) {
		for size := largest; size <= largest+1; size++ {
			r := s.invokes(fmt.Sprintf(`{"op":"big","bytes":%d}`, size))
			switch {
			case !s.proxied || size == largest:
				if !strings.HasSuffix(r.path, "/response") || string(r.content) != `"`+strings.Repeat("x", size-2)+`"` {
					t.Errorf("%d: got %s, %d bytes", size, r.path, len(r.content))
				}
			case !strings.HasSuffix(r.path, "/error") || r.header.get(headerErrorType) != "Function.ResponseSizeTooLarge" ||
				!strings.Contains(string(r.content), "6291557") || !strings.Contains(string(r.content), "6291556"):
				t.Errorf("%d: got %s %.500s", size, r.path, r.content)
			}
		}
		s.wantCount(1)
		s.wantCount(2)
	})
}

// A handler that does not end in time is answered for before the deadline, and its process is replaced. Alone, nobody keeps
// the time but the platform.
func TestDeadlines(t *testing.T) {
	t.Parallel()
	inTime := options{ways: []string{proxied}, environ: []string{"SOR_MARGIN_MS=2000"}} // on a machine with much else to do
	eachWith(t, everyone, inTime, func(t *testing.T, s *subject) {
		s.wantCount(1)
		deadline := time.Now().Add(3 * time.Second)
		id := s.next(s).handUntil(deadline, `{"op":"sleep","ms":60000}`)
		r := s.answer(s, id)
		if time.Now().After(deadline) {
			t.Errorf("answered %v after the deadline", time.Since(deadline))
		}
		r.accept()
		if r.header.get(headerErrorType) != "Function.Timeout" {
			t.Errorf("got %s %s", r.path, r.content)
		}
		s.wantCount(1)
	})
}

// SIGTERM ends a client that waits, and one that works.
func TestSIGTERM(t *testing.T) {
	t.Parallel()
	t.Run("at work", func(t *testing.T) {
		each(t, everyone, func(t *testing.T, s *subject) {
			s.wantCount(1)
			s.next(s).hand(`{"op":"sleep","ms":60000}`)
			s.terminates()
		})
	})
	t.Run("waiting", func(t *testing.T) {
		each(t, everyone, func(t *testing.T, s *subject) {
			s.wantCount(1)
			s.next(s)
			s.terminates()
		})
	})
}

func (s *subject) terminates() {
	s.t.Helper()
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		s.t.Fatal(err)
	}
	switch {
	case s.proxied:
		s.exits(0)
	case s.client.name == "java":
		s.exits(143)
	default:
		s.exits(-15)
	}
}

// A control character in an error's message goes raw into the X-Ray header of two clients. Go's own HTTP refuses to send it,
// and the process exits; Java's is sent, and must be neither refused nor passed on.
func TestControlCharacters(t *testing.T) {
	t.Parallel()
	each(t, everyone, func(t *testing.T, s *subject) {
		id := s.next(s).hand(`{"op":"error","message":"a\u007fb"}`)
		if s.client.name == "go" && !s.proxied {
			s.exits(1)
			return
		}
		r := s.answer(s, id).accept()
		want := "a\x7fb"
		if s.client.name == "go" {
			want = "exit status 1"
		}
		if got := strings.ReplaceAll(string(r.content), `\u007f`, "\x7f"); !strings.Contains(got, want) && !strings.Contains(got, "a%7Fb") {
			t.Errorf("got %s %q, want %q", r.path, r.content, want)
		}
		for _, line := range r.header {
			if s.proxied && strings.Contains(line.value, "\x7f") {
				t.Errorf("%s is passed on: %q", line.name, line.value)
			}
		}
	})
}

// Rust's client dies of a client context that lacks a field. That is one invocation's end and no other's.
func TestHalfAClientContext(t *testing.T) {
	t.Parallel()
	each(t, "rust", func(t *testing.T, s *subject) {
		id := s.next(s).hand(`{"op":"count"}`, field{"Lambda-Runtime-Client-Context", `{"client":{"app_title":"till"}}`})
		if !s.proxied {
			s.exits(1)
			return
		}
		if r := s.answer(s, id).accept(); r.header.get(headerErrorType) != "Runtime.ExitError" {
			t.Errorf("got %s %s", r.path, r.content)
		}
		s.wantCount(1)
	})
}
