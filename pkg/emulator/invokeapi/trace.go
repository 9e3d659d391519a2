package invokeapi

// The trace header: a caller's goes on to the function, as far as it is one, and is completed as Lambda completes it.
// https://docs.aws.amazon.com/xray/latest/devguide/xray-concepts.html#xray-concepts-tracingheader

import (
	"slices"
	"strings"
	"time"

	"github.com/serverless/open-runtime/internal/identifier"
)

// mostTrace bounds a trace header, in bytes. The function gets it as a header, and so do the services that it calls.
const mostTrace = 1024

// traceHeader gives the header for the function: the caller's with what it lacks of Root, Parent and Sampled, or another one
// when it has no Root or is too long.
func traceHeader(given string, now time.Time) string {
	made := strings.Split(identifier.Trace(now), ";")
	if len(given) > mostTrace || traceField(strings.Split(given, ";"), "Root") == "" {
		return strings.Join(made, ";")
	}
	fields := strings.Split(strings.Trim(given, "; "), ";")
	for _, name := range []string{"Parent", "Sampled"} {
		if traceField(fields, name) == "" {
			fields = append(fields, name+"="+traceField(made, name))
		}
	}
	return strings.Join(fields, ";")
}

func traceField(fields []string, name string) string {
	for _, field := range fields {
		if key, value, _ := strings.Cut(strings.TrimSpace(field), "="); strings.EqualFold(key, name) {
			return value
		}
	}
	return ""
}

// toldTrace is what the caller of the Invoke API hears of it: no Parent.
func toldTrace(header string) string {
	return strings.Join(slices.DeleteFunc(strings.Split(header, ";"), func(field string) bool {
		name, _, _ := strings.Cut(strings.TrimSpace(field), "=")
		return !strings.EqualFold(name, "Root") && !strings.EqualFold(name, "Sampled")
	}), ";")
}
