//go:build linux

package sidecar_test

import "testing"

// What each invocation pays for a sidecar that is up.
func BenchmarkAwait(b *testing.B) {
	l := newLayer(b)
	l.script("a", "exec sleep 1000")
	set := l.start("a")
	for b.Loop() {
		if err := set.Await(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
}

// A flush by descriptors, answered by a loop in bash.
func BenchmarkFlush(b *testing.B) {
	l := newLayer(b)
	l.script("a", "while read -r -u 4 line; do echo >&3; done").manifest("a", `{"flush":{"fd":true},"flushTimeoutMs":60000}`)
	set := l.start("a")
	for b.Loop() {
		set.Flush(b.Context())
	}
}
