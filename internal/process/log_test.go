//go:build linux

package process

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func written(data []byte, size int) (l *Log, emitted []string) {
	l = NewLog(func(line []byte) { emitted = append(emitted, string(line)) })
	for _, p := range slices.Collect(slices.Chunk(data, max(size, 1))) {
		l.Add(p)
	}
	l.End()
	return l, emitted
}

func TestLog(t *testing.T) {
	long := strings.Repeat("x", longestLine)
	for _, test := range []struct {
		data string
		want []string
		tail string
	}{
		{"", nil, ""},
		{"\n", []string{""}, ""},
		{"one\r\ntwo\n\nlast", []string{"one", "two", "", "last"}, "one\ntwo\nlast"},
		{"a\rb\r", []string{"a\rb\r"}, "a\rb\r"},
		{long + "\n", []string{long}, long[:lastColumns]},
		{long + "y\n", []string{long, "y"}, long[:lastColumns] + "\ny"},
		{long + long, []string{long, long}, long[:lastColumns] + "\n" + long[:lastColumns]},
		{"1\n2\n3\n4\n5\n6\n7\n8\n9\n \n10\n11\n", []string{"1", "2", "3", "4", "5", "6", "7", "8", "9", " ", "10", "11"}, "2\n3\n4\n5\n6\n7\n8\n9\n10\n11"},
	} {
		for _, size := range []int{1, 3, PipeSize} {
			l, got := written([]byte(test.data), size)
			if diff := cmp.Diff(test.want, got); diff != "" || l.Last() != test.tail {
				t.Errorf("%.40q in pieces of %d: tail %.40q (-want +got):\n%.1000s", test.data, size, l.Last(), diff)
			}
		}
	}
}

// How it is cut into reads changes nothing, and nothing of it is lost.
func FuzzLog(f *testing.F) {
	f.Add([]byte("one\r\ntwo\n\nlast"), 3)
	f.Add([]byte("\n\n"), 1)
	f.Add([]byte("\xff\x00\r"), 2)
	f.Fuzz(func(t *testing.T, data []byte, size int) {
		_, got := written(data, size)
		_, whole := written(data, len(data))
		if !cmp.Equal(got, whole) {
			t.Errorf("in pieces of %d: %q, whole: %q", size, got, whole)
		}
		want := strings.ReplaceAll(string(data), "\r\n", "\n")
		if len(data) < longestLine && strings.TrimSuffix(want, "\n") != strings.Join(got, "\n") {
			t.Errorf("%q became %q", data, got)
		}
	})
}
