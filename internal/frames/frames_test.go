package frames_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"github.com/serverless/open-runtime/internal/frames"
)

// most is what the readers of these tests allow as payload.
const most = 1 << 20

func TestRoundTrip(t *testing.T) {
	payloads := [][]byte{
		nil, {}, []byte("x"), []byte(`{"type":"shutdown"}` + "\n"), []byte("\n\n\x00\xff\r\n"),
		bytes.Repeat([]byte("a"), 64*1024), bytes.Repeat([]byte("\n"), 64*1024+1), bytes.Repeat([]byte{0}, most),
	}
	var stream bytes.Buffer
	w := frames.NewWriter(&stream)
	for i, payload := range payloads {
		header := frames.Answer{Type: frames.TypeResult, ID: fmt.Sprint(i), ContentType: "text/ä\u2028\n"}
		if err := w.Write(header, payload); err != nil {
			t.Fatal(err)
		}
	}
	// A pipe gives what it has: a frame comes in any pieces.
	for name, src := range map[string]io.Reader{
		"whole": bytes.NewReader(stream.Bytes()), "bytes": iotest.OneByteReader(bytes.NewReader(stream.Bytes())),
		"with the end": iotest.DataErrReader(bytes.NewReader(stream.Bytes())),
	} {
		r := frames.NewReader(src, most)
		for i, payload := range payloads {
			f, err := r.Read()
			if err != nil {
				t.Fatalf("%s: frame %d: %v", name, i, err)
			}
			var got frames.Answer
			if err := f.Decode(&got); err != nil {
				t.Fatal(err)
			}
			want := frames.Answer{Type: frames.TypeResult, ID: fmt.Sprint(i), ContentType: "text/ä\u2028\n"}
			if diff := cmp.Diff(want, got); diff != "" || f.Type != want.Type || f.ID != want.ID {
				t.Errorf("%s: frame %d: %s", name, i, diff)
			}
			if !bytes.Equal(f.Payload, payload) || (f.Payload == nil) != (payload == nil) {
				t.Errorf("%s: frame %d: a payload of %d bytes (nil: %t), want %d", name, i, len(f.Payload), f.Payload == nil, len(payload))
			}
		}
		if _, err := r.Read(); err != io.EOF {
			t.Errorf("%s: got %v, want the end", name, err)
		}
	}
}

// What goes over the wire is part of the contract, byte for byte: a shell reads it too.
func TestWire(t *testing.T) {
	tests := []struct {
		header  any
		payload []byte
		want    string
	}{
		{frames.Cancel{Type: frames.TypeShutdown}, nil, `{"type":"shutdown"}` + "\n"},
		{frames.Answer{Type: frames.TypeResult, ID: "7"}, []byte("{\n}"), `{"type":"result","id":"7","length":3}` + "\n{\n}"},
		{frames.Answer{Type: frames.TypeResult, ID: "7"}, []byte{}, `{"type":"result","id":"7","length":0}` + "\n"},
		{map[string]string{}, []byte("x"), `{"length":1}` + "\nx"},
	}
	for _, test := range tests {
		var got bytes.Buffer
		if err := frames.NewWriter(&got).Write(test.header, test.payload); err != nil || got.String() != test.want {
			t.Errorf("got %q, %v; want %q", got.String(), err, test.want)
		}
	}
}

func TestWriterRefuses(t *testing.T) {
	tests := map[string]any{
		"frame header is not a JSON object":                     []string{"a"},
		"encoding frame header: json: unsupported type: func()": func() {},
		"frames/1: header is 65538 bytes; 65536 are allowed":    map[string]string{"type": strings.Repeat("x", 64*1024-10)},
	}
	for want, header := range tests {
		var out bytes.Buffer
		if err := frames.NewWriter(&out).Write(header, nil); err == nil || err.Error() != want || out.Len() > 0 {
			t.Errorf("got %v and %d bytes, want %s and none", err, out.Len(), want)
		}
	}
}

// headerOf makes a header of n bytes, newline included.
func headerOf(n int) string {
	const frame = `{"type":"x","pad":""}` + "\n"
	return `{"type":"x","pad":"` + strings.Repeat("p", n-len(frame)) + `"}` + "\n"
}

func TestHeaderBound(t *testing.T) {
	if f, err := frames.NewReader(strings.NewReader(headerOf(frames.MaxHeader)), 0).Read(); err != nil || f.Type != "x" {
		t.Errorf("the largest header: %v", err)
	}
	for _, endless := range []string{headerOf(frames.MaxHeader + 1), strings.Repeat("x", 1<<20)} {
		_, err := frames.NewReader(strings.NewReader(endless), 0).Read()
		problem, ok := errors.AsType[*frames.ProtocolError](err)
		if !ok || problem.Cause != "header is over 65536 bytes" || len(problem.Line) != 80 {
			t.Errorf("got %v", err)
		}
	}
}

