package manifest

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Sidecar is what sidecars/NAME.json says.
type Sidecar struct {
	Args              []string `json:"args"`              // after the program's name
	Ready             Probe    `json:"ready"`             // when it is ready; none: as soon as it runs
	ReadyTimeoutMs    int      `json:"readyTimeoutMs"`    // how long it may take to be ready
	Critical          *bool    `json:"critical"`          // false: without it the function works all the same
	Flush             Probe    `json:"flush"`             // what is done before the next invocation is asked for; none: nothing
	FlushTimeoutMs    int      `json:"flushTimeoutMs"`    // how long that may take
	ShutdownTimeoutMs int      `json:"shutdownTimeoutMs"` // from SIGTERM to SIGKILL
	Env               []string `json:"env"`               // nil: all of the function's own variables
	Credentials       *bool    `json:"credentials"`
}

// Probe is a question to a sidecar: one of its ways.
type Probe struct {
	FD      bool     `json:"fd,omitempty"`      // a line on its descriptor 3; for a flush one on 4 asks for it
	TCP     string   `json:"tcp,omitempty"`     // host:port that accepts a connection; the host is localhost or an IP address
	HTTP    string   `json:"http,omitempty"`    // URL that answers with a status from 200 to 299
	Command []string `json:"command,omitempty"` // a program that exits with 0
}

// Empty says that nothing is asked.
func (p Probe) Empty() bool { return !p.FD && p.TCP == "" && p.HTTP == "" && len(p.Command) == 0 }

// Time limits of a sidecar whose manifest says none, in milliseconds.
const (
	defaultReadyMs    = 5000
	defaultFlushMs    = 100
	defaultShutdownMs = 500
)

// DefaultSidecar is one without a manifest.
func DefaultSidecar() Sidecar {
	return Sidecar{ReadyTimeoutMs: defaultReadyMs, FlushTimeoutMs: defaultFlushMs, ShutdownTimeoutMs: defaultShutdownMs}
}

// Optional says whether the function works without it.
func (s Sidecar) Optional() bool { return s.Critical != nil && !*s.Critical }

// SeesCredentials says whether it gets the function's AWS keys.
func (s Sidecar) SeesCredentials() bool { return s.Credentials == nil || *s.Credentials }

// ParseSidecar reads sidecars/NAME.json. Unknown keys are warnings.
func ParseSidecar(data []byte) (s Sidecar, warnings []string, err error) {
	s = DefaultSidecar()
	warnings, err = parse(data, &s, "args", "ready", "readyTimeoutMs", "critical", "flush", "flushTimeoutMs", "shutdownTimeoutMs", "env", "credentials")
	if err != nil {
		return s, warnings, err
	}
	for _, limit := range []struct {
		key   string
		value int
	}{{"readyTimeoutMs", s.ReadyTimeoutMs}, {"flushTimeoutMs", s.FlushTimeoutMs}, {"shutdownTimeoutMs", s.ShutdownTimeoutMs}} {
		if limit.value < 1 {
			return s, warnings, fmt.Errorf("%s is %d; a time limit is positive", limit.key, limit.value)
		}
	}
	if err := s.Ready.check(); err != nil {
		return s, warnings, fmt.Errorf("ready: %w", err)
	}
	if err := s.Flush.check(); err != nil {
		return s, warnings, fmt.Errorf("flush: %w", err)
	}
	if s.Flush.TCP != "" {
		return s, warnings, errors.New("flush: there is no way tcp; there are fd, http and command")
	}
	return s, warnings, nil
}

func (p Probe) check() error {
	ways := []bool{p.FD, p.TCP != "", p.HTTP != "", len(p.Command) > 0}
	if count := len(slices.DeleteFunc(ways, func(there bool) bool { return !there })); count > 1 {
		return fmt.Errorf("there are %d ways (fd, tcp, http, command), and one is needed", count)
	}
	switch {
	case p.TCP != "":
		_, err := address(p.TCP)
		return err
	case p.HTTP != "":
		_, _, err := p.URL()
		return err
	case len(p.Command) > 0 && p.Command[0] == "":
		return errors.New("the command names no program")
	}
	return nil
}

// Address gives where a connection is tried.
func (p Probe) Address() (string, error) { return address(p.TCP) }

// URL gives the address and the path that are asked.
func (p Probe) URL() (addr, path string, err error) {
	rest, ok := strings.CutPrefix(p.HTTP, "http://")
	if !ok {
		return addr, "", fmt.Errorf("%q is no URL that begins with http://", p.HTTP)
	}
	host, path, _ := strings.Cut(rest, "/")
	path = "/" + path
	if strings.ContainsFunc(path, func(r rune) bool { return r <= ' ' || r == 0x7f || r == '#' }) {
		return addr, "", fmt.Errorf("%q has a path that can't be asked for as it is", p.HTTP)
	}
	if last := host[strings.LastIndexByte(host, ']')+1:]; !strings.Contains(last, ":") {
		host += ":80"
	}
	addr, err = address(host)
	return addr, path, err
}

// address checks host:port. Sidecars are in the sandbox: there is nothing to be looked up.
func address(text string) (string, error) {
	colon := strings.LastIndexByte(text, ':')
	if colon > 0 && isHost(text[:colon]) {
		if port, err := strconv.ParseUint(text[colon+1:], 10, 16); err == nil && port > 0 {
			return text, nil
		}
	}
	return "", fmt.Errorf("%q is no host:port; the host is localhost or an IP address (of IPv6 in brackets), and the port from 1 to 65535", text)
}

// isHost says whether a host looks like one of this machine's: net/netip would know better, and cost every cold start.
func isHost(host string) bool {
	if inner, ok := strings.CutPrefix(host, "["); ok {
		inner, closed := strings.CutSuffix(inner, "]")
		return closed && strings.Contains(inner, ":") && strings.Trim(inner, "0123456789abcdefABCDEF:.") == ""
	}
	return host == "localhost" || strings.Count(host, ".") == 3 && strings.Trim(host, "0123456789.") == ""
}
