package invokeapi

// Who may ask: programs on this machine, and web pages that come from it. A page of somebody else's that the developer's
// browser shows could ask as well, by its own name for this address or across sites; both are refused.

import (
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"
)

// What is read of a body that nobody wants.
const (
	mostUnwanted    = 128 << 20 // bytes
	unwantedTimeout = 10 * time.Second
)

// readOut reads what next left of a body, and drops it. Most clients read no answer before all is sent: to those a refusal
// that leaves them halfway is a connection that broke. A client that asks before it sends (Expect) sends nothing then.
func readOut(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body := &noticed{ReadCloser: r.Body}
		given := r.WithContext(r.Context()) // net/http looks into its own request for what sort of body it has
		given.Body = body
		next.ServeHTTP(w, given)
		if !body.ended && r.Header.Get("Expect") == "" && http.NewResponseController(w).SetReadDeadline(time.Now().Add(unwantedTimeout)) == nil {
			_, _ = io.CopyN(io.Discard, r.Body, mostUnwanted) // one that hangs up has its reasons
		}
	})
}

// noticed is a body of which is known whether it was read to its end.
type noticed struct {
	io.ReadCloser
	ended bool
}

func (n *noticed) Read(p []byte) (int, error) {
	read, err := n.ReadCloser.Read(p)
	n.ended = n.ended || errors.Is(err, io.EOF)
	return read, err
}

// local refuses what comes by a foreign name or from a foreign page.
func local(next http.Handler, o Options) http.Handler {
	hosts := map[string]bool{}
	for _, host := range o.Hosts {
		hosts[hostname(host)] = true
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if host := hostname(r.Host); !isLoopback(host) && !hosts[host] && !isOwnAddress(host, r) {
			userError(http.StatusForbidden, typeForbidden, "the Host %q is none of this machine's: sor serves %s only", r.Host, "localhost and what --allow-host names").write(w)
			return
		}
		if origin := foreignOrigin(r, o); origin != "" {
			userError(http.StatusForbidden, typeForbidden, "a web page of %s asked: sor answers pages of this machine, and of what --allow-origin names", origin).write(w)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// hostname gives a host without its port, in lower case.
func hostname(host string) string {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	return strings.ToLower(strings.Trim(host, "[]"))
}

// isLoopback says whether a name surely means this machine.
func isLoopback(host string) bool {
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	address, err := netip.ParseAddr(host)
	return err == nil && address.IsLoopback()
}

// isOwnAddress says whether a host is the very address at which the connection came in. Who has that from somebody else's page
// has it from a page that spells it out: a name that leads here would be another host.
func isOwnAddress(host string, r *http.Request) bool {
	address, err := netip.ParseAddr(host)
	if err != nil {
		return false
	}
	local, ok := r.Context().Value(http.LocalAddrContextKey).(*net.TCPAddr)
	return ok && local.AddrPort().Addr().Unmap() == address.Unmap()
}

// foreignOrigin gives the web page that a request comes from, when it is not of this machine.
func foreignOrigin(r *http.Request, o Options) string {
	origin := r.Header.Get("Origin")
	switch {
	case origin == "" && strings.EqualFold(r.Header.Get("Sec-Fetch-Site"), "cross-site"):
		return "another site"
	case origin == "", slices.Contains(o.Origins, origin):
		return ""
	}
	page, err := url.Parse(origin)
	if err != nil || page.Host == "" || !isLoopback(hostname(page.Host)) {
		return origin
	}
	return ""
}
