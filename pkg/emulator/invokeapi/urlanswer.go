package invokeapi

// What comes back through a function URL, or what stands in its place: a whole answer, or a stream.
// https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html#urls-response-payload

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"

	"github.com/serverless/open-runtime/internal/runtimeapi"
	"github.com/serverless/open-runtime/pkg/emulator"
	"github.com/serverless/open-runtime/pkg/event"
)

// urlError is what the service itself says.
func urlError(w http.ResponseWriter, status int, errorType, message string) {
	body, err := json.Marshal(map[string]string{"Message": message})
	if err != nil { // strings only: cannot happen
		body = []byte("{}")
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set(headerErrorType, errorType)
	w.WriteHeader(status)
	_, _ = w.Write(body)
}

// urlFailed is what the service says of a function that failed.
func (f Served) urlFailed(w http.ResponseWriter, status int, errorType string) {
	response := f.Shape.Failed()
	if response == nil { // the text is no JSON, whatever its type says: so it is on AWS
		response = &event.Response{StatusCode: status, Body: []byte("Internal Server Error"), Header: http.Header{
			"Content-Type": {"application/json"}, http.CanonicalHeaderKey(headerErrorType): {errorType},
		}}
	}
	setHeaders(w.Header(), response, f.CORS)
	w.WriteHeader(response.StatusCode)
	_, _ = w.Write(response.Body)
}

// answerURL sends an answer: a whole one in the shape's format, a stream as it comes.
func (s *server) answerURL(w http.ResponseWriter, answer *emulator.Answer, f Served) {
	if answer.ErrorType != "" {
		f.urlFailed(w, http.StatusBadGateway, answer.ErrorType)
		return
	}
	response, body, err := readResponse(answer, f.Shape)
	if err == nil && response.StatusCode < http.StatusOK {
		err = fmt.Errorf("statusCode is %d; a number from 200 to 599 is needed", response.StatusCode)
	}
	if broken, ok := errors.AsType[*emulator.StreamError](err); ok {
		f.urlFailed(w, http.StatusBadGateway, broken.Type)
		return
	}
	if err != nil {
		s.tell(f, fmt.Errorf("reading an answer as an HTTP response: %w", err))
		f.urlFailed(w, http.StatusBadGateway, "InternalServerErrorException")
		return
	}
	setHeaders(w.Header(), response, f.CORS)
	if !answer.Streaming {
		w.WriteHeader(response.StatusCode)
		_, _ = io.Copy(w, body) // a caller that hung up needs no answer
		return
	}
	s.sendBody(w, f, response.StatusCode, body)
}

// readResponse reads the head of an answer, whose body may be on its way. A stream is the body of a 200, unless its type says
// that it begins with a prelude.
func readResponse(answer *emulator.Answer, shape event.Shape) (*event.Response, io.Reader, error) {
	switch {
	case !answer.Streaming:
		payload, err := io.ReadAll(answer.Body)
		if err != nil {
			return nil, nil, err
		}
		response, err := shape.ParseResponse(payload)
		if err != nil {
			return nil, nil, err
		}
		return response, bytes.NewReader(response.Body), nil
	case answer.ContentType == runtimeapi.ContentTypeHTTPIntegration:
		prelude, rest, err := readPrelude(answer.Body)
		if err != nil {
			return nil, nil, err
		}
		response, err := event.ParsePrelude(prelude)
		return response, rest, err
	}
	header := http.Header{"Content-Type": {cmp.Or(answer.ContentType, "application/octet-stream")}}
	return &event.Response{StatusCode: http.StatusOK, Header: header}, answer.Body, nil
}

// setHeaders sets a function's headers, but for those that are the server's own business, which get another name, and those
// of its CORS configuration.
func setHeaders(h http.Header, response *event.Response, cors *CORS) {
	for name, values := range response.Header {
		switch {
		case name == "Content-Length" || name == "Connection":
			h["X-Amzn-Remapped-"+name] = values
		case slices.Contains([]string{"Transfer-Encoding", "Keep-Alive", "Upgrade", "Trailer"}, name):
		case cors != nil && strings.HasPrefix(name, headerPrefixCORS):
		case name == "Vary":
			h[name] = append(h[name], values...)
		default:
			h[name] = values
		}
	}
}

// sendBody sends the body of a stream as it comes.
func (s *server) sendBody(w http.ResponseWriter, f Served, status int, body io.Reader) {
	w.WriteHeader(status)
	out := http.NewResponseController(w)
	_ = out.Flush()
	read, sent := passPieces(body, func(piece []byte) error {
		if _, err := w.Write(piece); err != nil {
			return err
		}
		return out.Flush()
	})
	if read != nil {
		s.tell(f, fmt.Errorf("reading a stream to its end: %w", read))
	}
	if read != nil || sent != nil {
		panic(http.ErrAbortHandler) // the caller must not take it for whole
	}
}

// mostPrelude bounds a prelude, in bytes.
const mostPrelude = 64 * 1024

// readPrelude splits a stream at the eight NUL bytes that end its prelude.
func readPrelude(body io.Reader) (prelude []byte, rest io.Reader, err error) {
	end := make([]byte, 8)
	var read []byte
	piece := make([]byte, 4096)
	for {
		n, err := body.Read(piece)
		read = append(read, piece[:n]...)
		if i := bytes.Index(read, end); i >= 0 {
			return read[:i], io.MultiReader(bytes.NewReader(read[i+len(end):]), body), nil
		}
		switch {
		case errors.Is(err, io.EOF):
			return nil, nil, errors.New("the stream ended before the eight NUL bytes that end its prelude")
		case err != nil:
			return nil, nil, err
		case len(read) > mostPrelude:
			return nil, nil, errors.New("the stream has no eight NUL bytes that end its prelude")
		}
	}
}
