package event

import (
	"cmp"
	"fmt"
	"net/http"
	"net/textproto"
	"net/url"
	"strconv"
	"strings"
)

// The payload format 1.0, of REST APIs.
type payload1 struct {
	Resource                        string              `json:"resource"`
	Path                            string              `json:"path"`
	HTTPMethod                      string              `json:"httpMethod"`
	Headers                         map[string]string   `json:"headers"`
	MultiValueHeaders               map[string][]string `json:"multiValueHeaders"`
	QueryStringParameters           map[string]string   `json:"queryStringParameters"`
	MultiValueQueryStringParameters map[string][]string `json:"multiValueQueryStringParameters"`
	PathParameters                  map[string]string   `json:"pathParameters"`
	StageVariables                  map[string]string   `json:"stageVariables"`
	RequestContext                  context1            `json:"requestContext"`
	Body                            *string             `json:"body"`
	IsBase64Encoded                 bool                `json:"isBase64Encoded"`
}

type context1 struct {
	AccountID         string             `json:"accountId"`
	APIID             string             `json:"apiId"`
	DomainName        string             `json:"domainName"`
	DomainPrefix      string             `json:"domainPrefix"`
	ExtendedRequestID string             `json:"extendedRequestId"`
	HTTPMethod        string             `json:"httpMethod"`
	Identity          map[string]*string `json:"identity"`
	Path              string             `json:"path"`
	Protocol          string             `json:"protocol"`
	RequestID         string             `json:"requestId"`
	RequestTime       string             `json:"requestTime"`
	RequestTimeEpoch  int64              `json:"requestTimeEpoch"`
	ResourceID        string             `json:"resourceId"`
	ResourcePath      string             `json:"resourcePath"`
	Stage             string             `json:"stage"`
}

// nobody are the parts of an identity that only callers with credentials have.
var nobody = []string{
	"accessKey", "accountId", "caller", "cognitoAuthenticationProvider", "cognitoAuthenticationType", "cognitoIdentityId",
	"cognitoIdentityPoolId", "principalOrgId", "user", "userArn",
}

const anyPath = "/{proxy+}"

// APIGateway1 gives the event that a REST API of API Gateway makes of the request. Its path, and the parameters of the path,
// are as they were sent, what is in the query is decoded, and of several values the last is the one. The length of the body
// is not among the headers.
// https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html
func (r Request) APIGateway1() ([]byte, error) {
	r = r.normal()
	resource, stage := cmp.Or(r.Resource, anyPath), cmp.Or(r.Stage, "prod")
	parameters, err := pathParameters(resource, r.RawPath)
	if err != nil {
		return nil, err
	}
	headers := r.forwarded()
	headers.Set("Host", r.Host)
	headers.Del("Content-Length")
	p := payload1{
		Resource: resource, Path: r.RawPath, HTTPMethod: r.Method, Headers: lasts(headers), MultiValueHeaders: headers,
		MultiValueQueryStringParameters: lists(pairs(r.RawQuery)), PathParameters: parameters, RequestContext: r.context1(resource, stage),
	}
	p.QueryStringParameters = lasts(p.MultiValueQueryStringParameters)
	if len(r.Body) > 0 {
		var text string
		text, p.IsBase64Encoded = r.body(isText1(r.Header.Get("Content-Type")))
		p.Body = &text
	}
	return format(p)
}

func (r Request) context1(resource, stage string) context1 {
	prefix, _, _ := strings.Cut(r.Host, ".")
	agent := r.Header.Get("User-Agent")
	identity := map[string]*string{"sourceIp": &r.SourceIP, "userAgent": nil}
	if agent != "" {
		identity["userAgent"] = &agent
	}
	for _, name := range nobody {
		identity[name] = nil
	}
	return context1{
		AccountID: r.AccountID, APIID: cmp.Or(r.APIID, prefix), DomainName: r.Host, DomainPrefix: prefix, ExtendedRequestID: r.RequestID,
		HTTPMethod: r.Method, Identity: identity, Path: "/" + stage + r.RawPath, Protocol: r.Protocol, RequestID: r.RequestID,
		RequestTime: r.Time.Format(timeLayout), RequestTimeEpoch: r.Time.UnixMilli(), ResourceID: "abc123", ResourcePath: resource, Stage: stage,
	}
}

