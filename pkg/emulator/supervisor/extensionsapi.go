//go:build linux

package supervisor

// The Extensions API: https://docs.aws.amazon.com/lambda/latest/dg/runtimes-extensions-api.html
//
// An extension whose name is that of a file of /opt/extensions is external; any other is a part of the runtime's process.
// One of those that registers for no events is how a runtime asks for a SIGTERM before its end.

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/serverless/open-runtime/internal/identifier"
	"github.com/serverless/open-runtime/internal/runtimeapi"
)

// Events that an extension may ask for.
const (
	eventInvoke   = "INVOKE"
	eventShutdown = "SHUTDOWN"
)

// The errors of the API.
var (
	errNoExtensionName    = forbidden("Extension.InvalidExtensionName", "Empty extension name")
	errRegistrationClosed = forbidden("Extension.RegistrationClosed", "Extension registration closed already")
	errExtensionTwice     = forbidden("Extension.InvalidExtensionState", "Extension with this name already registered")
	errTooManyExtensions  = forbidden("Extension.TooManyExtensions", fmt.Sprintf("Extension limit (%d) reached", mostExtensions))
	errNoExtensionID      = forbidden("Extension.MissingExtensionIdentifier", "Missing "+runtimeapi.HeaderExtensionID+" header")
	errNoExtensionError   = forbidden("Extension.MissingHeader", runtimeapi.HeaderExtensionErrorType+" not found")
	errBadExtensionID     = forbidden("Extension.InvalidExtensionIdentifier", "Invalid "+runtimeapi.HeaderExtensionID)
)

func forbidden(errorType, message string) apiError {
	return apiError{http.StatusForbidden, message, errorType}
}

// registerExtension takes a name until INIT is over.
func (s *supervisor) registerExtension(w http.ResponseWriter, r *http.Request) {
	e := s.asked(w, r)
	if e == nil {
		return
	}
	name := r.Header.Get(runtimeapi.HeaderExtensionName)
	if name == "" {
		errNoExtensionName.write(w)
		return
	}
	var asked struct {
		Events []string `json:"events"`
	}
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, mostRegistration)).Decode(&asked); err != nil {
		forbidden("InvalidRequestFormat", err.Error()).write(w)
		return
	}
	x, refused := e.register(name, asked.Events)
	if refused != nil {
		refused.write(w)
		return
	}
	w.Header().Set(runtimeapi.HeaderExtensionID, x.id)
	writeJSON(w, http.StatusOK, s.registration(r.Header.Get(runtimeapi.HeaderExtensionFeature)))
}

// mostRegistration is more bytes than a list of events has.
const mostRegistration = 64 * 1024

// heed makes the events that are asked for the extension's.
func (x *extension) heed(events []string, crowd bool) *apiError {
	for _, event := range events {
		why := ""
		switch {
		case event == eventShutdown && !x.external:
			why = "ShutdownEventNotSupportedForInternalExtension"
		case event == eventInvoke && crowd: // it could not be told when an environment is between two invocations
			why = "InvokeEventNotSupportedForMultiConcurrency"
		case event == eventInvoke:
			x.invoke = true
		case event == eventShutdown:
			x.shutdown = true
		default:
			why = "ErrorInvalidEventType"
		}
		if why != "" {
			refused := forbidden("Extension.InvalidEventType", event+": "+why)
			return &refused
		}
	}
	return nil
}

// registration is what an extension is told of the function.
func (s *supervisor) registration(features string) map[string]string {
	told := map[string]string{
		"functionName": s.config.FunctionName, "functionVersion": s.config.FunctionVersion, "handler": s.config.Handler,
	}
	for feature := range strings.SplitSeq(features, ",") {
		// arn:aws:lambda:REGION:ACCOUNT:function:NAME
		if parts := strings.Split(s.config.FunctionARN, ":"); strings.TrimSpace(feature) == "accountId" && len(parts) > 4 {
			told["accountId"] = parts[4]
		}
	}
	return told
}

// register makes an extension of a name, external if a file of that name was started.
func (e *environment) register(name string, events []string) (*extension, *apiError) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.settled || e.ending || e.state == stateInitError {
		return nil, &errRegistrationClosed
	}
	x, registered := e.named(name)
	switch {
	case x != nil && x.id != "":
		return nil, &errExtensionTwice
	case registered == mostExtensions:
		return nil, &errTooManyExtensions
	case x == nil:
		x = newExtension(name)
	}
	if refused := x.heed(events, e.crowd != nil); refused != nil {
		return nil, refused
	}
	if !x.external {
		e.extensions = append(e.extensions, x)
	}
	x.id, x.state = identifier.UUID(), extensionRegistered
	e.settleRegistration()
	return x, nil
}

