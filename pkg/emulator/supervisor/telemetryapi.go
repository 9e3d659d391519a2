//go:build linux

package supervisor

// The Telemetry API and the Logs API that came before it: an extension subscribes until INIT is over.
// https://docs.aws.amazon.com/lambda/latest/dg/telemetry-api-reference.html

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/serverless/open-runtime/internal/runtimeapi"
)

// api is one of the two.
type api string

const (
	apiTelemetry api = "Telemetry"
	apiLogs      api = "Logs"
)

// schemas are the versions that an API knows; the first is what is meant when none is named.
func (a api) schemas() []string {
	if a == apiLogs {
		return []string{"2020-08-15", "2021-03-18"}
	}
	return []string{"2022-07-01", "2022-12-13", "2025-01-29"}
}

func (a api) closedError() *apiError {
	refused := forbidden(string(a)+".SubscriptionClosed", string(a)+" API subscription is closed already")
	return &refused
}

func (a api) invalid(problems []string) *apiError {
	errorType := "ValidationError"
	if a == apiLogs {
		errorType = "Logs.ValidationError"
	}
	return &apiError{http.StatusBadRequest, strings.Join(problems, "; "), errorType}
}

// subscription is the body of a request.
type subscription struct {
	Schema    string   `json:"schemaVersion"`
	Types     []string `json:"types"`
	Buffering struct {
		MaxItems  *int `json:"maxItems"`
		MaxBytes  *int `json:"maxBytes"`
		TimeoutMs *int `json:"timeoutMs"`
	} `json:"buffering"`
	Destination struct {
		Protocol string `json:"protocol"`
		URI      string `json:"URI"`
		Port     int    `json:"port"`
	} `json:"destination"`
}

// subscribe is PUT of either API.
func (s *supervisor) subscribe(a api) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		e := s.asked(w, r)
		if e == nil {
			return
		}
		e.mu.Lock()
		x, refused := e.identified(r.Header.Get(runtimeapi.HeaderExtensionID))
		e.mu.Unlock()
		if refused != nil {
			refused.write(w)
			return
		}
		subscriber, refused := readSubscription(a, x.name, http.MaxBytesReader(w, r.Body, mostRegistration))
		if refused == nil {
			if refused = e.telemetry.subscribe(subscriber); refused != nil {
				subscriber.end(r.Context())
			}
		}
		if refused != nil {
			refused.write(w)
			return
		}
		writeJSON(w, http.StatusOK, "OK")
	}
}

// readSubscription makes a subscriber of a body, or says all that is wrong with it.
func readSubscription(a api, name string, body io.Reader) (*subscriber, *apiError) {
	var asked subscription
	if err := json.NewDecoder(body).Decode(&asked); err != nil {
		return nil, a.invalid([]string{"the body is no subscription: " + err.Error()})
	}
	var problems []string
	complain := func(format string, args ...any) { problems = append(problems, fmt.Sprintf(format, args...)) }
	if asked.Schema == "" {
		asked.Schema = a.schemas()[0]
	}
	if !slices.Contains(a.schemas(), asked.Schema) {
		complain("schemaVersion should be one of: %s", strings.Join(a.schemas(), ", "))
	}
	target := asked.target(complain)
	if len(asked.Types) == 0 {
		complain("types should not be empty")
	}
	for _, one := range asked.Types {
		if !slices.Contains([]string{"platform", "function", "extension"}, one) {
			complain("types should be of: platform, function, extension; got %q", one)
		}
	}
	within := func(name string, value *int, least, most, standard int) int {
		switch {
		case value == nil:
			return standard
		case *value < least || *value > most:
			complain("buffering.%s should be from %d to %d", name, least, most)
		}
		return *value
	}
	items := within("maxItems", asked.Buffering.MaxItems, 1000, 10000, 10000)
	size := within("maxBytes", asked.Buffering.MaxBytes, 262144, 1048576, 262144)
	wait := within("timeoutMs", asked.Buffering.TimeoutMs, 25, 30000, 1000)
	if len(problems) > 0 {
		return nil, a.invalid(problems)
	}
	return newSubscriber(name, a, asked.Schema, asked.Types, target, buffering{items, size, time.Duration(wait) * time.Millisecond}), nil
}

// target is where a subscription wants its events: loopback, whatever the name says.
func (s subscription) target(complain func(string, ...any)) destination {
	switch strings.ToUpper(s.Destination.Protocol) {
	case "HTTP":
		at, err := url.Parse(s.Destination.URI)
		switch {
		case s.Destination.URI == "" || err != nil:
			complain("URI is not provided or not valid")
		case at.Scheme != "http":
			complain("URI scheme should be http")
		case at.Hostname() != "sandbox.localdomain" && at.Hostname() != "sandbox":
			complain("URI host should be sandbox.localdomain or sandbox")
		case at.Port() == "":
			complain("URI port is not provided")
		default:
			return &httpDestination{url: "http://127.0.0.1:" + at.Port() + at.RequestURI(), host: at.Host, client: http.Client{Transport: &http.Transport{}}}
		}
	case "TCP":
		if s.Destination.Port < 1 || s.Destination.Port > 65535 {
			complain("port should be from 1 to 65535")
		}
		return &tcpDestination{address: "127.0.0.1:" + strconv.Itoa(s.Destination.Port)}
	default:
		complain("protocol should be HTTP or TCP")
	}
	return nil
}
