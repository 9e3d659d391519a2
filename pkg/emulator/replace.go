package emulator

import (
	"context"
	"reflect"

	"github.com/serverless/open-runtime/internal/frames"
)

// Replace makes what is invoked from now on another version of the function. Invocations under way finish in the old one;
// each sandbox is brought up to date when it has none: in place where its folders can be, with /tmp kept, and by another
// sandbox where they can't. It returns when those that were idle are.
func (f *Function) Replace(ctx context.Context, config frames.Config, spec Spec) {
	f.mu.Lock()
	f.version++
	f.options.Config, f.options.Spec = config, spec
	for _, m := range append([]*member(nil), f.members...) {
		if m.free == m.all {
			f.refresh(m)
		}
	}
	f.tell()
	f.mu.Unlock()
	for {
		f.mu.Lock()
		left, changed := f.replacing, f.changed
		f.mu.Unlock()
		if left == 0 {
			return
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return
		}
	}
}

// refresh brings an idle member up to date; until it is, nobody takes it, and none is started beside it. mu is held.
func (f *Function) refresh(m *member) {
	if m.expiry != nil {
		m.expiry.Stop()
	}
	if m.placement.Update == nil || m.all != max(f.options.Config.Concurrency, 1) || !sameRoom(m.placement.Spec, f.options.Spec) {
		f.remove(m)
		return
	}
	f.replacing++
	m.free = 0
	version, config := f.version, f.options.Config
	f.work.Go(func() {
		err := m.placement.Update(f.life)
		if err == nil {
			err = m.Reset(f.life, config)
		}
		f.mu.Lock()
		defer f.mu.Unlock()
		f.replacing--
		m.free, m.version = m.all, version
		if err != nil {
			m.options.Logger.Debug("bringing a sandbox up to date", "cause", err)
			f.remove(m)
		} else {
			f.rest(m)
		}
		f.tell()
	})
}

// sameRoom says whether two sandboxes differ in nothing but what their folders hold.
func sameRoom(a, b Spec) bool {
	a.Task, a.Opt, b.Task, b.Opt = "", "", "", ""
	return reflect.DeepEqual(a, b)
}