// named finds an extension by its name, and counts those that have registered. The caller holds mu.
func (e *environment) named(name string) (found *extension, registered int) {
	for _, x := range e.extensions {
		if x.name == name {
			found = x
		}
		if x.id != "" {
			registered++
		}
	}
	return found, registered
}

// identified finds an extension by the identifier of a request. The caller holds mu.
func (e *environment) identified(id string) (*extension, *apiError) {
	switch {
	case id == "":
		return nil, &errNoExtensionID
	case !identifier.IsUUID(id):
		return nil, &errBadExtensionID
	}
	for _, x := range e.extensions {
		if x.id == id {
			return x, nil
		}
	}
	refused := forbidden("Extension.UnknownExtensionIdentifier", "Unknown extension "+id)
	return nil, &refused
}

// nextExtensionEvent blocks until there is an event for the extension.
func (s *supervisor) nextExtensionEvent(w http.ResponseWriter, r *http.Request) {
	e := s.asked(w, r)
	if e == nil {
		return
	}
	x, refused := e.askNextEvent(r.Header.Get(runtimeapi.HeaderExtensionID))
	if refused != nil {
		refused.write(w)
		return
	}
	select {
	case event := <-x.events:
		w.Header().Set(runtimeapi.HeaderExtensionID, x.id)
		w.Header().Set(runtimeapi.HeaderExtensionEventID, identifier.UUID())
		writeJSON(w, http.StatusOK, event)
	case <-e.gone:
		http.Error(w, nonRecoverable, http.StatusInternalServerError)
	case <-r.Context().Done():
	}
}

// askNextEvent ends the INIT of an extension, or its part of an invocation.
func (e *environment) askNextEvent(id string) (*extension, *apiError) {
	e.mu.Lock()
	defer e.mu.Unlock()
	x, refused := e.identified(id)
	if refused != nil {
		return nil, refused
	}
	switch x.state {
	case extensionRegistered:
		x.state = extensionReady
		e.supervisor.logExtension(e, x, string(extensionReady), "")
		e.settleInit()
	case extensionRunning:
		if len(x.events) == 0 { // it has had the event, and asks for the one after it
			x.state = extensionReady
			e.settle(e.current)
			e.settle(e.last)
		}
	case extensionReady:
	default:
		refused := x.transition(extensionReady)
		return nil, &refused
	}
	return x, nil
}

func (x *extension) transition(to extensionState) apiError {
	message := fmt.Sprintf("State transition from %s to %s failed for extension %s. Error: State transition is not allowed", x.state, to, x.name)
	return forbidden("Extension.InvalidExtensionState", message)
}

// extensionInitError takes the error of an extension's INIT, after which it is expected to exit.
func (s *supervisor) extensionInitError(w http.ResponseWriter, r *http.Request) {
	s.extensionFailed(w, r, extensionInitError, extensionRegistered)
}

// extensionExitError takes the error of an extension that exits.
func (s *supervisor) extensionExitError(w http.ResponseWriter, r *http.Request) {
	s.extensionFailed(w, r, extensionExitError, extensionRegistered, extensionReady, extensionRunning)
}

func (s *supervisor) extensionFailed(w http.ResponseWriter, r *http.Request, to extensionState, from ...extensionState) {
	e := s.asked(w, r)
	if e == nil {
		return
	}
	x, refused := e.extensionReports(r.Header.Get(runtimeapi.HeaderExtensionID), bounded(r.Header, runtimeapi.HeaderExtensionErrorType), to, from)
	if refused != nil {
		refused.write(w)
		return
	}
	accepted(w)
	s.logExtension(e, x, string(to), x.errorType)
	e.fail(func(id string) answer { return extensionError(x, id) })
}

func (e *environment) extensionReports(id, errorType string, to extensionState, from []extensionState) (*extension, *apiError) {
	e.mu.Lock()
	defer e.mu.Unlock()
	x, refused := e.identified(id)
	switch {
	case refused != nil:
		return nil, refused
	case errorType == "":
		return nil, &errNoExtensionError
	case !slices.Contains(from, x.state):
		refused := x.transition(to)
		return nil, &refused
	}
	x.state, x.errorType = to, errorType
	return x, nil
}

// settleInit ends INIT when the runtime and every extension have asked for their first event. The caller holds mu.
func (e *environment) settleInit() {
	if e.settled || e.state != stateReady {
		return
	}
	for _, x := range e.extensions {
		if x.state != extensionReady {
			return
		}
	}
	e.settled = true
	close(e.ready)
}
