package main

// Where sor start listens, and who has the port when it is taken.

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// defaultListen is where sor start listens, and where sor invoke looks for it: the port of AWS's own local tools.
const defaultListen = "127.0.0.1:3001"

// listenOn opens the address of a flag. A port alone is one of this machine's own; others are let in when their address is
// spelled out.
func (w *workspace) listenOn(ctx context.Context, flag, address string) (net.Listener, error) {
	address, open, err := listenAddress(flag, address)
	if err != nil {
		return nil, err
	}
	var lc net.ListenConfig
	listener, err := lc.Listen(ctx, family(address), address)
	if err != nil {
		return nil, listenError(flag, address, err)
	}
	if open {
		w.warn("%s %s: whoever reaches this machine can invoke the function, with what it may do", flag, address)
	}
	return listener, nil
}

// family is that of an address: one that is spelled out in version 4 of IP means no other.
func family(address string) string {
	host, _, _ := net.SplitHostPort(address) // it was completed
	if ip := net.ParseIP(host); ip != nil && ip.To4() != nil {
		return "tcp4"
	}
	return "tcp"
}

// listenAddress completes an address. open says that others than this machine reach it.
func listenAddress(flag, address string) (complete string, open bool, err error) {
	if _, err := strconv.ParseUint(address, 10, 16); err == nil {
		address = "127.0.0.1:" + address
	}
	host, port, err := net.SplitHostPort(address)
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	switch {
	case err != nil:
		return "", false, fail(exitUsage, "HOST:PORT, or a port alone: "+flag+" "+defaultListen, fmt.Errorf("%s %q is no address to listen on", flag, address))
	case host == "":
		return "", false, fail(exitUsage, "spell it out if others are to reach it: "+flag+" 0.0.0.0:"+port,
			fmt.Errorf("%s %s would listen on every network of this machine", flag, address))
	case host == "localhost":
		return address, false, nil
	}
	ip := net.ParseIP(host)
	return address, ip == nil || !ip.IsLoopback(), nil
}

func listenError(flag, address string, err error) error {
	host, port, _ := net.SplitHostPort(address)
	number, _ := strconv.ParseUint(port, 10, 16)
	if !errors.Is(err, syscall.EADDRINUSE) {
		return fail(exitMissing, "", fmt.Errorf("%s %s: %w", flag, address, err))
	}
	return fail(exitMissing, "another port: "+flag+" HOST:PORT\nany that is free, and it says which: "+flag+" "+net.JoinHostPort(host, "0"), portError(uint16(number), err))
}

// portError says why a port can't be had, and who has it where that is known.
func portError(port uint16, err error) error {
	if !errors.Is(err, syscall.EADDRINUSE) {
		return err
	}
	text := fmt.Sprintf("port %d is in use", port)
	if holder := portHolder("/proc", port); holder != "" {
		text += " by " + holder
	}
	return errors.New(text)
}

// portHolder says which process listens on a port, where /proc tells: proc_pid_net(5), proc_pid_fd(5).
func portHolder(proc string, port uint16) string {
	var sockets []string
	for _, table := range []string{"tcp", "tcp6"} {
		data, err := os.ReadFile(filepath.Join(proc, "net", table))
		if err != nil {
			continue
		}
		for line := range strings.Lines(string(data)) {
			fields := strings.Fields(line)
			const listening = "0A"
			if len(fields) > 9 && fields[3] == listening && strings.HasSuffix(fields[1], fmt.Sprintf(":%04X", port)) {
				sockets = append(sockets, "socket:["+fields[9]+"]")
			}
		}
	}
	if len(sockets) == 0 {
		return ""
	}
	links, err := filepath.Glob(filepath.Join(proc, "[0-9]*", "fd", "*"))
	if err != nil {
		return ""
	}
	for _, link := range links {
		if target, err := os.Readlink(link); err != nil || !slices.Contains(sockets, target) {
			continue
		}
		pid := filepath.Base(filepath.Dir(filepath.Dir(link)))
		command, err := os.ReadFile(filepath.Join(proc, pid, "cmdline"))
		if err != nil {
			return "process " + pid
		}
		words := strings.Fields(strings.ReplaceAll(string(command), "\x00", " "))
		return "process " + pid + ": " + strings.Join(words, " ")
	}
	return ""
}
