//go:build linux

package middleware

import (
	"bytes"
	"sync"
	"testing"

	"github.com/serverless/open-runtime/internal/process"
)

// pieces cuts data as reads of a pipe might: never empty, at most size.
func pieces(data []byte, size int) [][]byte {
	var cut [][]byte
	for len(data) > 0 {
		n := min(len(data), max(size, 1))
		cut = append(cut, data[:n])
		data = data[n:]
	}
	return cut
}

func captured(data []byte, size, expect int) (c *capture, floods int) {
	c = &capture{expect: expect, flood: func() { floods++ }}
	for _, p := range pieces(data, size) {
		c.write(p)
	}
	return c, floods
}

func TestCaptureBounds(t *testing.T) {
	newline := func(n int) []byte { return append(bytes.Repeat([]byte("x"), n), '\n') }
	for _, test := range []struct {
		data            []byte
		length, payload int
		flooded         bool
	}{
		{nil, 0, 0, false},
		{[]byte("\n"), 0, 0, false},
		{newline(maxOutput), maxOutput, maxOutput, false},
		{newline(maxOutput + 1), maxOutput + 1, maxOutput + 1, false},
		{newline(counted - 1), counted - 1, maxOutput + 1, false},
		{newline(counted), counted, maxOutput + 1, true},
	} {
		for _, expect := range []int{0, 10, maxOutput + 1} {
			c, floods := captured(test.data, process.PipeSize, expect)
			if c.length() != test.length || len(c.payload()) != test.payload || c.flooded() != test.flooded || (floods > 0) != test.flooded {
				t.Errorf("%d bytes, %d expected: length %d, payload %d, flooded %t", len(test.data), expect, c.length(), len(c.payload()), c.flooded())
			}
		}
	}
}

// stdout and fd 3 may flood at the same moment.
func TestTwoFloodsAtOnce(t *testing.T) {
	for range 2000 {
		w, err := wire(true, 0)
		if err != nil {
			t.Fatal(err)
		}
		var group sync.WaitGroup
		start := make(chan struct{})
		for _, c := range []*capture{&w.stdout, &w.response} {
			group.Go(func() { <-start; c.flood() })
		}
		close(start)
		group.Wait()
		<-w.flood
		w.closeTheirs()
		w.abandon()
	}
}

// How an output is cut into reads changes nothing, and nothing of it is lost.
func FuzzOutput(f *testing.F) {
	f.Add([]byte("one\ntwo\n\nlast"), 3, 0)
	f.Add([]byte("\n\n"), 1, 100)
	f.Add([]byte("\xff\x00\r"), 2, 1<<20)
	f.Fuzz(func(t *testing.T, data []byte, size, expect int) {
		c, _ := captured(data, size, min(expect, maxOutput+1))
		if want := bytes.TrimSuffix(data, []byte("\n")); !bytes.Equal(c.payload(), want) || c.length() != len(want) {
			t.Errorf("payload %q of length %d, want %q", c.payload(), c.length(), want)
		}
	})
}
