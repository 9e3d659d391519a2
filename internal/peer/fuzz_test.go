//go:build linux

package peer_test

import (
	"bytes"
	"errors"
	"os"
	"testing"

	"github.com/serverless/open-runtime/internal/frames"
	"github.com/serverless/open-runtime/internal/peer"
	"github.com/serverless/open-runtime/internal/runtimeapi"
)

// wrote makes a dialect of which the other side wrote data and hung up.
func wrote(t *testing.T, data []byte, speak func(in, out *os.File) peer.Dialect) peer.Dialect {
	t.Helper()
	theirIn, in, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	out, theirOut, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	d := speak(in, out)
	written := make(chan struct{})
	go func() {
		defer close(written)
		theirOut.Write(data)
		theirOut.Close()
	}()
	t.Cleanup(func() {
		d.Close() // who still writes is told
		<-written
		theirIn.Close()
	})
	return d
}

// FuzzFrames: whatever a child writes, what is heard of it is either whole or the end.
func FuzzFrames(f *testing.F) {
	const ready = `{"type":"ready","version":1,"capabilities":["cancel","stream"],"dumpSignal":"SIGUSR2"}` + "\n"
	for _, seed := range []string{
		"", ready, `{"type":"ready","version":2}` + "\n", `{"type":"ready","version":1,"capabilities":["fly"]}` + "\n", `{"type":"error","length":2}` + "\n{}",
		ready + `{"type":"result","id":"1","length":2}` + "\n{}" + `{"type":"error","id":"2","length":35}` + "\n" + `{"errorType":"E","errorMessage":"m"}`,
		ready + `{"type":"chunk","id":"1","prelude":{"statusCode":200},"length":1}` + "\nx" + `{"type":"chunk","id":"1"}` + "\n" + `{"type":"end","id":"1"}` + "\n",
		ready + `{"type":"result","id":"1","unchanged":true}` + "\n" + `{"type":"result","id":"1","contentType":7}` + "\n", ready + `{"type":"result"}` + "\n",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		d := wrote(t, data, func(in, out *os.File) peer.Dialect {
			hello := frames.Hello{Role: frames.RoleRuntime, Capabilities: []string{frames.CapabilityCancel, frames.CapabilityStream}}
			return peer.NewFrames(in, out, hello, runtimeapi.ErrorFunctionUnknown)
		})
		terms, err := d.Open()
		if err == nil && terms.Multiplex {
			t.Error("several at once were not offered")
		}
		for err == nil {
			var a peer.Answer
			a, err = d.Receive()
			if err != nil {
				break
			}
			if a.ID == "" || (a.Kind == peer.Failure) != (a.Failed != nil) || len(a.Payload) > runtimeapi.MaxResponse {
				t.Errorf("got %+v", a)
			}
			if a.Failed != nil && len(a.Failed.JSON()) == 0 {
				t.Errorf("got an error without a document: %+v", a.Failed)
			}
		}
		if refused, ok := errors.AsType[*runtimeapi.Error](err); ok && refused.Type == "" && refused.Message == "" {
			t.Errorf("it is refused without a word: %+v", refused)
		}
	})
}

// FuzzLines: each line is one answer, and a last one without its newline is none.
func FuzzLines(f *testing.F) {
	for _, seed := range []string{"", "\n", "{}\n[]\n", "{}\r\nhalf", "\x00\n\n"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		d := wrote(t, data, func(in, out *os.File) peer.Dialect { return peer.NewLines(in, out) })
		var heard [][]byte
		a, err := d.Receive()
		for ; err == nil; a, err = d.Receive() {
			heard = append(heard, a.Payload)
		}
		whole := bytes.Split(data, []byte("\n"))
		whole = whole[:len(whole)-1]
		if len(heard) != len(whole) {
			t.Fatalf("heard %d lines, want %d", len(heard), len(whole))
		}
		for i, line := range whole {
			if !bytes.Equal(heard[i], line) {
				t.Errorf("heard %q, want %q", heard[i], line)
			}
		}
	})
}