// A number in a header is no reason to allocate it.
func TestPayloadBound(t *testing.T) {
	for _, length := range []string{"1048577", "9223372036854775807", "-1"} {
		r := frames.NewReader(strings.NewReader(`{"type":"x","length":`+length+"}\n"), most)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := r.Read()
		runtime.ReadMemStats(&after)
		want := `frames/1: payload is ` + length + ` bytes; 1048576 are allowed: "{\"type\":\"x\",\"length\":` + length + `}"`
		if err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
		if grown := after.TotalAlloc - before.TotalAlloc; grown > most/2 {
			t.Errorf("%s: %d bytes were allocated", length, grown)
		}
	}
}

func TestReaderRefuses(t *testing.T) {
	for text, cause := range map[string]string{
		"\n":                                "header is not a JSON object",
		"hello\n":                           "header is not a JSON object",
		"[]\n":                              "header is not a JSON object",
		`"type"` + "\n":                     "header is not a JSON object",
		"{}\n":                              "header has no type",
		"null\n":                            "header has no type",
		`{"type":""}` + "\n":                "header has no type",
		`{"type":1}` + "\n":                 "header is not a JSON object",
		`{"type":"x","id":7}` + "\n":        "header is not a JSON object",
		`{"type":"x","length":"3"}` + "\n":  "header is not a JSON object",
		`{"type":"x","length":1.5}` + "\n":  "header is not a JSON object",
		`{"type":"x","length":1e99}` + "\n": "header is not a JSON object",
		`{"type":"x"}{"type":"y"}` + "\n":   "header is not a JSON object",
	} {
		_, err := frames.NewReader(strings.NewReader(text), most).Read()
		if problem, ok := errors.AsType[*frames.ProtocolError](err); !ok || problem.Cause != cause {
			t.Errorf("%q: got %v, want %s", text, err, cause)
		}
	}
}

// An end between two frames is the end; one within a frame is not.
func TestEnds(t *testing.T) {
	const frame = `{"type":"x","length":3}` + "\n" + "abc"
	for cut := range len(frame) + 1 {
		want := io.ErrUnexpectedEOF
		if cut == 0 {
			want = io.EOF
		} else if cut == len(frame) {
			want = nil
		}
		if _, err := frames.NewReader(strings.NewReader(frame[:cut]), most).Read(); !errors.Is(err, want) {
			t.Errorf("after %d bytes: got %v, want %v", cut, err, want)
		}
	}
	broken := errors.New("the pipe broke")
	if _, err := frames.NewReader(iotest.ErrReader(broken), most).Read(); !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
}

// Keys that nobody here knows are for somebody later, and stay in the header.
func TestUnknownKeys(t *testing.T) {
	const line = `{"later":{"length":9},"type":"ready","version":1,"capabilities":["cancel"],"x":[1]}`
	f, err := frames.NewReader(strings.NewReader(line+"\n"), most).Read()
	if err != nil || f.Payload != nil || string(f.Header) != line {
		t.Fatalf("got %+v, %v", f, err)
	}
	var ready frames.Ready
	if err := f.Decode(&ready); err != nil || ready.Version != 1 {
		t.Errorf("got %+v, %v", ready, err)
	}
	if err := f.Decode(&struct{ Version string }{}); err == nil || !strings.HasPrefix(err.Error(), "decoding ready frame: ") {
		t.Errorf("got %v", err)
	}
}

// A header is the reader's own: the next frame does not overwrite it.
func TestFramesOutliveTheNext(t *testing.T) {
	r := frames.NewReader(strings.NewReader(`{"type":"a","id":"1"}`+"\n"+`{"type":"b","id":"2"}`+"\n"), most)
	first, err := r.Read()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Read(); err != nil || string(first.Header) != `{"type":"a","id":"1"}` {
		t.Errorf("got %s, %v", first.Header, err)
	}
}

// Frames of writers at the same time are never mixed, the large ones with two writes neither.
func TestConcurrentWriters(t *testing.T) {
	src, dst := io.Pipe()
	w := frames.NewWriter(dst)
	const writers, each = 8, 50
	var all sync.WaitGroup
	for i := range writers {
		all.Go(func() {
			for j := range each {
				payload := bytes.Repeat([]byte{byte('a' + i)}, j*4096)
				if err := w.Write(frames.Answer{Type: frames.TypeResult, ID: string(rune('a' + i))}, payload); err != nil {
					t.Error(err)
				}
			}
		})
	}
	go func() { all.Wait(); dst.Close() }()
	r := frames.NewReader(src, most)
	read := 0
	for {
		f, err := r.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		read++
		if strings.Trim(string(f.Payload), f.ID) != "" {
			t.Errorf("a frame of %s holds bytes of another", f.ID)
		}
	}
	if read != writers*each {
		t.Errorf("read %d frames, want %d", read, writers*each)
	}
}

