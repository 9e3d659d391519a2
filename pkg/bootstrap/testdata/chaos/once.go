package main

// A middleware of the exec protocol: one hook, one process.

import (
	"bytes"
	"io"
	"os"
	"syscall"
	"time"
)

func once(hook string) (status int) {
	id, place := os.Getenv("SOR_REQUEST_ID"), me+"-"+hook
	input, err := io.ReadAll(os.Stdin)
	if err != nil {
		return 9
	}
	input = bytes.TrimSuffix(input, []byte("\n"))
	out := mark(input, place, 0)
	if hook == "error" {
		out = nil
	}
	switch word(id, place) {
	case "slow":
		time.Sleep(short)
	case "observe":
		return 0
	case "crash":
		return 3
	case "kill":
		syscall.Kill(os.Getpid(), syscall.SIGKILL)
	case "error":
		os.Stderr.WriteString("this went wrong: " + id + "\n")
		return 1
	case "hang":
		forever()
	case "garbage":
		out = garbage
	case "flood":
		endless(os.Stdout)
	case "noise":
		os.Stderr.Write(noise)
	case "close":
		for fd := range 4 {
			syscall.Close(fd)
		}
		return 0
	case "fork":
		leave("1", os.Stdout)
	case "daemon":
		leave("300", os.Stdout)
	case "respond":
		os.NewFile(3, "response").Write(mark(input, place, 0))
		return 0
	case "handle":
		os.NewFile(3, "response").Write(handled(id))
		return 0
	case "replace":
		out = replaced(id)
	case "big":
		out = mark(input, place, large)
	}
	os.Stdout.Write(out)
	return 0
}

// endless writes for as long as somebody takes it.
func endless(to *os.File) {
	for {
		if _, err := to.Write(noise); err != nil {
			return
		}
	}
}

// handled is the answer that takes the place of an error, and replaced another error.
func handled(id string) []byte {
	return []byte(`{"nonce":"` + id + `","trail":"handled "}`)
}

func replaced(id string) []byte {
	return []byte(`{"errorType":"Function.Replaced","errorMessage":"` + id + `"}`)
}
