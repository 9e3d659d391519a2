// Package event makes the events of Lambda's sources: samples of each, with what one likes in them, and HTTP requests as
// the services that stand before functions hand them over.
//
// It promises the shapes of AWS's documentation and works offline. It sends nothing anywhere.
package event

import (
	"encoding/base64"
	"net/http"
	"net/textproto"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// A Request is an HTTP request before a service made an event of it.
type Request struct {
	Method   string // "" for GET
	RawPath  string // as it was sent, percent-encoded; "" for /
	RawQuery string // without its question mark
	Header   http.Header
	Body     []byte
	Host     string
	SourceIP string
	Protocol string // "" for HTTP/1.1
	Scheme   string // "" for https
	Port     int    // that it was sent to; 0 for 443

	RequestID string // of the event
	Time      time.Time
	AccountID string // of the function's owner; "" where the service does not say it

	// What API Gateway adds. A function URL has none of them, nor has a load balancer.
	APIID    string // "" for the first label of the host
	Stage    string // "" for prod of a REST API, $default of an HTTP API
	Resource string // as /users/{id} or /{proxy+}; "" for /{proxy+} of a REST API, $default of an HTTP API
}

// normal fills in what is not said.
func (r Request) normal() Request {
	if r.Method == "" {
		r.Method = http.MethodGet
	}
	if r.RawPath == "" {
		r.RawPath = "/"
	}
	if r.Protocol == "" {
		r.Protocol = "HTTP/1.1"
	}
	if r.SourceIP == "" {
		r.SourceIP = "127.0.0.1"
	}
	if r.AccountID == "" {
		r.AccountID = "anonymous"
	}
	r.Time = r.Time.UTC()
	return r
}

// body gives the body as events carry it: text, where its type says so and it is, and anything else as base64.
func (r Request) body(isText bool) (text string, isBase64 bool) {
	if isText && utf8.Valid(r.Body) {
		return string(r.Body), false
	}
	return base64.StdEncoding.EncodeToString(r.Body), true
}

// isText says whether payload 2.0 takes a body of this type for text. A form is none, nor is what has no type.
func isText(contentType string) bool {
	media := mediaType(contentType)
	if strings.HasPrefix(media, "text/") || strings.HasSuffix(media, "+json") || strings.HasSuffix(media, "+xml") {
		return true
	}
	return slices.Contains([]string{"application/json", "application/javascript", "application/xml"}, media)
}

// isText1 says the same of payload 1.0. A REST API takes for text what is none of its binary media types: here all but text
// and forms.
func isText1(contentType string) bool {
	media := mediaType(contentType)
	return media == "" || media == "application/x-www-form-urlencoded" || isText(media)
}

// mediaType is a type without its parameters, which may be wrong.
func mediaType(contentType string) string {
	media, _, _ := strings.Cut(contentType, ";")
	return strings.ToLower(strings.TrimSpace(media))
}

// pairs splits a query in its order, decoded; what can't be decoded is taken as it is.
func pairs(rawQuery string) [][2]string {
	list := sentPairs(rawQuery)
	for i, pair := range list {
		list[i] = [2]string{unescape(pair[0]), unescape(pair[1])}
	}
	return list
}

func unescape(text string) string {
	decoded, err := url.QueryUnescape(text)
	if err != nil {
		return text
	}
	return decoded
}

// joined gives a query's values by name, several of them joined by commas; nil for none.
func joined(rawQuery string) map[string]string {
	var values map[string]string
	for _, pair := range pairs(rawQuery) {
		if values == nil {
			values = map[string]string{}
		}
		if before, ok := values[pair[0]]; ok {
			pair[1] = before + "," + pair[1]
		}
		values[pair[0]] = pair[1]
	}
	return values
}

// lowerHeaders gives headers by lower-case name, several values joined by commas, with the host and without cookies.
func (r Request) lowerHeaders() map[string]string {
	headers := map[string]string{}
	for name, values := range r.Header {
		if textproto.CanonicalMIMEHeaderKey(name) != "Cookie" {
			headers[strings.ToLower(name)] = strings.Join(values, ",")
		}
	}
	if r.Host != "" {
		headers["host"] = r.Host
	}
	return headers
}

// cookies gives each cookie as name=value.
func (r Request) cookies() []string {
	var list []string
	for _, line := range r.Header.Values("Cookie") {
		for cookie := range strings.SplitSeq(line, ";") {
			if cookie = strings.TrimSpace(cookie); cookie != "" {
				list = append(list, cookie)
			}
		}
	}
	return list
}
