package docker

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"github.com/docker/docker/client"
)

// An endpoint is where an engine may listen, and who said so.
type endpoint struct {
	host, from string
	options    []client.Opt
}

func (e endpoint) String() string { return e.host + " (" + e.from + ")" }

// endpoints gives the places to try. As for the docker command, DOCKER_HOST beats DOCKER_CONTEXT, which beats the
// configured context: https://docs.docker.com/engine/manage-resources/contexts/. Only when nobody said anything are the
// sockets of Docker Desktop, rootless Docker, Colima, Rancher Desktop and Podman looked for.
func endpoints(getenv func(string) string) ([]endpoint, error) {
	if host := getenv("DOCKER_HOST"); host != "" {
		return []endpoint{{host, "DOCKER_HOST", []client.Opt{client.FromEnv}}}, nil
	}
	config := configDir(getenv)
	name, from := getenv("DOCKER_CONTEXT"), "DOCKER_CONTEXT"
	if name == "" {
		name, from = currentContext(config), "context"
	}
	if name != "" && name != "default" {
		e, err := contextEndpoint(config, name)
		if err != nil {
			return nil, err
		}
		e.from = from + " " + name
		return []endpoint{e}, nil
	}
	places := []endpoint{{client.DefaultDockerHost, "default", []client.Opt{client.FromEnv}}}
	for _, socket := range otherSockets(getenv) {
		if info, err := os.Stat(socket); err == nil && info.Mode()&os.ModeSocket != 0 {
			host := "unix://" + socket
			places = append(places, endpoint{host, "found", []client.Opt{client.FromEnv, client.WithHost(host)}})
		}
	}
	return places, nil
}

func otherSockets(getenv func(string) string) []string {
	var sockets []string
	if home, err := os.UserHomeDir(); err == nil {
		for _, name := range []string{".docker/run/docker.sock", ".docker/desktop/docker.sock", ".colima/default/docker.sock", ".rd/docker.sock"} {
			sockets = append(sockets, filepath.Join(home, name))
		}
	}
	if dir := getenv("XDG_RUNTIME_DIR"); dir != "" {
		sockets = append(sockets, filepath.Join(dir, "docker.sock"), filepath.Join(dir, "podman/podman.sock"))
	}
	return append(sockets, "/run/podman/podman.sock")
}

func configDir(getenv func(string) string) string {
	if dir := getenv("DOCKER_CONFIG"); dir != "" {
		return dir
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return ""
	}
	return filepath.Join(home, ".docker")
}

func currentContext(config string) string {
	var file struct {
		CurrentContext string `json:"currentContext"`
	}
	data, err := os.ReadFile(filepath.Join(config, "config.json"))
	if err != nil || json.Unmarshal(data, &file) != nil {
		return ""
	}
	return file.CurrentContext
}

// contextEndpoint reads a context from where the docker command keeps it: a folder named by the sum of its name.
func contextEndpoint(config, name string) (endpoint, error) {
	sum := sha256.Sum256([]byte(name))
	id := hex.EncodeToString(sum[:])
	data, err := os.ReadFile(filepath.Join(config, "contexts", "meta", id, "meta.json"))
	if err != nil {
		return endpoint{}, fmt.Errorf("reading context %q: %w", name, err)
	}
	var meta struct {
		Endpoints map[string]struct {
			Host          string
			SkipTLSVerify bool
		}
	}
	if err := json.Unmarshal(data, &meta); err != nil {
		return endpoint{}, fmt.Errorf("reading context %q: %w", name, err)
	}
	host := meta.Endpoints["docker"].Host
	if host == "" {
		return endpoint{}, fmt.Errorf("context %q has no docker endpoint", name)
	}
	e := endpoint{host: host, options: []client.Opt{client.WithHost(host), client.WithVersionFromEnv()}}
	tls := filepath.Join(config, "contexts", "tls", id, "docker")
	if _, err := os.Stat(filepath.Join(tls, "cert.pem")); err == nil {
		e.options = append([]client.Opt{client.WithTLSClientConfig(
			filepath.Join(tls, "ca.pem"), filepath.Join(tls, "cert.pem"), filepath.Join(tls, "key.pem"))}, e.options...)
	}
	return e, nil
}
