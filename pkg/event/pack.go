package event

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"fmt"
	"io"
	"unicode/utf8"
)

// What sources wrap: JSON, compressed, as base64 (CloudWatch Logs), or bytes as base64 (streams and queues).

// unpack makes a value of compressed JSON.
func unpack(packed any) (any, error) {
	text, ok := packed.(string)
	if !ok {
		return nil, fmt.Errorf("what is packed is %s and no string", kind(packed))
	}
	data, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return nil, fmt.Errorf("unpacking: %w", err)
	}
	r, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		return nil, fmt.Errorf("unpacking: %w", err)
	}
	if data, err = io.ReadAll(r); err != nil {
		return nil, fmt.Errorf("unpacking: %w", err)
	}
	return parse(data)
}

// pack is the way back. Who puts a string there has packed it.
func pack(value any) (any, error) {
	if text, ok := value.(string); ok {
		return text, nil
	}
	data, err := format(value)
	if err != nil {
		return nil, err
	}
	return compress(string(data)), nil
}

// compress gives a text compressed, as base64; the same for the same text.
func compress(text string) string {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = w.Write([]byte(text)) // a buffer takes everything
	_ = w.Close()
	return base64.StdEncoding.EncodeToString(b.Bytes())
}

// bodyOf gives bytes as the events of HTTP requests carry them: text as it is, anything else as base64.
func bodyOf(body string) (text string, isBase64 bool) {
	if utf8.ValidString(body) {
		return body, false
	}
	return base64.StdEncoding.EncodeToString([]byte(body)), true
}
