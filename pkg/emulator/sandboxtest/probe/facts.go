package main

import (
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"os/user"
	"strings"
	"syscall"
	"time"
)

// identity tells who the function is and what it may do.
func identity() any {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return err
	}
	answer := map[string]any{"Uid": os.Getuid(), "Euid": os.Geteuid(), "Gid": os.Getgid(), "Groups": "", "Pid": os.Getpid()}
	for line := range strings.Lines(string(status)) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ":")
		switch name {
		case "CapInh", "CapPrm", "CapEff", "CapAmb", "NoNewPrivs", "Groups", "Umask":
			answer[name] = strings.TrimSpace(value)
		}
	}
	if who, err := user.Current(); err == nil {
		answer["User"] = who.Username
	}
	answer["Directory"], _ = os.Getwd()
	return answer
}

// stat tells of a file as a test asks: mode in octal, and size.
func stat(path string) any {
	var s syscall.Stat_t
	if err := syscall.Lstat(path, &s); err != nil {
		return told(err)
	}
	const octal = "01234567"
	mode := s.Mode & 0o7777
	return result{Size: s.Size, Text: string([]byte{octal[mode>>9&7], octal[mode>>6&7], octal[mode>>3&7], octal[mode&7]})}
}

// fill writes until it has written size bytes or no more go in, and removes the file.
func fill(path string, size int64) any {
	file, err := os.Create(path)
	if err != nil {
		return told(err)
	}
	defer os.Remove(path)
	defer file.Close()
	n, err := io.Copy(file, io.LimitReader(zeros{}, size))
	return result{Size: n, Error: text(err)}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// copyAndRun copies this program to path and runs it there.
func copyAndRun(path string) any {
	own, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		return told(err)
	}
	if err := os.WriteFile(path, own, 0o755); err != nil {
		return told(err)
	}
	defer os.Remove(path)
	child := exec.Command(path, "linger")
	if err := child.Start(); err != nil {
		return told(err)
	}
	return told(errors.Join(child.Process.Kill(), drop(child.Wait())))
}

// drop forgets that a process was killed.
func drop(error) error { return nil }

func network(e event) any {
	switch e.Do {
	case "resolve":
		found, err := net.LookupHost(e.Name)
		return result{Text: strings.Join(found, " "), Error: text(err)}
	case "dial":
		conn, err := net.DialTimeout("tcp", e.Name, 3*time.Second)
		if err != nil {
			return told(err)
		}
		defer conn.Close()
		data, err := io.ReadAll(conn)
		return result{Text: string(data), Error: text(err)}
	default:
		found, err := net.Interfaces()
		if err != nil {
			return told(err)
		}
		var up []string
		for _, one := range found {
			if one.Flags&net.FlagUp != 0 {
				up = append(up, one.Name)
			}
		}
		return result{Text: strings.Join(up, " ")}
	}
}
