package main

// The Invoke API, as far as sor invoke needs it.

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"

	"github.com/serverless/open-runtime/internal/frames"
	"github.com/serverless/open-runtime/internal/runtimeapi"
	"github.com/serverless/open-runtime/pkg/emulator"
)

func (s *served) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /2015-03-31/functions/{name}/invocations", s.invoke)
	return mux
}

// find gives the function of a name; the only one has any name.
func (s *served) find(name string) *servedFunction {
	name = strings.TrimSuffix(name[strings.LastIndex(name, "function:")+1:], ":$LATEST")
	for _, f := range s.functions {
		if len(s.functions) == 1 || f.Config().FunctionName == strings.TrimPrefix(name, "unction:") {
			return f
		}
	}
	return nil
}

func apiError(w http.ResponseWriter, status int, kind, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Amzn-ErrorType", kind)
	w.WriteHeader(status)
	body, _ := json.Marshal(map[string]string{"Type": "User", "Message": message}) // strings always encode
	_, _ = w.Write(body)
}

func (s *served) invoke(w http.ResponseWriter, r *http.Request) {
	f := s.find(r.PathValue("name"))
	if f == nil {
		apiError(w, http.StatusNotFound, "ResourceNotFoundException", "Function not found: "+r.PathValue("name"))
		return
	}
	event, err := io.ReadAll(io.LimitReader(r.Body, runtimeapi.MaxEvent+1))
	if err != nil || len(event) > runtimeapi.MaxEvent {
		apiError(w, http.StatusRequestEntityTooLarge, "RequestTooLargeException", "Request must be smaller than 6291456 bytes for the InvokeFunction operation")
		return
	}
	clientContext, err := base64.StdEncoding.DecodeString(r.Header.Get("X-Amz-Client-Context"))
	if err != nil {
		apiError(w, http.StatusBadRequest, "InvalidRequestContentException", err.Error())
		return
	}
	told := frames.SupervisorInvoke{
		ID: newRequestID(), TraceID: r.Header.Get("X-Amzn-Trace-Id"), ClientContext: string(clientContext), TenantID: r.Header.Get("X-Amz-Tenant-Id"),
	}
	inv, err := f.Begin(r.Context(), told, event)
	switch {
	case errors.Is(err, emulator.ErrThrottled):
		apiError(w, http.StatusTooManyRequests, "TooManyRequestsException", "Rate Exceeded.")
		return
	case err != nil:
		apiError(w, http.StatusInternalServerError, "ServiceException", err.Error())
		return
	}
	w.Header().Set("X-Amzn-Requestid", told.ID)
	if r.Header.Get("X-Amz-Invocation-Type") == "Event" {
		w.WriteHeader(http.StatusAccepted)
		return
	}
	s.answer(w, r, inv)
}

func (s *served) answer(w http.ResponseWriter, r *http.Request, inv *emulator.Invocation) {
	result, err := inv.Result(r.Context())
	if err != nil {
		apiError(w, http.StatusInternalServerError, "ServiceException", err.Error())
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Amz-Executed-Version", "$LATEST")
	if result.ErrorType != "" {
		w.Header().Set("X-Amz-Function-Error", "Unhandled")
	}
	if r.Header.Get("X-Amz-Log-Type") == "Tail" {
		w.Header().Set("X-Amz-Log-Result", base64.StdEncoding.EncodeToString(result.Log))
	}
	_, _ = w.Write(result.Payload) // who asked may have gone away
}
