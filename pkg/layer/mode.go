package layer

// Modes: what a file is and where it lies decides, never the host. An exec bit is easily lost (Windows, core.fileMode, an
// archiver), and Lambda then says "permission denied" of a file that looks right on the developer's machine.

import (
	"bytes"
	"debug/elf"
	"io/fs"
	"path"
	"runtime"
	"strings"
)

const (
	modeProgram fs.FileMode = 0o755
	modeFile    fs.FileMode = 0o644
)

// headSize is how much of a file modeOf looks at.
const headSize = 4

// hostHasModes is false where files have no exec bit to be missing.
const hostHasModes = runtime.GOOS != "windows"

// modeOf gives the mode of the file name that begins with head.
func modeOf(name string, head []byte) fs.FileMode {
	if isProgramPlace(name) || bytes.HasPrefix(head, []byte(elf.ELFMAG)) || bytes.HasPrefix(head, []byte("#!")) {
		return modeProgram
	}
	return modeFile
}

// isProgramPlace says whether what lies at name is started by it: by Lambda, by the bootstrap, or from PATH.
func isProgramPlace(name string) bool {
	kind, rest, _ := strings.Cut(name, "/")
	switch kind {
	case "bootstrap":
		return rest == ""
	case "language-runtime":
		return rest == "" || rest == "language-runtime"
	case "middlewares", "sidecars":
		return isNamedProgram(rest)
	case "extensions", "bin":
		return rest != "" && !strings.Contains(rest, "/")
	}
	return false
}

// isNamedProgram says it of NAME or NAME/NAME in middlewares or sidecars.
func isNamedProgram(rest string) bool {
	folder, file, inFolder := strings.Cut(rest, "/")
	if inFolder {
		return folder == file
	}
	return rest != "" && path.Ext(rest) != ".json" && path.Ext(rest) != ".wasm"
}

// kindOf names what is no plain file.
func kindOf(mode fs.FileMode) string {
	switch {
	case mode.IsDir():
		return "a folder"
	case mode&fs.ModeSocket != 0:
		return "a socket"
	case mode&fs.ModeNamedPipe != 0:
		return "a named pipe"
	case mode&fs.ModeDevice != 0:
		return "a device"
	case mode&fs.ModeSymlink != 0:
		return "a symlink"
	}
	return "neither a file nor a folder"
}
