package layer

// The zip. Its recipe, and why: sizes and CRC are known before each entry is written, so there are no data descriptors;
// times are the epoch in UTC and in the DOS field alone (setting zip.FileHeader.Modified would add an extra field, and
// zero is not a date); made "on Unix", so that modes and links count; no folders, comments, extra fields or zip64.

import (
	"archive/zip"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"strconv"
	"time"
)

const (
	madeOnUnix  = 3 << 8
	zipVersion  = 20
	utf8Names   = 0x800
	unixFile    = 0o100000
	unixSymlink = 0o120000
)

// Write writes the layer's zip. progress, if there is one, hears of bytes packed. The manifest it gives knows only what
// the tree knows.
func (t *Tree) Write(w io.Writer, progress func(done, total int64)) (Manifest, error) {
	date, clock, err := dosTime()
	if err != nil {
		return Manifest{}, err
	}
	if len(t.entries) > maxEntries {
		return Manifest{}, &LimitError{What: "files in the layer", Size: int64(len(t.entries)), Limit: maxEntries, Unit: "files",
			Fix: "pack fewer files: bundle the code, or leave out tests and documentation of libraries"}
	}
	if total := t.Size(); total > maxFile {
		return Manifest{}, unzippedError(total)
	}
	z := &zipper{zip: zip.NewWriter(w), date: date, clock: clock, progress: progress, total: t.Size()}
	packer := startPacker(t)
	defer packer.end()
	for file := range packer.files {
		entry, err := z.file(file)
		if err != nil {
			return Manifest{}, fmt.Errorf("packing %s: %w", file.name, err)
		}
		z.manifest.add(entry)
	}
	if err := z.zip.Close(); err != nil {
		return Manifest{}, fmt.Errorf("writing zip: %w", err)
	}
	return z.manifest, nil
}

type zipper struct {
	zip         *zip.Writer
	date, clock uint16
	progress    func(done, total int64)
	done, total int64
	manifest    Manifest
}

// file waits for a file's blocks and writes them: compressed, or as they are when that is not smaller.
func (z *zipper) file(f *packed) (Entry, error) {
	var blocks []*block
	var packedSize int64
	for b := range f.blocks {
		<-b.done
		if b.err != nil {
			return Entry{}, b.err
		}
		blocks = append(blocks, b)
		packedSize += int64(len(b.out))
		z.done += int64(len(b.raw))
		if z.progress != nil {
			z.progress(z.done, z.total)
		}
	}
	<-f.read
	if f.err != nil {
		return Entry{}, f.err
	}
	method := zip.Deflate
	if packedSize >= f.size || f.entry.isLink() {
		method, packedSize = zip.Store, f.size
	}
	out, err := z.zip.CreateRaw(z.header(f, method, packedSize))
	if err != nil {
		return Entry{}, err
	}
	for _, b := range blocks {
		data := b.out
		if method == zip.Store {
			data = b.raw
		}
		if _, err := out.Write(data); err != nil {
			return Entry{}, err
		}
	}
	return Entry{
		Path: f.name, Mode: fmt.Sprintf("%04o", f.entry.mode.Perm()), Size: f.size, PackedSize: packedSize,
		SHA256: hex.EncodeToString(f.sha256[:]), Link: f.entry.link, Go: f.goVers,
	}, nil
}

func (z *zipper) header(f *packed, method uint16, packedSize int64) *zip.FileHeader {
	kind := uint32(unixFile)
	if f.entry.isLink() {
		kind = unixSymlink
	}
	header := &zip.FileHeader{
		Name: f.name, Method: method, CRC32: f.crc,
		CreatorVersion: madeOnUnix | zipVersion, ReaderVersion: zipVersion,
		CompressedSize64: uint64(packedSize), UncompressedSize64: uint64(f.size),
		ModifiedDate: z.date, ModifiedTime: z.clock,
		ExternalAttrs: (kind | uint32(f.entry.mode.Perm())) << 16,
	}
	for _, char := range []byte(f.name) {
		if char >= 0x80 {
			header.Flags = utf8Names
		}
	}
	return header
}

// dosTime gives the time of all entries: SOURCE_DATE_EPOCH in UTC (https://reproducible-builds.org/specs/source-date-epoch/),
// else the first moment that a zip can name.
func dosTime() (date, clock uint16, err error) {
	first := time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC)
	last := time.Date(2107, 12, 31, 23, 59, 58, 0, time.UTC)
	at := first
	if text := os.Getenv("SOURCE_DATE_EPOCH"); text != "" {
		seconds, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return 0, 0, fmt.Errorf("reading SOURCE_DATE_EPOCH %q: it is seconds since 1970", text)
		}
		at = time.Unix(seconds, 0).UTC()
	}
	if at.Before(first) {
		at = first
	}
	if at.After(last) {
		at = last
	}
	date = uint16((at.Year()-1980)<<9 | int(at.Month())<<5 | at.Day())
	clock = uint16(at.Hour()<<11 | at.Minute()<<5 | at.Second()/2)
	return date, clock, nil
}
