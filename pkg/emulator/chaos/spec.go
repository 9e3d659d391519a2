package chaos

// What goes wrong, how often, and the draw for each invocation.

import (
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Faults that there are, as a Spec names them.
const (
	faultCold      = "cold"
	faultDelay     = "delay"
	faultDuplicate = "duplicate"
	faultKill      = "kill"
	faultThrottle  = "throttle"
)

// Names are those of the faults.
func Names() []string {
	return []string{faultCold, faultDelay, faultDuplicate, faultKill, faultThrottle}
}

const (
	standardDelay = 200 * time.Millisecond
	mostKill      = 20 * time.Millisecond // until a kill for which no time is said: the moment is drawn too
	longest       = 15 * time.Minute      // as long as an invocation may be
)

// A Spec says how often each fault happens, of 1, and how long those take that take time.
type Spec struct {
	Cold, Delay, Duplicate, Kill, Throttle float64

	DelayFor  time.Duration // before an event is handed over
	KillAfter time.Duration // it was handed over; 0 for a moment within the first 20 ms
}

// An UnknownError is a fault that there is not.
type UnknownError struct{ Name string }

func (e *UnknownError) Error() string { return fmt.Sprintf("there is no fault %q", e.Name) }

// Parse reads a spec: kill=5%,delay=10%:200ms,throttle=1%,duplicate=10%,cold=5%.
func Parse(text string) (Spec, error) {
	spec := Spec{DelayFor: standardDelay}
	rates := map[string]*float64{
		faultCold: &spec.Cold, faultDelay: &spec.Delay, faultDuplicate: &spec.Duplicate, faultKill: &spec.Kill, faultThrottle: &spec.Throttle,
	}
	times := map[string]*time.Duration{faultDelay: &spec.DelayFor, faultKill: &spec.KillAfter}
	var seen []string
	for part := range strings.SplitSeq(text, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		rate, known := rates[name]
		if !known {
			return Spec{}, &UnknownError{name}
		}
		if slices.Contains(seen, name) {
			return Spec{}, fmt.Errorf("%s is there twice", name)
		}
		seen = append(seen, name)
		often, long, timed := strings.Cut(value, ":")
		var err error
		if *rate, err = parseRate(often); err != nil {
			return Spec{}, fmt.Errorf("%s: %w", name, err)
		}
		if !timed {
			continue
		}
		at, takes := times[name]
		if !takes {
			return Spec{}, fmt.Errorf("%s takes no time: %q", name, long)
		}
		if *at, err = parseTime(long); err != nil {
			return Spec{}, fmt.Errorf("%s: %w", name, err)
		}
	}
	return spec, nil
}

// parseRate reads a percentage.
func parseRate(text string) (float64, error) {
	number, percent := strings.CutSuffix(text, "%")
	rate, err := strconv.ParseFloat(number, 64)
	if err != nil || !percent || !(rate > 0 && rate <= 100) {
		return 0, fmt.Errorf("%q is no percentage from 0%% to 100%%", text)
	}
	return rate / 100, nil
}

func parseTime(text string) (time.Duration, error) {
	d, err := time.ParseDuration(text)
	if err != nil || d < time.Millisecond || d > longest {
		return 0, fmt.Errorf("%q is no time from 1ms to %s", text, longest)
	}
	return d, nil
}

// Faults are those of one invocation.
type Faults struct {
	Cold, Duplicate, Throttle bool
	Delay, Kill               time.Duration // 0 for none
}

// Faults draws those of an invocation, counted from 1. It always draws as often and in the same order, so that what is drawn
// for one fault does not depend on how often another happens.
func (s Spec) Faults(seed uint64, function string, number uint64) Faults {
	name := fnv.New64a()
	name.Write([]byte(function))
	random := rand.New(rand.NewPCG(seed^name.Sum64(), number))
	happens := func(rate float64) bool { return random.Float64() < rate }
	faults := Faults{Cold: happens(s.Cold), Duplicate: happens(s.Duplicate), Throttle: happens(s.Throttle)}
	if happens(s.Delay) {
		faults.Delay = s.DelayFor
	}
	if happens(s.Kill) {
		faults.Kill = s.KillAfter
		if faults.Kill == 0 {
			faults.Kill = time.Millisecond + time.Duration(random.Int64N(int64(mostKill/time.Millisecond)))*time.Millisecond
		}
	}
	return faults
}
