package kit

// frames/1 as a middleware needs it (docs/protocol/frames.md): a header, one line of JSON of at most 64 KiB, and after it
// exactly "length" bytes.

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"
)

const (
	version   = 1
	maxHeader = 64 * 1024
)

// header is that of any frame that comes.
type header struct {
	Type   string `json:"type"`
	ID     string `json:"id"`
	Length *int64 `json:"length"`

	// hello
	Versions     []int    `json:"versions"`
	Name         string   `json:"name"`
	Capabilities []string `json:"capabilities"`
	MaxPayload   int64    `json:"maxPayload"`

	// invoke
	Hook        string `json:"hook"`
	Response    string `json:"response"`
	ContentType string `json:"contentType"`
	DeadlineMs  int64  `json:"deadlineMs"`
	Context     struct {
		RequestID       string `json:"requestId"`
		FunctionARN     string `json:"functionArn"`
		FunctionName    string `json:"functionName"`
		FunctionVersion string `json:"functionVersion"`
		MemoryMB        int    `json:"memoryMB"`
		TraceID         string `json:"traceId"`
		TenantID        string `json:"tenantId"`
		ClientContext   string `json:"clientContext"`
		CognitoIdentity string `json:"cognitoIdentity"`
	} `json:"context"`
}

// answer is the header of a frame that goes.
type answer struct {
	Type         string   `json:"type"`
	ID           string   `json:"id,omitempty"`
	Version      int      `json:"version,omitempty"`
	Capabilities []string `json:"capabilities,omitempty"`
	DumpSignal   string   `json:"dumpSignal,omitempty"`
	Unchanged    bool     `json:"unchanged,omitempty"`
	Respond      bool     `json:"respond,omitempty"`
	Length       *int     `json:"length,omitempty"`
}

// wire is both directions. One goroutine may read, any may write.
type wire struct {
	source     *bufio.Reader
	maxPayload int64 // of hello
	writing    sync.Mutex
	sink       io.Writer
	buffer     []byte
}

func newWire(in io.Reader, out io.Writer) *wire {
	return &wire{source: bufio.NewReaderSize(in, maxHeader), sink: out, maxPayload: maxHeader}
}

// read gives io.EOF at the end.
func (w *wire) read() (h header, payload []byte, err error) {
	line, err := w.source.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) {
		return h, nil, errors.New("a header is over 64 KiB")
	}
	if err != nil {
		return h, nil, err
	}
	if err := json.Unmarshal(line, &h); err != nil || h.Type == "" {
		return h, nil, fmt.Errorf("what came on fd 4 is no header: %.80q", bytes.TrimSpace(line))
	}
	if h.Length == nil {
		return h, nil, nil
	}
	if *h.Length < 0 || *h.Length > w.maxPayload {
		return h, nil, fmt.Errorf("a payload of %d bytes is announced; %d are allowed", *h.Length, w.maxPayload)
	}
	payload = make([]byte, *h.Length)
	_, err = io.ReadFull(w.source, payload)
	return h, payload, err
}

// write writes a frame; a nil payload is none.
func (w *wire) write(a answer, payload []byte) error {
	if payload != nil {
		n := len(payload)
		a.Length = &n
	}
	line, err := json.Marshal(a)
	if err != nil {
		return err
	}
	w.writing.Lock()
	defer w.writing.Unlock()
	w.buffer = append(append(w.buffer[:0], line...), '\n')
	if len(payload) <= maxHeader { // small frames go out in one write
		w.buffer = append(w.buffer, payload...)
		payload = nil
	}
	if _, err := w.sink.Write(w.buffer); err != nil || payload == nil {
		return err
	}
	_, err = w.sink.Write(payload)
	return err
}
