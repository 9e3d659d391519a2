package invokeapi

// The trace header, as callers hear of it.
// https://docs.aws.amazon.com/xray/latest/devguide/xray-concepts.html#xray-concepts-tracingheader

import (
	"slices"
	"strings"
)

// toldTrace is what the caller of the Invoke API hears of it: no Parent.
func toldTrace(header string) string {
	return strings.Join(slices.DeleteFunc(strings.Split(header, ";"), func(field string) bool {
		name, _, _ := strings.Cut(strings.TrimSpace(field), "=")
		return !strings.EqualFold(name, "Root") && !strings.EqualFold(name, "Sampled")
	}), ";")
}
