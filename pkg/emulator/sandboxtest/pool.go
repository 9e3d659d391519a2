//go:build linux

package sandboxtest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/serverless/open-runtime/internal/mirror"
	"github.com/serverless/open-runtime/pkg/emulator"
)

// pool makes a Function of the subject's sandboxes.
func pool(t *testing.T, s Subject, change func(*emulator.FunctionOptions)) *emulator.Function {
	t.Helper()
	o := emulator.FunctionOptions{Options: options(t, s), Sandbox: s.Sandbox}
	change(&o)
	return emulator.NewFunction(o)
}

// through has the probe do something in one of the pool's sandboxes.
func through(ctx context.Context, f *emulator.Function, what event) (*emulator.Result, error) {
	payload, err := json.Marshal(what)
	if err != nil {
		return nil, err
	}
	inv, err := f.Begin(ctx, request(), payload)
	if err != nil {
		return nil, err
	}
	return inv.Result(ctx)
}

// testPool: callers at once have sandboxes of their own, runtimes that end take nobody along, idle sandboxes go, and nothing
// is left.
func testPool(t *testing.T, s Subject) {
	f := pool(t, s, func(o *emulator.FunctionOptions) { o.Sandboxes, o.Idle = 3, 100*time.Millisecond })
	var callers sync.WaitGroup
	for caller := range 4 {
		callers.Go(func() {
			for i := range 5 {
				exits := caller == 0 && i%2 == 0
				what := event{Do: "read", Path: "/var/task/data.txt"}
				if exits {
					what = event{Do: "exit", Status: 3}
				}
				got, err := through(t.Context(), f, what)
				if err != nil || (got.ErrorType == "Runtime.ExitError") != exits {
					t.Errorf("caller %d, invocation %d: %+v, %v", caller, i, got, err)
				}
			}
		})
	}
	callers.Wait()
	eventually(t, func() []string {
		if n := f.Sandboxes(); n > 0 {
			return []string{fmt.Sprint(n, " sandboxes that are idle")}
		}
		return nil
	})
	if _, err := through(t.Context(), f, event{Do: "daemon", Name: token()}); err != nil {
		t.Error(err)
	}
	if cut := f.Close(t.Context()); cut != 0 {
		t.Errorf("%d invocations were cut off", cut)
	}
	if found := left(t, s, os.Getpid(), token()); len(found) > 0 {
		t.Errorf("left behind: %q", found)
	}
}

// testLiveFolders: what changes in the folders of a sandbox is in it at once, and a reset keeps /tmp.
func testLiveFolders(t *testing.T, s Subject) {
	far, ok := s.Sandbox.(interface {
		Sees(ctx context.Context, image, dir string) bool
	})
	if ok && !far.Sees(t.Context(), s.Image, t.TempDir()) {
		t.Skip("the engine does not see this machine's files")
	}
	var staged, live string
	var spec emulator.Spec
	f := pool(t, s, func(o *emulator.FunctionOptions) {
		spec = o.Spec
		staged, live = spec.Task, filepath.Join(t.TempDir(), "task")
		o.Place = func(context.Context) (emulator.Placement, error) {
			spec := spec
			spec.Task = live
			update := func(context.Context) error { return mirror.Update(live, staged) }
			return emulator.Placement{Spec: spec, Update: update, Release: func() {}}, errors.Join(os.Mkdir(live, 0o755), os.Chmod(live, 0o755), update(nil))
		}
	})
	defer f.Close(t.Context())
	read := func(path, want string) {
		t.Helper()
		got, err := through(t.Context(), f, event{Do: "read", Path: path})
		if err != nil {
			t.Fatal(err)
		}
		var text result
		if err := json.Unmarshal(got.Payload, &text); err != nil || text.Text != want {
			t.Errorf("%s: %s, %v, want %q", path, got.Payload, err, want)
		}
	}
	read("/var/task/data.txt", "code")
	if _, err := through(t.Context(), f, event{Do: "write", Path: "/tmp/kept"}); err != nil {
		t.Fatal(err)
	}
	before, err := through(t.Context(), f, event{Do: "read", Path: "/tmp/kept"})
	if err != nil {
		t.Fatal(err)
	}
	another := function(t)
	if err := os.WriteFile(filepath.Join(another, "data.txt"), []byte("other code"), 0o644); err != nil {
		t.Fatal(err)
	}
	staged = another
	f.Replace(t.Context(), f.Config(), spec)
	read("/var/task/data.txt", "other code")
	var kept result
	if err := json.Unmarshal(before.Payload, &kept); err != nil {
		t.Fatal(err)
	}
	read("/tmp/kept", kept.Text)
	if n := f.Sandboxes(); n != 1 {
		t.Errorf("there are %d sandboxes", n)
	}
}
