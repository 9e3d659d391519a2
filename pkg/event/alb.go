package event

import (
	"net/http"
	"slices"
	"strings"
)

// The event of an Application Load Balancer; with multi-value headers switched on it has lists, and without them none.
type albPayload struct {
	RequestContext                  albContext          `json:"requestContext"`
	HTTPMethod                      string              `json:"httpMethod"`
	Path                            string              `json:"path"`
	QueryStringParameters           *map[string]string  `json:"queryStringParameters,omitempty"`
	MultiValueQueryStringParameters map[string][]string `json:"multiValueQueryStringParameters,omitempty"`
	Headers                         map[string]string   `json:"headers,omitempty"`
	MultiValueHeaders               map[string][]string `json:"multiValueHeaders,omitempty"`
	Body                            string              `json:"body"`
	IsBase64Encoded                 bool                `json:"isBase64Encoded"`
}

type albContext struct {
	ELB struct {
		TargetGroupARN string `json:"targetGroupArn"`
	} `json:"elb"`
}

const targetGroup = "arn:aws:elasticloadbalancing:us-east-1:012345678912:targetgroup/example-group/0123456789abcdef"

// ALB gives the event that an Application Load Balancer makes of the request. Path and query are as they were sent. With
// multi, multi-value headers are switched on in its target group; without, of several values the last is the one.
// https://docs.aws.amazon.com/elasticloadbalancing/latest/application/lambda-functions.html
func (r Request) ALB(multi bool) ([]byte, error) {
	r = r.normal()
	p := albPayload{HTTPMethod: r.Method, Path: r.RawPath}
	p.RequestContext.ELB.TargetGroupARN = targetGroup
	headers := map[string][]string{"host": {r.Host}}
	for name, values := range r.forwarded() {
		headers[strings.ToLower(name)] = values
	}
	query := lists(sentPairs(r.RawQuery))
	if multi {
		p.MultiValueHeaders, p.MultiValueQueryStringParameters = headers, query
	} else {
		single := lasts(query)
		if single == nil {
			single = map[string]string{}
		}
		p.Headers, p.QueryStringParameters = lasts(headers), &single
	}
	if len(r.Body) > 0 {
		p.Body, p.IsBase64Encoded = r.body(albText(r.Header))
	}
	return format(p)
}

// albText says whether a load balancer takes a body for text: fewer types than API Gateway, and never what is compressed.
func albText(headers http.Header) bool {
	if headers.Get("Content-Encoding") != "" {
		return false
	}
	media := mediaType(headers.Get("Content-Type"))
	return strings.HasPrefix(media, "text/") || slices.Contains([]string{"application/json", "application/javascript", "application/xml"}, media)
}

// sentPairs splits a query in its order, as it was sent.
func sentPairs(rawQuery string) [][2]string {
	var list [][2]string
	for part := range strings.SplitSeq(rawQuery, "&") {
		if part != "" {
			name, value, _ := strings.Cut(part, "=")
			list = append(list, [2]string{name, value})
		}
	}
	return list
}
