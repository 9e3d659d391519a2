package event

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
)

// Answers to REST APIs and load balancers. Unlike function URLs these take nothing but what they ask for.

// A MalformedError is an answer that the service before the function can't use.
type MalformedError struct {
	Cause    string
	Response *Response // what the client gets in its place
}

func (e *MalformedError) Error() string { return "malformed Lambda proxy response: " + e.Cause }

var fields1 = []string{"statusCode", "headers", "multiValueHeaders", "body", "isBase64Encoded"}

// ParseResponse1 reads an answer in payload format 1.0, as a REST API does: none of its fields has to be there, and there may
// be no others. Header values are strings, true or false, and the body is a string. A value that is in headers and
// multiValueHeaders alike is there once. The error is a MalformedError.
// https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html#api-gateway-simple-proxy-for-lambda-output-format
func ParseResponse1(answer []byte) (*Response, error) {
	r, err := response1(answer)
	if err != nil {
		return nil, &MalformedError{Cause: err.Error(), Response: &Response{
			StatusCode: http.StatusBadGateway, Body: []byte(`{"message": "Internal server error"}`),
			Header: http.Header{"Content-Type": {"application/json"}, "X-Amzn-Errortype": {"InternalServerErrorException"}},
		}}
	}
	return r, nil
}

func response1(answer []byte) (*Response, error) {
	h, err := readHead(answer)
	if err != nil {
		return nil, err
	}
	others := h.others
	if h.cookies != nil {
		others = append(others, "cookies")
	}
	if len(others) > 0 {
		last := len(fields1) - 1
		return nil, fmt.Errorf("there is a %s, and %s and %s are all that may be", others[0], strings.Join(fields1[:last], ", "), fields1[last])
	}
	r := &Response{StatusCode: http.StatusOK}
	if !isNull(h.statusCode) {
		if r.StatusCode, err = h.status(); err != nil {
			return nil, err
		}
	}
	if r.Header, err = lists1(h); err != nil {
		return nil, err
	}
	if r.Header.Get("Content-Type") == "" {
		r.Header.Set("Content-Type", "application/json")
	}
	r.Body, err = h.text()
	return r, err
}

// lists1 puts headers behind multiValueHeaders.
func lists1(h head) (http.Header, error) {
	list, err := h.multi(true)
	if err != nil {
		return nil, err
	}
	single, err := h.single(true)
	for name, values := range single {
		if !slices.Contains(list[name], values[0]) {
			list.Add(name, values[0])
		}
	}
	return list, err
}

// ParseResponseALB reads an answer as an Application Load Balancer does: statusCode is a number and has to be there, header
// values and the body are strings. With multi, multi-value headers are switched on in its target group, and headers is not
// looked at; without, multiValueHeaders is not. The error is a MalformedError.
// https://docs.aws.amazon.com/elasticloadbalancing/latest/application/lambda-functions.html#respond-to-load-balancer
func ParseResponseALB(answer []byte, multi bool) (*Response, error) {
	r, err := responseALB(answer, multi)
	if err != nil {
		return nil, &MalformedError{Cause: err.Error(), Response: &Response{
			StatusCode: http.StatusBadGateway, Header: http.Header{"Content-Type": {"text/html"}},
			Body: []byte("<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n<center><h1>502 Bad Gateway</h1></center>\r\n</body>\r\n</html>\r\n"),
		}}
	}
	return r, nil
}

func responseALB(answer []byte, multi bool) (*Response, error) {
	h, err := readHead(answer)
	if err != nil {
		return nil, err
	}
	if isNull(h.statusCode) {
		return nil, errors.New("statusCode is missing")
	}
	r := &Response{}
	if r.StatusCode, err = h.status(); err == nil && h.statusCode[0] == '"' {
		err = fmt.Errorf("statusCode is %s; a number from 100 to 599 is needed", h.statusCode)
	}
	if err != nil {
		return nil, err
	}
	headers := h.single
	if multi {
		headers = h.multi
	}
	if r.Header, err = headers(false); err != nil {
		return nil, err
	}
	r.Body, err = h.text()
	return r, err
}

// readHead reads an answer that is an object.
func readHead(answer []byte) (h head, err error) {
	answer = bytes.TrimLeft(answer, " \t\r\n")
	var value any
	if err := json.Unmarshal(answer, &value); err != nil {
		return h, err
	}
	if _, ok := value.(map[string]any); !ok {
		return h, fmt.Errorf("%.100s is no object", answer)
	}
	return h, json.Unmarshal(answer, &h)
}

// single gives the headers of one value each.
func (h head) single(booleans bool) (http.Header, error) {
	headers := http.Header{}
	for _, name := range slices.Sorted(maps.Keys(h.headers)) {
		value := h.headers[name]
		if err := checkHeader(name, value, booleans); err != nil {
			return nil, err
		}
		headers.Set(name, unquoted(value))
	}
	return headers, nil
}

// multi gives the headers that are lists.
func (h head) multi(booleans bool) (http.Header, error) {
	headers := http.Header{}
	for _, name := range slices.Sorted(maps.Keys(h.multiValueHeaders)) {
		for _, value := range h.multiValueHeaders[name] {
			if err := checkHeader(name, value, booleans); err != nil {
				return nil, err
			}
			headers.Add(name, unquoted(value))
		}
	}
	return headers, nil
}

func checkHeader(name string, value json.RawMessage, booleans bool) error {
	if value[0] == '"' || booleans && (value[0] == 't' || value[0] == 'f') {
		return nil
	}
	return fmt.Errorf("header %s is %.100s; a string is needed", name, value)
}

// text gives the bytes of a body that has to be a string.
func (h head) text() ([]byte, error) {
	if !isNull(h.body) && h.body[0] != '"' {
		return nil, fmt.Errorf("body is %.100s; a string is needed", h.body)
	}
	return h.content()
}
