package main

// A sidecar that nobody can rely on, and that the function can do without.

import (
	"bufio"
	"math/rand/v2"
	"os"
	"syscall"
)

func accompany() {
	asked, answers := bufio.NewReader(os.NewFile(4, "asked")), os.NewFile(3, "answers")
	answers.WriteString("ready\n")
	for {
		if _, err := asked.ReadString('\n'); err != nil {
			return
		}
		switch rand.IntN(60) {
		case 0:
			os.Exit(rand.IntN(3))
		case 1:
			syscall.Kill(os.Getpid(), syscall.SIGKILL)
		case 2:
			flood()
		case 3:
			leave("300", answers)
		case 4:
			syscall.Close(rand.IntN(5))
		case 5: // it says nothing
			continue
		case 6:
			answers.Write(garbage)
		case 7:
			answers.Write(noise)
		}
		answers.WriteString("flushed\n")
	}
}
