package frames

// Types that only sor and the supervisor use, over the stdin and stdout of a sandbox. sor sends hello (payload: a
// Config), invoke (SupervisorInvoke; payload: the event), reset (payload: a Config) and shutdown; the supervisor answers
// hello and reset with ready, and for each invocation result or error (payload: what the caller gets) as soon as the
// runtime posted it, and then report. A streamed response is a result that says so, chunks and an end. Logs and traces
// come in between, in order.
const (
	TypeReset  = "reset"  // sor: end the environment when its invocations have ended, keep /tmp, begin INIT with another Config
	TypeLog    = "log"    // supervisor: Log; payload: the line, without its newline
	TypeTrace  = "trace"  // supervisor: Trace; payload: what the stage made
	TypeReport = "report" // supervisor: Report; the environment can take the next invocation
	TypeFault  = "fault"  // supervisor: Fault; it can't go on
	TypeRecord = "record" // supervisor: Record; payload: the body
)

// MaxSupervisorPayload bounds a payload between sor and supervisor, in bytes.
const MaxSupervisorPayload = 16 * 1024 * 1024

// Sources of a log line.
const (
	SourcePlatform  = "platform" // START, END, REPORT, INIT_REPORT and what Lambda itself would log
	SourceFunction  = "function"
	SourceExtension = "extension"
	SourceDebugger  = "debugger" // a debugger listens now, on its port: for whoever is to connect, and part of no log
)

// Config is the payload of sor's hello: the function that the sandbox is for, and the facts of the sandbox.
type Config struct {
	FunctionName    string            `json:"functionName"`
	FunctionVersion string            `json:"functionVersion"` // "$LATEST"
	FunctionARN     string            `json:"functionArn"`
	Region          string            `json:"region"`
	Handler         string            `json:"handler"`
	MemoryMB        int               `json:"memoryMB"`
	TimeoutMs       int64             `json:"timeoutMs"`
	Managed         bool              `json:"managed"`     // a managed target: AWS_LAMBDA_EXEC_WRAPPER=/opt/bootstrap, /var/runtime/bootstrap first
	Environment     map[string]string `json:"environment"` // the function's own
	Credentials     map[string]string `json:"credentials"` // AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN
	Trace           bool              `json:"trace"`       // ask the bootstrap for trace records

	Concurrency int    `json:"concurrency,omitempty"` // invocations at once in one environment (AWS_LAMBDA_MAX_CONCURRENCY); 0 for a function that takes one
	Freeze      bool   `json:"freeze,omitempty"`      // stop every process between two invocations, as Lambda does
	Loose       bool   `json:"loose,omitempty"`       // without the limits of files and processes
	Attach      bool   `json:"attach,omitempty"`      // start no runtime: one will come; invocations have no timeout
	Debug       *Debug `json:"debug,omitempty"`       // of one of its programs
	Record      bool   `json:"record,omitempty"`      // send Records of all that is said over the sandbox's APIs

	Facts Facts `json:"facts"`
}

// Debug says how one program of a function is started so that it can be debugged. Timeouts are held while somebody is
// connected to Port, and with Wait until somebody was.
type Debug struct {
	What        string            `json:"what"`                  // language-runtime, or middlewares/NAME
	Port        int               `json:"port"`                  // where the debugger listens
	Wait        bool              `json:"wait,omitempty"`        // the program waits for a debugger
	Environment map[string]string `json:"environment,omitempty"` // of the program, besides its own
	Command     []string          `json:"command,omitempty"`     // what starts it, with DebugProgram and DebugArguments in it; empty for itself
	Keep        bool              `json:"keep,omitempty"`        // Command is Delve, a server with streams of its own that outlives the program: see DebugStreams
}

// Words of a Debug's Command that stand for the program, for its arguments, and, with Keep, for what gives it its own stdin and
// stdout.
const (
	DebugProgram   = "{program}"
	DebugArguments = "{arguments}"
	DebugStreams   = "{streams}"
)

// DebugVariable is where the supervisor, as the debugger of a program, finds its Debug, as JSON.
const DebugVariable = "SOR_DEBUG_PLAN"

// Facts are what the sandbox knows of itself and the supervisor must heed.
type Facts struct {
	Sandbox     string   `json:"sandbox"`               // namespace, docker
	APIAddress  string   `json:"apiAddress"`            // where the Runtime API listens: 127.0.0.1:9001, or 127.0.0.1:0
	Identity    string   `json:"identity"`              // how the function becomes user 993: see the constants
	PathSuffix  []string `json:"pathSuffix,omitempty"`  // folders that join the end of PATH
	MemoryLimit string   `json:"memoryLimit,omitempty"` // "cgroup" when one backs the supervisor's own watch
}

// How a function becomes user 993, group 990.
const (
	IdentityAlready   = "already"   // the supervisor is 993 itself
	IdentityDrop      = "drop"      // the supervisor is root and starts children with the credentials of 993
	IdentityNamespace = "namespace" // each child gets a user namespace in which it is 993
)

