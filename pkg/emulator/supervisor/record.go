//go:build linux

package supervisor

// A record of what is said over the APIs, when the host asks for it: each request and each answer, with its time.

import (
	"bytes"
	"io"
	"net/http"
	"time"

	"github.com/serverless/open-runtime/internal/frames"
)

// mostRecorded bounds a body in a record, in bytes.
const mostRecorded = 8 * 1024 * 1024

// recorded passes a request on, and tells the host of it and of its answer.
func (s *supervisor) recorded(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !s.records.Load() {
			next.ServeHTTP(w, r)
			return
		}
		exchange := s.exchanges.Add(1)
		request := frames.Record{
			Type: frames.TypeRecord, TimeUs: time.Now().UnixMicro(), Exchange: exchange,
			Method: r.Method, Path: r.URL.RequestURI(), Header: r.Header,
		}
		sent := &beginning{}
		if r.ContentLength == 0 { // one that waits for its answer is told before that
			_ = s.out.Write(request, []byte{})
		} else {
			r.Body = &taped{r.Body, sent}
		}
		answer := &tapedAnswer{ResponseWriter: w, status: http.StatusOK}
		next.ServeHTTP(answer, r)
		if r.ContentLength != 0 {
			_ = s.out.Write(request, nonNil(sent.Bytes()))
		}
		told := frames.Record{Type: frames.TypeRecord, TimeUs: time.Now().UnixMicro(), Exchange: exchange, Status: answer.status, Header: w.Header()}
		_ = s.out.Write(told, nonNil(answer.body.Bytes()))
	})
}

// beginning keeps the beginning of what is written to it.
type beginning struct{ bytes.Buffer }

func (b *beginning) keep(p []byte) { b.Write(p[:min(len(p), mostRecorded-b.Len())]) }

// taped is a body that is kept as it is read.
type taped struct {
	io.ReadCloser
	kept *beginning
}

func (t *taped) Read(p []byte) (int, error) {
	n, err := t.ReadCloser.Read(p)
	t.kept.keep(p[:n])
	return n, err
}

// tapedAnswer is an answer that is kept as it is written.
type tapedAnswer struct {
	http.ResponseWriter
	status int
	body   beginning
}

func (t *tapedAnswer) WriteHeader(status int) {
	t.status = status
	t.ResponseWriter.WriteHeader(status)
}

func (t *tapedAnswer) Write(p []byte) (int, error) {
	t.body.keep(p)
	return t.ResponseWriter.Write(p)
}

// Unwrap lets a handler flush.
func (t *tapedAnswer) Unwrap() http.ResponseWriter { return t.ResponseWriter }
