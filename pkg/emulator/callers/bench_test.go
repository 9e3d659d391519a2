//go:build linux

package callers_test

// Paired benchmarks of `sor start` against AWS's own emulator and the floor, with the same function: `make bench`.

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/serverless/open-runtime/internal/paired"
)

var benchSizes = []struct {
	name  string
	bytes int
}{{"1KB", 1 << 10}, {"100KB", 100 << 10}, {"6MB", 6<<20 - 1}}

func benchEvent(size int) []byte { return []byte(`"` + strings.Repeat("x", size-2) + `"`) }

// benchFunction is the function, with time and memory enough for any size.
var benchFunction = project{name: "function", program: "./testdata/function", settings: "memory: 512\ntimeout: 60\n"}

// BenchmarkWarm: an invocation through `sor start` against one through AWS's emulator: medians, the slowest hundredth, and
// the processor's time of all processes for one.
func BenchmarkWarm(b *testing.B) {
	for _, size := range benchSizes {
		b.Run(size.name, func(b *testing.B) {
			compareServers(b, start(b, nil, benchFunction), startRIE(b, program(b, "./testdata/function")), benchEvent(size.bytes))
		})
	}
}

// BenchmarkWarmFloor: the same, against the floor.
func BenchmarkWarmFloor(b *testing.B) {
	for _, size := range benchSizes {
		b.Run(size.name, func(b *testing.B) {
			compareServers(b, start(b, nil, benchFunction), startFloor(b, program(b, "./testdata/function")), benchEvent(size.bytes))
		})
	}
}

// BenchmarkPeerFloor: AWS's emulator against the floor: how far there is to go. It needs nothing of ours.
func BenchmarkPeerFloor(b *testing.B) {
	function := program(b, "./testdata/function")
	for _, size := range benchSizes {
		b.Run(size.name, func(b *testing.B) {
			compareServers(b, startRIE(b, function), startFloor(b, function), benchEvent(size.bytes))
		})
	}
}

func compareServers(b *testing.B, subject, floor *server, event []byte) {
	b.Helper()
	one, two := &sample{server: subject, event: event}, &sample{server: floor, event: event}
	for range 20 { // connections, pools, the garbage collector's idea of the heap
		one.run(b)
		two.run(b)
	}
	one.begin()
	two.begin()
	paired.CompareTimes(b, one.run, two.run)
	one.end()
	two.end()
	b.ReportMetric(one.p99(), "p99-µs")
	b.ReportMetric(two.p99(), "floor-p99-µs")
	b.ReportMetric(one.cpu(), "cpu-µs")
	b.ReportMetric(two.cpu(), "floor-cpu-µs")
	b.ReportMetric(one.cpu()/two.cpu(), "cpu-ratio")
}

// sample is what was measured of one server.
type sample struct {
	server *server
	event  []byte
	times  []time.Duration
	used   time.Duration
}

func (s *sample) run(b *testing.B) time.Duration {
	b.Helper()
	begun := time.Now()
	answer, err := s.server.invoke(s.event)
	took := time.Since(begun)
	if err != nil || !bytes.Equal(answer, s.event) {
		b.Fatalf("%s: %v, %.200s", s.server.cmd.Args[0], err, answer)
	}
	s.times = append(s.times, took)
	return took
}

func (s *sample) begin() { s.times, s.used = nil, s.server.cpu() }
func (s *sample) end()   { s.used = s.server.cpu() - s.used }

func (s *sample) p99() float64 {
	slices.Sort(s.times)
	return float64(s.times[len(s.times)*99/100].Nanoseconds()) / 1000
}

func (s *sample) cpu() float64 {
	return float64(s.used.Microseconds()) / float64(len(s.times))
}

// BenchmarkCold: from nothing to the first answer, `sor start` against AWS's emulator, which has no sandbox to make.
func BenchmarkCold(b *testing.B) {
	function, dir := program(b, "./testdata/function"), benchFunction.write(b)
	ours := sor(b) // one cache for all: what is staged is so before the first that counts
	paired.CompareTimes(b, func(b *testing.B) time.Duration {
		cmd := sor(b, "start", "--listen", "127.0.0.1:0", dir)
		cmd.Env = ours.Env
		return cold(b, func() *server { return serve(b, "function", cmd, listening) })
	}, func(b *testing.B) time.Duration {
		return cold(b, func() *server { return startRIE(b, function) })
	})
}

// cold is the time from the start of a server to its first answer.
func cold(b *testing.B, start func() *server) time.Duration {
	b.Helper()
	event, begun := benchEvent(1<<10), time.Now()
	s := start()
	answer, err := s.invoke(event)
	took := time.Since(begun)
	if err != nil || !bytes.Equal(answer, event) {
		b.Fatalf("%v, %.200s", err, answer)
	}
	s.end()
	return took
}

// BenchmarkClients: the same number of invocations by one client against by eight: the ratio is what more clients bring, two
// at most on two processors. An echo is all emulator; a function that works keeps a processor busy by itself.
func BenchmarkClients(b *testing.B) {
	const invocations = 256
	for name, event := range map[string]string{"echo": string(benchEvent(1 << 10)), "work": `{"op":"work","rounds":50000}`} {
		b.Run(name, func(b *testing.B) {
			s := start(b, nil, benchFunction)
			paired.Compare(b,
				func(b *testing.B) { crowd(b, s, 1, invocations, []byte(event)) },
				func(b *testing.B) { crowd(b, s, 8, invocations, []byte(event)) })
		})
	}
}

// crowd makes invocations from several clients at once.
func crowd(b testing.TB, s *server, clients, invocations int, event []byte) {
	b.Helper()
	var running sync.WaitGroup
	wrong := make(chan error, clients)
	for range clients {
		running.Go(func() {
			for range invocations / clients {
				if answer, err := s.invoke(event); err != nil || !bytes.Equal(answer, event) {
					wrong <- fmt.Errorf("got %.200s, %w", answer, err)
					return
				}
			}
		})
	}
	running.Wait()
	select {
	case err := <-wrong:
		b.Fatal(err)
	default:
	}
}
