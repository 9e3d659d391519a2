package layer

// Compression that all cores share and that gives the same bytes however many there are: each file is cut into blocks of
// a fixed size, each block is compressed by itself, knowing the end of the one before it, and the results follow each
// other as one deflate stream.

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"runtime"
	"sync"

	"github.com/klauspost/compress/flate"
)

const (
	blockSize    = 1 << 20
	windowSize   = 32 << 10 // how far back deflate may refer
	deflateLevel = 8        // level 9 costs four times the time for nothing
	filesAhead   = 64       // files that may be compressed before the first of them is written
)

// A packed file is on its way from the disk to the zip. Its fields but blocks are valid once read is closed.
type packed struct {
	name   string
	entry  *entry
	blocks chan *block // in order

	read   chan struct{}
	err    error
	crc    uint32
	sha256 [sha256.Size]byte
	size   int64
	goVers string
}

// A block is a part of a file, compressed once done is closed.
type block struct {
	raw  []byte // kept until it is known whether the file is stored
	out  []byte
	err  error
	done chan struct{}
}

// A packer reads files in order, and compresses their blocks on all cores.
type packer struct {
	files chan *packed
	slots chan struct{} // blocks that may be in work
	stop  chan struct{}
	pool  sync.Pool
	wg    sync.WaitGroup
}

func startPacker(t *Tree) *packer {
	p := &packer{
		files: make(chan *packed, filesAhead),
		slots: make(chan struct{}, 2*runtime.GOMAXPROCS(0)),
		stop:  make(chan struct{}),
	}
	p.wg.Go(func() {
		defer close(p.files)
		for _, name := range t.Paths() {
			if !p.file(name, t.entries[name]) {
				return
			}
		}
	})
	return p
}

// end stops what is still going on, and waits for it.
func (p *packer) end() {
	close(p.stop)
	p.wg.Wait()
}

// file reads one file and has its blocks compressed. false: nobody wants it any more.
func (p *packer) file(name string, e *entry) bool {
	f := &packed{name: name, entry: e, read: make(chan struct{}), blocks: make(chan *block, e.size/blockSize+2)}
	select {
	case p.files <- f:
	case <-p.stop:
		return false
	}
	defer close(f.read)
	defer close(f.blocks)
	f.err = p.readBlocks(f)
	return !errors.Is(f.err, errStopped)
}

var errStopped = errors.New("stopped")

func (p *packer) readBlocks(f *packed) error {
	file, err := f.entry.open()
	if err != nil {
		return err
	}
	defer file.Close()
	if !f.entry.isLink() {
		f.goVers = goVersion(file)
	}
	sum, window := sha256.New(), []byte(nil)
	for left := f.entry.size; left > 0; {
		raw := make([]byte, min(left, blockSize))
		if _, err := io.ReadFull(file, raw); err != nil {
			return fmt.Errorf("it changed while it was packed: %w", err)
		}
		left -= int64(len(raw))
		sum.Write(raw)
		f.crc = crc32.Update(f.crc, crc32.IEEETable, raw)
		f.size += int64(len(raw))
		if !p.block(f, raw, window, left == 0) {
			return errStopped
		}
		window = raw[max(0, len(raw)-windowSize):]
	}
	sum.Sum(f.sha256[:0])
	if n, _ := file.Read(make([]byte, 1)); n > 0 {
		return errors.New("it grew while it was packed")
	}
	return nil
}

// block hands one block to a free core.
func (p *packer) block(f *packed, raw, window []byte, last bool) bool {
	b := &block{raw: raw, done: make(chan struct{})}
	select {
	case p.slots <- struct{}{}:
	case <-p.stop:
		return false
	}
	f.blocks <- b // has room for all
	p.wg.Go(func() {
		defer func() { <-p.slots }()
		defer close(b.done)
		b.out, b.err = p.deflate(raw, window, last)
	})
	return true
}

func (p *packer) deflate(raw, window []byte, last bool) ([]byte, error) {
	var out bytes.Buffer
	out.Grow(len(raw)/2 + 64)
	w, ok := p.pool.Get().(*flate.Writer)
	if !ok {
		var err error
		if w, err = flate.NewWriter(&out, deflateLevel); err != nil {
			return nil, err
		}
	}
	defer p.pool.Put(w)
	w.ResetDict(&out, window)
	if _, err := w.Write(raw); err != nil {
		return nil, err
	}
	end := w.Flush // ends on a byte, so that the next block can follow
	if last {
		end = w.Close
	}
	if err := end(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}
