//go:build linux

package supervisor

// The Extensions API, as far as internal extensions go: https://docs.aws.amazon.com/lambda/latest/dg/runtimes-extensions-api.html
//
// An internal extension is a part of the runtime's process. One that registers for no events is how a runtime asks for a
// SIGTERM before its end.

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"github.com/serverless/open-runtime/internal/runtimeapi"
)

// An extension is one that registered in this environment.
type extension struct {
	id, name string
	waiting  bool // it has asked for its first event: its INIT is over
}

// The errors of the API.
var (
	errNoExtensionName    = forbidden("Extension.InvalidExtensionName", "Empty extension name")
	errRegistrationClosed = forbidden("Extension.RegistrationClosed", "Extension registration closed already")
	errExtensionTwice     = forbidden("Extension.InvalidExtensionState", "Extension with this name already registered")
	errTooManyExtensions  = forbidden("Extension.TooManyExtensions", fmt.Sprintf("Extension limit (%d) reached", mostExtensions))
	errNoExtensionID      = forbidden("Extension.MissingExtensionIdentifier", "Missing "+runtimeapi.HeaderExtensionID+" header")
	errBadExtensionID     = forbidden("Extension.InvalidExtensionIdentifier", "Invalid "+runtimeapi.HeaderExtensionID)
)

func forbidden(errorType, message string) apiError {
	return apiError{http.StatusForbidden, message, errorType}
}

// registerExtension takes a name until INIT is over.
func (s *supervisor) registerExtension(w http.ResponseWriter, r *http.Request) {
	e := s.at(w)
	if e == nil {
		return
	}
	name := r.Header.Get(runtimeapi.HeaderExtensionName)
	if name == "" {
		errNoExtensionName.write(w)
		return
	}
	if refused := readEvents(w, r); refused != nil {
		refused.write(w)
		return
	}
	x, refused := e.register(name)
	if refused != nil {
		refused.write(w)
		return
	}
	w.Header().Set(runtimeapi.HeaderExtensionID, x.id)
	writeJSON(w, http.StatusOK, s.registration(r.Header.Get(runtimeapi.HeaderExtensionFeature)))
}

// mostRegistration is more bytes than a list of events has.
const mostRegistration = 64 * 1024

// readEvents looks at the events that are asked for: there are none for an internal extension yet.
func readEvents(w http.ResponseWriter, r *http.Request) *apiError {
	var asked struct {
		Events []string `json:"events"`
	}
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, mostRegistration)).Decode(&asked); err != nil {
		refused := forbidden("InvalidRequestFormat", err.Error())
		return &refused
	}
	if len(asked.Events) == 0 {
		return nil
	}
	why := "ErrorInvalidEventType"
	switch asked.Events[0] {
	case "SHUTDOWN":
		why = "ShutdownEventNotSupportedForInternalExtension"
	case "INVOKE": // AWS sends it
		why = "this emulator sends no events to internal extensions"
	}
	refused := forbidden("Extension.InvalidEventType", asked.Events[0]+": "+why)
	return &refused
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

// register makes an extension of a name.
func (e *environment) register(name string) (*extension, *apiError) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.settled || e.state == stateInitError {
		return nil, &errRegistrationClosed
	}
	for _, x := range e.extensions {
		if x.name == name {
			return nil, &errExtensionTwice
		}
	}
	if len(e.extensions) == mostExtensions {
		return nil, &errTooManyExtensions
	}
	x := &extension{id: newUUID(), name: name}
	e.extensions = append(e.extensions, x)
	return x, nil
}

// nextExtensionEvent blocks until the environment ends: an internal extension without events is sent none.
func (s *supervisor) nextExtensionEvent(w http.ResponseWriter, r *http.Request) {
	e := s.at(w)
	if e == nil {
		return
	}
	if refused := e.askNextEvent(r.Header.Get(runtimeapi.HeaderExtensionID)); refused != nil {
		refused.write(w)
		return
	}
	select {
	case <-e.gone:
		http.Error(w, nonRecoverable, http.StatusInternalServerError)
	case <-r.Context().Done():
	}
}

// askNextEvent ends the INIT of an extension.
func (e *environment) askNextEvent(id string) *apiError {
	switch {
	case id == "":
		return &errNoExtensionID
	case !isUUID(id):
		return &errBadExtensionID
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, x := range e.extensions {
		if x.id == id {
			x.waiting = true
			e.settleInit()
			return nil
		}
	}
	refused := forbidden("Extension.UnknownExtensionIdentifier", "Unknown extension "+id)
	return &refused
}

// settleInit ends INIT when the runtime and every extension have asked for their first event. The caller holds mu.
func (e *environment) settleInit() {
	if e.settled || e.state != stateReady {
		return
	}
	for _, x := range e.extensions {
		if !x.waiting {
			return
		}
	}
	e.settled = true
	close(e.ready)
}

func (e *environment) hasExtensions() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.extensions) > 0
}

// newUUID makes a UUID of version 4.
func newUUID() string {
	var b [16]byte
	rand.Read(b[:]) // never fails: crypto/rand
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

func isUUID(text string) bool {
	plain := strings.ReplaceAll(text, "-", "")
	_, err := hex.DecodeString(plain)
	return err == nil && len(plain) == 32 && len(text) == 36
}
