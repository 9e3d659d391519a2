// A function that streams, on the Runtime API itself: aws-lambda-go never says that its answer is a stream.
//
// An event is {"chunks": ["one ", "two"], "gate": URL, "error": MESSAGE, "prelude": OBJECT}: the chunks, each after the gate
// has answered but for the first; then the error, in the trailers. With a prelude the answer is for a function URL.
// https://docs.aws.amazon.com/lambda/latest/dg/runtimes-custom.html#runtimes-custom-response-streaming
package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
)

type event struct {
	Chunks  []string        `json:"chunks"`
	Gate    string          `json:"gate"`
	Error   string          `json:"error"`
	Prelude json.RawMessage `json:"prelude"`
}

func main() {
	api := "http://" + os.Getenv("AWS_LAMBDA_RUNTIME_API") + "/2018-06-01/runtime/invocation/"
	for {
		if err := serve(api); err != nil {
			log.Fatal(err)
		}
	}
}

func serve(api string) error {
	next, err := http.Get(api + "next")
	if err != nil {
		return err
	}
	defer next.Body.Close()
	raw, err := io.ReadAll(next.Body)
	if err != nil {
		return err
	}
	e := parse(raw)
	fmt.Printf("streaming %d chunks\n", len(e.Chunks))
	reader, writer := io.Pipe()
	request, err := http.NewRequest(http.MethodPost, api+next.Header.Get("Lambda-Runtime-Aws-Request-Id")+"/response", reader)
	if err != nil {
		return err
	}
	request.Header.Set("Lambda-Runtime-Function-Response-Mode", "streaming")
	request.Header.Set("Content-Type", "application/octet-stream")
	if e.Prelude != nil {
		request.Header.Set("Content-Type", "application/vnd.awslambda.http-integration-response")
	}
	request.Trailer = http.Header{"Lambda-Runtime-Function-Error-Type": nil, "Lambda-Runtime-Function-Error-Body": nil}
	go func() { writer.CloseWithError(e.write(writer, request.Trailer)) }()
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusAccepted {
		return fmt.Errorf("the stream was answered %s", response.Status)
	}
	return nil
}

// parse reads an event, which of a function URL is in the body.
func parse(raw []byte) (e event) {
	var request struct{ Body string }
	if json.Unmarshal(raw, &request) == nil && request.Body != "" {
		raw = []byte(request.Body)
	}
	if err := json.Unmarshal(raw, &e); err != nil {
		e.Chunks = []string{string(raw)}
	}
	return e
}

func (e event) write(w io.Writer, trailer http.Header) error {
	if e.Prelude != nil {
		if _, err := w.Write(append(bytes.Clone(e.Prelude), make([]byte, 8)...)); err != nil {
			return err
		}
	}
	for i, chunk := range e.Chunks {
		if i > 0 && e.Gate != "" {
			response, err := http.Get(e.Gate)
			if err != nil {
				return err
			}
			response.Body.Close()
		}
		if _, err := io.WriteString(w, chunk); err != nil {
			return err
		}
	}
	if e.Error != "" {
		document, err := json.Marshal(map[string]string{"errorMessage": e.Error, "errorType": "Streamer.Broken"})
		if err != nil {
			return err
		}
		trailer.Set("Lambda-Runtime-Function-Error-Type", "Streamer.Broken")
		trailer.Set("Lambda-Runtime-Function-Error-Body", base64.StdEncoding.EncodeToString(document))
	}
	return nil
}
