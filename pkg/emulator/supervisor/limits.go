//go:build linux

package supervisor

// Lambda's quotas, as this half enforces them.
// https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html

import "time"

const (
	initLimit      = 10 * time.Second       // of the INIT phase, on demand
	initErrorGrace = 500 * time.Millisecond // between /init/error and the kill of a runtime that does not exit
	internalGrace  = 500 * time.Millisecond // of the runtime, from SIGTERM to SIGKILL, with an internal extension
	runtimeGrace   = 300 * time.Millisecond // the same with external ones alone
	shutdownGrace  = 2 * time.Second        // of all, with external extensions
	heldTime       = 24 * time.Hour         // that a function has left which is being debugged
	startDelay     = 2 * time.Millisecond   // of a START that nothing has taken along
	telemetryGrace = 500 * time.Millisecond // for telemetry to be delivered before everything stops
	traceGrace     = time.Second            // for a record that was begun to be whole

	mostExtensions = 10   // of one environment
	mostLate       = 1000 // invocations that timed out and are remembered, until they are answered

	openFiles     = 1024 // file descriptors of a process
	mostProcesses = 1024 // processes and threads
	spareThreads  = 8    // of this process, for when no more can be started

	mostStreamed = 200 * 1024 * 1024 // bytes of a streamed response
	streamBurst  = 6 * 1024 * 1024   // of them, as fast as they come
	streamRate   = 2 * 1024 * 1024   // of the rest, a second

	longestLine = 256 * 1024 // of the log; longer ones are split
	longestWord = 1024       // of an error type or a content type: a frame's header has an end
)
