package main

// sor events generate http: a request, given as method, path, headers and body, as the event that a service makes of it.

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/serverless/open-runtime/internal/identifier"
	"github.com/serverless/open-runtime/pkg/event"
)

const (
	exampleRequestID = "6f1c0a52-3b7d-4e8f-9a10-5c2d7e6b0001"
	exampleAddress   = "203.0.113.10" // of those that belong to documentation: RFC 5737
	exampleAPI       = "a1b2c3d4e5"
)

// exampleHosts is where a request was sent that does not say it.
var exampleHosts = map[event.Shape]string{
	event.ShapeAPIGateway1: exampleAPI + ".execute-api.us-east-1.amazonaws.com", event.ShapeAPIGateway2: exampleAPI + ".execute-api.us-east-1.amazonaws.com",
	event.ShapeALB: "example-123456.us-east-1.elb.amazonaws.com", event.ShapeALBMulti: "example-123456.us-east-1.elb.amazonaws.com",
	event.ShapeFunctionURL: "exampleurlid.lambda-url.us-east-1.on.aws",
}

// request makes an event of a request.
func (o generateOptions) request(ctx context.Context, cmd *cobra.Command) ([]byte, []event.Novelty, error) {
	if !slices.Contains(event.Shapes(), o.as) {
		return nil, nil, fail(exitUsage, alternatives("values of --as", o.as, event.Shapes()), fmt.Errorf("--as %s is not possible", o.as))
	}
	if err := o.checkRequestFlags(cmd); err != nil {
		return nil, nil, err
	}
	body, err := readContent(ctx, "body", o.chosen["body"], cmd.InOrStdin())
	if err != nil {
		return nil, nil, err
	}
	r := event.Request{
		Method: strings.ToUpper(o.chosen["method"]), Stage: o.chosen["stage"], Resource: o.chosen["resource"], Body: []byte(body),
		SourceIP: exampleAddress, RequestID: exampleRequestID, Time: event.SampleTime(), AccountID: localAccount, Host: exampleHosts[event.Shape(o.as)],
	}
	if o.now {
		r.RequestID, r.Time = identifier.UUID(), time.Now()
	}
	r.RawPath, r.RawQuery = splitTarget(o.chosen["path"])
	if r.Header, err = o.requestHeaders(r.Body); err != nil {
		return nil, nil, err
	}
	if host := r.Header.Get("Host"); host != "" {
		r.Host = host
		r.Header.Del("Host")
	}
	if r.Method == "" && cmd.Flags().Changed("body") {
		r.Method = http.MethodPost
	}
	data, err := asEvent(r, event.Shape(o.as))
	if err != nil {
		return nil, nil, fail(exitUsage, "", err)
	}
	return event.Set(data, o.sets)
}

func (o generateOptions) checkRequestFlags(cmd *cobra.Command) error {
	known := []string{"method", "path", "body"}
	switch event.Shape(o.as) {
	case event.ShapeAPIGateway1, event.ShapeAPIGateway2:
		known = append(known, "stage", "resource")
	}
	for name := range o.chosen {
		if !slices.Contains(known, name) {
			return fail(exitUsage, "it takes --header and --"+strings.Join(known, ", --"), fmt.Errorf("http --as %s has no option --%s", o.as, name))
		}
	}
	if cmd.Flags().Changed("count") {
		return fail(exitUsage, "", errors.New("a request is one event and has no records to repeat"))
	}
	return nil
}

func asEvent(r event.Request, shape event.Shape) ([]byte, error) {
	switch shape {
	case event.ShapeAPIGateway1, event.ShapeAPIGateway2:
		r.APIID = exampleAPI
	case event.ShapeFunctionURL:
		r.AccountID = "" // one that anybody may call knows none
		r = r.Forwarded()
	}
	return shape.Event(r)
}

// splitTarget gives path and query as a client sends them: what may not stand in a URL is percent-encoded.
func splitTarget(target string) (path, query string) {
	target, _, _ = strings.Cut(target, "#")
	path, query, _ = strings.Cut(target, "?")
	if !strings.HasPrefix(path, "/") {
		path = "/" + path
	}
	return sent(path), sent(query)
}

func sent(text string) string {
	var b strings.Builder
	for i := range len(text) {
		if c := text[i]; c <= ' ' || c >= 0x7f || strings.IndexByte(`"<>\^{|}`+"`", c) >= 0 {
			fmt.Fprintf(&b, "%%%02X", c)
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}

// requestHeaders reads --header, and adds what a client sends without being told.
func (o generateOptions) requestHeaders(body []byte) (http.Header, error) {
	headers := http.Header{}
	for _, line := range o.headers {
		name, value, ok := strings.Cut(line, ":")
		if name = strings.TrimSpace(name); !ok || name == "" || strings.ContainsAny(name, " \t\r\n") {
			return nil, fail(exitUsage, "--header 'Accept: text/html'", fmt.Errorf("--header %q is no header", line))
		}
		headers.Add(name, strings.TrimSpace(value))
	}
	add := func(name, value string) {
		if len(headers.Values(name)) == 0 {
			headers.Set(name, value)
		}
	}
	add("Accept", "*/*")
	add("User-Agent", "sor")
	if len(body) > 0 {
		add("Content-Type", contentType(body))
		add("Content-Length", strconv.Itoa(len(body)))
	}
	return headers, nil
}

// contentType says what a body is that nobody says it of.
func contentType(body []byte) string {
	switch {
	case json.Valid(body):
		return "application/json"
	case utf8.Valid(body):
		return "text/plain; charset=utf-8"
	}
	return "application/octet-stream"
}
