//go:build linux

package supervisor

// An extension: its process, when it has one of its own, and where it is in the Extensions API.
// https://docs.aws.amazon.com/lambda/latest/dg/runtimes-extensions-api.html

import (
	"cmp"
	"os"
	"path/filepath"
	"strings"

	"github.com/serverless/open-runtime/internal/frames"
	"github.com/serverless/open-runtime/internal/process"
)

// extensionState is where an extension is in its API. The names are those of AWS's error messages.
type extensionState string

const (
	extensionStarted    extensionState = "Started" // an external one that has not registered yet
	extensionRegistered extensionState = "Registered"
	extensionReady      extensionState = "Ready" // it waits for an event
	extensionRunning    extensionState = "Running"
	extensionInitError  extensionState = "InitError"
	extensionExitError  extensionState = "ExitError"
)

// An extension is a file of /opt/extensions that was started, or a part of the runtime that registered.
type extension struct {
	name             string
	external         bool           // it is a program of its own
	child            *process.Child // of an external one that could be started
	logs             *logPipe
	id               string // "" until it registers
	state            extensionState
	invoke, shutdown bool   // the events that it asked for
	errorType        string // that it reported

	events chan any // what /event/next gives: an INVOKE, and a SHUTDOWN after it
}

func newExtension(name string) *extension {
	return &extension{name: name, state: extensionStarted, events: make(chan any, 2)}
}

// send makes an event the next one. The environment's mu is held.
func (x *extension) send(event any) {
	x.state = extensionRunning
	select {
	case x.events <- event:
	default: // it has two already, of which one is the last
	}
}

func (x *extension) flush() {
	if x.logs != nil {
		x.logs.flush()
	}
}

func (x *extension) kill() {
	if x.child != nil {
		x.child.Kill()
		<-x.child.Exited()
	}
}

func (x *extension) close() {
	if x.logs != nil {
		x.logs.close()
	}
}

// disableExtensions is the file of a layer that keeps extensions from being started, as on Lambda.
const disableExtensions = "disable-extensions-jwigqn8j"

// extensionFiles lists the files of /opt/extensions, each of which is started; folders are not looked into.
func (s *supervisor) extensionFiles() []string {
	if _, err := os.Stat(filepath.Join(s.options.Opt, disableExtensions)); err == nil {
		return nil
	}
	dir := filepath.Join(s.options.Opt, "extensions")
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil
	}
	var files []string
	for _, entry := range entries {
		path := filepath.Join(dir, entry.Name())
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() {
			files = append(files, path)
		}
	}
	return files
}

// startExtensions starts the external extensions. It returns what a caller is told when one can't be started.
func (e *environment) startExtensions() *answer {
	s := e.supervisor
	for _, path := range s.extensionFiles() {
		x := newExtension(filepath.Base(path))
		x.external = true
		var err error
		if x.logs, err = newLogPipe(func(line []byte) { s.extensionLog(e, line) }); err != nil {
			return internalFailure(e.requestID(), err)
		}
		e.mu.Lock()
		e.extensions = append(e.extensions, x)
		e.mu.Unlock()
		child, err := process.Start(process.Spec{
			Path: path, Args: []string{path}, Env: s.extensionEnvironment(), Dir: "/",
			Stdout: x.logs.write, Stderr: x.logs.write, Sys: s.identity(),
		})
		if err != nil {
			a := startFailure(e.requestID(), path, errorExtensionLaunch, err)
			s.logExtension(e, x, "LaunchError", errorExtensionLaunch)
			return &a
		}
		s.limitProcesses(child)
		e.mu.Lock()
		x.child = child
		e.mu.Unlock()
		e.watch(child, func(id string) answer { return e.extensionExit(x, id) })
	}
	return nil
}

// extensionExit says how an extension ended: with the error that it reported, else in Lambda's words.
func (e *environment) extensionExit(x *extension, id string) answer {
	e.mu.Lock()
	errorType := cmp.Or(x.errorType, errorExtensionCrash)
	e.mu.Unlock()
	text := x.child.Exit().Reason()
	message := "RequestId: " + id + " Error: " + strings.Replace(text, "Runtime exited", "extension "+x.name+" exited", 1)
	return answer{payload: errorBody(errorType, message), errorType: errorType}
}

