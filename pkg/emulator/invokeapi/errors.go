package invokeapi

// The API's own errors: what a caller is told when no function was asked. One table, as on AWS's page.
// https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html#API_Invoke_Errors

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/serverless/open-runtime/pkg/emulator"
)

// Types of errors, as AWS's clients know them.
const (
	typeNotFound      = "ResourceNotFoundException"
	typeContent       = "InvalidRequestContentException"
	typeParameter     = "InvalidParameterValueException"
	typeTooLarge      = "RequestTooLargeException"
	typeTooLargeEvent = "RequestEntityTooLargeException"
	typeMedia         = "UnsupportedMediaTypeException"
	typeTooMany       = "TooManyRequestsException"
	typeService       = "ServiceException"
	typeUnknown       = "UnknownOperationException"
	typeForbidden     = "AccessDeniedException"
	reasonConcurrent  = "ReservedFunctionConcurrentInvocationLimitExceeded"
)

type apiError struct {
	status  int
	name    string
	Reason  string `json:",omitempty"`
	Type    string // User, or Service
	Message string
}

// Error is what a recording says of an invocation that was refused.
func (e *apiError) Error() string { return e.name + ": " + e.Message }

func userError(status int, name, format string, args ...any) *apiError {
	return &apiError{status: status, name: name, Type: "User", Message: fmt.Sprintf(format, args...)}
}

func invalidParameter(format string, args ...any) *apiError {
	return userError(http.StatusBadRequest, typeParameter, format, args...)
}

func invalidContent(format string, args ...any) *apiError {
	return userError(http.StatusBadRequest, typeContent, format, args...)
}

func notFound(arn string) *apiError {
	return userError(http.StatusNotFound, typeNotFound, "Function not found: %s", arn)
}

func tooLarge(most int64, operation string) *apiError {
	return userError(http.StatusRequestEntityTooLarge, typeTooLarge, "Request must be smaller than %d bytes for the %s operation", most, operation)
}

// notBegun is what is told of an invocation that no function got, or that has no answer.
func notBegun(err error) *apiError {
	if errors.Is(err, emulator.ErrThrottled) {
		e := userError(http.StatusTooManyRequests, typeTooMany, "Rate Exceeded.")
		e.Reason = reasonConcurrent
		return e
	}
	if errors.Is(err, emulator.ErrQueueFull) {
		return userError(http.StatusTooManyRequests, typeTooMany, "Rate Exceeded: %v", err)
	}
	return &apiError{status: http.StatusInternalServerError, name: typeService, Type: "Service", Message: err.Error()}
}

func (e *apiError) write(w http.ResponseWriter) {
	body, err := json.Marshal(e)
	if err != nil { // strings only: cannot happen
		body = []byte("{}")
	}
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set(headerErrorType, e.name)
	w.WriteHeader(e.status)
	_, _ = w.Write(body) // a caller that hung up needs no answer
}
