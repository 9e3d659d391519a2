package event

import (
	"errors"
	"net/http"
)

// A Shape is what a service in front of a function makes of a request, and of its answer.
type Shape string

// Shapes of events. ALBMulti is a load balancer with multi-value headers switched on.
const (
	ShapeAPIGateway1 Shape = "apigateway-v1" // a REST API
	ShapeAPIGateway2 Shape = "apigateway-v2" // an HTTP API
	ShapeALB         Shape = "alb"
	ShapeALBMulti    Shape = "alb-multi"
	ShapeFunctionURL Shape = "function-url"
)

// Shapes lists their names.
func Shapes() []string {
	return []string{string(ShapeAPIGateway1), string(ShapeAPIGateway2), string(ShapeALB), string(ShapeALBMulti), string(ShapeFunctionURL)}
}

// Event makes the event of a request.
func (s Shape) Event(r Request) ([]byte, error) {
	switch s {
	case ShapeAPIGateway1:
		return r.APIGateway1()
	case ShapeAPIGateway2:
		return r.APIGateway2()
	case ShapeALB, ShapeALBMulti:
		return r.ALB(s == ShapeALBMulti)
	}
	return r.FunctionURL()
}

// ParseResponse makes a response of an answer. The error is a MalformedError where the service has a response of its own for
// an answer that it can't use.
func (s Shape) ParseResponse(answer []byte) (*Response, error) {
	switch s {
	case ShapeAPIGateway1:
		return ParseResponse1(answer)
	case ShapeALB, ShapeALBMulti:
		return ParseResponseALB(answer, s == ShapeALBMulti)
	}
	return ParseResponse2(answer)
}

// Failed is what a client gets of a function that failed; nil of a function URL, where the error's type is told too.
func (s Shape) Failed() *Response {
	switch s {
	case ShapeAPIGateway1, ShapeALB, ShapeALBMulti: // as of an answer that can't be used, of which none at all is one
		_, err := s.ParseResponse(nil)
		if malformed, ok := errors.AsType[*MalformedError](err); ok {
			return malformed.Response
		}
	case ShapeAPIGateway2:
		return &Response{
			StatusCode: http.StatusInternalServerError, Header: http.Header{"Content-Type": {"application/json"}},
			Body: []byte(`{"message":"Internal Server Error"}`),
		}
	}
	return nil
}
