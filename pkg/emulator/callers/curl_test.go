//go:build linux

package callers_test

// curl, and what it brings read by hand: an HTTP head, a body as it comes, AWS's event stream.

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"hash/crc32"
	"io"
	"net/http"
	"net/textproto"
	"os/exec"
	"strconv"
	"strings"
	"testing"
)

// told is an HTTP response on curl's stdout.
type told struct {
	t      *testing.T
	cmd    *exec.Cmd
	stderr bytes.Buffer
	reader *bufio.Reader
	status int
	header http.Header
}

// curl starts curl, and reads the head of what it is told. No body is a GET. It knows that any name under localhost is this machine.
func curl(t *testing.T, url string, body []byte, args ...string) *told {
	t.Helper()
	if _, err := exec.LookPath("curl"); err != nil {
		t.Skip("there is no curl on this machine")
	}
	given := append([]string{"--silent", "--show-error", "--no-buffer", "--include", "--max-time", "120", "--noproxy", "*"}, args...)
	if body != nil {
		given = append(given, "-H", "Expect:", "--data-binary", "@-")
	}
	c := &told{t: t, cmd: exec.Command("curl", append(given, url)...)}
	c.cmd.Stdin, c.cmd.Stderr = bytes.NewReader(body), &c.stderr
	stdout, err := c.cmd.StdoutPipe()
	if err == nil {
		err = c.cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	c.reader = bufio.NewReader(stdout)
	head := textproto.NewReader(c.reader)
	line, err := head.ReadLine()
	if err != nil {
		t.Fatalf("%s: %v\n%v %s", c.cmd.Args, err, c.cmd.Wait(), c.stderr.Bytes())
	}
	_, after, _ := strings.Cut(line, " ")
	code, _, _ := strings.Cut(after, " ")
	if c.status, err = strconv.Atoi(code); err != nil {
		t.Fatalf("%s: the status line is %q", c.cmd.Args, line)
	}
	fields, err := head.ReadMIMEHeader()
	if err != nil {
		t.Fatalf("%s: %v", c.cmd.Args, err)
	}
	c.header = http.Header(fields)
	return c
}

// rest reads the body to its end.
func (c *told) rest() []byte {
	c.t.Helper()
	body, err := io.ReadAll(c.reader)
	if err != nil {
		c.t.Fatal(err)
	}
	return body
}

// end waits for curl to end, content.
func (c *told) end() {
	c.t.Helper()
	_, _ = io.Copy(io.Discard, c.reader) // what the test did not want
	if err := c.cmd.Wait(); err != nil {
		c.t.Errorf("%s: %v\n%s", c.cmd.Args, err, c.stderr.Bytes())
	}
}

// events reads an event stream to its end.
// https://docs.aws.amazon.com/lambda/latest/api/API_InvokeWithResponseStream.html
func (c *told) events(result *answer, chunk func(string)) {
	c.t.Helper()
	if got := c.header.Get("Content-Type"); got != "application/vnd.amazon.eventstream" {
		c.t.Errorf("the stream's Content-Type is %q", got)
	}
	complete := false
	for {
		headers, payload, err := readMessage(c.reader)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			c.t.Fatalf("the event stream: %v", err)
		}
		switch kind := headers[":message-type"] + " " + headers[":event-type"] + " " + headers[":content-type"]; {
		case complete:
			c.t.Errorf("after InvokeComplete there is %s", kind)
		case kind == "event PayloadChunk application/octet-stream":
			result.Payload = append(result.Payload, payload...)
			chunk(string(payload))
		case kind == "event InvokeComplete application/json":
			var end struct{ ErrorCode, ErrorDetails, LogResult string }
			if err := json.Unmarshal(payload, &end); err != nil {
				c.t.Errorf("InvokeComplete: %v: %s", err, payload)
			}
			result.Code, result.Message, result.Log, complete = end.ErrorCode, end.ErrorDetails, decode(c.t, end.LogResult), true
		default:
			c.t.Errorf("the stream has a message %s", kind)
		}
	}
	if !complete {
		c.t.Error("the stream has no InvokeComplete")
	}
}

// readMessage reads one message: lengths and their checksum, headers, payload, the checksum of all.
// https://smithy.io/2.0/aws/amazon-eventstream.html
func readMessage(r io.Reader) (headers map[string]string, payload []byte, err error) {
	prelude := make([]byte, 12)
	if _, err := io.ReadFull(r, prelude); err != nil {
		return nil, nil, err
	}
	total, length := binary.BigEndian.Uint32(prelude), binary.BigEndian.Uint32(prelude[4:])
	if crc32.ChecksumIEEE(prelude[:8]) != binary.BigEndian.Uint32(prelude[8:]) || total < 16+length || total > 24<<20 {
		return nil, nil, errors.New("a prelude that is none")
	}
	rest := make([]byte, total-12)
	if _, err := io.ReadFull(r, rest); err != nil {
		return nil, nil, io.ErrUnexpectedEOF
	}
	end := len(rest) - 4
	sum := crc32.NewIEEE()
	sum.Write(prelude)
	sum.Write(rest[:end])
	if sum.Sum32() != binary.BigEndian.Uint32(rest[end:]) {
		return nil, nil, errors.New("a message whose checksum is wrong")
	}
	headers, err = readHeaders(rest[:length])
	return headers, rest[length:end], err
}

// readHeaders reads headers that are all strings: type 7.
func readHeaders(data []byte) (map[string]string, error) {
	headers := map[string]string{}
	for len(data) > 0 {
		name := int(data[0])
		if len(data) < name+4 || data[name+1] != 7 {
			return nil, errors.New("a header that is no string")
		}
		value := int(binary.BigEndian.Uint16(data[name+2:]))
		if len(data) < name+4+value {
			return nil, errors.New("a header that is cut off")
		}
		headers[string(data[1:name+1])] = string(data[name+4 : name+4+value])
		data = data[name+4+value:]
	}
	return headers, nil
}