// SupervisorReady says that the sandbox is up and INIT has begun.
type SupervisorReady struct {
	Type    string `json:"type"`
	Version int    `json:"version"`
	API     string `json:"api"` // host:port of the Runtime API

	Environment []string `json:"environment,omitempty"` // NAME=VALUE, with Config.Attach: what the runtime that comes is to have
}

// SupervisorInvoke is one invocation from sor. ID is the request ID. sor sends no more at once than Config.Concurrency.
type SupervisorInvoke struct {
	Type            string `json:"type"`
	ID              string `json:"id"`
	FunctionARN     string `json:"functionArn,omitempty"` // default: Config's
	TraceID         string `json:"traceId,omitempty"`     // default: one is made
	ClientContext   string `json:"clientContext,omitempty"`
	CognitoIdentity string `json:"cognitoIdentity,omitempty"`
	TenantID        string `json:"tenantId,omitempty"`
	ContentType     string `json:"contentType,omitempty"` // default: application/json
	Streamed        bool   `json:"streamed,omitempty"`    // the caller takes a stream: its limits are 200 MB, and 2 MB/s after the first 6
	KillAfterMs     int64  `json:"killAfterMs,omitempty"` // chaos: kill the runtime so long after it was given the event
}

// SupervisorAnswer is the header of a result or error: what the caller of the Invoke API gets.
type SupervisorAnswer struct {
	Type        string `json:"type"`
	ID          string `json:"id"`
	ErrorType   string `json:"errorType,omitempty"` // of an error; the payload is the error document
	ContentType string `json:"contentType,omitempty"`
	Streaming   bool   `json:"streaming,omitempty"` // no payload: it comes in chunks (Cancel; type chunk), and then an end
}

// SupervisorEnd ends a streamed response. With an ErrorType it failed in mid-stream, and the payload is the error document.
type SupervisorEnd struct {
	Type      string `json:"type"`
	ID        string `json:"id"`
	ErrorType string `json:"errorType,omitempty"`
}

// Log is the header of one log line.
type Log struct {
	Type      string `json:"type"`
	Source    string `json:"source"`
	RequestID string `json:"requestId,omitempty"`
}

// Trace is one record of a stage, written by the bootstrap to the descriptor that SOR_TRACE names (fd:3) as a frame, and
// passed on. Times are in microseconds; StartUs counts from the beginning of the invocation (or of init).
type Trace struct {
	Type       string `json:"type,omitempty"`
	RequestID  string `json:"requestId,omitempty"` // empty during init
	Stage      string `json:"stage"`               // middleware, handler, sidecar, init
	Kind       string `json:"kind,omitempty"`      // exec, persistent; frames, lines, proxied; of init: what was started
	Name       string `json:"name"`                // of the middleware or sidecar; the handler
	Hook       string `json:"hook,omitempty"`      // before, after, error
	StartUs    int64  `json:"startUs"`
	DurationUs int64  `json:"durationUs"`
	BytesIn    int    `json:"bytesIn"`
	BytesOut   int    `json:"bytesOut"`
	Unchanged  bool   `json:"unchanged,omitempty"`
	Respond    bool   `json:"respond,omitempty"`
	ErrorType  string `json:"errorType,omitempty"`
	Truncated  bool   `json:"truncated,omitempty"` // the payload is the beginning of what the stage made
}

// Report is one invocation's end: what Lambda's REPORT line says.
type Report struct {
	Type             string  `json:"type,omitempty"`
	ID               string  `json:"id,omitempty"`
	Status           string  `json:"status"` // success, error, timeout
	ErrorType        string  `json:"errorType,omitempty"`
	DurationMs       float64 `json:"durationMs"`
	BilledDurationMs int64   `json:"billedDurationMs"`
	InitDurationMs   float64 `json:"initDurationMs,omitempty"` // the first invocation after an INIT only
	MemorySizeMB     int     `json:"memorySizeMB"`
	MaxMemoryUsedMB  int     `json:"maxMemoryUsedMB"`
}

// Record is one request or answer over an API of the sandbox. Exchange pairs an answer with its request, in its sandbox.
type Record struct {
	Type     string              `json:"type"`
	TimeUs   int64               `json:"timeUs"` // Unix epoch, microseconds
	Exchange int64               `json:"exchange"`
	Method   string              `json:"method,omitempty"` // of a request, with Path
	Path     string              `json:"path,omitempty"`
	Status   int                 `json:"status,omitempty"` // of an answer
	Header   map[string][]string `json:"header,omitempty"`
	Sandbox  int                 `json:"sandbox,omitempty"` // which of the function's, counted from 1: the host's to fill, when there may be several
}

// Fault is why a supervisor can't go on; the host shows it and the sandbox ends.
type Fault struct {
	Type    string `json:"type"`
	Message string `json:"message"`
}
