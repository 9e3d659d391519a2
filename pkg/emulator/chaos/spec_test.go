package chaos_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/serverless/open-runtime/pkg/emulator/chaos"
)

func TestParse(t *testing.T) {
	tests := []struct {
		text, err string
		want      chaos.Spec
	}{
		{text: "kill=5%", want: chaos.Spec{Kill: 0.05, DelayFor: 200 * time.Millisecond}},
		{text: "kill=5%:12ms, delay=10%:2s", want: chaos.Spec{Kill: 0.05, KillAfter: 12 * time.Millisecond, Delay: 0.1, DelayFor: 2 * time.Second}},
		{
			text: "throttle=100%,duplicate=0.5%,cold=25%,delay=1%",
			want: chaos.Spec{Throttle: 1, Duplicate: 0.005, Cold: 0.25, Delay: 0.01, DelayFor: 200 * time.Millisecond},
		},
		{text: "", err: `there is no fault ""`},
		{text: "kil=5%", err: `there is no fault "kil"`},
		{text: "kill", err: `kill: "" is no percentage`},
		{text: "kill=5", err: `kill: "5" is no percentage`},
		{text: "kill=0%", err: `"0%" is no percentage`},
		{text: "kill=101%", err: `"101%" is no percentage`},
		{text: "kill=NaN%", err: `"NaN%" is no percentage`},
		{text: "kill=5%,kill=6%", err: "kill is there twice"},
		{text: "delay=5%:long", err: `delay: "long" is no time`},
		{text: "kill=5%:10us", err: `kill: "10us" is no time`},
		{text: "delay=5%:16m", err: `delay: "16m" is no time`},
		{text: "cold=5%:1s", err: `cold takes no time: "1s"`},
		{text: "kill=5%,", err: `there is no fault ""`},
	}
	for _, test := range tests {
		got, err := chaos.Parse(test.text)
		if test.err != "" {
			if err == nil || !strings.Contains(err.Error(), test.err) {
				t.Errorf("%q: got %v, want %s", test.text, err, test.err)
			}
			continue
		}
		if diff := cmp.Diff(test.want, got); diff != "" || err != nil {
			t.Errorf("%q: %v (-want +got):\n%s", test.text, err, diff)
		}
	}
	_, err := chaos.Parse("kil=1%")
	if unknown, ok := errors.AsType[*chaos.UnknownError](err); !ok || unknown.Name != "kil" {
		t.Errorf("got %v", err)
	}
}

// The draw follows from seed, name and number alone; what one fault gets does not depend on the others.
func TestFaults(t *testing.T) {
	all := chaos.Spec{Cold: 0.2, Delay: 0.2, DelayFor: time.Second, Duplicate: 0.2, Kill: 0.2, Throttle: 0.2}
	cold := chaos.Spec{Cold: 0.2}
	const times = 5000
	var count struct{ cold, delay, duplicate, kill, throttle, otherSeed, otherName int }
	for n := uint64(1); n <= times; n++ {
		faults := all.Faults(7, "hello", n)
		if again := all.Faults(7, "hello", n); again != faults {
			t.Fatalf("invocation %d: %+v, then %+v", n, faults, again)
		}
		if alone := cold.Faults(7, "hello", n); alone.Cold != faults.Cold {
			t.Fatalf("invocation %d: cold is %v alone, %v among others", n, alone.Cold, faults.Cold)
		}
		if faults.Kill < 0 || faults.Kill > 20*time.Millisecond || faults.Delay != 0 && faults.Delay != time.Second {
			t.Fatalf("invocation %d: %+v", n, faults)
		}
		for counter, happened := range map[*int]bool{
			&count.cold: faults.Cold, &count.delay: faults.Delay > 0, &count.duplicate: faults.Duplicate, &count.kill: faults.Kill > 0,
			&count.throttle: faults.Throttle, &count.otherSeed: faults != all.Faults(8, "hello", n), &count.otherName: faults != all.Faults(7, "bye", n),
		} {
			if happened {
				*counter++
			}
		}
	}
	for name, n := range map[string]int{"cold": count.cold, "delay": count.delay, "duplicate": count.duplicate, "kill": count.kill, "throttle": count.throttle} {
		if n < times/5-times/25 || n > times/5+times/25 {
			t.Errorf("%s happened %d times of %d, want about a fifth", name, n, times)
		}
	}
	if count.otherSeed < times/4 || count.otherName < times/4 {
		t.Errorf("another seed changes %d invocations of %d, another name %d", count.otherSeed, times, count.otherName)
	}
}
