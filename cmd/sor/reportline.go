package main

// Lambda's REPORT line, read again: all that the Invoke API tells of how an invocation went.

import (
	"regexp"
	"strconv"
	"strings"

	"github.com/serverless/open-runtime/internal/frames"
)

var reportField = regexp.MustCompile(`(Duration|Billed Duration|Init Duration|Memory Size|Max Memory Used|Status|Error Type): (\S+)`)

// parseReport reads the last REPORT line of a log; what it does not say is left empty.
func parseReport(log string) frames.Report {
	var report frames.Report
	at := strings.LastIndex(log, "REPORT RequestId: ")
	if at < 0 || at > 0 && log[at-1] != '\n' {
		return report
	}
	line, _, _ := strings.Cut(log[at:], "\n")
	for field := range strings.SplitSeq(line, "\t") {
		match := reportField.FindStringSubmatch(strings.TrimSpace(field))
		if match == nil {
			continue
		}
		number, _ := strconv.ParseFloat(match[2], 64) // of a word it is 0, and not asked for
		switch match[1] {
		case "Duration":
			report.DurationMs = number
		case "Billed Duration":
			report.BilledDurationMs = int64(number)
		case "Init Duration":
			report.InitDurationMs = number
		case "Memory Size":
			report.MemorySizeMB = int(number)
		case "Max Memory Used":
			report.MaxMemoryUsedMB = int(number)
		case "Status":
			report.Status = match[2]
		case "Error Type":
			report.ErrorType = match[2]
		}
	}
	return report
}

// isPlatformLine says whether a line of a log is Lambda's own.
func isPlatformLine(line string) bool {
	for _, begin := range []string{"START RequestId: ", "END RequestId: ", "REPORT RequestId: ", "INIT_REPORT ", "INIT_START ", "EXTENSION\t"} {
		if strings.HasPrefix(line, begin) {
			return true
		}
	}
	return false
}
