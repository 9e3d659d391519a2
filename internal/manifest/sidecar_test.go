package manifest_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/serverless/open-runtime/internal/manifest"
)

func TestParseSidecar(t *testing.T) {
	s, warnings, err := manifest.ParseSidecar([]byte(`{"args":["-v"],"ready":{"tcp":"localhost:8126"},"critical":false,"flush":{"fd":true},"env":[],"credentials":false,"Env":1}`))
	if err != nil || len(warnings) != 1 || !strings.Contains(warnings[0], `"Env"`) {
		t.Fatalf("%v, %v", warnings, err)
	}
	if s.ReadyTimeoutMs != 5000 || s.FlushTimeoutMs != 100 || s.ShutdownTimeoutMs != 500 || !s.Optional() || s.SeesCredentials() || s.Env == nil || !s.Flush.FD {
		t.Errorf("%+v", s)
	}
	if s, _, err := manifest.ParseSidecar([]byte(`{}`)); err != nil || !cmp.Equal(s, manifest.DefaultSidecar()) || s.Optional() || !s.SeesCredentials() || !s.Ready.Empty() {
		t.Errorf("%+v, %v", s, err)
	}
	for text, want := range map[string]string{
		`null`:                                    "it is not a JSON object",
		`{"readyTimeoutMs":0}`:                    "readyTimeoutMs is 0; a time limit is positive",
		`{"shutdownTimeoutMs":-1}`:                "shutdownTimeoutMs is -1",
		`{"ready":{"fd":true,"tcp":"a:1"}}`:       "ready: there are 2 ways (fd, tcp, http, command), and one is needed",
		`{"ready":{"tcp":"8126"}}`:                `ready: "8126" is no host:port`,
		`{"ready":{"tcp":"example.org:80"}}`:      "the host is localhost or an IP address",
		`{"ready":{"tcp":"localhost:0"}}`:         "the port from 1 to 65535",
		`{"ready":{"http":"https://x/"}}`:         "no URL that begins with http://",
		`{"ready":{"http":"http://[::1/"}}`:       "no host:port",
		`{"ready":{"http":"http://1.1.1.1/ "}`:    "it is not a JSON object",
		`{"flush":{"http":"http://1.1.1.1/a b"}}`: "flush: \"http://1.1.1.1/a b\" has a path that can't be asked for as it is",
		`{"flush":{"tcp":"localhost:1"}}`:         "flush: there is no way tcp; there are fd, http and command",
		`{"ready":{"command":[""]}}`:              "ready: the command names no program",
		`{"ready":"fd"}`:                          "ready is of the kind string",
	} {
		if _, _, err := manifest.ParseSidecar([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %s", text, err, want)
		}
	}
}

func TestProbeURL(t *testing.T) {
	for url, want := range map[string]string{
		"http://localhost:8126":           "localhost:8126 /",
		"http://127.0.0.1/a/b?c=d":        "127.0.0.1:80 /a/b?c=d",
		"http://[::1]:80/x":               "[::1]:80 /x",
		"http://[::1]/x":                  "[::1]:80 /x",
		"http://localhost/health/":        "localhost:80 /health/",
		"http://[fe80::1]:4318/v1/traces": "[fe80::1]:4318 /v1/traces",
	} {
		addr, path, err := manifest.Probe{HTTP: url}.URL()
		if got := addr + " " + path; err != nil || got != want {
			t.Errorf("%s: got %s, %v; want %s", url, got, err, want)
		}
	}
}

// FuzzParseSidecar: what is taken for a manifest is one that the rest can work with.
func FuzzParseSidecar(f *testing.F) {
	for _, seed := range []string{
		`{"ready":{"tcp":"localhost:1"}}`, `{"ready":{"http":"http://[::1]:1/x"},"flush":{"command":["a","b"]}}`, `{"args":null,"ready":null}`,
		`{"readyTimeoutMs":1e3}`, `{"ready":{"http":"http://"}}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		s, _, err := manifest.ParseSidecar(data)
		if err != nil {
			return
		}
		if s.ReadyTimeoutMs < 1 || s.FlushTimeoutMs < 1 || s.ShutdownTimeoutMs < 1 || s.Flush.TCP != "" {
			t.Errorf("%q gives %+v", data, s)
		}
		for _, p := range []manifest.Probe{s.Ready, s.Flush} {
			if p.TCP != "" {
				if addr, err := p.Address(); err != nil || !strings.Contains(addr, ":") {
					t.Errorf("%q gives %v, %v", data, addr, err)
				}
			}
			if p.HTTP != "" {
				if addr, path, err := p.URL(); err != nil || !strings.Contains(addr, ":") || !strings.HasPrefix(path, "/") || strings.ContainsAny(path, " \r\n\x00") {
					t.Errorf("%q gives %v, %q, %v", data, addr, path, err)
				}
			}
		}
	})
}
