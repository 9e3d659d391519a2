// Package runtimeapi holds the words of the Lambda Runtime API: its paths, its headers, its error types and its limits.
//
// It promises the spelling of AWS and nothing else: no client, no server, no policy.
// https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
package runtimeapi

// Version is the version of the Runtime API that every path begins with.
const Version = "2018-06-01"

// Paths of the Runtime API. A response and an error go to PathInvocation + request ID + SuffixResponse or SuffixError.
const (
	PathPing       = "/" + Version + "/ping"
	PathNext       = "/" + Version + "/runtime/invocation/next"
	PathInvocation = "/" + Version + "/runtime/invocation/"
	PathInitError  = "/" + Version + "/runtime/init/error"
	SuffixResponse = "/response"
	SuffixError    = "/error"
)

// Headers that come with an invocation.
const (
	HeaderRequestID       = "Lambda-Runtime-Aws-Request-Id"
	HeaderDeadlineMs      = "Lambda-Runtime-Deadline-Ms"
	HeaderFunctionARN     = "Lambda-Runtime-Invoked-Function-Arn"
	HeaderTraceID         = "Lambda-Runtime-Trace-Id"
	HeaderClientContext   = "Lambda-Runtime-Client-Context"
	HeaderCognitoIdentity = "Lambda-Runtime-Cognito-Identity"
	HeaderTenantID        = "Lambda-Runtime-Aws-Tenant-Id"
)

// Headers that come with a response or an error.
const (
	HeaderErrorType      = "Lambda-Runtime-Function-Error-Type"
	HeaderErrorBody      = "Lambda-Runtime-Function-Error-Body"
	HeaderXRayErrorCause = "Lambda-Runtime-Function-XRay-Error-Cause"
	HeaderResponseMode   = "Lambda-Runtime-Function-Response-Mode"
	HeaderFeatures       = "Lambda-Runtime-Features"

	ResponseModeStreaming      = "streaming"
	ContentTypeHTTPIntegration = "application/vnd.awslambda.http-integration-response"
	ContentTypeErrorCause      = "application/vnd.aws.lambda.error.cause+json"
)

// Quotas of a synchronous invocation, in bytes.
// https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
const (
	MaxEvent    = 6 * 1024 * 1024   // 6,291,456: what a caller may send
	MaxResponse = 6*1024*1024 + 100 // 6,291,556: what a runtime may post
)

// TraceIDVariable is the variable that a runtime sets for each invocation from HeaderTraceID.
const TraceIDVariable = "_X_AMZN_TRACE_ID"

// The Extensions API.
// https://docs.aws.amazon.com/lambda/latest/dg/runtimes-extensions-api.html
const (
	PathRegister           = "/2020-01-01/extension/register"
	PathExtensionNext      = "/2020-01-01/extension/event/next"
	PathExtensionInitError = "/2020-01-01/extension/init/error"
	PathExtensionExitError = "/2020-01-01/extension/exit/error"

	PathTelemetry = "/2022-07-01/telemetry"
	PathLogs      = "/2020-08-15/logs"

	HeaderExtensionName      = "Lambda-Extension-Name"
	HeaderExtensionID        = "Lambda-Extension-Identifier"
	HeaderExtensionFeature   = "Lambda-Extension-Accept-Feature"
	HeaderExtensionEventID   = "Lambda-Extension-Event-Identifier"
	HeaderExtensionErrorType = "Lambda-Extension-Function-Error-Type"
)
