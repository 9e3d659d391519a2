package event

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
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
	statusCode        json.RawMessage
	headers           map[string]json.RawMessage
	multiValueHeaders map[string][]json.RawMessage
	cookies           []string
	body              json.RawMessage
	isBase64Encoded   bool

	others []string // names that no format knows, in order
}

// UnmarshalJSON takes names as they are spelled: to AWS a StatusCode is no statusCode.
func (h *head) UnmarshalJSON(data []byte) error {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(data, &fields); err != nil {
		return err
	}
	known := map[string]any{
		"statusCode": &h.statusCode, "headers": &h.headers, "multiValueHeaders": &h.multiValueHeaders,
		"cookies": &h.cookies, "body": &h.body, "isBase64Encoded": &h.isBase64Encoded,
	}
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		into, ok := known[name]
		if !ok {
			h.others = append(h.others, name)
			continue
		}
		if err := json.Unmarshal(fields[name], into); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

// ParseResponse2 reads an answer in payload format 2.0: an object with a statusCode is a response with all that it says, and
// anything else is the body of a 200 in JSON.
// https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html#urls-response-payload
func ParseResponse2(answer []byte) (*Response, error) {
	var h head
	object := bytes.HasPrefix(bytes.TrimLeft(answer, " \t\r\n"), []byte("{"))
	if !object || json.Unmarshal(answer, &h) != nil || len(h.statusCode) == 0 {
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
	if len(h.statusCode) == 0 {
		h.statusCode = json.RawMessage("200")
	}
	return h.response()
}

func (h head) response() (*Response, error) {
	status, err := h.status()
	if err != nil {
		return nil, err
	}
	r := &Response{StatusCode: status, Header: http.Header{}}
	for name, value := range h.headers {
		r.Header.Set(name, unquoted(value))
	}
	for name, values := range h.multiValueHeaders {
		r.Header.Del(name)
		for _, value := range values {
			r.Header.Add(name, unquoted(value))
		}
	}
	for _, cookie := range h.cookies {
		r.Header.Add("Set-Cookie", cookie)
	}
	r.Body, err = h.content()
	return r, err
}

// content gives the body's bytes; what is no string is taken as the JSON that it is.
func (h head) content() ([]byte, error) {
	if isNull(h.body) {
		return nil, nil
	}
	text := unquoted(h.body)
	if !h.isBase64Encoded {
		return []byte(text), nil
	}
	data, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return nil, fmt.Errorf("reading a body that isBase64Encoded: %w", err)
	}
	return data, nil
}

// status reads the statusCode, which may be a string.
func (h head) status() (int, error) {
	status, err := strconv.Atoi(unquoted(h.statusCode))
	if err != nil || status < 100 || status > 599 {
		return 0, fmt.Errorf("statusCode is %s; a number from 100 to 599 is needed", h.statusCode)
	}
	return status, nil
}

func isNull(value json.RawMessage) bool { return len(value) == 0 || string(value) == "null" }

// unquoted gives the text of a JSON string, and any other value as it is spelled.
func unquoted(value json.RawMessage) string {
	var text string
	if json.Unmarshal(value, &text) == nil {
		return text
	}
	return string(value)
}
