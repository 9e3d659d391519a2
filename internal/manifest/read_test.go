package manifest_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/serverless/open-runtime/internal/manifest"
)

// TestReadIn: a manifest may be a link to another place in its layer, and not out of it.
func TestReadIn(t *testing.T) {
	opt, outside := t.TempDir(), filepath.Join(t.TempDir(), "secret.json")
	for path, text := range map[string]string{filepath.Join(opt, "real.json"): "{}", outside: `{"secret":1}`} {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for name, target := range map[string]string{"in.json": "real.json", "out.json": outside, "nowhere.json": "gone.json"} {
		if err := os.Symlink(target, filepath.Join(opt, name)); err != nil {
			t.Skipf("no symlinks here: %v", err)
		}
	}
	for _, name := range []string{"real.json", "in.json"} {
		if data, err := manifest.ReadIn(opt, filepath.Join(opt, name)); string(data) != "{}" || err != nil {
			t.Errorf("%s: %q, %v", name, data, err)
		}
	}
	if data, err := manifest.ReadIn(opt, filepath.Join(opt, "out.json")); data != nil || err == nil || !strings.Contains(err.Error(), "leads out of") {
		t.Errorf("out of the layer: %q, %v", data, err)
	}
	for _, name := range []string{"none.json", "nowhere.json"} {
		if data, err := manifest.ReadIn(opt, filepath.Join(opt, name)); data != nil || err != nil {
			t.Errorf("%s: %q, %v", name, data, err)
		}
	}
}