// Frames that are written together go out in one write, in order; a large one among them takes those before it along.
func TestTogether(t *testing.T) {
	var writes []string
	w := frames.NewWriter(writerFunc(func(p []byte) { writes = append(writes, string(p)) }))
	small := frames.Answer{Type: frames.TypeResult, ID: "1"}
	const line = `{"type":"result","id":"1","length":1}` + "\nx"
	err := w.Together(func() {
		for range 3 {
			if err := w.Write(small, []byte("x")); err != nil || len(writes) > 0 {
				t.Errorf("%v, %q", err, writes)
			}
		}
	})
	if err != nil || len(writes) != 1 || writes[0] != line+line+line {
		t.Errorf("%v, %q", err, writes)
	}
	writes = nil
	large := bytes.Repeat([]byte("y"), 100_000)
	err = w.Together(func() {
		_ = w.Write(small, []byte("x"))
		_ = w.Write(small, large)
		_ = w.Write(small, []byte("x"))
	})
	if err != nil || len(writes) != 4 || writes[0] != line || writes[2] != string(large) || writes[3] != line {
		t.Errorf("%v, %d writes", err, len(writes))
	}
	broken := errors.New("the pipe broke")
	w = frames.NewWriter(errWriter{broken})
	if err := w.Together(func() { _ = w.Write(small, nil) }); !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
}

// A delayed frame comes before the next one, in the same write, and alone when it is flushed.
func TestDelay(t *testing.T) {
	var writes []string
	w := frames.NewWriter(writerFunc(func(p []byte) { writes = append(writes, string(p)) }))
	delayed, next := frames.Cancel{Type: frames.TypeCancel, ID: "1"}, frames.Cancel{Type: frames.TypeCancel, ID: "2"}
	const first, second = `{"type":"cancel","id":"1"}` + "\n", `{"type":"cancel","id":"2"}` + "\n"
	if err := w.Delay(delayed, nil); err != nil || len(writes) > 0 {
		t.Errorf("%v, %q", err, writes)
	}
	if err := w.Write(next, nil); err != nil || len(writes) != 1 || writes[0] != first+second {
		t.Errorf("%v, %q", err, writes)
	}
	_ = w.Delay(delayed, nil)
	for range 2 {
		if err := w.Flush(); err != nil || len(writes) != 2 || writes[1] != first {
			t.Errorf("%v, %q", err, writes)
		}
	}
	_ = w.Delay(delayed, nil)
	large := bytes.Repeat([]byte("y"), 100_000)
	if err := w.Write(frames.Answer{Type: frames.TypeResult, ID: "3"}, large); err != nil || len(writes) != 5 || writes[2] != first || writes[4] != string(large) {
		t.Errorf("%v, %d writes", err, len(writes))
	}
}

type writerFunc func(p []byte)

func (f writerFunc) Write(p []byte) (int, error) { f(p); return len(p), nil }

type errWriter struct{ err error }

func (w errWriter) Write([]byte) (int, error) { return 0, w.err }

// FuzzRead: what is read, written again, reads the same.
func FuzzRead(f *testing.F) {
	f.Add([]byte(`{"type":"invoke","id":"7","hook":"before","deadlineMs":1780000000000,"length":13}` + "\n" + `{"foo":"bar"}{"type":"shutdown"}` + "\n"))
	f.Add([]byte(`{"type":"x","length":0}` + "\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		r := frames.NewReader(bytes.NewReader(data), 1<<10)
		for {
			frame, err := r.Read()
			if err != nil {
				if frame.Type != "" || frame.Payload != nil {
					t.Errorf("an error comes with a frame: %+v, %v", frame, err)
				}
				return
			}
			if frame.Type == "" || len(frame.Payload) > 1<<10 || !json.Valid(frame.Header) {
				t.Errorf("got %+v", frame)
			}
			var wire bytes.Buffer
			header := frames.Answer{Type: frame.Type, ID: frame.ID}
			if err := frames.NewWriter(&wire).Write(header, frame.Payload); err != nil {
				if len(frame.Header) < 1<<10 {
					t.Errorf("writing it again: %v", err)
				}
				return
			}
			again, err := frames.NewReader(&wire, 1<<10).Read()
			if err != nil || again.Type != frame.Type || again.ID != frame.ID || !bytes.Equal(again.Payload, frame.Payload) {
				t.Errorf("got %+v, %v; want %+v", again, err, frame)
			}
		}
	})
}
