//go:build linux

package process

import (
	"runtime"
	"sync"
)

// SpareThreads makes Go start n threads, which it keeps: a program whose user or cgroup has no more threads to give dies
// when Go needs one more.
func SpareThreads(n int) {
	var all, over sync.WaitGroup
	all.Add(n)
	for range n {
		over.Go(func() {
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			all.Done()
			all.Wait() // each of them is there, so each has a thread
		})
	}
	over.Wait()
}
