package kit

import "embed"

// Source is this package's own source but for this file: what sor init copies into a project. A program that only imports
// the package does not link it.
//
//go:embed kit.go exec.go failure.go serve.go wire.go system_unix.go system_other.go
var Source embed.FS
