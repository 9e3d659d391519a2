// Chaos is a language runtime and a middleware that do to their bootstrap whatever an invocation's ID tells them to:
// n17.handler-crash has the handler crash. chaos_test.go computes what the bootstrap must make of it.
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

// document is an event and its response. Each who has it leaves a mark in it.
type document struct {
	Op    string `json:"op,omitempty"`
	Nonce string `json:"nonce"`
	Trail string `json:"trail"`
	Pad   string `json:"pad,omitempty"`
}

// me is the name of this process in IDs, trails and the journal; a hook follows.
var me = "handler"

func main() {
	if strings.Contains(os.Args[0], "/sidecars/") {
		accompany()
	}
	open := openJournal()
	defer open.Close()
	if name := os.Getenv("SOR_MIDDLEWARE"); name != "" {
		me = name
		if len(os.Args) > 1 {
			os.Exit(once(os.Args[1]))
		}
	}
	if os.Getenv("CHAOS_LINES") != "" && me == "handler" {
		lines()
		return
	}
	frames()
}

// word is what an ID tells a place to do.
func word(id, place string) string {
	for part := range strings.SplitSeq(id, ".") {
		if at := strings.LastIndexByte(part, '-'); at > 0 && part[:at] == place {
			return part[at+1:]
		}
	}
	return "ok"
}

// mark leaves one in a document. What is none stays as it is.
func mark(payload []byte, mark string, pad int) []byte {
	var d document
	if json.Unmarshal(payload, &d) != nil || d.Nonce == "" {
		return payload
	}
	d.Trail, d.Pad = d.Trail+mark+" ", strings.Repeat("x", pad)
	marked, err := json.Marshal(d)
	if err != nil { // strings only
		panic(err)
	}
	return marked
}

// nonce is whose an event is.
func nonce(event []byte) string {
	var d document
	_ = json.Unmarshal(event, &d)
	return d.Nonce
}

const large = 2_000_000

var (
	garbage = []byte("this is no frame, nor JSON, and it has no end\n")
	noise   = bytes.Repeat([]byte("a handler that talks too much\n"), 4000) // more than a pipe holds
)

// flood writes what nobody asked for.
func flood() {
	os.Stdout.Write(noise)
	os.Stderr.Write(noise)
}

// left says that a daemon was left behind. It holds both pipes: nobody can know of this process that it closed one.
var left atomic.Bool

// leave leaves a daemon behind, in a session of its own, that holds what this process has open.
func leave(seconds string, open ...*os.File) {
	daemon := exec.Command("/bin/sleep", seconds)
	daemon.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	daemon.ExtraFiles = open
	left.Store(true)
	if err := daemon.Start(); err != nil {
		fmt.Fprintln(os.Stderr, "no daemon:", err)
	}
}

var journal *os.File

// openJournal opens the file in which all of them say what came to them.
func openJournal() *os.File {
	journal, _ = os.OpenFile(os.Getenv("CHAOS_JOURNAL"), os.O_APPEND|os.O_WRONLY, 0) // without one it says nothing
	return journal
}

// say adds a line to the journal: who, where, which invocation, what.
func say(place, id, what string) { fmt.Fprintf(journal, "%d %s %s %s\n", os.Getpid(), place, id, what) }

// forever is longer than any test.
func forever() { time.Sleep(time.Hour) }

// short is the time of one who is slow.
const short = 10 * time.Millisecond
