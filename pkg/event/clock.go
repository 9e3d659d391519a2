package event

import (
	"encoding/json"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// All samples are of one second; their other times are of the same day.
var (
	sampleTime     = time.Date(2026, time.January, 2, 3, 4, 5, 678e6, time.UTC)
	sampleDayStart = time.Date(2026, time.January, 2, 0, 0, 0, 0, time.UTC).Unix()
)

// SampleTime is when the samples happen.
func SampleTime() time.Time { return sampleTime }

// spelling is a way in which events spell times.
type spelling struct {
	layout string
	found  *regexp.Regexp
}

func spellings() []spelling {
	return []spelling{
		{"2006-01-02T15:04:05", regexp.MustCompile(`2026-01-02T\d\d:\d\d:\d\d`)},
		{"2006-01-02 15:04:05", regexp.MustCompile(`2026-01-02 \d\d:\d\d:\d\d`)},
		{"2006-01-02_15:04:05", regexp.MustCompile(`2026-01-02_\d\d:\d\d:\d\d`)},
		{"02/Jan/2006:15:04:05", regexp.MustCompile(`02/Jan/2026:\d\d:\d\d:\d\d`)},
		{"Mon, 2 Jan 2006 15:04:05", regexp.MustCompile(`Fri, 2 Jan 2026 \d\d:\d\d:\d\d`)},
		{"Jan 2, 2006, 3:04:05 PM", regexp.MustCompile(`Jan 2, 2026, \d+:\d\d:\d\d [AP]M`)},
		{"2006/01/02", regexp.MustCompile(`2026/01/02`)},
	}
}

// at gives the tree as if it happened at another time: every time in it moves, and those between them stay.
func at(tree any, now time.Time) any {
	known := spellings()
	by := now.Truncate(time.Second).Sub(sampleTime.Truncate(time.Second))
	return walk(tree, "", func(_ string, leaf any) any {
		switch v := leaf.(type) {
		case json.Number:
			return json.Number(movedEpoch(v.String(), by))
		case string:
			if strings.HasPrefix(v, "arn:") {
				return v
			}
			for _, s := range known {
				v = s.found.ReplaceAllStringFunc(v, func(text string) string { return moved(text, s.layout, by) })
			}
			return movedEpoch(v, by)
		}
		return leaf
	})
}

func moved(text, layout string, by time.Duration) string {
	was, err := time.Parse(layout, text)
	if err != nil {
		return text
	}
	return was.Add(by).Format(layout)
}

// movedEpoch moves a number of seconds, milliseconds or microseconds since 1970 that is of the samples' day.
func movedEpoch(text string, by time.Duration) string {
	whole, fraction, dotted := strings.Cut(text, ".")
	number, err := strconv.ParseInt(whole, 10, 64)
	if err != nil {
		return text
	}
	for unit := int64(1); unit <= 1e6; unit *= 1000 {
		if since := number - sampleDayStart*unit; since < 0 || since >= 24*60*60*unit {
			continue
		}
		text = strconv.FormatInt(number+int64(by/time.Second)*unit, 10)
		if dotted {
			text += "." + fraction
		}
		return text
	}
	return text
}
