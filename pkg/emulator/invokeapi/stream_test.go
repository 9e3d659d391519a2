package invokeapi_test

import (
	"bufio"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/serverless/open-runtime/internal/frames"
	"github.com/serverless/open-runtime/pkg/emulator"
	"github.com/serverless/open-runtime/pkg/emulator/emulatortest"
	"github.com/serverless/open-runtime/pkg/emulator/invokeapi"
)

// A streamMessage is one of an event stream, decoded.
type streamMessage struct {
	Headers map[string]string
	Payload string
}

// decode reads a message as a client does: lengths, checksums, headers.
func decode(in io.Reader) (streamMessage, error) {
	prelude := make([]byte, 12)
	if _, err := io.ReadFull(in, prelude); err != nil {
		return streamMessage{}, err
	}
	total, headers := binary.BigEndian.Uint32(prelude), binary.BigEndian.Uint32(prelude[4:])
	if got := crc32.ChecksumIEEE(prelude[:8]); got != binary.BigEndian.Uint32(prelude[8:]) {
		return streamMessage{}, errors.New("the checksum of a prelude is wrong")
	}
	rest := make([]byte, total-12)
	if _, err := io.ReadFull(in, rest); err != nil {
		return streamMessage{}, err
	}
	end := len(rest) - 4
	if crc32.Update(crc32.ChecksumIEEE(prelude), crc32.IEEETable, rest[:end]) != binary.BigEndian.Uint32(rest[end:]) {
		return streamMessage{}, errors.New("the checksum of a message is wrong")
	}
	m := streamMessage{Headers: map[string]string{}, Payload: string(rest[headers:end])}
	for left := rest[:headers]; len(left) > 0; {
		name := string(left[1 : 1+left[0]])
		left = left[1+left[0]:]
		if left[0] != 7 {
			return m, fmt.Errorf("header %s has type %d", name, left[0])
		}
		length := binary.BigEndian.Uint16(left[1:])
		m.Headers[name] = string(left[3 : 3+length])
		left = left[3+length:]
	}
	return m, nil
}

const streams = "/2021-11-15/functions/hello/response-streaming-invocations"

// messages reads a whole stream.
func messages(t *testing.T, body string) (chunks []string, end map[string]string) {
	t.Helper()
	in := strings.NewReader(body)
	for {
		m, err := decode(in)
		if errors.Is(err, io.EOF) {
			return chunks, end
		}
		if err != nil {
			t.Fatal(err)
		}
		switch m.Headers[":event-type"] {
		case "PayloadChunk":
			chunks = append(chunks, m.Payload)
			if m.Headers[":message-type"] != "event" || m.Headers[":content-type"] != "application/octet-stream" || end != nil {
				t.Errorf("%+v", m)
			}
		case "InvokeComplete":
			if err := json.Unmarshal([]byte(m.Payload), &end); err != nil || m.Headers[":content-type"] != "application/json" {
				t.Errorf("%+v", m)
			}
		default:
			t.Errorf("%+v", m)
		}
	}
}

// S6: chunks as they come and a last word, with an error when the function failed.
func TestResponseStream(t *testing.T) {
	d := open(t)
	for event, want := range map[string]struct {
		body        string
		end         map[string]string
		contentType string
	}{
		`"stream"`:          {"one two", map[string]string{}, "text/plain"},
		`"stream and fail"`: {"one two", map[string]string{"ErrorCode": "Oops", "ErrorDetails": `{"errorType":"Oops"}`}, "text/plain"},
		`"fail"`:            {"", map[string]string{"ErrorCode": "Oops", "ErrorDetails": `{"errorType":"Oops"}`}, "application/octet-stream"},
		`{"whole":1}`:       {`{"whole":1}`, map[string]string{}, "application/octet-stream"},
	} {
		got := d.ask("POST", streams, event)
		got.wants(t, event, 200, got.body, "Content-Type", "application/vnd.amazon.eventstream", "X-Amz-Executed-Version", "$LATEST", "X-Amzn-Remapped-Content-Type", want.contentType)
		chunks, end := messages(t, got.body)
		if diff := cmp.Diff(want.end, end); diff != "" || strings.Join(chunks, "") != want.body {
			t.Errorf("%s: %q %s", event, chunks, diff)
		}
	}
	got := d.ask("POST", streams, `1`, "X-Amz-Log-Type", "Tail")
	_, end := messages(t, got.body)
	if log, err := base64.StdEncoding.DecodeString(end["LogResult"]); err != nil || !strings.Contains(string(log), "REPORT RequestId: ") {
		t.Errorf("%q, %v", log, err)
	}
	d.ask("POST", streams, `1`, "X-Amz-Invocation-Type", "DryRun").wants(t, "a dry run", 204, "")
	got = d.ask("POST", streams, `1`, "X-Amz-Invocation-Type", "Event")
	if got.status != 400 {
		t.Errorf("an Event: %d", got.status)
	}
}

// A piece is with the caller before the next is made.
func TestStreamIsNotHeldBack(t *testing.T) {
	next := make(chan struct{})
	d := open(t, func(o *emulator.FunctionOptions, _ *invokeapi.Options) {
		o.Sandbox = &emulatortest.Sandbox{Work: func(b *emulatortest.Box, inv frames.SupervisorInvoke, _ []byte) {
			b.Say(frames.SupervisorAnswer{Type: frames.TypeResult, ID: inv.ID, Streaming: true}, nil)
			for range 3 {
				b.Say(frames.Cancel{Type: frames.TypeChunk, ID: inv.ID}, []byte("x"))
				<-next
			}
			b.Say(frames.SupervisorEnd{Type: frames.TypeEnd, ID: inv.ID}, nil)
			b.Report(inv.ID, "")
		}}
	})
	for _, path := range []string{streams, "/any"} {
		response, err := http.Post(d.URL+path, "application/json", strings.NewReader("{}"))
		if err != nil {
			t.Fatal(err)
		}
		in := bufio.NewReader(response.Body)
		for range 3 {
			if path == streams {
				m, err := decode(in)
				if err != nil || m.Payload != "x" {
					t.Fatalf("%+v, %v", m, err)
				}
			} else if c, err := in.ReadByte(); err != nil || c != 'x' {
				t.Fatalf("%q, %v", c, err)
			}
			next <- struct{}{}
		}
		if _, err := io.ReadAll(in); err != nil {
			t.Error(err)
		}
		response.Body.Close()
	}
}
