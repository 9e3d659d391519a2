//go:build linux

package supervisor

// Lambda's quotas, as this half enforces them.
// https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html

import "time"

const (
	initLimit      = 10 * time.Second       // of the INIT phase, on demand
	initErrorGrace = 500 * time.Millisecond // between /init/error and the kill of a runtime that does not exit
	shutdownGrace  = 500 * time.Millisecond // from SIGTERM to SIGKILL, with an internal extension
	traceGrace     = time.Second            // for a record that was begun to be whole

	mostExtensions = 10 // of one environment

	openFiles   = 1024       // file descriptors of a process
	longestLine = 256 * 1024 // of the log; longer ones are split
	longestWord = 1024       // of an error type or a content type: a frame's header has an end
)
