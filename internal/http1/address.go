//go:build linux

package http1

// What host:port means, without a resolver: an address, localhost, or a line of /etc/hosts.

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
)

const hostsFile = "/etc/hosts"

// splitAddr takes host:port apart; an IPv6 host is in brackets, and comes without them.
func splitAddr(addr string) (host string, port int, err error) {
	colon := strings.LastIndexByte(addr, ':')
	if colon < 0 {
		return "", 0, fmt.Errorf("address %q has no port: it must be host:port", addr)
	}
	host = addr[:colon]
	n, err := strconv.ParseUint(addr[colon+1:], 10, 16)
	if err != nil || addr[colon+1] == '+' {
		return "", 0, fmt.Errorf("address %q has no port from 0 to 65535 after its last colon", addr)
	}
	inner, open := strings.CutPrefix(host, "[")
	inner, closed := strings.CutSuffix(inner, "]")
	if open != closed || open != strings.Contains(inner, ":") || inner == "" {
		return "", 0, fmt.Errorf("address %q is not host:port: an IPv6 address must be in brackets, and there must be a host", addr)
	}
	return inner, int(n), nil
}

// endpoints gives the socket addresses of host:port, in the order in which to try them.
func endpoints(addr, hosts string) ([]syscall.Sockaddr, error) {
	host, port, err := splitAddr(addr)
	if err != nil {
		return nil, err
	}
	if one := endpoint(host, port); one != nil {
		return []syscall.Sockaddr{one}, nil
	}
	if strings.EqualFold(host, "localhost") {
		return []syscall.Sockaddr{endpoint("127.0.0.1", port), endpoint("::1", port)}, nil
	}
	text, err := os.ReadFile(hosts)
	if err != nil {
		return nil, fmt.Errorf("looking for host %q: %w", host, err)
	}
	var found []syscall.Sockaddr
	for line := range strings.Lines(string(text)) {
		line, _, _ = strings.Cut(line, "#")
		fields := strings.Fields(line)
		for i, name := range fields {
			if i == 0 || !strings.EqualFold(name, host) {
				continue
			}
			if one := endpoint(fields[0], port); one != nil {
				found = append(found, one)
			}
			break
		}
	}
	if found == nil {
		return nil, fmt.Errorf("host %q is no IP address, not localhost, and not in %s: no DNS is asked here; give its address, or add a line for it to that file", host, hosts)
	}
	return found, nil
}

// endpoint reads an IP address; it gives nil for anything else.
func endpoint(host string, port int) syscall.Sockaddr {
	if v4, ok := parseIPv4(host); ok {
		return &syscall.SockaddrInet4{Port: port, Addr: v4}
	}
	if v6, ok := parseIPv6(host); ok {
		return &syscall.SockaddrInet6{Port: port, Addr: v6}
	}
	return nil
}

func parseIPv4(text string) (ip [4]byte, ok bool) {
	parts := strings.Split(text, ".")
	if len(parts) != 4 {
		return ip, false
	}
	for i, part := range parts {
		n, err := strconv.ParseUint(part, 10, 8)
		if err != nil || part[0] == '+' || len(part) > 1 && part[0] == '0' { // 010 is 8 to some
			return ip, false
		}
		ip[i] = byte(n)
	}
	return ip, true
}

// parseIPv6 reads an address as RFC 4291 writes it; zones (fe80::1%eth0) are not known here.
func parseIPv6(text string) (ip [16]byte, ok bool) {
	head, tail, gap := strings.Cut(text, "::")
	front, ok := groups(head, !gap)
	if !ok {
		return ip, false
	}
	back, ok := groups(tail, true)
	length := len(front) + len(back)
	if !ok || gap && length > 14 || !gap && length != 16 {
		return ip, false
	}
	copy(ip[:], front)
	copy(ip[16-len(back):], back)
	return ip, true
}

// groups reads 2001:db8:1, the last of which may be an IPv4 address where last says so.
func groups(text string, last bool) (ip []byte, ok bool) {
	if text == "" {
		return nil, true
	}
	parts := strings.Split(text, ":")
	for i, part := range parts {
		if v4, is4 := parseIPv4(part); is4 && last && i == len(parts)-1 {
			return append(ip, v4[:]...), true
		}
		n, err := strconv.ParseUint(part, 16, 16)
		if err != nil || len(part) > 4 || part[0] == '+' {
			return nil, false
		}
		ip = append(ip, byte(n>>8), byte(n))
	}
	return ip, true
}
