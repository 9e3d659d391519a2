//go:build linux

package supervisor

// What a runtime posts: a response, whole or as a stream, and an error.

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/serverless/open-runtime/internal/runtimeapi"
)

// response takes a response, buffered or streamed.
func (s *supervisor) response(w http.ResponseWriter, r *http.Request) {
	e := s.asked(w, r)
	if e == nil {
		return
	}
	inv, refused := e.begin(r.PathValue("id"), stateResponse)
	if refused != nil {
		refused.write(w)
		return
	}
	inv.responseBegins()
	mode := r.Header.Get(runtimeapi.HeaderResponseMode)
	streaming := strings.EqualFold(mode, runtimeapi.ResponseModeStreaming)
	switch {
	case mode != "" && !streaming:
		e.finish(inv, answer{payload: errorBody(runtimeapi.ErrorInvalidMode, "Invalid response mode header: "+mode), errorType: runtimeapi.ErrorInvalidMode})
		errInvalidMode.write(w)
	case streaming && inv.headers.Streamed:
		s.streamedResponse(w, r, e, inv)
	default:
		s.bufferedResponse(w, r, e, inv)
	}
}

func (s *supervisor) bufferedResponse(w http.ResponseWriter, r *http.Request, e *environment, inv *invocation) {
	body, size, err := readBody(r)
	inv.responseEnds(size)
	switch {
	case err != nil:
		e.finish(inv, truncated())
		errTruncated.write(w)
	case size > runtimeapi.MaxResponse:
		message := runtimeapi.TooLarge(size)
		e.finish(inv, answer{payload: errorBody(runtimeapi.ErrorResponseTooLarge, message), errorType: runtimeapi.ErrorResponseTooLarge})
		errTooLarge.write(w)
	default:
		e.finish(inv, streamedError(r, answer{payload: body, contentType: bounded(r.Header, "Content-Type")}))
		accepted(w)
	}
}

func truncated() answer {
	return answer{payload: errorBody(runtimeapi.ErrorTruncated, "The response ended before it was whole"), errorType: runtimeapi.ErrorTruncated}
}

// streamedError makes an error of a stream whose trailers say that it failed in the middle.
// https://docs.aws.amazon.com/lambda/latest/dg/runtimes-custom.html#runtimes-custom-response-streaming
func streamedError(r *http.Request, a answer) answer {
	if a.errorType = bounded(r.Trailer, runtimeapi.HeaderErrorType); a.errorType == "" {
		return a
	}
	body, err := base64.StdEncoding.DecodeString(r.Trailer.Get(runtimeapi.HeaderErrorBody))
	if err != nil || len(body) == 0 {
		body = errorBody(a.errorType, "The response ended with an error that says nothing")
	}
	a.payload, a.contentType = body, "application/json"
	return a
}

// bounded gives a header that goes on to the host, in a header of its own. One that goes on for ever counts as none.
func bounded(h http.Header, name string) string {
	value := h.Get(name)
	if len(value) > longestWord {
		return ""
	}
	return value
}

// mostDrained is how much of a response that is too large is read on, so that its sender hears the answer.
const mostDrained = 64 * 1024 * 1024

// readBody reads at most what Lambda allows. size is what was sent, as far as it was read.
func readBody(r *http.Request) (body []byte, size int64, err error) {
	body, err = readAll(io.LimitReader(r.Body, runtimeapi.MaxResponse+1), min(r.ContentLength, runtimeapi.MaxResponse+1))
	size = int64(len(body))
	if err != nil || size <= runtimeapi.MaxResponse {
		return body, size, err
	}
	rest, err := io.Copy(io.Discard, io.LimitReader(r.Body, mostDrained))
	size = max(size+rest, r.ContentLength)
	if errors.Is(err, io.ErrUnexpectedEOF) {
		err = nil // it is too large already
	}
	return nil, size, err
}

// readAll reads to the end, into a buffer of the size that is expected, if one is.
func readAll(r io.Reader, expected int64) ([]byte, error) {
	buffer := bytes.NewBuffer(make([]byte, 0, max(expected, 0)+bytes.MinRead))
	_, err := buffer.ReadFrom(r)
	return buffer.Bytes(), err
}

// invocationError takes the function's error.
func (s *supervisor) invocationError(w http.ResponseWriter, r *http.Request) {
	e := s.asked(w, r)
	if e == nil {
		return
	}
	inv, refused := e.begin(r.PathValue("id"), stateErrorResponse)
	if refused != nil {
		refused.write(w)
		return
	}
	e.finish(inv, readError(r, runtimeapi.ErrorFunctionUnknown))
	accepted(w)
}

// readError reads an error document; it goes to the caller byte for byte, but for an X-Ray cause in it.
func readError(r *http.Request, unknown string) answer {
	body, size, err := readBody(r)
	if err != nil {
		return answer{payload: errorBody(unknown, "The error document ended before it was whole"), errorType: unknown}
	}
	reported := runtimeapi.HeaderType(bounded(r.Header, runtimeapi.HeaderErrorType), unknown)
	if size > runtimeapi.MaxResponse { // whoever caused it still learns which error it was
		message := fmt.Sprintf("Error document size (%d bytes) exceeded maximum allowed payload size (%d bytes).", size, runtimeapi.MaxResponse)
		body = errorBody(reported, message)
	}
	if r.Header.Get("Content-Type") == runtimeapi.ContentTypeErrorCause {
		body = withoutCause(body)
	}
	return answer{payload: body, contentType: "application/json", errorType: reported}
}

// withoutCause strips errorCause, which is for X-Ray and not for the caller.
func withoutCause(document []byte) []byte {
	var fields map[string]json.RawMessage
	if json.Unmarshal(document, &fields) != nil {
		return document
	}
	delete(fields, "errorCause")
	stripped, err := json.Marshal(fields)
	if err != nil {
		return document
	}
	return stripped
}
