package main

// A language runtime of 2018.

import (
	"bufio"
	"bytes"
	"os"
	"syscall"
	"time"
)

func lines() {
	in := bufio.NewReaderSize(os.Stdin, 4<<20)
	for {
		line, err := in.ReadSlice('\n')
		if err != nil {
			return
		}
		event := bytes.TrimSuffix(line, []byte("\n"))
		id := nonce(event)
		say(me, id, "take")
		answer := append(mark(event, me, 0), '\n')
		switch word(id, me) {
		case "slow":
			time.Sleep(short)
		case "crash":
			breaks(id, "exit", 3)
		case "exit0":
			breaks(id, "exit", 0)
		case "kill":
			say(me, id, "exit")
			syscall.Kill(os.Getpid(), syscall.SIGKILL)
			forever()
		case "hang":
			forever()
		case "flood":
			os.Stderr.Write(noise)
		case "close":
			if !left.Load() {
				say(me, id, "protocol")
				syscall.Close(1)
				forever()
			}
		case "deaf": // it answers, and hears nothing more
			if !left.Load() {
				syscall.Close(0)
				os.Stdout.Write(answer)
				forever()
			}
		case "fork":
			leave("1", os.Stdin, os.Stdout)
		case "daemon":
			leave("300", os.Stdin, os.Stdout)
		case "big":
			answer = append(mark(event, me, large), '\n')
		case "twice":
			answer = append(answer, answer...)
		case "half":
			say(me, id, "exit")
			os.Stdout.Write(answer[:len(answer)/2])
			os.Exit(4)
		case "last":
			say(me, id, "exit")
			os.Stdout.Write(answer)
			os.Exit(5)
		}
		os.Stdout.Write(answer)
	}
}

// breaks ends the process.
func breaks(id, how string, status int) {
	say(me, id, how)
	os.Exit(status)
}
