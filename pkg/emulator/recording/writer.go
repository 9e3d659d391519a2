package recording

// Writing: whole lines, and nothing that is known to be a credential.

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/serverless/open-runtime/internal/frames"
	"github.com/serverless/open-runtime/pkg/emulator"
)

// A Writer writes a recording. It is safe for concurrent use. The first error of writing is kept for Flush, and nothing is
// written after it.
type Writer struct {
	secrets [][]byte

	mu  sync.Mutex
	out *bufio.Writer
	err error
}

// redacted stands for what was a credential.
const redacted = "[redacted]"

// shortestSecret is how long a credential is at least: AWS's shortest, the access key ID, has twenty characters. What is
// shorter is a stand-in, as "local" is, and a word like another.
const shortestSecret = 16

// secretHeaders are headers whose value is a credential, whatever it is.
var secretHeaders = []string{"Authorization", "Cookie", "Proxy-Authorization", "Set-Cookie", "X-Amz-Security-Token", "X-Api-Key"}

// NewWriter begins a recording. The secrets are credentials that the functions have: nothing that is written has them.
func NewWriter(out io.Writer, header Header, secrets []string) *Writer {
	w := &Writer{out: bufio.NewWriterSize(out, 64<<10)}
	for _, secret := range secrets {
		if len(secret) >= shortestSecret {
			for _, spelling := range []string{secret, strings.ReplaceAll(secret, "/", `\/`), url.QueryEscape(secret)} {
				w.secrets = append(w.secrets, []byte(spelling))
			}
		}
	}
	header.Format = Format
	if header.TimeUs == 0 {
		header.TimeUs = now()
	}
	w.write(header)
	return w
}

func now() int64 { return time.Now().UnixMicro() }

// Begin writes an invocation that is about to be handed over.
func (w *Writer) Begin(function string, told frames.SupervisorInvoke, event []byte) {
	w.write(Invocation{
		Type: typeInvocation, TimeUs: now(), Function: function, RequestID: told.ID, FunctionARN: told.FunctionARN, TraceID: told.TraceID,
		ClientContext: w.text(told.ClientContext), CognitoIdentity: w.text(told.CognitoIdentity), TenantID: told.TenantID,
		ContentType: told.ContentType, Streamed: told.Streamed, KillAfterMs: told.KillAfterMs, Event: w.redact(event),
	})
}

// Record writes what was said over an API.
func (w *Writer) Record(function string, r frames.Record, body []byte) {
	m := Message{
		Type: typeRequest, TimeUs: r.TimeUs, Function: function, Sandbox: r.Sandbox, Exchange: r.Exchange, Method: r.Method,
		Path: w.text(r.Path), Status: r.Status, Header: w.header(r.Header), Body: w.redact(body),
	}
	if r.Status != 0 {
		m.Type = typeAnswer
	}
	w.write(m)
}

// Log writes a line of the log.
func (w *Writer) Log(function string, log frames.Log, line []byte) {
	w.write(Log{Type: typeLog, TimeUs: now(), Function: function, RequestID: log.RequestID, Source: log.Source, Text: w.redact(line)})
}

// End writes how an invocation ended: result, or err. Everything so far is then in the file.
func (w *Writer) End(function, requestID string, result *emulator.Result, err error) {
	o := Outcome{Type: typeOutcome, TimeUs: now(), Function: function, RequestID: requestID}
	if err != nil {
		o.Failure = w.text(err.Error())
	} else {
		report := result.Report
		report.Type, report.ID = "", ""
		o.ErrorType, o.ContentType, o.Payload, o.Report = result.ErrorType, result.ContentType, w.redact(result.Payload), &report
	}
	w.write(o)
	_ = w.Flush() // it is told again
}

// Flush has everything so far in the file, and gives the first error that there was.
func (w *Writer) Flush() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err == nil {
		w.err = w.out.Flush()
	}
	if w.err != nil {
		return fmt.Errorf("writing the recording: %w", w.err)
	}
	return nil
}

// write writes one line.
func (w *Writer) write(entry any) {
	var line bytes.Buffer
	encoder := json.NewEncoder(&line)
	encoder.SetEscapeHTML(false)
	err := encoder.Encode(entry)
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err == nil && err == nil {
		_, err = w.out.Write(line.Bytes())
	}
	if w.err == nil {
		w.err = err
	}
}

// redact takes the credentials out of a body.
func (w *Writer) redact(body []byte) []byte {
	for _, secret := range w.secrets {
		if bytes.Contains(body, secret) {
			body = bytes.ReplaceAll(body, secret, []byte(redacted))
		}
	}
	return body
}

func (w *Writer) text(s string) string { return string(w.redact([]byte(s))) }

func (w *Writer) header(h map[string][]string) map[string][]string {
	told := make(map[string][]string, len(h))
	for name, values := range h {
		for _, value := range values {
			if slices.Contains(secretHeaders, http.CanonicalHeaderKey(name)) {
				value = redacted
			}
			told[name] = append(told[name], w.text(value))
		}
	}
	return told
}
