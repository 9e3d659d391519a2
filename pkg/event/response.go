package event

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
)

// A Response is an HTTP response as a function's answer gives it.
type Response struct {
	StatusCode int
	Header     http.Header
	Body       []byte
}

// head is what the answers of all formats have in common.
type head struct {
	StatusCode        json.RawMessage            `json:"statusCode"`
	Headers           map[string]json.RawMessage `json:"headers"`
	MultiValueHeaders map[string][]string        `json:"multiValueHeaders"`
	Cookies           []string                   `json:"cookies"`
	Body              json.RawMessage            `json:"body"`
	IsBase64Encoded   bool                       `json:"isBase64Encoded"`
}

// ParseResponse2 reads an answer in payload format 2.0: an object with a statusCode is a response with all that it says, and
// anything else is the body of a 200 in JSON.
// https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html#urls-response-payload
func ParseResponse2(answer []byte) (*Response, error) {
	var h head
	object := bytes.HasPrefix(bytes.TrimLeft(answer, " \t\r\n"), []byte("{"))
	if !object || json.Unmarshal(answer, &h) != nil || len(h.StatusCode) == 0 {
		return &Response{StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"application/json"}}, Body: answer}, nil
	}
	r, err := h.response()
	if err == nil && r.Header.Get("Content-Type") == "" {
		r.Header.Set("Content-Type", "application/json")
	}
	return r, err
}

// ParsePrelude reads what comes before the body of a streamed response: statusCode, headers and cookies.
// https://docs.aws.amazon.com/lambda/latest/dg/runtimes-custom.html#runtimes-custom-response-streaming
func ParsePrelude(prelude []byte) (*Response, error) {
	var h head
	if err := json.Unmarshal(prelude, &h); err != nil {
		return nil, fmt.Errorf("reading the prelude of the response: %w", err)
	}
	if len(h.StatusCode) == 0 {
		h.StatusCode = json.RawMessage("200")
	}
	return h.response()
}

func (h head) response() (*Response, error) {
	status, err := strconv.Atoi(unquoted(h.StatusCode))
	if err != nil || status < 100 || status > 599 {
		return nil, fmt.Errorf("statusCode is %s; a number from 100 to 599 is needed", h.StatusCode)
	}
	r := &Response{StatusCode: status, Header: http.Header{}}
	for name, value := range h.Headers {
		r.Header.Set(name, unquoted(value))
	}
	for name, values := range h.MultiValueHeaders {
		r.Header.Del(name)
		for _, value := range values {
			r.Header.Add(name, value)
		}
	}
	for _, cookie := range h.Cookies {
		r.Header.Add("Set-Cookie", cookie)
	}
	if len(h.Body) == 0 || string(h.Body) == "null" {
		return r, nil
	}
	r.Body = []byte(unquoted(h.Body))
	if !h.IsBase64Encoded {
		return r, nil
	}
	if r.Body, err = base64.StdEncoding.DecodeString(string(r.Body)); err != nil {
		return nil, fmt.Errorf("reading a body that isBase64Encoded: %w", err)
	}
	return r, nil
}

// unquoted gives the text of a JSON string, and any other value as it is spelled.
func unquoted(value json.RawMessage) string {
	var text string
	if json.Unmarshal(value, &text) == nil {
		return text
	}
	return string(value)
}
