package spelling_test

import (
	"strings"
	"testing"

	"github.com/serverless/open-runtime/internal/spelling"
)

func TestNearest(t *testing.T) {
	keys := []string{"name", "runtime", "handler", "code", "tmp", "layers"}
	tests := []struct {
		word  string
		known []string
		want  string
	}{
		{"handlr", keys, "handler"},
		{"hadnler", keys, "handler"}, // neighbours swapped
		{"hanndlerr", keys, "handler"},
		{"Handler", keys, "handler"},
		{"RUNTIME", keys, "runtime"},
		{"layer", keys, "layers"},
		{"handler", keys, "handler"},
		{"hndlrx", keys, ""}, // three edits
		{"tpm", keys, "tmp"},
		{"map", keys, ""}, // two edits of three letters
		{"", keys, ""},
		{"x", nil, ""},
		{"ab", []string{"cd", "abc"}, "abc"},
		{"rust", []string{"node", "ruby"}, ""},
		{"befor", []string{"before", "after", "error"}, "before"},
		{"amd46", []string{"amd64", "arm64"}, "amd64"},
		{strings.Repeat("x", 1<<20), keys, ""},
		{"namé", keys, "name"},
	}
	for _, test := range tests {
		if got := spelling.Nearest(test.word, test.known); got != test.want {
			t.Errorf("%.20q among %q: got %q, want %q", test.word, test.known, got, test.want)
		}
	}
}
