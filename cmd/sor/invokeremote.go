package main

// sor invoke --endpoint: the Invoke API of a running sor start, with the outcome of --local. Nothing is staged or started.
// https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"

	"github.com/serverless/open-runtime/internal/frames"
	"github.com/serverless/open-runtime/internal/runtimeapi"
	"github.com/serverless/open-runtime/pkg/emulator"
	"github.com/serverless/open-runtime/pkg/emulator/invokeapi"
	"github.com/serverless/open-runtime/pkg/project"
)

// remote invokes a function that is served somewhere.
type remote struct {
	*ui
	url         *url.URL // of its invocations
	code, wd    string   // to explain errors with
	told        frames.SupervisorInvoke
	async, json bool
	lines       bool
	exact       bool // the function has this name, and no other is meant
}

// anyFunction is the name under which the only function of a server is found, as in AWS's own emulator.
const anyFunction = "function"

func newRemote(screen *ui, o invokeOptions, told frames.SupervisorInvoke) (*remote, error) {
	address := o.endpoint
	if !strings.Contains(address, "://") { // as sor start takes it
		if complete, _, err := listenAddress("--endpoint", address); err == nil {
			address = "http://" + complete
		}
	}
	endpoint, err := url.Parse(address)
	if err != nil || endpoint.Host == "" || endpoint.Scheme != "http" && endpoint.Scheme != "https" {
		return nil, fail(exitUsage, "as sor start says it: --endpoint http://"+defaultListen+", or its port alone", fmt.Errorf("--endpoint %q is no URL", o.endpoint))
	}
	r := &remote{ui: screen, told: told, async: o.async, json: o.json, lines: o.eventLines}
	if r.wd, err = os.Getwd(); err != nil {
		return nil, err
	}
	name := o.function
	if p, err := loadProjectAt(r.wd); err == nil {
		r.code = p.Code
		if name == "" {
			name = p.Name
		}
	} else if name == "" && !errors.Is(err, project.ErrNoProject) {
		return nil, err
	}
	if r.exact = name != ""; !r.exact {
		name = anyFunction
	}
	r.url = endpoint.JoinPath("2015-03-31", "functions", url.PathEscape(name), "invocations")
	return r, nil
}

func (r *remote) invoke(ctx context.Context, event []byte) (*emulator.Result, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, r.url.String(), bytes.NewReader(event))
	if err != nil {
		return nil, err
	}
	for name, value := range map[string]string{
		"Content-Type": "application/json", "X-Amz-Log-Type": "Tail", "X-Amzn-Trace-Id": r.told.TraceID, "X-Amz-Tenant-Id": r.told.TenantID,
		"X-Amz-Client-Context": base64.StdEncoding.EncodeToString([]byte(r.told.ClientContext)),
	} {
		if value != "" {
			request.Header.Set(name, value)
		}
	}
	if r.async {
		request.Header.Set("X-Amz-Invocation-Type", "Event")
	}
	if r.exact {
		request.Header.Set(invokeapi.HeaderExactName, "1")
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, fail(exitMissing, "start one: sor start", fmt.Errorf("invoking the function: %w", err))
	}
	defer response.Body.Close()
	payload, err := io.ReadAll(io.LimitReader(response.Body, frames.MaxSupervisorPayload))
	if err != nil {
		return nil, fmt.Errorf("reading the answer: %w", err)
	}
	if response.StatusCode != http.StatusOK && response.StatusCode != http.StatusAccepted {
		return nil, r.refusal(response, payload)
	}
	return remoteResult(response.Header, payload)
}

// remoteResult makes of an answer what an invocation here would have given.
func remoteResult(header http.Header, payload []byte) (*emulator.Result, error) {
	log, err := base64.StdEncoding.DecodeString(header.Get("X-Amz-Log-Result"))
	if err != nil {
		return nil, fmt.Errorf("reading the log of the answer: %w", err)
	}
	result := &emulator.Result{RequestID: header.Get("X-Amzn-Requestid"), Payload: payload, ContentType: header.Get("Content-Type"), Log: log}
	result.Report = parseReport(string(log))
	if failed := header.Get("X-Amz-Function-Error"); failed != "" {
		result.ErrorType = failed
		if doc, ok := runtimeapi.ParseError(payload); ok && doc.Type != "" {
			result.ErrorType = doc.Type
		}
	}
	if result.Report.Status == "" {
		result.Report.Status = "success"
		if result.ErrorType != "" {
			result.Report.Status = "error"
		}
	}
	return result, nil
}

// refusal makes an error of what the Invoke API says instead of an answer.
func (r *remote) refusal(response *http.Response, body []byte) error {
	var told struct{ Message string } // AWS spells it with either letter, and encoding/json reads both
	text := strings.TrimSpace(string(body))
	if json.Unmarshal(body, &told) == nil && told.Message != "" {
		text = told.Message
	}
	kind, _, _ := strings.Cut(response.Header.Get("X-Amzn-ErrorType"), ":")
	err := fmt.Errorf("%s answered %s: %s", r.url.Host, strings.TrimSpace(response.Status+" "+kind), text)
	switch response.StatusCode {
	case http.StatusNotFound:
		return fail(exitUsage, "sor start says which functions it has; --function NAME names one", err)
	case http.StatusBadRequest, http.StatusUnsupportedMediaType:
		return fail(exitUsage, "", err)
	case http.StatusForbidden, http.StatusUnauthorized:
		return fail(exitCredentials, "--endpoint is for sor start; on AWS itself: aws lambda invoke", err)
	case http.StatusRequestEntityTooLarge:
		return fail(exitLimit, "", err)
	}
	return fail(exitFailure, "", err)
}

// print prints a result as an invocation here does; of the log there is its tail.
func (r *remote) print(stdout io.Writer, _ []byte, result *emulator.Result, several bool) error {
	var log []string
	if text := strings.TrimRight(string(result.Log), "\n"); text != "" {
		log = strings.Split(text, "\n")
	}
	switch {
	case r.async && r.json:
		return writeJSON(stdout, map[string]string{"requestId": result.RequestID})
	case r.async:
		r.say("queued: %s", result.RequestID)
		return nil
	case r.json:
		return writeJSON(stdout, newOutcome(result, log, nil, r.url.Host))
	}
	for _, line := range log {
		if !r.settings.Quiet || !isPlatformLine(line) {
			r.raw([]byte(line))
		}
	}
	if result.ErrorType != "" {
		r.tellError(result.Payload, r.code, r.wd)
	}
	if r.lines {
		return writePayload(stdout, oneLine(result.Payload), true)
	}
	return writePayload(stdout, result.Payload, several)
}
