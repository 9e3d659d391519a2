//go:build linux

package bootstrap

// What the environment says: to the bootstrap, and to those that it starts.

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/serverless/open-runtime/internal/frames"
	"github.com/serverless/open-runtime/internal/privilege"
)

// Variables of Lambda. https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html
const (
	envAPI             = "AWS_LAMBDA_RUNTIME_API"
	envHandler         = "_HANDLER"
	envFunctionName    = "AWS_LAMBDA_FUNCTION_NAME"
	envFunctionVersion = "AWS_LAMBDA_FUNCTION_VERSION"
	envMemory          = "AWS_LAMBDA_FUNCTION_MEMORY_SIZE"
	envInitialization  = "AWS_LAMBDA_INITIALIZATION_TYPE"
	envTelemetryFD     = "_LAMBDA_TELEMETRY_LOG_FD" // of a managed runtime: it is its client's alone
	envConcurrency     = "AWS_LAMBDA_MAX_CONCURRENCY"
	envExecWrapper     = "AWS_LAMBDA_EXEC_WRAPPER"
)

// Variables of the open runtime.
const (
	envMiddlewares = "SLSMIDDLEWARES"
	envSidecars    = "SLSSIDECARS"
	envMargin      = "SOR_MARGIN_MS"
	envTrace       = "SOR_TRACE"        // 1, or fd:N
	envOnly        = "SOR_ONLY"         // NAME/HOOK
	envNextWrapper = "SOR_NEXT_WRAPPER" // a program that starts the language runtime
	envDebug       = "SOR_DEBUG"        // what SOR_DEBUGGER starts: language-runtime, or middlewares/NAME
	envDebugger    = "SOR_DEBUGGER"     // a program that starts another, which it gets as its arguments
)

// settings are what the environment says.
type settings struct {
	api         string
	handler     string
	middlewares *string // nil: not set
	sidecars    *string
	margin      *time.Duration // nil: the default
	traceFD     int            // 0: none
	traceLines  bool           // a line of JSON an invocation in the log
	telemetry   *os.File       // nil: none
	concurrency int            // invocations at once; 1 but for Managed Instances
	execWrapper string
	nextWrapper string
	only        string
	debug       string
	debugger    string
	path        string // PATH
	initLimit   time.Duration
	function    frames.Context // its name, version and memory
	environ     []string       // of the language runtime and the middlewares
}

// mostConcurrency is more than Lambda allows: 64 invocations at once for each virtual processor.
// https://docs.aws.amazon.com/lambda/latest/dg/lambda-managed-instances.html
const mostConcurrency = 4096

// private are the variables that name descriptors, or modes, of the bootstrap alone, or mark whose a process is.
var private = []string{envTelemetryFD, envTrace, envOnly, envDebug, envDebugger, privilege.MiddlewareMark, privilege.SidecarMark, envRuntime}

// readSettings reads environ; what is wrong in it is a warning, and the default is taken.
func readSettings(environ []string) (s settings, warnings []string) {
	s.initLimit, s.concurrency = initLimit, 1
	for _, entry := range environ {
		name, value, _ := strings.Cut(entry, "=")
		keep := true
		for _, p := range private {
			keep = keep && name != p
		}
		if keep {
			s.environ = append(s.environ, entry)
		}
		if err := s.read(name, value); err != nil {
			warnings = append(warnings, fmt.Sprintf("%s is %q: %v", name, value, err))
		}
	}
	return s, warnings
}

func (s *settings) read(name, value string) (err error) {
	switch name {
	case envAPI:
		s.api = value
	case envHandler:
		s.handler = value
	case envFunctionName:
		s.function.FunctionName = value
	case envFunctionVersion:
		s.function.FunctionVersion = value
	case envMemory:
		s.function.MemoryMB, err = strconv.Atoi(value)
	case envInitialization:
		if value == "provisioned-concurrency" || value == "snap-start" {
			s.initLimit = longInitLimit
		}
	case envMiddlewares:
		s.middlewares = &value
	case envSidecars:
		s.sidecars = &value
	case envMargin:
		var ms uint64
		if ms, err = strconv.ParseUint(value, 10, 31); err == nil {
			margin := time.Duration(ms) * time.Millisecond
			s.margin = &margin
		}
	case envTrace:
		if s.traceLines = value == "1"; !s.traceLines && value != "" && value != "0" {
			s.traceFD, err = parseFD(value)
		}
	case envTelemetryFD:
		// Lambda leaves this descriptor open across exec: whoever inherited it could forge records of the function's log.
		if fd, ferr := strconv.Atoi(value); ferr == nil && fd > 2 {
			syscall.CloseOnExec(fd)
			s.telemetry = os.NewFile(uintptr(fd), "telemetry")
		}
	case envConcurrency:
		if s.concurrency, err = strconv.Atoi(value); err == nil && (s.concurrency < 1 || s.concurrency > mostConcurrency) {
			s.concurrency, err = 1, fmt.Errorf("a number from 1 to %d is needed", mostConcurrency)
		} else if err != nil {
			s.concurrency = 1
		}
	case envExecWrapper:
		s.execWrapper = value
	case envNextWrapper:
		s.nextWrapper = value
	case envOnly:
		s.only = value
	case envDebug:
		s.debug = value
	case envDebugger:
		s.debugger = value
	case "PATH":
		s.path = value
	}
	return err
}

func parseFD(value string) (int, error) {
	number, ok := strings.CutPrefix(value, "fd:")
	fd, err := strconv.Atoi(number)
	if !ok || err != nil || fd < 3 {
		return 0, fmt.Errorf("1, or fd:N with N from 3, is needed")
	}
	syscall.CloseOnExec(fd)
	if _, err := os.Stat(fmt.Sprintf("/proc/self/fd/%d", fd)); err != nil {
		return 0, fmt.Errorf("it is not open")
	}
	return fd, nil
}

// settle is for when init is over. One invocation goes from one process to the next, and each step waits for the last: a
// second thread of Go's would only look for work that there is not, on a processor that the handler needs.
func (s settings) settle() {
	if s.concurrency == 1 {
		runtime.GOMAXPROCS(1)
	}
}
