package gobuild

import "os/exec"

// ownGroup does nothing here: go build's children end with it.
func ownGroup(*exec.Cmd) {}
