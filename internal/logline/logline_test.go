package logline_test

import (
	"testing"

	"github.com/serverless/open-runtime/internal/logline"
)

func TestWarning(t *testing.T) {
	got := string(logline.Warning("it is so", "name", "plain", "cause", "two words\nand \"more\"", "empty", "", "odd"))
	want := `warning it is so name=plain cause="two words\nand \"more\"" empty=""`
	if got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
