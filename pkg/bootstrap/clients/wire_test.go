//go:build linux

package clients_test

// HTTP/1.1 as a strict server reads it: every header as it is spelled, chunks one by one, trailers. net/http would hide what
// these tests are about.

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
)

// field is a line of a header or a trailer, as it came.
type field struct{ name, value string }

type fields []field

// get gives the value of a name in any case, the first when there are several.
func (f fields) get(name string) string {
	value, _ := f.lookup(name)
	return value
}

func (f fields) lookup(name string) (string, bool) {
	for _, line := range f {
		if strings.EqualFold(line.name, name) {
			return line.value, true
		}
	}
	return "", false
}

var (
	requestLine = regexp.MustCompile(`^(GET|POST) (/[!-~]*) HTTP/1\.1$`)
	fieldLine   = regexp.MustCompile("^([A-Za-z0-9-]+): ?([^\x00\r\n]*)$")
)

// readLine reads a line that ends in CR LF.
func readLine(from *bufio.Reader) (string, error) {
	line, err := from.ReadString('\n')
	if err != nil {
		if line != "" {
			err = fmt.Errorf("half a line, %q: %w", line, err)
		}
		return "", err
	}
	text, ok := strings.CutSuffix(line, "\r\n")
	if !ok {
		return "", fmt.Errorf("a line that ends in a bare newline: %q", line)
	}
	return text, nil
}

// readFields reads lines to the empty one. A name that is there twice could be read in two ways; but Trailer is a list, and
// Node's and Rust's clients write it twice.
func readFields(from *bufio.Reader) (found fields, err error) {
	for {
		line, err := readLine(from)
		if err != nil || line == "" {
			return found, err
		}
		match := fieldLine.FindStringSubmatch(line)
		if match == nil {
			return nil, fmt.Errorf("no header line: %q", line)
		}
		if _, twice := found.lookup(match[1]); twice && !strings.EqualFold(match[1], "Trailer") {
			return nil, fmt.Errorf("%s is there twice", match[1])
		}
		found = append(found, field{match[1], match[2]})
	}
}

// body is what follows a head: of a length, or in chunks.
type body struct {
	from    *bufio.Reader
	chunked bool
	left    int
	over    bool
	trailer fields
}

func newBody(from *bufio.Reader, method string, header fields) (*body, error) {
	length, hasLength := header.lookup("Content-Length")
	coding, hasCoding := header.lookup("Transfer-Encoding")
	b := &body{from: from}
	switch {
	case hasLength && hasCoding:
		return nil, errors.New("both a Content-Length and a Transfer-Encoding")
	case hasCoding && coding != "chunked":
		return nil, fmt.Errorf("the Transfer-Encoding is %q", coding)
	case hasCoding:
		b.chunked = true
		return b, nil
	case !hasLength && method == "POST":
		return nil, errors.New("a POST of no known length")
	case !hasLength:
		b.over = true
		return b, nil
	}
	n, err := strconv.ParseUint(length, 10, 31)
	b.left, b.over = int(n), n == 0
	return b, err
}

// chunk reads the next one, all there is when there are no chunks; io.EOF after the last.
func (b *body) chunk() ([]byte, error) {
	if b.over {
		return nil, io.EOF
	}
	if !b.chunked {
		b.over = true
		whole := make([]byte, b.left)
		_, err := io.ReadFull(b.from, whole)
		return whole, err
	}
	line, err := readLine(b.from)
	if err != nil {
		return nil, err
	}
	size, err := strconv.ParseUint(strings.TrimRight(line, " "), 16, 31)
	if err != nil {
		return nil, err
	}
	if size == 0 {
		b.over = true
		if b.trailer, err = readFields(b.from); err != nil {
			return nil, fmt.Errorf("reading the trailer: %w", err)
		}
		return nil, io.EOF
	}
	data := make([]byte, size)
	if _, err := io.ReadFull(b.from, data); err != nil {
		return nil, err
	}
	if end, err := readLine(b.from); err != nil || end != "" {
		return nil, fmt.Errorf("after a chunk: %q, %v", end, err)
	}
	return data, nil
}

// rest reads what is left.
func (b *body) rest() (all []byte, err error) {
	for {
		data, err := b.chunk()
		all = append(all, data...)
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		if err != nil {
			return all, err
		}
	}
}
