package executable

// As much of ELF as it takes to say what a program is for. The standard library's reader knows far more, and with what it
// brings along would be a twentieth of the bootstrap, at every cold start; it is the oracle in the tests.
// https://refspecs.linuxfoundation.org/elf/gabi4+/ch4.eheader.html

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

const (
	elfMagic   = "\x7fELF"
	elfInterp  = 3       // PT_INTERP
	mostHeads  = 1 << 12 // program headers that are looked at
	mostLoader = 4096    // bytes of the path of a loader
)

// machines are the names of what programs are built for; those that Go has too are spelled as Go does.
var machines = map[uint16]string{
	2: "sparc", 3: "386", 8: "mips", 20: "ppc", 21: "ppc64", 22: "s390x", 40: "arm", 62: "amd64", 183: "arm64", 243: "riscv64", 258: "loong64",
}

var errELF = errors.New("reading its ELF header: it is cut off or broken")

// inspectELF reads the header of a program: its machine, and its dynamic loader if it has one.
func inspectELF(r io.ReaderAt) (Info, error) {
	info := Info{Kind: ELF}
	var head [64]byte
	if n, err := r.ReadAt(head[:], 0); n < 52 || err != nil && !errors.Is(err, io.EOF) {
		return info, errELF
	}
	var order binary.ByteOrder = binary.LittleEndian
	if head[5] == 2 {
		order = binary.BigEndian
	}
	wide := head[4] == 2
	if head[4] != 1 && !wide || head[5] != 1 && head[5] != 2 {
		return info, errELF
	}
	machine := order.Uint16(head[18:])
	if info.Arch = machines[machine]; info.Arch == "" {
		info.Arch = fmt.Sprintf("machine %d", machine)
	}
	at, size, count := int64(order.Uint32(head[28:])), order.Uint16(head[42:]), order.Uint16(head[44:])
	if wide {
		at, size, count = int64(order.Uint64(head[32:])), order.Uint16(head[54:]), order.Uint16(head[56:])
	}
	if at < 0 || count > mostHeads || count > 0 && size < 32 || wide && count > 0 && size < 56 {
		return info, errELF
	}
	heads := make([]byte, int(size)*int(count))
	if n, _ := r.ReadAt(heads, at); n < len(heads) {
		return info, errELF
	}
	for ; len(heads) > 0; heads = heads[size:] {
		if order.Uint32(heads) != elfInterp {
			continue
		}
		offset, length := int64(order.Uint32(heads[4:])), uint64(order.Uint32(heads[16:]))
		if wide {
			offset, length = int64(order.Uint64(heads[8:])), order.Uint64(heads[32:])
		}
		loader := make([]byte, min(length, mostLoader))
		if n, err := r.ReadAt(loader, max(offset, 0)); n < len(loader) && err != nil {
			return info, fmt.Errorf("reading its dynamic loader: %w", err)
		}
		path, _, _ := bytes.Cut(loader, []byte{0})
		info.Interpreter = string(path)
	}
	return info, nil
}
