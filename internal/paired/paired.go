// Package paired times two ways of doing the same thing in turn, in one run, and reports their ratio: on a machine whose
// speed drifts, a ratio of neighbours means something and a time does not.
//
// It is for benchmarks only. It judges nothing.
package paired

import (
	"slices"
	"testing"
	"time"
)

// Compare runs subject and floor in turn, b.N times each, A B B A, after one run of each that is not counted. It reports
// the medians of both in microseconds and the median of the pairs' ratios.
func Compare(b *testing.B, subject, floor func(b *testing.B)) {
	b.Helper()
	CompareTimes(b, timed(subject), timed(floor))
}

// CompareTimes is Compare for those who time themselves, because not all that they do counts.
func CompareTimes(b *testing.B, subject, floor func(b *testing.B) time.Duration) {
	b.Helper()
	subject(b)
	floor(b)
	var subjects, floors, ratios []float64
	b.ResetTimer()
	for i := range b.N {
		var one, two float64
		if i%2 == 0 {
			one = microseconds(subject(b))
			two = microseconds(floor(b))
		} else {
			two = microseconds(floor(b))
			one = microseconds(subject(b))
		}
		subjects, floors, ratios = append(subjects, one), append(floors, two), append(ratios, one/two)
	}
	b.StopTimer()
	b.ReportMetric(0, "ns/op") // the time of both together would only mislead
	b.ReportMetric(median(subjects), "subject-µs")
	b.ReportMetric(median(floors), "floor-µs")
	b.ReportMetric(median(ratios), "ratio")
}

func timed(run func(b *testing.B)) func(b *testing.B) time.Duration {
	return func(b *testing.B) time.Duration {
		start := time.Now()
		run(b)
		return time.Since(start)
	}
}

func microseconds(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1000 }

func median(values []float64) float64 {
	slices.Sort(values)
	middle := len(values) / 2
	if len(values)%2 == 0 && middle > 0 {
		return (values[middle-1] + values[middle]) / 2
	}
	return values[middle]
}
