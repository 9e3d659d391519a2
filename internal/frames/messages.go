package frames

import "encoding/json"

// Types of the contract: what a parent (the bootstrap) and a child (a language runtime, a persistent middleware) say.
const (
	TypeHello    = "hello"    // parent
	TypeReady    = "ready"    // child
	TypeInvoke   = "invoke"   // parent
	TypeResult   = "result"   // child
	TypeError    = "error"    // child
	TypeChunk    = "chunk"    // child
	TypeEnd      = "end"      // child
	TypeCancel   = "cancel"   // parent
	TypeShutdown = "shutdown" // parent
)

// Roles of a child.
const (
	RoleMiddleware = "middleware"
	RoleRuntime    = "runtime"
)

// Capabilities that a parent offers.
const (
	CapabilityMultiplex = "multiplex" // several ids at once
	CapabilityStream    = "stream"    // a response in chunks
	CapabilityCancel    = "cancel"    // cancel frames
)

// Hello opens a stream: what the parent speaks and offers.
type Hello struct {
	Type         string   `json:"type"`
	Versions     []int    `json:"versions"`
	Role         string   `json:"role"`
	Name         string   `json:"name,omitempty"`    // of a middleware
	Handler      string   `json:"handler,omitempty"` // of a language runtime
	Capabilities []string `json:"capabilities"`
	MaxPayload   int64    `json:"maxPayload"`
}

// Ready answers a Hello: of what was offered, what the child wants.
type Ready struct {
	Type         string   `json:"type"`
	Version      int      `json:"version"`
	Capabilities []string `json:"capabilities,omitempty"`
	DumpSignal   string   `json:"dumpSignal,omitempty"` // makes the child write its stacks to stderr
}

// Invoke hands over an event, a response or an error document as payload.
type Invoke struct {
	Type        string  `json:"type"`
	ID          string  `json:"id"`
	Hook        string  `json:"hook,omitempty"`        // for a middleware
	Response    string  `json:"response,omitempty"`    // for an after: buffer, head or none: what the payload is of a response
	ContentType string  `json:"contentType,omitempty"` // of the response that an after is given
	DeadlineMs  int64   `json:"deadlineMs"`            // Unix epoch, milliseconds
	Context     Context `json:"context"`
}

// Context is what Lambda says of an invocation. Client context and identity are JSON text as on the wire.
type Context struct {
	RequestID       string `json:"requestId"`
	FunctionARN     string `json:"functionArn,omitempty"`
	FunctionName    string `json:"functionName,omitempty"`
	FunctionVersion string `json:"functionVersion,omitempty"`
	MemoryMB        int    `json:"memoryMB,omitempty"`
	TraceID         string `json:"traceId,omitempty"`
	TenantID        string `json:"tenantId,omitempty"`
	ClientContext   string `json:"clientContext,omitempty"`
	CognitoIdentity string `json:"cognitoIdentity,omitempty"`
}

// Answer is the header of a result or an error. An error without ID, in place of ready, means that the child can't start.
type Answer struct {
	Type        string `json:"type"`
	ID          string `json:"id,omitempty"`
	Unchanged   bool   `json:"unchanged,omitempty"`
	Respond     bool   `json:"respond,omitempty"`
	ContentType string `json:"contentType,omitempty"`
}

// Chunk is the header of a piece of a streamed response. The first may carry a content type and a prelude: status, headers
// and cookies of an HTTP integration, as JSON.
type Chunk struct {
	Type        string          `json:"type"`
	ID          string          `json:"id"`
	ContentType string          `json:"contentType,omitempty"`
	Prelude     json.RawMessage `json:"prelude,omitempty"`
}

// Cancel asks the child to stop working on ID; Shutdown (no ID) to finish and exit.
type Cancel struct {
	Type string `json:"type"`
	ID   string `json:"id,omitempty"`
}
