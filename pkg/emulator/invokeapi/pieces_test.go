package invokeapi

import (
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

// What can't be sent is read all the same, so that nobody holds it.
func TestPassPiecesReadsOn(t *testing.T) {
	hungUp, broken := errors.New("hung up"), errors.New("broken")
	for name, end := range map[string]error{"whole": nil, "broken": broken} {
		body := iotest.OneByteReader(strings.NewReader("abc"))
		if end != nil {
			body = io.MultiReader(body, iotest.ErrReader(end))
		}
		var got strings.Builder
		read, sent := passPieces(body, func(p []byte) error {
			got.Write(p)
			return hungUp
		})
		if left, _ := io.ReadAll(io.LimitReader(body, 1)); len(left) > 0 || read != end || sent != hungUp || got.String() != "a" {
			t.Errorf("%s: %v, %v, %q sent, %q left", name, read, sent, &got, left)
		}
	}
}
