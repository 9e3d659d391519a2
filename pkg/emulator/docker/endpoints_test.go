package docker

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// writeContext writes a context as the docker command does.
func writeContext(t *testing.T, config, name, meta string) {
	t.Helper()
	sum := sha256.Sum256([]byte(name))
	dir := filepath.Join(config, "contexts", "meta", hex.EncodeToString(sum[:]))
	if err := errors.Join(os.MkdirAll(dir, 0o755), os.WriteFile(filepath.Join(dir, "meta.json"), []byte(meta), 0o644)); err != nil {
		t.Fatal(err)
	}
}

func TestEndpoints(t *testing.T) {
	config := t.TempDir()
	t.Setenv("HOME", t.TempDir())
	writeContext(t, config, "colima", `{"Name":"colima","Endpoints":{"docker":{"Host":"unix:///colima.sock"}}}`)
	writeContext(t, config, "broken", `{`)
	writeContext(t, config, "empty", `{}`)
	for _, test := range []struct {
		name, config string
		env          map[string]string
		want         []string
		failure      string
	}{
		{name: "nothing said", want: []string{"unix:///var/run/docker.sock (default)"}},
		{name: "DOCKER_HOST first", env: map[string]string{"DOCKER_HOST": "tcp://h:2375", "DOCKER_CONTEXT": "colima"}, want: []string{"tcp://h:2375 (DOCKER_HOST)"}},
		{name: "DOCKER_CONTEXT", env: map[string]string{"DOCKER_CONTEXT": "colima"}, want: []string{"unix:///colima.sock (DOCKER_CONTEXT colima)"}},
		{name: "current context", config: `{"currentContext":"colima"}`, want: []string{"unix:///colima.sock (context colima)"}},
		{name: "default context", config: `{"currentContext":"default"}`, want: []string{"unix:///var/run/docker.sock (default)"}},
		{name: "no such context", env: map[string]string{"DOCKER_CONTEXT": "nowhere"}, failure: `context "nowhere"`},
		{name: "broken context", env: map[string]string{"DOCKER_CONTEXT": "broken"}, failure: `context "broken"`},
		{name: "context without an engine", env: map[string]string{"DOCKER_CONTEXT": "empty"}, failure: "no docker endpoint"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if err := os.WriteFile(filepath.Join(config, "config.json"), []byte(test.config), 0o644); err != nil {
				t.Fatal(err)
			}
			found, err := endpoints(func(name string) string {
				if name == "DOCKER_CONFIG" {
					return config
				}
				return test.env[name]
			})
			if err != nil || test.failure != "" {
				if err == nil || !strings.Contains(err.Error(), test.failure) || test.failure == "" {
					t.Errorf("endpoints: %v; want %q", err, test.failure)
				}
				return
			}
			var got []string
			for _, e := range found {
				if !strings.Contains(e.host, "podman") { // this machine may have one
					got = append(got, e.String())
				}
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("endpoints (-want +got):\n%s", diff)
			}
		})
	}
}

func TestNewTellsWhatItTried(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed := listener.Addr().String()
	listener.Close()
	for host, want := range map[string]string{
		"tcp://" + closed: "DOCKER_HOST",
		"unix://" + filepath.Join(t.TempDir(), "docker.sock"): "docker.sock",
		"ssh://someone@somewhere":                             "ssh -L",
		"nonsense":                                            "nonsense",
	} {
		t.Setenv("DOCKER_HOST", host)
		_, err := New(t.Context(), Options{})
		told, ok := errors.AsType[*EngineError](err)
		if !ok || !strings.Contains(told.Error()+told.Hint, want) || !strings.Contains(told.Error(), host) || told.Hint == "" {
			t.Errorf("DOCKER_HOST=%s: %v (hint %q); want it to name what was tried, and %q", host, err, hintOf(told), want)
		}
	}
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := New(cancelled, Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("New, cancelled: %v", err)
	}
}

func hintOf(e *EngineError) string {
	if e == nil {
		return ""
	}
	return e.Hint
}
