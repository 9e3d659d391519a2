package emulator

// How the sandboxes of a function end: one that died or is idle, and all of them.

import (
	"context"
	"time"
)

// drop forgets a member that ended. Whoever had a place in it looks for another; has says whether the place is still his.
func (f *Function) drop(m *member, has bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if has {
		m.free++
	} else {
		f.under++
	}
	f.remove(m)
	f.tell()
}

// remove takes a member out and ends it. mu is held.
func (f *Function) remove(m *member) {
	for i, one := range f.members {
		if one == m {
			f.members = append(f.members[:i:i], f.members[i+1:]...)
			if m.expiry != nil {
				m.expiry.Stop()
			}
			f.ending++
			f.work.Go(func() {
				f.end(m)
				f.mu.Lock()
				defer f.mu.Unlock()
				f.ending--
				f.tell()
			})
			return
		}
	}
}

// expire ends a member that has been idle for long, unless it was used since.
func (f *Function) expire(m *member, used int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if m.free == m.all && m.used == used && !f.closed {
		f.remove(m)
		f.tell()
	}
}

// EndIdle ends the sandboxes that have no invocation, as at a spindown. Nothing of them is left when it returns: who comes
// next has a cold start, unless a sandbox is at work that will be free.
func (f *Function) EndIdle() {
	f.awaitFinishing()
	f.mu.Lock()
	var ending []*member
	for _, m := range append([]*member(nil), f.members...) {
		if m.free == m.all && !f.closed {
			f.remove(m)
			ending = append(ending, m)
		}
	}
	f.tell()
	f.mu.Unlock()
	for _, m := range ending {
		<-m.ended
	}
}

// awaitFinishing waits a moment for sandboxes that have answered.
func (f *Function) awaitFinishing() {
	patience := time.NewTimer(finishing)
	defer patience.Stop()
	for {
		f.mu.Lock()
		wait, changed := f.isFinishing(), f.changed
		f.mu.Unlock()
		if !wait {
			return
		}
		select {
		case <-changed:
		case <-patience.C:
			return
		}
	}
}

// end ends a sandbox, as at a spindown, and waits until nothing of it is left.
func (f *Function) end(m *member) {
	defer close(m.ended)
	defer context.AfterFunc(f.life, m.kill)()
	if err := m.Close(); err != nil && f.life.Err() == nil {
		m.options.Logger.Debug("ending a sandbox", "cause", err)
	}
	m.placement.Release()
}

// Close takes no more invocations, waits for those under way until ctx ends, which ends them, and ends every sandbox as at
// a spindown. Nothing is left when it returns how many invocations it cut off.
func (f *Function) Close(ctx context.Context) (cut int) {
	f.mu.Lock()
	f.closed = true
	f.tell()
	f.mu.Unlock()
	defer context.AfterFunc(ctx, f.cutOff)()
	f.awaitIdle()
	f.mu.Lock()
	for _, m := range append([]*member(nil), f.members...) {
		f.remove(m)
	}
	f.mu.Unlock()
	f.work.Wait()
	f.kill()
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.cut
}

// cutOff counts what is under way, and ends it: in the sandboxes that there are, and in those that are only starting.
func (f *Function) cutOff() {
	f.mu.Lock()
	f.cut = f.under
	for _, m := range f.members {
		m.kill()
	}
	f.mu.Unlock()
	f.kill()
}

// awaitIdle waits until no invocation is under way and no sandbox on its way.
func (f *Function) awaitIdle() {
	for {
		f.mu.Lock()
		busy, changed := f.under+f.starting+f.replacing, f.changed
		f.mu.Unlock()
		if busy == 0 {
			return
		}
		<-changed
	}
}