// extensionError is what is told of an extension that reported an error.
func extensionError(x *extension, id string) answer {
	message := "RequestId: " + id + " Error: extension " + x.name + " reported " + x.errorType
	return answer{payload: errorBody(x.errorType, message), errorType: x.errorType}
}

// Types of extensions' errors. https://docs.aws.amazon.com/lambda/latest/dg/runtimes-extensions-api.html
const (
	errorExtensionCrash  = "Extension.Crash"
	errorExtensionLaunch = "Extension.LaunchError"
)

// all gives the extensions, those too that have not registered.
func (e *environment) all() []*extension {
	e.mu.Lock()
	defer e.mu.Unlock()
	return append([]*extension(nil), e.extensions...)
}

// settleRegistration lets the runtime start when every external extension has registered. The caller holds mu.
func (e *environment) settleRegistration() {
	for _, x := range e.extensions {
		if x.state == extensionStarted {
			return
		}
	}
	select {
	case <-e.registered:
	default:
		close(e.registered)
	}
}

// invokeEvent is what an extension gets of an invocation.
func invokeEvent(inv *invocation) any {
	type tracing struct {
		Type  string `json:"type"`
		Value string `json:"value"`
	}
	event := struct {
		EventType  string   `json:"eventType"`
		DeadlineMs int64    `json:"deadlineMs"`
		RequestID  string   `json:"requestId"`
		ARN        string   `json:"invokedFunctionArn"`
		Tracing    *tracing `json:"tracing,omitempty"`
	}{EventType: eventInvoke, DeadlineMs: inv.deadline.UnixMilli(), RequestID: inv.id, ARN: inv.headers.FunctionARN}
	if inv.headers.TraceID != "" {
		event.Tracing = &tracing{"X-Amzn-Trace-Id", inv.headers.TraceID}
	}
	return event
}

// extensionLog passes a line of an extension's log on.
func (s *supervisor) extensionLog(e *environment, line []byte) {
	e.telemetry.line(frames.SourceExtension, line)
	_ = s.out.Write(frames.Log{Type: frames.TypeLog, Source: frames.SourceExtension, RequestID: e.requestID()}, nonNil(line))
}

// logExtension writes Lambda's line of an extension.
func (s *supervisor) logExtension(e *environment, x *extension, state, errorType string) {
	line := "EXTENSION\tName: " + x.name + "\tState: " + state + "\tEvents: [" + strings.Join(x.eventNames(), ", ") + "]"
	if errorType != "" {
		line += "\tError Type: " + errorType
	}
	if !x.external {
		line = ""
	}
	s.platform(e, platformExtension, "", extensionEvent{x.name, state, x.eventNames(), errorType}, line)
}

func (x *extension) eventNames() []string {
	names := []string{}
	if x.invoke {
		names = append(names, eventInvoke)
	}
	if x.shutdown {
		names = append(names, eventShutdown)
	}
	return names
}

// withoutOf are the variables of the runtime that extensions do not get.
var withoutOf = map[string]bool{
	"AWS_EXECUTION_ENV": true, "AWS_LAMBDA_LOG_GROUP_NAME": true, "AWS_LAMBDA_LOG_STREAM_NAME": true,
	"AWS_XRAY_CONTEXT_MISSING": true, "AWS_XRAY_DAEMON_ADDRESS": true, "LAMBDA_RUNTIME_DIR": true, "LAMBDA_TASK_ROOT": true,
	"_AWS_XRAY_DAEMON_ADDRESS": true, "_AWS_XRAY_DAEMON_PORT": true, "_HANDLER": true,
	"AWS_LAMBDA_EXEC_WRAPPER": true, "SOR_TRACE": true,
}

// extensionEnvironment is the runtime's, less what is the runtime's alone.
func (s *supervisor) extensionEnvironment() []string {
	var list []string
	for _, variable := range s.runtimeEnvironment() {
		if name, _, _ := strings.Cut(variable, "="); !withoutOf[name] {
			list = append(list, variable)
		}
	}
	return list
}
