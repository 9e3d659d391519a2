//go:build linux

package http1

// Sockets and addresses.

import (
	"context"
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestEndpoints(t *testing.T) {
	hosts := filepath.Join(t.TempDir(), "hosts")
	text := "# 9.9.9.9 api\n127.0.0.1 localhost\n10.0.0.1\tother API.internal # api\nfe80::1%eth0 api\n::2 api api\n10.0.0.2 api\ngarbage\n\n"
	if err := os.WriteFile(hosts, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	for addr, want := range map[string]string{
		"127.0.0.1:9001": "127.0.0.1:9001", "[::1]:80": "[::1]:80", "LocalHost:1": "127.0.0.1:1 [::1]:1", "api:65535": "[::2]:65535 10.0.0.2:65535",
		"api.INTERNAL:0": "10.0.0.1:0", "[::ffff:1.2.3.4]:1": "[::ffff:1.2.3.4]:1",
	} {
		all, err := endpoints(addr, hosts)
		var got []string
		for _, one := range all {
			switch one := one.(type) {
			case *syscall.SockaddrInet4:
				got = append(got, netip.AddrPortFrom(netip.AddrFrom4(one.Addr), uint16(one.Port)).String())
			case *syscall.SockaddrInet6:
				got = append(got, netip.AddrPortFrom(netip.AddrFrom16(one.Addr), uint16(one.Port)).String())
			}
		}
		if err != nil || strings.Join(got, " ") != want {
			t.Errorf("%s: %s, %v", addr, got, err)
		}
	}
	for addr, want := range map[string]string{
		"api": "has no port", "": "has no port", "api:": "no port from 0", "api:65536": "no port from 0", "api:+1": "no port from 0", "api:http": "no port from 0",
		":1": "there must be a host", "::1:80": "in brackets", "[::1:80": "in brackets", "[api]:80": "in brackets", "[]:1": "there must be a host",
		"nobody:1": "no DNS is asked here; give its address, or add a line for it",
	} {
		if all, err := endpoints(addr, hosts); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, %v", addr, all, err)
		}
	}
	if _, err := endpoints("nobody:1", hosts+"none"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}

// Both families, by every spelling of this machine.
func TestDialAndListen(t *testing.T) {
	for listens, dials := range map[string][]string{"127.0.0.1:0": {"127.0.0.1", "localhost"}, "[::1]:0": {"[::1]", "localhost"}} {
		server, err := Listen(listens)
		if errors.Is(err, syscall.EAFNOSUPPORT) || errors.Is(err, syscall.EADDRNOTAVAIL) {
			t.Logf("%s: %v", listens, err)
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		port := server.Addr()[strings.LastIndexByte(server.Addr(), ':'):]
		for _, host := range dials {
			s, err := dial(t.Context(), host+port)
			if err != nil {
				t.Fatalf("%s: %v", host, err)
			}
			descriptors(t, s)
			s.Close()
			accepted, err := server.listening.accept()
			if err != nil {
				t.Fatal(err)
			}
			descriptors(t, accepted)
			accepted.Close()
		}
		if _, err := Listen(server.Addr()); !errors.Is(err, syscall.EADDRINUSE) {
			t.Errorf("a second listener: %v", err)
		}
		server.Close()
		if _, err := dial(t.Context(), server.Addr()); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("nobody listens: %v", err)
		}
	}
}

// descriptors are not for children, do not wait, and send at once.
func descriptors(t *testing.T, s *socket) {
	t.Helper()
	err := s.raw.Control(func(fd uintptr) {
		on, err := syscall.GetsockoptInt(int(fd), syscall.IPPROTO_TCP, syscall.TCP_NODELAY)
		flags, _, _ := syscall.Syscall(syscall.SYS_FCNTL, fd, syscall.F_GETFD, 0)
		status, _, _ := syscall.Syscall(syscall.SYS_FCNTL, fd, syscall.F_GETFL, 0)
		if err != nil || on == 0 || flags&syscall.FD_CLOEXEC == 0 || status&syscall.O_NONBLOCK == 0 {
			t.Errorf("nodelay %d, flags %x, status %x, %v", on, flags, status, err)
		}
	})
	if err != nil {
		t.Error(err)
	}
}

// Nobody answers at all: the context ends it.
func TestDialIsInterrupted(t *testing.T) {
	server, err := Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	if err := server.listening.raw.Control(func(fd uintptr) { syscall.Listen(int(fd), 0) }); err != nil {
		t.Fatal(err)
	}
	for range 10 { // the queue is full after one or two, and the next waits for ever
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		s, err := dial(ctx, server.Addr())
		cancel()
		if err != nil {
			if !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("got %v", err)
			}
			return
		}
		defer s.Close()
	}
	t.Error("all were taken in")
}

// To write to who has gone is an error, and not the end of the process by SIGPIPE.
func TestBrokenPipe(t *testing.T) {
	server, err := Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	s, err := dial(t.Context(), server.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	accepted, err := server.listening.accept()
	if err != nil {
		t.Fatal(err)
	}
	accepted.Close()
	if !s.awaitHangup() {
		t.Error("the hang-up is not seen")
	}
	for err == nil || errors.Is(err, syscall.ECONNRESET) {
		_, err = s.Write([]byte("x"))
	}
	if !errors.Is(err, syscall.EPIPE) {
		t.Errorf("got %v", err)
	}
}
