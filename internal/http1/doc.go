// Package http1 is the small strict part of HTTP/1.1 that the Lambda Runtime API needs, both ends of it: a client of
// Lambda's, and a server for language runtimes that speak it themselves. Connections are kept; bodies have a length or come
// in chunks with trailers, whole or as a stream in either direction; all that is read has a bound.
//
// The bootstrap uses it in place of net/http and of net, on sockets of its own: the two would cost more than a third of the
// time from exec to the first /next, and more than half of the program's size, at every cold start.
//
// What it does not do: TLS, proxies, redirects, compression, cookies, dates, upgrades, DNS (a host is an address, localhost,
// or in /etc/hosts), and timeouts: both sides of the Runtime API wait for hours, and a sandbox may be frozen meanwhile.
// net/http is its oracle in tests.
package http1
