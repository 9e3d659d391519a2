//go:build linux

package supervisor_test

// S1 to S6: a response in pieces, from the runtime to the host.

import (
	"bytes"
	"encoding/base64"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/serverless/open-runtime/internal/frames"
	"github.com/serverless/open-runtime/internal/runtimeapi"
	"github.com/serverless/open-runtime/pkg/emulator"
)

// streamed begins an invocation whose caller takes a stream.
func (p *puppet) streamed(event string) *emulator.Invocation {
	p.t.Helper()
	if p.waiting == nil {
		p.waiting = p.next()
	}
	inv, err := p.Begin(p.t.Context(), frames.SupervisorInvoke{ID: requestID, Streamed: true}, []byte(event))
	if err != nil {
		p.t.Fatal(err)
	}
	p.waiting().wants(p.t, "next", 200, event)
	p.waiting = nil
	return inv
}

// pieces posts a response in pieces. What it gives waits for what the API says.
func (p *puppet) pieces(body io.Reader, trailer http.Header) (await func() said) {
	request, err := http.NewRequest("POST", p.url+runtimeapi.PathInvocation+requestID+runtimeapi.SuffixResponse, io.NopCloser(body))
	if err != nil {
		p.t.Fatal(err)
	}
	request.Header.Set(runtimeapi.HeaderResponseMode, "streaming")
	request.Header.Set("Content-Type", "text/event-stream")
	request.Trailer = trailer
	done := make(chan said, 1)
	go func() { done <- p.do(request) }()
	return func() said { return <-done }
}

func (p *puppet) head(inv *emulator.Invocation) *emulator.Answer {
	p.t.Helper()
	answer, err := inv.Answer(p.t.Context())
	if err != nil {
		p.t.Fatal(err)
	}
	return answer
}

func (p *puppet) result(inv *emulator.Invocation) *emulator.Result {
	p.t.Helper()
	result, err := inv.Result(p.t.Context())
	if err != nil {
		p.t.Fatal(err)
	}
	return result
}

// S1: a piece is with the caller before the next is sent.
func TestStreamPieces(t *testing.T) {
	p := newPuppet(t)
	inv := p.streamed("{}")
	body, pieces := io.Pipe()
	posted := p.pieces(body, nil)
	buffer := make([]byte, 100)
	for i, piece := range []string{"one", "two", "three"} {
		if _, err := io.WriteString(pieces, piece); err != nil {
			t.Fatal(err)
		}
		answer := p.head(inv)
		n, err := answer.Body.Read(buffer)
		if err != nil || string(buffer[:n]) != piece || !answer.Streaming || answer.ContentType != "text/event-stream" {
			t.Fatalf("piece %d: %q, %v, %+v", i, buffer[:n], err, answer)
		}
	}
	pieces.Close()
	posted().wants(t, "the stream", 202, `{"status":"OK"}`+"\n")
	if n, err := p.head(inv).Body.Read(buffer); n != 0 || err != io.EOF {
		t.Errorf("the end: %d, %v", n, err)
	}
	p.waiting = p.next()
	if got := p.result(inv); got.ErrorType != "" || got.Payload != nil || got.Report.Status != "success" {
		t.Errorf("%+v", got)
	}
}

// S2: a stream may have more than a buffered response, whose caller is refused it.
func TestStreamSize(t *testing.T) {
	const size = 7 << 20
	p := newPuppet(t, func(s *setup) { s.inside.options.StreamRate = 1 << 30 })
	inv := p.streamed("{}")
	posted := p.pieces(io.LimitReader(zeros{}, size), nil)
	n, err := io.Copy(io.Discard, p.head(inv).Body)
	if n != size || err != nil {
		t.Errorf("%d bytes, %v", n, err)
	}
	posted().wants(t, "the stream", 202, `{"status":"OK"}`+"\n")

	result := p.turn("{}", func(said) {
		p.pieces(io.LimitReader(zeros{}, size), nil)().wants(t, "for who buffers", 413, `{"errorMessage":"Exceeded maximum allowed payload size (6291556 bytes).","errorType":"RequestEntityTooLarge"}`+"\n")
	})
	equal(t, "error type", result.ErrorType, "Function.ResponseSizeTooLarge")
	result = p.turn("{}", func(said) { p.pieces(strings.NewReader("whole"), nil)() })
	equal(t, "a small one for who buffers", string(result.Payload), "whole")
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// S3: an error in mid-stream comes in trailers.
func TestStreamTrailers(t *testing.T) {
	const document = `{"errorType":"Oops","errorMessage":"half way"}`
	p := newPuppet(t)
	inv := p.streamed("{}")
	posted := p.pieces(strings.NewReader("half"), http.Header{
		runtimeapi.HeaderErrorType: {"Oops"}, runtimeapi.HeaderErrorBody: {base64.StdEncoding.EncodeToString([]byte(document))},
	})
	got, err := io.ReadAll(p.head(inv).Body)
	failed, ok := errors.AsType[*emulator.StreamError](err)
	if string(got) != "half" || !ok || failed.Type != "Oops" || string(failed.Document) != document {
		t.Errorf("%q, %v", got, err)
	}
	posted().wants(t, "the stream", 202, `{"status":"OK"}`+"\n")
	p.waiting = p.next()
	result := p.result(inv)
	equal(t, "error type", []string{result.ErrorType, result.Report.ErrorType, result.Report.Status}, []string{"Oops", "Oops", "error"})
}

// S4: what ends in the middle without a word is an error, whoever ended it.
func TestStreamsCutShort(t *testing.T) {
	p := newPuppet(t, timeout(time.Second))
	for name, test := range map[string]struct {
		cut       func(pieces *io.PipeWriter)
		errorType string
	}{
		"by the runtime": {func(pieces *io.PipeWriter) { pieces.CloseWithError(errors.New("gone")) }, "Runtime.TruncatedResponse"},
		"by the time":    {func(*io.PipeWriter) {}, "Sandbox.Timedout"},
	} {
		inv := p.streamed("{}")
		body, pieces := io.Pipe()
		p.pieces(body, nil)
		if _, err := io.WriteString(pieces, "half"); err != nil {
			t.Fatal(err)
		}
		answer := p.head(inv)
		test.cut(pieces)
		got, err := io.ReadAll(answer.Body)
		failed, ok := errors.AsType[*emulator.StreamError](err)
		if string(got) != "half" || !ok || failed.Type != test.errorType {
			t.Errorf("%s: %q, %v", name, got, err)
		}
		pieces.Close()
		if test.errorType == "Sandbox.Timedout" {
			p.client.url = "http://" + p.log.await(t, "api ")
		} else {
			p.waiting = p.next()
		}
		p.result(inv)
		p.waiting = nil
	}
}

// S5: the first bytes are fast, the others as fast as Lambda lets them through.
func TestStreamBandwidth(t *testing.T) {
	p := newPuppet(t, func(s *setup) { s.inside.options.StreamBurst, s.inside.options.StreamRate = 100_000, 1_000_000 })
	inv := p.streamed("{}")
	start := time.Now()
	p.pieces(bytes.NewReader(make([]byte, 400_000)), nil)
	if n, err := io.Copy(io.Discard, p.head(inv).Body); n != 400_000 || err != nil {
		t.Errorf("%d bytes, %v", n, err)
	}
	if took := time.Since(start); took < 250*time.Millisecond {
		t.Errorf("300,000 bytes over the burst took %v at 1,000,000 bytes/s", took)
	}
	p.next()
	p.result(inv)
}
