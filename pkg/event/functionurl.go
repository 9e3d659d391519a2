package event

import (
	"cmp"
	"strings"
)

// The payload format 2.0, of function URLs and of HTTP APIs.
type payload2 struct {
	Version               string            `json:"version"`
	RouteKey              string            `json:"routeKey"`
	RawPath               string            `json:"rawPath"`
	RawQueryString        string            `json:"rawQueryString"`
	Cookies               []string          `json:"cookies,omitempty"`
	Headers               map[string]string `json:"headers"`
	QueryStringParameters map[string]string `json:"queryStringParameters,omitempty"`
	PathParameters        map[string]string `json:"pathParameters,omitempty"`
	StageVariables        map[string]string `json:"stageVariables,omitempty"`
	RequestContext        context2          `json:"requestContext"`
	Body                  string            `json:"body,omitempty"`
	IsBase64Encoded       bool              `json:"isBase64Encoded"`
}

type context2 struct {
	AccountID    string `json:"accountId"`
	APIID        string `json:"apiId"`
	DomainName   string `json:"domainName"`
	DomainPrefix string `json:"domainPrefix"`
	HTTP         http2  `json:"http"`
	RequestID    string `json:"requestId"`
	RouteKey     string `json:"routeKey"`
	Stage        string `json:"stage"`
	Time         string `json:"time"`
	TimeEpoch    int64  `json:"timeEpoch"`
}

type http2 struct {
	Method    string `json:"method"`
	Path      string `json:"path"`
	Protocol  string `json:"protocol"`
	SourceIP  string `json:"sourceIp"`
	UserAgent string `json:"userAgent"`
}

const (
	defaultRoute = "$default"
	timeLayout   = "02/Jan/2006:15:04:05 -0700"
)

// FunctionURL gives the event that a function URL makes of the request, in payload format 2.0. Its rawPath is as it was sent,
// the path in its requestContext decoded, and cookies are among the headers too.
// https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html#urls-payloads
func (r Request) FunctionURL() ([]byte, error) {
	r = r.normal()
	p := r.payload2(defaultRoute, defaultRoute, decodedPath(r.RawPath), nil)
	p.RawPath = r.RawPath
	if cookies := r.Header.Values("Cookie"); len(cookies) > 0 {
		p.Headers["cookie"] = strings.Join(cookies, "; ")
	}
	return format(p)
}

// Forwarded gives the request with the headers that a function URL on AWS adds: whom it is from, its trace, and how it was
// encrypted. APIGateway1, APIGateway2 and ALB add theirs themselves; FunctionURL is for servers too, which have their own.
func (r Request) Forwarded() Request {
	r = r.normal()
	r.Header = r.forwarded()
	r.Header.Set("X-Amzn-Tls-Version", "TLSv1.3")
	r.Header.Set("X-Amzn-Tls-Cipher-Suite", "TLS_AES_128_GCM_SHA256")
	return r
}

// payload2 makes the event of a request that is normal, with the decoded path.
func (r Request) payload2(routeKey, stage, path string, parameters map[string]string) payload2 {
	prefix, _, _ := strings.Cut(r.Host, ".")
	body, isBase64 := "", false
	if len(r.Body) > 0 {
		body, isBase64 = r.body(isText(r.Header.Get("Content-Type")))
	}
	return payload2{
		Version: "2.0", RouteKey: routeKey, RawPath: path, RawQueryString: r.RawQuery, Cookies: r.cookies(),
		Headers: r.lowerHeaders(), QueryStringParameters: joined(r.RawQuery), PathParameters: parameters,
		RequestContext: context2{
			AccountID: r.AccountID, APIID: cmp.Or(r.APIID, prefix), DomainName: r.Host, DomainPrefix: prefix,
			HTTP:      http2{Method: r.Method, Path: path, Protocol: r.Protocol, SourceIP: r.SourceIP, UserAgent: r.Header.Get("User-Agent")},
			RequestID: r.RequestID, RouteKey: routeKey, Stage: stage, Time: r.Time.Format(timeLayout), TimeEpoch: r.Time.UnixMilli(),
		},
		Body: body, IsBase64Encoded: isBase64,
	}
}
