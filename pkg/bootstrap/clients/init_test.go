//go:build linux

package clients_test

// The init phase, extensions, several invocations at once: what goes on beside next and response.

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
)

// A handler that is not there is told by Node's and Python's client at init. Java's fails every invocation.
func TestHandlerMissing(t *testing.T) {
	t.Parallel()
	for _, missing := range []struct{ handler, errorType string }{
		{"elsewhere.hello", "Runtime.ImportModuleError"},
		{"handler.nothing", "Runtime.HandlerNotFound"},
		{"nodot", "Runtime.MalformedHandlerName"},
	} {
		t.Run(missing.handler, func(t *testing.T) {
			eachWith(t, "python node", options{handler: missing.handler}, func(t *testing.T, s *subject) {
				r := s.wait(s, "the error of init", func(r *request) bool { return r.path == pathInitError }).read()
				r.accept()
				document := strings.ReplaceAll(string(r.content), `": `, `":`)
				if r.header.get(headerErrorType) != missing.errorType || !strings.Contains(document, `"errorType":"`+missing.errorType+`"`) ||
					s.client.name == "node" != strings.Contains(document, `"trace":[`) || s.client.name == "python" != strings.Contains(document, `"requestId":""`) {
					t.Errorf("got %q %s, want %s", r.header.get(headerErrorType), r.content, missing.errorType)
				}
				status := 1
				if s.client.name == "node" && !s.proxied {
					status = 129
				}
				s.exits(status)
			})
		})
	}
	eachWith(t, "java", options{handler: "witness.Elsewhere::hello"}, func(t *testing.T, s *subject) {
		for range 2 {
			r := s.invokes(`{}`)
			if !strings.Contains(string(r.content), `"errorType":"java.lang.ClassNotFoundException"`) {
				t.Errorf("got %s %s", r.path, r.content)
			}
		}
	})
}

// An extension within Go's client registers where it thinks the Extensions API is.
func TestExtensionOfGo(t *testing.T) {
	t.Parallel()
	eachWith(t, "go", options{environ: []string{"SIGTERM=1"}}, func(t *testing.T, s *subject) {
		s.extends(`register GoLangEnableSIGTERM {"events":null}`)
		s.extends("next id-of-GoLangEnableSIGTERM") // which is never answered
		s.wantCount(1)
		s.next(s)
		if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		s.exits(0)
		s.log.wait(s, "the end is near") // which its own handler of the signal says
	})
}

// A client that may have several invocations asks for them at once, and answers each when it is done.
func TestSeveralAtOnce(t *testing.T) {
	t.Parallel()
	const several = 4
	eachWith(t, "go", options{environ: []string{fmt.Sprintf("AWS_LAMBDA_MAX_CONCURRENCY=%d", several)}}, func(t *testing.T, s *subject) {
		dir := t.TempDir()
		gate := func(i int) string { return filepath.Join(dir, fmt.Sprint(i)) }
		for range 2 {
			var waiting []*request
			for range several {
				waiting = append(waiting, s.next(s))
			}
			ids := make([]string, several)
			for i, r := range waiting {
				ids[i] = r.hand(fmt.Sprintf(`{"op":"gate","gate":%q}`, gate(i)))
			}
			for i := several - 1; i >= 0; i-- { // the last first
				if err := os.WriteFile(gate(i), nil, 0o644); err != nil {
					t.Fatal(err)
				}
				r := s.answer(s, ids[i]).accept()
				if want := fmt.Sprintf(`{"op":"gate","gate":%q}`, gate(i)); string(r.content) != want {
					t.Errorf("got %s, want %s", r.content, want)
				}
				os.Remove(gate(i))
			}
		}
	})
}

// As on a managed runtime: Lambda starts the bootstrap as the wrapper of the client's own command line.
func TestWrapper(t *testing.T) {
	t.Parallel()
	eachWith(t, everyone, options{wrapper: true, ways: []string{proxied}}, func(t *testing.T, s *subject) {
		r := s.invokes(`{"op":"echo","stamp":""}`)
		if got := string(r.content); !regexp.MustCompile(`"stamp": ?"before and after"`).MatchString(got) {
			t.Errorf("got %s %s", r.path, got)
		}
		s.wantCount(1)
	})
}
