// Package identifier makes the identifiers that Lambda and X-Ray give out: of requests and extensions, and of traces.
//
// They are random; nothing is remembered.
package identifier

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"strings"
	"time"
)

// UUID makes a UUID of version 4, in lower case: a request ID.
func UUID() string {
	var b [16]byte
	rand.Read(b[:]) // never fails: crypto/rand
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// IsUUID says whether text is a UUID of any version.
func IsUUID(text string) bool {
	plain := strings.ReplaceAll(text, "-", "")
	_, err := hex.DecodeString(plain)
	return err == nil && len(plain) == 32 && len(text) == 36
}

// Trace makes a trace header of an invocation that X-Ray does not sample.
// https://docs.aws.amazon.com/xray/latest/devguide/xray-concepts.html#xray-concepts-tracingheader
func Trace(now time.Time) string {
	var random [20]byte
	rand.Read(random[:]) // never fails: crypto/rand
	return fmt.Sprintf("Root=1-%08x-%s;Parent=%s;Sampled=0", now.Unix(), hex.EncodeToString(random[:12]), hex.EncodeToString(random[12:]))
}

// mostTrace bounds a trace header, in bytes. The function gets it as a header, and so do the services that it calls.
const mostTrace = 1024

// CompleteTrace gives a function's trace header: the caller's with what it lacks of Root, Parent and Sampled, as Lambda
// completes it, or another one when it has no Root or is too long.
func CompleteTrace(given string, now time.Time) string {
	made := strings.Split(Trace(now), ";")
	if len(given) > mostTrace || !HasRoot(given) {
		return strings.Join(made, ";")
	}
	fields := strings.Split(strings.Trim(given, "; "), ";")
	for _, name := range []string{"Parent", "Sampled"} {
		if field(fields, name) == "" {
			fields = append(fields, name+"="+field(made, name))
		}
	}
	return strings.Join(fields, ";")
}

// HasRoot says whether a trace header names a trace.
func HasRoot(header string) bool { return field(strings.Split(header, ";"), "Root") != "" }

func field(fields []string, name string) string {
	for _, one := range fields {
		if key, value, _ := strings.Cut(strings.TrimSpace(one), "="); strings.EqualFold(key, name) {
			return value
		}
	}
	return ""
}
