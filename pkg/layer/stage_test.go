package layer_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/serverless/open-runtime/pkg/layer"
)

// What is the same as before is a link to it, and what is not is another file; what was before stays as it was.
func TestStageOver(t *testing.T) {
	stage := func(previous string, files map[string]string) string {
		t.Helper()
		tree, dir := layer.New(), t.TempDir()
		for name, text := range files {
			if err := tree.AddBytes(name, []byte(text)); err != nil {
				t.Fatal(err)
			}
		}
		if err := tree.StageOver(dir, previous); err != nil {
			t.Fatal(err)
		}
		for name, text := range files {
			if got, err := os.ReadFile(filepath.Join(dir, name)); err != nil || string(got) != text {
				t.Errorf("%s: got %q, %v, want %q", name, got, err, text)
			}
		}
		return dir
	}
	first := stage("", map[string]string{"same/file": "1", "other": "1", "mode": "#!/bin/sh\n", "folder/file": "1", "gone": "1"})
	second := stage(first, map[string]string{"same/file": "1", "other": "2", "mode": "# bin/sh\n", "folder": "1", "new": "1"})
	for name, want := range map[string]bool{"same/file": true, "other": false, "mode": false} {
		before, err := os.Stat(filepath.Join(first, name))
		if err != nil {
			t.Fatal(err)
		}
		after, err := os.Stat(filepath.Join(second, name))
		if err != nil {
			t.Fatal(err)
		}
		if got := os.SameFile(before, after); got != want {
			t.Errorf("%s is the same file: %v", name, got)
		}
	}
	if text, err := os.ReadFile(filepath.Join(first, "other")); err != nil || string(text) != "1" {
		t.Errorf("what was staged before has %q, %v", text, err)
	}
}
