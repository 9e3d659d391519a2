package identifier_test

import (
	"regexp"
	"testing"
	"time"

	"github.com/serverless/open-runtime/internal/identifier"
)

func TestUUID(t *testing.T) {
	shape := regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)
	seen := map[string]bool{}
	for range 100 {
		id := identifier.UUID()
		if !shape.MatchString(id) || !identifier.IsUUID(id) || seen[id] {
			t.Errorf("got %q", id)
		}
		seen[id] = true
	}
	for _, text := range []string{"", "me", "8c9a2e6f3f0b4c6e9b570d5f0a6f7c11", "8c9a2e6f-3f0b-4c6e-9b57-0d5f0a6f7c1x"} {
		if identifier.IsUUID(text) {
			t.Errorf("%q is one", text)
		}
	}
}

func TestTrace(t *testing.T) {
	shape := regexp.MustCompile(`^Root=1-386d4380-[0-9a-f]{24};Parent=[0-9a-f]{16};Sampled=0$`)
	if got := identifier.Trace(time.Unix(946684800, 0)); !shape.MatchString(got) {
		t.Errorf("got %q", got)
	}
}
