package kit_test

import (
	"bytes"
	"context"

	"github.com/serverless/open-runtime/pkg/middleware/kit"
)

// A middleware that answers those without a token, and leaves everybody else alone.
func Example() {
	before := func(ctx context.Context, inv *kit.Invocation, event []byte) (kit.Result, error) {
		if !bytes.Contains(event, []byte(`"token"`)) {
			return kit.RespondJSON(map[string]int{"statusCode": 403})
		}
		return kit.Unchanged(), nil
	}
	kit.Main(kit.Hooks{Before: before})
}
