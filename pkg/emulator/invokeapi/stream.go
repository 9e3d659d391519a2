package invokeapi

// InvokeWithResponseStream: https://docs.aws.amazon.com/lambda/latest/api/API_InvokeWithResponseStream.html

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"

	"github.com/serverless/open-runtime/internal/runtimeapi"
	"github.com/serverless/open-runtime/pkg/emulator"
)

// completion is the payload of the last message. A failed function is told there: the status was sent long before.
type completion struct {
	ErrorCode    string `json:",omitempty"`
	ErrorDetails string `json:",omitempty"`
	LogResult    string `json:",omitempty"`
}

func (s *server) stream(w http.ResponseWriter, r *http.Request) {
	a, refused := s.read(w, r, operationStream)
	if refused == nil && a.kind == kindEvent {
		refused = notOneOf("invocationType", a.kind, []string{kindRequestResponse, kindDryRun})
		s.refused(a.function, a.told, a.event, refused)
	}
	if refused != nil {
		refused.write(w)
		return
	}
	if a.kind == kindDryRun {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	a.told.Streamed = true
	ctx := context.WithoutCancel(r.Context())
	inv, err := a.function.Begin(ctx, a.told, a.event)
	if err != nil {
		notBegun(err).write(w)
		return
	}
	answer, err := inv.Answer(ctx)
	if err != nil {
		s.tell(a.function, err)
		notBegun(err).write(w)
		return
	}
	h := w.Header()
	h.Set("Content-Type", contentTypeEventStream)
	h.Set(headerExecutedVersion, a.function.Config().FunctionVersion)
	h.Set(headerRemappedType, cmp.Or(answer.ContentType, "application/octet-stream"))
	s.sendStream(w, inv, answer, a.tail)
}

// sendStream sends a response as it comes, and how it ended.
func (s *server) sendStream(w http.ResponseWriter, inv *emulator.Invocation, answer *emulator.Answer, tail bool) {
	out := http.NewResponseController(w)
	var last completion
	if answer.ErrorType != "" {
		document, _ := answer.ReadAll() // it is whole, and in memory
		last = failure(answer.ErrorType, document)
	} else {
		// A caller that hung up is told nothing more.
		err, _ := passPieces(answer.Body, func(piece []byte) error {
			if _, err := w.Write(message("PayloadChunk", "application/octet-stream", piece)); err != nil {
				return err
			}
			return out.Flush()
		})
		if broken, ok := errors.AsType[*emulator.StreamError](err); ok {
			last = failure(broken.Type, broken.Document)
		} else if err != nil {
			last = completion{ErrorCode: runtimeapi.ErrorUnknown, ErrorDetails: err.Error()}
		}
	}
	if tail {
		if result, err := inv.Result(context.Background()); err == nil {
			last.LogResult = base64.StdEncoding.EncodeToString(result.Log)
		}
	}
	payload, err := json.Marshal(last)
	if err != nil { // strings only: cannot happen
		payload = []byte("{}")
	}
	_, _ = w.Write(message("InvokeComplete", "application/json", payload)) // a caller that hung up is told nothing
	_ = out.Flush()
}

// failure tells an error document as the end of a stream does.
func failure(errorType string, document []byte) completion {
	return completion{ErrorCode: errorType, ErrorDetails: string(document)}
}

// passPieces gives what is read to send, as it comes, until the end, which is no error. When sending fails nothing more is
// sent, and the rest is read all the same: nobody else would, and it would be held until the invocation is over.
func passPieces(body io.Reader, send func([]byte) error) (read, sent error) {
	piece := make([]byte, mostMessagePayload)
	for {
		n, err := body.Read(piece)
		if n > 0 && sent == nil {
			sent = send(piece[:n])
		}
		if errors.Is(err, io.EOF) {
			return nil, sent
		}
		if err != nil {
			return err, sent
		}
	}
}
