//go:build !unix

package kit

// Where there is no Unix a middleware builds, so that editors are content, and is never started.

import "os"

func openFrames() (in, out *os.File, ok bool) { return nil, nil, false }

func openResponse(string) *os.File { return nil }

func onTerminate(func()) {}

func dumpSignal() string { return "" }