// APIGateway2 gives the event that an HTTP API of API Gateway makes of the request, in payload format 2.0. Its path is
// decoded before it is looked at: an encoded slash is one, and an encoded question mark ends it. It begins with the stage
// unless that is $default.
// https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
func (r Request) APIGateway2() ([]byte, error) {
	r = r.normal()
	route, stage := defaultRoute, cmp.Or(r.Stage, defaultRoute)
	path, _, _ := strings.Cut(decodedPath(r.RawPath), "?")
	var parameters map[string]string
	if r.Resource != "" {
		var err error
		if parameters, err = pathParameters(r.Resource, path); err != nil {
			return nil, err
		}
		route = "ANY " + r.Resource
	}
	if stage != defaultRoute {
		path = "/" + stage + path
	}
	r.Header = r.forwarded()
	return format(r.payload2(route, stage, path, parameters))
}

// decodedPath decodes what is percent-encoded; what can't be decoded is taken as it is.
func decodedPath(path string) string {
	if decoded, err := url.PathUnescape(path); err == nil {
		return decoded
	}
	return path
}

// pathParameters gives what the braces of the resource stand for in the path; nil for a resource without braces.
func pathParameters(resource, path string) (map[string]string, error) {
	var values map[string]string
	rest := strings.Split(strings.TrimPrefix(path, "/"), "/")
	for part := range strings.SplitSeq(strings.TrimPrefix(resource, "/"), "/") {
		if len(rest) == 0 {
			return nil, fmt.Errorf("the path %s is not one of the resource %s", path, resource)
		}
		name, isParameter := strings.CutPrefix(part, "{")
		name, closed := strings.CutSuffix(name, "}")
		name, greedy := strings.CutSuffix(name, "+")
		value := rest[0]
		rest = rest[1:]
		switch {
		case !isParameter && value != part:
			return nil, fmt.Errorf("the path %s is not one of the resource %s", path, resource)
		case !isParameter:
			continue
		case !closed || name == "":
			return nil, fmt.Errorf("%s of the resource %s is no parameter: {NAME} or {NAME+} is needed", part, resource)
		case greedy:
			value, rest = strings.Join(append([]string{value}, rest...), "/"), nil
		}
		if values == nil {
			values = map[string]string{}
		}
		if value != "" { // a request for / itself has no parameter
			values[name] = value
		}
	}
	if len(rest) > 0 {
		return nil, fmt.Errorf("the path %s is not one of the resource %s", path, resource)
	}
	if len(values) == 0 {
		return nil, nil
	}
	return values, nil
}

// forwarded gives the headers with those that a service between client and function adds, the host aside.
func (r Request) forwarded() http.Header {
	headers := http.Header{}
	for name, values := range r.Header {
		headers[textproto.CanonicalMIMEHeaderKey(name)] = values
	}
	before := headers.Values("X-Forwarded-For")
	headers.Set("X-Forwarded-For", strings.Join(append(before[:len(before):len(before)], r.SourceIP), ", "))
	headers.Set("X-Forwarded-Port", strconv.Itoa(cmp.Or(r.Port, 443)))
	headers.Set("X-Forwarded-Proto", cmp.Or(r.Scheme, "https"))
	if headers.Get("X-Amzn-Trace-Id") == "" {
		random := strings.ReplaceAll(r.RequestID, "-", "") + strings.Repeat("0", 24)
		headers.Set("X-Amzn-Trace-Id", fmt.Sprintf("Root=1-%08x-%s", uint32(r.Time.Unix()), random[:24]))
	}
	return headers
}

// lists gives the values of each name; nil for none.
func lists(pairs [][2]string) map[string][]string {
	var values map[string][]string
	for _, pair := range pairs {
		if values == nil {
			values = map[string][]string{}
		}
		values[pair[0]] = append(values[pair[0]], pair[1])
	}
	return values
}

// lasts gives the last value of each name; nil for none.
func lasts(lists map[string][]string) map[string]string {
	var values map[string]string
	for name, list := range lists {
		if values == nil {
			values = map[string]string{}
		}
		values[name] = list[len(list)-1]
	}
	return values
}
